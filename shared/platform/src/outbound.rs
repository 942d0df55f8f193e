//! HTTP to servers that are not AWS's: OpenID providers.

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

    /// Sends a form as a client of OAuth that has a secret (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_form(
        &self,
        what: &'static str,
        url: &str,
        (client, secret): (&str, &Secret<String>),
        form: &[(&str, &str)],
    ) -> Result<Reply> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = STANDARD.encode(format!("{}:{}", encode(client), encode(secret.expose())));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(url)
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, format!("Basic {basic}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_LENGTH, body.len());
        self.send(what, request.body(SdkBody::from(body)).map_err(|error| Error::internal(what, error))?)
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
