//! A log behind a URL, read as an operator.

use std::{thread, time::Duration};

use platform::config::Vars;
use tlog::source::{ReadError, Source};
use ureq::http::{HeaderMap, StatusCode, header};

use crate::{Failure, caller::Caller};

/// How often a resource is asked for anew because there were too many requests, or something did not answer.
const TRIES: u32 = 20;

/// How much one resource may hold: 256 entries of 64 KiB, and their lengths.
const BYTES_MAX: u64 = 17 << 20;

/// A log served over HTTP.
pub(super) struct Remote {
    caller: Caller,
    /// Where the log is, without a slash at its end.
    url: String,
}

impl Remote {
    pub(super) fn new(url: &str, vars: &Vars) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/');
        // A log may be served by somebody else, who knows no operator of ours.
        let base = url.strip_suffix("/audit").unwrap_or(url);
        Ok(Self { caller: Caller::new(base, vars)?, url: url.to_owned() })
    }

    fn ask(&self, path: &str) -> Result<(StatusCode, HeaderMap, Vec<u8>), String> {
        let answer = self.caller.ask("GET", &format!("{}/{path}", self.url), &[])?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(BYTES_MAX).read_to_vec().map_err(|error| error.to_string())?;
        Ok((parts.status, parts.headers, body))
    }
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
                StatusCode::UNAUTHORIZED if self.caller.forget_token() => {}
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
