//! `aws-chunked` bodies: data in signed or unsigned chunks, checksums in a trailer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::wire::{Fault, Request};

/// The body as the object will hold it, and the headers with what the trailer added.
pub(super) fn body(request: &Request) -> Result<(Bytes, HeaderMap), Fault> {
    let mut headers = request.headers().clone();
    let is_streamed =
        headers.get("x-amz-content-sha256").is_some_and(|v| v.as_bytes().starts_with(b"STREAMING-"));
    if !is_streamed {
        return Ok((request.body().clone(), headers));
    }
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let rest: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|e| *e != "aws-chunked" && !e.is_empty()).collect();
    match HeaderValue::from_str(&rest.join(",")) {
        Ok(value) if !rest.is_empty() => headers.insert(header::CONTENT_ENCODING, value),
        _ => headers.remove(header::CONTENT_ENCODING),
    };
    let (data, trailer) = decode(request.body())
        .ok_or_else(|| Fault::client("IncompleteBody", "The chunks of the body do not add up."))?;
    for line in trailer.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.trim()), HeaderValue::from_str(value.trim()))
        {
            headers.insert(name, value);
        }
    }
    Ok((data, headers))
}

fn decode(body: &[u8]) -> Option<(Bytes, String)> {
    let mut data = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some((data.into(), String::from_utf8_lossy(rest).into_owned()));
        }
        data.extend(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
