//! HTTP to servers that are not AWS's: OpenID providers, CAPTCHA services and the audit log's witnesses.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_http_client::{
    Connector,
    tls::{self, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, header};
use http_body_util::{BodyExt as _, Limited};
use kernel::{Error, Result, Secret};

/// How long an exchange may take, from the connection to the answer's last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// A client that trusts the web's roots, as the system has them. Making it takes a while: that is done when it is first
/// used, and once. It follows no redirects. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Outbound(Arc<OnceLock<Connector>>);

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl Outbound {
    /// Reads a document. `what` names the server in the log.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no answer in 5 s, or one larger than 256 KiB.
    pub async fn get(&self, what: &'static str, url: &str) -> Result<Reply> {
        let request = Request::get(url).header(header::ACCEPT, "application/json");
        self.send(what, request.body(SdkBody::empty()).map_err(|error| Error::internal(what, error))?).await
    }

    /// Reads a document that is shown to whoever has a token (RFC 6750 §2.1).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_with(&self, what: &'static str, url: &str, token: &Secret<String>) -> Result<Reply> {
        let request = Request::get(url)
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        // What it gave us as a token may not even be one.
        self.send(what, request.body(SdkBody::empty()).map_err(|error| Error::unavailable(what, error))?)
            .await
    }

    /// Sends a form; with the name and the secret of a client of OAuth where it is one (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_form(
        &self,
        what: &'static str,
        url: &str,
        client: Option<(&str, &Secret<String>)>,
        form: &[(&str, &str)],
    ) -> Result<Reply> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::post(url);
        if let Some((client, secret)) = client {
            let basic = STANDARD.encode(format!("{}:{}", encode(client), encode(secret.expose())));
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        let request = request
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_LENGTH, body.len());
        self.send(what, request.body(SdkBody::from(body)).map_err(|error| Error::internal(what, error))?)
            .await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_text(&self, what: &'static str, url: &str, text: String) -> Result<Reply> {
        let request = Request::post(url)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(header::CONTENT_LENGTH, text.len());
        self.send(what, request.body(SdkBody::from(text)).map_err(|error| Error::internal(what, error))?)
            .await
    }

    async fn send(&self, what: &'static str, request: Request<SdkBody>) -> Result<Reply> {
        let request = HttpRequest::try_from(request).map_err(|error| Error::internal(what, error))?;
        let exchange = async {
            let response =
                self.connector().call(request).await.map_err(|error| Error::unavailable(what, error))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Error::unavailable(what, error))?.to_bytes().to_vec();
            Ok(Reply { status, body })
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| Err(Error::unavailable(what, "no answer in time")))
    }

    fn connector(&self) -> &Connector {
        self.0.get_or_init(|| {
            Connector::builder().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build()
        })
    }
}

/// Whether secrets may be sent there: TLS, or this very machine (a provider beside the local cloud).
pub fn is_safe(url: &str) -> bool {
    if url.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return false;
    }
    let host = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
        Some(authority).filter(|authority| !authority.is_empty() && !authority.contains(['@', '\\']))
    };
    match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => host(rest).is_some(),
        (_, Some(rest)) => host(rest).is_some_and(|host| {
            matches!(host.rsplit_once(':').map_or(&*host, |(name, _)| name), "127.0.0.1" | "localhost")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_tls_or_stay_on_the_machine() {
        for (url, expected) in [
            ("https://id.example.com/token", true),
            ("http://127.0.0.1:4000/token", true),
            ("http://localhost", true),
            ("http://id.example.com", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1:x@example.com/", false),
            ("https://", false),
            ("https:///token", false),
            ("ftp://127.0.0.1", false),
            ("https://a b", false),
            ("", false),
        ] {
            assert_eq!(is_safe(url), expected, "{url}");
        }
    }
}
