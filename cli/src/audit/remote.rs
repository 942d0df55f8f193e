//! A log behind a URL, read as an operator.

use std::{cell::RefCell, fs, path::Path, thread, time::Duration};

use platform::config::Vars;
use tlog::source::{ReadError, Source};
use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header},
};

use crate::Failure;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a resource is asked for anew because there were too many requests, or something did not answer.
const TRIES: u32 = 20;

/// How much one resource may hold: 256 entries of 64 KiB, and their lengths.
const BYTES_MAX: u64 = 17 << 20;

/// A log served over HTTP.
pub(super) struct Remote {
    agent: Agent,
    /// Where the log is, without a slash at its end.
    url: String,
    /// Who asks; nobody until a credential is known.
    credential: Credential,
    token: RefCell<Option<String>>,
}

/// With what the log is read.
enum Credential {
    /// Only what is public.
    None,
    /// `GROUNDWORK_TOKEN`.
    Token(String),
    /// `GROUNDWORK_API_KEY`.
    ApiKey(String),
    /// The local cloud's own operator, who logs in with what stands in this file.
    Operator(String),
}

impl Remote {
    pub(super) fn new(url: &str, vars: &Vars) -> Result<Self, Failure> {
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let credential = match (vars.get("GROUNDWORK_TOKEN"), vars.get("GROUNDWORK_API_KEY")) {
            (Some(token), _) => Credential::Token(token.to_owned()),
            (None, Some(key)) => Credential::ApiKey(key.to_owned()),
            (None, None) => local_operator(url, vars)?,
        };
        Ok(Self { agent, url: url.trim_end_matches('/').to_owned(), credential, token: RefCell::default() })
    }

    /// The header that says who asks.
    fn authorization(&self) -> Result<Option<(&'static str, String)>, String> {
        match &self.credential {
            Credential::None => Ok(None),
            Credential::Token(token) => Ok(Some(("authorization", format!("Bearer {token}")))),
            Credential::ApiKey(key) => Ok(Some(("x-api-key", key.clone()))),
            Credential::Operator(login) => {
                if self.token.borrow().is_none() {
                    *self.token.borrow_mut() = Some(self.log_in(login)?);
                }
                let token = self.token.borrow().clone().unwrap_or_default();
                Ok(Some(("authorization", format!("Bearer {token}"))))
            }
        }
    }

    fn log_in(&self, login: &str) -> Result<String, String> {
        let base = self.url.strip_suffix("/audit").ok_or("the URL of a log ends with /audit")?;
        let answer = self
            .agent
            .post(format!("{base}/auth/login"))
            .header(header::CONTENT_TYPE, "application/json")
            .send(login)
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().read_to_string().map_err(|error| error.to_string())?;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let token = body["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("the operator of the local cloud cannot log in: {status}"))
    }

    fn ask(&self, path: &str) -> Result<(StatusCode, HeaderMap, Vec<u8>), String> {
        let mut request = self.agent.get(format!("{}/{path}", self.url));
        if let Some((name, value)) = self.authorization()? {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|error| error.to_string())?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(BYTES_MAX).read_to_vec().map_err(|error| error.to_string())?;
        Ok((parts.status, parts.headers, body))
    }
}

/// The local cloud of this folder, when the URL is this machine's.
fn local_operator(url: &str, vars: &Vars) -> Result<Credential, Failure> {
    let after = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .find_map(|host| url.strip_prefix(host));
    // Neither http://localhost.example.com nor http://localhost:1@example.com.
    let is_local = after.is_some_and(|after| {
        after.starts_with([':', '/']) && !after.split('/').next().unwrap_or_default().contains('@')
    });
    let file = Path::new(vars.get("GROUNDWORK_DATA_DIR").unwrap_or(".groundwork")).join("operator.json");
    if !is_local || !file.exists() {
        return Ok(Credential::None);
    }
    let login = fs::read_to_string(&file);
    login
        .map(Credential::Operator)
        .map_err(|error| Failure::Unreadable(format!("{}: {error}", file.display())))
}

impl Source for Remote {
    #[expect(clippy::disallowed_methods, reason = "nothing else runs in this command")]
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let other = |why: String| ReadError::Other { path: path.to_owned(), why };
        let mut refusal = String::new();
        for _ in 0..TRIES {
            let (status, headers, body) = self.ask(path).map_err(other)?;
            match status {
                StatusCode::OK => return Ok(body),
                StatusCode::NOT_FOUND => return Err(ReadError::NotFound { path: path.to_owned() }),
                // A token lives for a quarter of an hour; a long log takes longer.
                StatusCode::UNAUTHORIZED if self.token.borrow_mut().take().is_some() => {}
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    let why = "an operator's GROUNDWORK_TOKEN or GROUNDWORK_API_KEY is needed to read it";
                    return Err(other(format!("{status}: {why}")));
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    thread::sleep(retry_after(&headers));
                }
                _ => return Err(other(format!("{status}"))),
            }
            refusal = status.to_string();
        }
        Err(other(format!("{refusal}, {TRIES} times")))
    }
}

fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}
