//! Every line that anything logs while a test runs is searched for what may not stand there: the credentials that the
//! test's requests carried or were answered with, passwords, e-mail addresses, and what a test says besides.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;
use platform::telemetry::{self, LogLevel};
use serde_json::Value;

/// Headers whose values are credentials.
const HEADERS: [&str; 5] = ["authorization", "cookie", "set-cookie", "x-api-key", "x-csrf-token"];

/// Fields of bodies that hold credentials or personal data.
const FIELDS: [&str; 15] = [
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "csrf_token",
    "current_password",
    "email",
    "key",
    "new_password",
    "password",
    "refresh_token",
    "secret",
    "state",
    "token",
];

/// Shorter values are words: they stand in lines for other reasons.
const CHARS_MIN: usize = 8;

/// What may not be logged, and how much of the log has been searched for it.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    secrets: BTreeSet<String>,
    searched: usize,
}

impl Witness {
    /// Of what is logged from now on: tests share their process, and its log.
    pub(crate) fn from_now_on() -> Self {
        Self(Arc::new(Mutex::new(Known { secrets: BTreeSet::new(), searched: ProcessLog::bytes() })))
    }

    /// Notes what a request or an answer holds that may not be logged.
    pub fn saw(&self, headers: &HeaderMap, body: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .secrets
            .extend(in_headers(headers).chain(in_body(body)).filter(|secret| secret.len() >= CHARS_MIN));
    }

    /// Notes what the query of a request holds that may not be logged.
    pub fn saw_query(&self, query: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.secrets.extend(in_form(query.as_bytes()).filter(|secret| secret.len() >= CHARS_MIN));
    }

    /// Notes a secret that no request of the test carries: two others have it between them.
    ///
    /// # Panics
    /// When it is so short that it stands in lines for other reasons.
    pub fn hide(&self, secret: &str) {
        assert!(secret.len() >= CHARS_MIN, "{secret} is too short to be searched for");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).secrets.insert(secret.to_owned());
    }

    /// Searches what is new in a log since it was last asked; `log` gives the whole lines from a place on.
    ///
    /// # Panics
    /// When a secret stands there; the message tells the line, in which it is to be seen.
    pub fn search(&self, log: impl FnOnce(usize) -> Vec<u8>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = log(known.searched);
        known.searched += lines.len();
        for line in String::from_utf8_lossy(&lines).lines() {
            let told = known.secrets.iter().find(|secret| line.contains(secret.as_str()));
            assert!(told.is_none(), "the log tells {told:?}: {line}");
        }
    }
}

fn in_headers(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    let texts = values.filter_map(|value| value.to_str().ok());
    // The words of them: the scheme, the names and the attributes of cookies are too short or public.
    let words = texts.flat_map(|text| text.split([' ', ';', '=']));
    words.filter(|word| !PUBLIC.contains(word)).map(str::to_owned)
}

/// Long words of cookies that are no secrets.
const PUBLIC: [&str; 2] = ["HttpOnly", "SameSite"];

fn in_body(body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    match serde_json::from_slice(body) {
        Ok(json) => in_json(&json, &mut found),
        Err(_) => found.extend(in_form(body)),
    }
    found
}

fn in_json(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => found.push(text.clone()),
                    value => in_json(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| in_json(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_form(body: &[u8]) -> impl Iterator<Item = String> {
    let pairs = form_urlencoded::parse(body);
    pairs.filter(|(name, _)| FIELDS.contains(&name.as_ref())).map(|(_, value)| value.into_owned())
}

/// What this process has logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessLog;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl ProcessLog {
    /// Keeps every line from now on, as a deployment would log it, and shows the errors: what goes wrong inside a
    /// function is seen only in its log.
    pub(crate) fn keep() {
        telemetry::init_to(LogLevel::INFO, || Self);
    }

    /// How much was logged so far.
    fn bytes() -> usize {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was logged since.
    pub(crate) fn since(place: usize) -> Vec<u8> {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(place..).unwrap_or_default().to_vec()
    }
}

impl Write for ProcessLog {
    /// The writer that masks hands over one whole line per call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        if line.windows(ERROR.len()).any(|window| window == ERROR) {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the line of an error says that it is one.
const ERROR: &[u8] = br#""level":"ERROR""#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_found_wherever_requests_carry_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer in-the-authorization"),
            ("cookie", "__Host-access=in-a-cookie; other=in-another"),
            ("set-cookie", "__Host-refresh=in-a-new-cookie; Path=/; HttpOnly; Secure; SameSite=Lax"),
            ("x-api-key", "in-the-api-key"),
            ("x-request-id", "not-a-secret"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let json =
            br#"{"name": "not-a-secret", "inner": [{"password": "in-the-json"}], "email": "a@b.example"}"#;
        let form = b"client_secret=in+the+form&grant_type=not-a-secret";
        for (body, expected) in [(&json[..], "in-the-json"), (form, "in the form"), (b"", "in-a-cookie")] {
            let witness = Witness::default();
            witness.saw(&headers, body);
            let secrets = &witness.0.lock().unwrap().secrets;
            for secret in
                ["in-the-authorization", "in-another", "in-a-new-cookie", "in-the-api-key", expected]
            {
                assert!(secrets.contains(secret), "{secret} of {secrets:?}");
            }
            assert!(!secrets.contains("not-a-secret") && !secrets.contains("HttpOnly"), "{secrets:?}");
        }
    }

    #[test]
    fn what_is_secret_is_found_in_a_query_and_where_a_test_says_so() {
        let witness = Witness::default();
        witness.saw_query("code=in+the%20query&state=the-state&error=not-a-secret&token=short");
        witness.hide("somebody-else-s");
        let known = witness.0.lock().unwrap();
        let secrets: Vec<&str> = known.secrets.iter().map(String::as_str).collect();
        assert_eq!(secrets, ["in the query", "somebody-else-s", "the-state"]);
    }

    #[test]
    #[should_panic(expected = "the log tells Some(\"somebody-else-s\")")]
    fn a_line_that_tells_what_a_test_hides_is_found() {
        let witness = Witness::default();
        witness.hide("somebody-else-s");
        witness.search(|_| b"{\"message\":\"of somebody-else-s\"}\n".to_vec());
    }

    #[test]
    #[should_panic(expected = "the log tells Some(\"in-the-json\")")]
    fn a_line_that_tells_is_found() {
        let witness = Witness::default();
        witness.saw(&HeaderMap::new(), br#"{"token": "in-the-json"}"#);
        let log = [&b"{\"message\":\"nothing\"}\n"[..], b"{\"message\":\"of in-the-json\"}\n"];
        witness.search(|_| log[0].to_vec());
        witness.search(|place| log.concat()[place..].to_vec());
    }
}
