//! Who asks the API, from a terminal: with a token, with an API key, or as the local cloud's own operator.

use std::{cell::RefCell, fs, path::Path, time::Duration};

use platform::config::Vars;
use ureq::{
    Agent, Body,
    http::{Request, Response, header},
};

use crate::Failure;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Asks the API.
pub(crate) struct Caller {
    agent: Agent,
    /// Where the API is: `…/api/v1`.
    base: String,
    credential: Credential,
    token: RefCell<Option<String>>,
}

/// With what it is asked.
enum Credential {
    /// Only for what is public.
    None,
    /// `GROUNDWORK_TOKEN`.
    Token(String),
    /// `GROUNDWORK_API_KEY`.
    ApiKey(String),
    /// The local cloud's own operator, who logs in with what stands in this file.
    Operator(String),
}

impl Caller {
    /// Who asks the API at `base`, `…/api/v1`.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] when the local operator's file cannot be read.
    pub(crate) fn new(base: &str, vars: &Vars) -> Result<Self, Failure> {
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let credential = match (vars.get("GROUNDWORK_TOKEN"), vars.get("GROUNDWORK_API_KEY")) {
            (Some(token), _) => Credential::Token(token.to_owned()),
            (None, Some(key)) => Credential::ApiKey(key.to_owned()),
            (None, None) => local_operator(base, vars)?,
        };
        Ok(Self { agent, base: base.to_owned(), credential, token: RefCell::default() })
    }

    /// Asks; an answer of any status is one.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, String> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some((name, value)) = self.authorization()? {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).map_err(|error| error.to_string())?;
        self.agent.run(request).map_err(|error| error.to_string())
    }

    /// Logs in anew with the next question, if that may help; answers whether it may.
    pub(crate) fn forget_token(&self) -> bool {
        self.token.borrow_mut().take().is_some()
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
        let answer = self
            .agent
            .post(format!("{}/auth/login", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .send(login)
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().read_to_string().map_err(|error| error.to_string())?;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let token = body["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| format!("the operator of the local cloud cannot log in: {status}"))
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
