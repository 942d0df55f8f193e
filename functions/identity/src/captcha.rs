//! Whether a person asks: wanted of logins of an account that failed again and again from one network, before the next
//! password is looked at. A hook: off unless a deployment names a service.

use std::{net::IpAddr, str::FromStr};

use kernel::{Error, Result, Secret};
use platform::{
    config::Reader,
    outbound::{Outbound, is_safe},
    secrets::Secrets,
};
use serde::Deserialize;

/// After how many failures the next attempt has to come from a person.
pub const FAILURES_ALLOWED: u32 = 3;

/// What the stand-in takes for solved.
pub const STAND_IN_RESPONSE: &str = "solved";

/// What the service is called in the log.
const WHAT: &str = "the CAPTCHA service";

/// The longest response that is passed on, in bytes: Turnstile's have at most 2048, others' have more.
const RESPONSE_BYTES_MAX: usize = 8192;

/// Where the response is in the body of a request.
const POINTER: &str = "/captcha_response";

/// Who tells people from programs: `AUTH_CAPTCHA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Nobody.
    Off,
    /// A stand-in for tests, which takes `solved` for solved.
    StandIn,
    /// The URL of a `siteverify` endpoint: Cloudflare Turnstile, hCaptcha and reCAPTCHA have the same.
    SiteVerify(String),
}

impl FromStr for Service {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "stand-in" => Ok(Self::StandIn),
            url if is_safe(url) => Ok(Self::SiteVerify(url.to_owned())),
            _ => Err("must be off, stand-in or the https URL of a siteverify endpoint"),
        }
    }
}

/// The configuration of the hook.
#[derive(Clone, Debug)]
pub struct CaptchaConfig {
    service: Service,
    secret: String,
}

impl CaptchaConfig {
    /// Reads the configuration; `None` notes a fault.
    pub fn read(env: &mut Reader<'_>) -> Option<Self> {
        let service = env.or("AUTH_CAPTCHA", "off");
        let secret = env.required("CAPTCHA_SECRET");
        Some(Self { service: service?, secret: secret? })
    }
}

/// Asks the service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Captcha {
    config: CaptchaConfig,
    secrets: Secrets,
    outbound: Outbound,
}

/// The answer of a `siteverify` endpoint
/// (<https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>).
#[derive(Deserialize)]
struct Answer {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

/// `{"secret": …}`: what the service gave us.
#[derive(Deserialize)]
struct Document {
    secret: Secret<String>,
}

impl Captcha {
    /// A hook that has asked nobody yet.
    pub fn new(config: CaptchaConfig, secrets: &Secrets) -> Self {
        Self { config, secrets: secrets.clone(), outbound: Outbound::default() }
    }

    /// Whether anybody is asked at all.
    pub fn is_on(&self) -> bool {
        self.config.service != Service::Off
    }

    /// Requires that whoever asks has solved a challenge.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/captcha_response` when there is none or it is not accepted; [`Error::Unavailable`] when
    /// the service does not answer, or does not know us.
    pub async fn require(&self, response: Option<&str>, ip: Option<IpAddr>) -> Result<()> {
        let wanted = "is required now: solve the challenge that this deployment shows";
        let response = response.ok_or_else(|| Error::invalid(POINTER, wanted))?;
        let is_solved = match &self.config.service {
            Service::Off => true,
            Service::StandIn => response == STAND_IN_RESPONSE,
            Service::SiteVerify(url) => {
                response.len() <= RESPONSE_BYTES_MAX && self.ask(url, response, ip).await?
            }
        };
        let refused = || Error::invalid(POINTER, "was not accepted; solve a new challenge");
        is_solved.then_some(()).ok_or_else(refused)
    }

    async fn ask(&self, url: &str, response: &str, ip: Option<IpAddr>) -> Result<bool> {
        let secret = self.secret().await?;
        let ip = ip.map(|ip| ip.to_string());
        let mut form = vec![("secret", secret.expose().as_str()), ("response", response)];
        form.extend(ip.as_deref().map(|ip| ("remoteip", ip)));
        let reply = self.outbound.post_form(WHAT, url, None, &form).await?;
        let answer: Answer = serde_json::from_slice(&reply.body).map_err(|error| {
            Error::unavailable(WHAT, format!("it answered {}, column {}", reply.status, error.column()))
        })?;
        if answer.success {
            return Ok(true);
        }
        if let Some(code) = answer.error_codes.iter().find(|code| is_ours(code)) {
            return Err(Error::unavailable(WHAT, format!("it told {code}")));
        }
        tracing::info!(codes = answer.error_codes.join(" "), "a CAPTCHA response was refused");
        Ok(false)
    }

    async fn secret(&self) -> Result<Secret<String>> {
        let text = self.secrets.get(&self.config.secret).await;
        let text = text.map_err(|error| Error::unavailable("the CAPTCHA secret", error))?;
        let document: Document = serde_json::from_str(text.expose()).map_err(|error| {
            Error::internal(
                "read the CAPTCHA secret",
                format!("it is not {{\"secret\": …}}: line {}", error.line()),
            )
        })?;
        Ok(document.secret)
    }
}

/// Faults of the service or of our configuration; the others are the client's.
fn is_ours(code: &str) -> bool {
    matches!(code, "missing-input-secret" | "invalid-input-secret" | "bad-request" | "internal-error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_a_service_over_tls_only() {
        let url = "https://challenges.example.com/turnstile/v0/siteverify";
        for (text, service) in [
            ("off", Some(Service::Off)),
            ("stand-in", Some(Service::StandIn)),
            (url, Some(Service::SiteVerify(url.to_owned()))),
            ("http://challenges.example.com/siteverify", None),
            ("on", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Service>().ok(), service, "{text}");
        }
    }
}
