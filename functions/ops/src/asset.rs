//! Files that are compiled in, and how they are served.

use std::io::Read as _;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use flate2::read::GzDecoder;
use kernel::Error;
use platform::{Conditional, Result};

/// A file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) content: Content,
    pub(crate) cache_control: &'static str,
}

/// What is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Plain(&'static [u8]),
    /// Compressed in the repository already.
    Gzip(&'static [u8]),
}

impl Asset {
    /// Answers with the file, or with 304 to who has it: compressed, unless the client cannot read that. Each form
    /// has a tag of its own (RFC 9110 §8.8.3.3).
    ///
    /// # Errors
    /// When the file cannot be unpacked.
    pub(crate) fn answer(&self, conditional: &Conditional, request: &HeaderMap) -> Result<Response> {
        let (body, encoding) = match self.content {
            Content::Plain(bytes) => (bytes.to_vec(), None),
            Content::Gzip(bytes) if accepts_gzip(request) => (bytes.to_vec(), Some("gzip")),
            Content::Gzip(bytes) => (unpack(bytes)?, None),
        };
        let mut response = conditional.answer_with(body, self.content_type)?;
        let has_body = response.status() == StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        if let Content::Gzip(_) = self.content {
            headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Some(encoding) = encoding.filter(|_| has_body) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(response)
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).map_err(|error| Error::internal("unpack a file", error))?;
    Ok(plain)
}

/// Whether the client says that it reads gzip (RFC 9110 §12.5.3). One that says nothing may be a plain `curl`.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    let codings: Vec<(String, bool)> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(read_coding)
        .collect();
    let find = |names: &[&str]| codings.iter().find(|(name, _)| names.contains(&name.as_str()));
    find(&["gzip", "x-gzip"]).or_else(|| find(&["*"])).is_some_and(|(_, is_wanted)| *is_wanted)
}

/// A coding's name, and whether its weight is above zero.
fn read_coding(text: &str) -> (String, bool) {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let weight = parameters.trim().strip_prefix("q=");
    let is_wanted = weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0));
    (name.trim().to_ascii_lowercase(), is_wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_who_asks_for_it() {
        for (accepted, is_right) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("gzip;q=x", false),
            ("*;q=0", false),
            ("identity", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(accepts_gzip(&headers), is_right, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
