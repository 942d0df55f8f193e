//! HTTP in front of the gateway.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use cloud::{Cloud, InjectedFault};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Gateway, event, plain};
use crate::stop::Stop;

/// A list of faults takes no more.
const FAULTS_BYTES_MAX: usize = 64 * 1024;
/// A client that has not sent its headers by then is let go.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests under way get this long to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves `gateway`, and the local cloud's own endpoints, until it has to stop; then lets requests under way
/// end.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, cloud: Cloud, mut stop: Stop) {
    let mut connections = JoinSet::new();
    let on_stop = stop.clone();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let server = (Arc::clone(&gateway), cloud.clone(), on_stop.clone());
                    connections.spawn(connection(stream, peer.ip(), server));
                }
                // Out of file handles, most likely: give others time to finish.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

type Server = (Arc<Gateway>, Cloud, Stop);

async fn connection(stream: TcpStream, peer: IpAddr, (gateway, cloud, mut stop): Server) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: http::Request<Incoming>| {
        let (gateway, cloud) = (Arc::clone(&gateway), cloud.clone());
        async move { Ok::<_, Infallible>(answer(gateway, &cloud, request, peer).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A client that goes away is no event.
    tokio::select! {
        _ = &mut connection => {}
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(
    gateway: Arc<Gateway>,
    cloud: &Cloud,
    request: http::Request<Incoming>,
    peer: IpAddr,
) -> Response {
    if request.uri().path().starts_with("/_local/") && !is_asked_by_address(&request) {
        return json(StatusCode::MISDIRECTED_REQUEST, "{}".to_owned());
    }
    match request.uri().path() {
        "/_local/mail" => mail(cloud, &request),
        "/_local/faults" => faults(cloud, request).await,
        _ => gateway.answer(request, peer).await,
    }
}

/// Whether the request names this server by an address or as `localhost`. A page whose own name was made to point here
/// (DNS rebinding) would otherwise read mails and set faults.
fn is_asked_by_address(request: &http::Request<Incoming>) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.parse::<http::uri::Authority>().map(|host| host.host().to_owned()).unwrap_or_default();
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// `GET /_local/mail?to=`: the mail sent so far, newest last. This endpoint exists in the local cloud only.
fn mail(cloud: &Cloud, request: &http::Request<Incoming>) -> Response {
    if request.method() != Method::GET {
        return not_allowed("GET");
    }
    let query = request.uri().query().unwrap_or_default();
    // A `+` in an address is a `+`: people paste addresses unescaped.
    let to = query.split('&').find_map(|pair| pair.strip_prefix("to=")).map(event::decode);
    let to = to.filter(|to| !to.is_empty());
    let (status, body) = match cloud.mail(to.as_deref()) {
        Ok(mail) => (StatusCode::OK, serde_json::to_string(&mail).unwrap_or_default()),
        Err(error) => {
            tracing::error!(%error, "mail could not be read");
            (StatusCode::INTERNAL_SERVER_ERROR, "[]".to_owned())
        }
    };
    json(status, body)
}

/// `GET /_local/faults`: the faults in force. `PUT` puts a list of them in force, `DELETE` ends them all. This endpoint
/// exists in the local cloud only.
async fn faults(cloud: &Cloud, request: http::Request<Incoming>) -> Response {
    match *request.method() {
        Method::GET => {}
        Method::DELETE => cloud.inject(Vec::new()),
        Method::PUT => {
            let body = Limited::new(request.into_body(), FAULTS_BYTES_MAX).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            match read_faults(&body) {
                Ok(faults) => cloud.inject(faults),
                Err(error) => {
                    let detail = serde_json::json!({ "detail": format!("not a list of faults: {error}") });
                    return json(StatusCode::UNPROCESSABLE_ENTITY, detail.to_string());
                }
            }
        }
        _ => return not_allowed("GET, PUT, DELETE"),
    }
    json(StatusCode::OK, serde_json::to_string(&cloud.faults()).unwrap_or_default())
}

fn read_faults(body: &[u8]) -> Result<Vec<InjectedFault>, String> {
    let faults: Vec<InjectedFault> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    faults.iter().try_for_each(InjectedFault::check)?;
    Ok(faults)
}

fn json(status: StatusCode, body: String) -> Response {
    let mut response = plain(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn not_allowed(allow: &'static str) -> Response {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
