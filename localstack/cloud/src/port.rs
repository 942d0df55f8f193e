//! The AWS port: the same services over HTTP, for `aws --endpoint-url`.

use std::future::Future;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::wire::{Fault, Reply};

/// The largest request taken; larger objects come in parts.
const BODY_MAX: usize = 256 * 1024 * 1024;

impl Cloud {
    /// Serves the AWS APIs on `listener` until `stop` resolves; connections under way then end.
    ///
    /// Signatures are not checked: any credentials will do. The listener should be bound to the loopback.
    pub async fn serve_aws(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => return,
                // Finished connections are let go; the set drops the others when serving ends.
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => { connections.spawn(connection(self.clone(), stream)); }
                    // Out of file handles, most likely: give others time to finish.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                },
            }
        }
    }
}

async fn connection(cloud: Cloud, stream: TcpStream) {
    let service = service_fn(|request| {
        let cloud = cloud.clone();
        async move { answer(&cloud, request).await.map(|reply| reply.map(Full::new)) }
    });
    // A client that goes away is no event; a connection that a fault breaks ends here too.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(cloud: &Cloud, request: http::Request<Incoming>) -> std::io::Result<Reply> {
    let (parts, body) = request.into_parts();
    let body: Bytes = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) => {
            return Ok(Fault::client("RequestEntityTooLarge", e.to_string()).status(413).json());
        }
    };
    cloud.call(http::Request::from_parts(parts, body), None).await
}
