//! Values that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret: prints as `[redacted]`; reading it is an explicit [`expose`](Secret::expose).
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a secret.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Keys of a log line whose value is never written.
const HIDDEN_KEYS: &[&str] = &[
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "set-cookie",
    "csrf",
    "email",
    "pepper",
    "api_key",
    "x-api-key",
    "x-csrf-token",
    "private_key",
    "client_secret",
    "assertion",
];

/// Masks secrets and personal data in a log line: values under telling keys, and anything that looks like a
/// token or an e-mail address wherever it stands.
pub fn redact(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if is_hidden(key) {
                    *value = Value::from("[redacted]");
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::String(text) => {
            if let Some(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_hidden(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    HIDDEN_KEYS.iter().any(|hidden| key == *hidden || key.ends_with(&format!("_{hidden}")))
}

/// What may stand around a word besides space.
const BREAKS: &str = "\"'`,;:=()<>[]{}|/\\&?#";

/// The text with each suspicious word masked; `None` when there is none.
fn mask(text: &str) -> Option<String> {
    let is_break = |c: char| c.is_whitespace() || BREAKS.contains(c);
    if !text.split(is_break).any(is_suspicious) {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_break) {
        let word = piece.trim_end_matches(is_break);
        if is_suspicious(word) {
            masked.push_str("[redacted]");
            masked.push_str(&piece[word.len()..]);
        } else {
            masked.push_str(piece);
        }
    }
    Some(masked)
}

/// A JWT, one of our own prefixed secrets, or an e-mail address.
fn is_suspicious(word: &str) -> bool {
    let jwt = word.starts_with("eyJ") && word.matches('.').count() >= 2;
    let ours = word.starts_with("gw_");
    let mail = word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    jwt || ours || mail
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
    }

    #[test]
    fn masks_by_key_and_by_shape() {
        let mut line = json!({
            "password": "p", "refresh_token": "r", "Authorization": "Bearer x", "token_type": "Bearer",
            "message": "mail to ann@example.org, jwt=eyJhbGciOi.J9.sig and gw_rt_abc.", "nested": [{"email": "a"}],
            "path": "/api/v1/me", "status": 200,
        });
        redact(&mut line);
        assert_eq!(
            line,
            json!({
                "password": "[redacted]", "refresh_token": "[redacted]", "Authorization": "[redacted]",
                "token_type": "Bearer",
                "message": "mail to [redacted], jwt=[redacted] and [redacted]", "nested": [{"email": "[redacted]"}],
                "path": "/api/v1/me", "status": 200,
            })
        );
    }

    #[test]
    fn masks_a_word_whatever_stands_around_it() {
        for word in ["gw_rt_hidden", "eyJoidden.J9.sig", "operator@localhost", "ann@example.org"] {
            for (before, after) in [
                ("", ""),
                ("token:", ""),
                ("https://x/", "/y"),
                ("[", "]"),
                ("{", "}"),
                ("a|", "|b"),
                ("(`", "`)"),
                ("C:\\", "\\"),
                ("?token=", "&x"),
                ("#", "#"),
                ("mail ", ". Then"),
            ] {
                let mut line = json!(format!("{before}{word}{after}"));
                redact(&mut line);
                let after = after.trim_start_matches('.');
                assert_eq!(line, format!("{before}[redacted]{after}"), "{before}{word}{after}");
            }
        }
    }

    #[test]
    fn leaves_what_is_neither() {
        for text in ["@", "@home", "home@", "a.b.c", "/api/v1/me", "a:b|c", "[x]", "gw", "eyJ", ""] {
            let mut line = json!(text);
            redact(&mut line);
            assert_eq!(line, text);
        }
    }
}
