//! What a request is about: bucket, key, query.

use std::collections::BTreeMap;

use http::header;

use crate::wire::Request;

#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
}

impl Target {
    pub(super) fn of(request: &Request) -> Self {
        let path = request.uri().path().trim_start_matches('/');
        let host =
            request.uri().host().map(str::to_owned).or_else(|| {
                request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).map(str::to_owned)
            });
        let host = host.unwrap_or_default();
        let hosted = host.split_once(".s3.").filter(|(_, rest)| rest.ends_with("amazonaws.com"));
        let (bucket, key) = match hosted {
            Some((bucket, _)) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let query = request.uri().query().unwrap_or_default();
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(&value.replace('+', " ")))
        });
        Self { bucket: decode(bucket), key: decode(key), query: query.collect() }
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// Percent-decodes; what is no escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
