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
use tokio::net::TcpListener;

/// What was asked.
#[derive(Debug)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The header, empty when there is none.
    pub authorization: String,
    /// The body.
    pub body: String,
}

impl Asked {
    /// The body as a form.
    pub fn form(&self) -> HashMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// A free port, and the URL of what will be served there.
///
/// # Panics
/// When there is none.
pub async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    (listener, url)
}

/// The status of an answer that never comes.
pub const SILENCE: u16 = 0;

/// Answers with a status and a text until the test ends.
pub fn serve(listener: TcpListener, answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) {
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
    answer: &(impl Fn(&Asked) -> (u16, String) + Sync),
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let authorization =
        request.headers().get("authorization").and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let (status, text) = answer(&Asked { path, authorization: authorization.unwrap_or_default(), body });
    if status == SILENCE {
        std::future::pending::<()>().await;
    }
    Response::builder().status(status).body(Full::from(text)).expect("an answer")
}
