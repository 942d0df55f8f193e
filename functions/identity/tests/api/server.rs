//! A server on loopback that plays somebody else's.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// What was asked.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) form: HashMap<String, String>,
}

/// A free port, and the URL of what will be served there.
pub(crate) async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The status of an answer that never comes.
pub(crate) const SILENCE: u16 = 0;

/// Answers with a status and a document until the test ends.
pub(crate) fn serve(listener: TcpListener, answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = Arc::clone(&answer);
                async move { Ok::<_, Infallible>(respond(&*answer, request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

async fn respond(
    answer: &(impl Fn(&Asked) -> (u16, Value) + Sync),
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let form = form_urlencoded::parse(&body).into_owned().collect();
    let (status, document) = answer(&Asked { path, authorization: authorization.unwrap_or_default(), form });
    if status == SILENCE {
        std::future::pending::<()>().await;
    }
    Response::builder().status(status).body(Full::from(document.to_string())).unwrap()
}
