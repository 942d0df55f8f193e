//! Just enough HTTP/1.1, from the server's side, for the Runtime API client in `lambda_runtime`: requests in
//! order on one connection, bodies by length or in chunks.

use std::io::{self, BufRead, Write};

/// One request as read from the wire.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// The next request, or `None` when the client has closed the connection.
pub(super) fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some(line) = read_line(stream)? else {
        return Ok(None);
    };
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid(format!("not a request line: {line}")));
    };
    let mut length = 0;
    let mut chunked = false;
    while let Some(line) = read_line(stream)?.filter(|line| !line.is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(format!("not a header: {line}")))?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(invalid)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    let body = if chunked {
        read_chunks(stream)?
    } else {
        read_exactly(stream, length)?
    };
    Ok(Some(Request { method, path, body }))
}

/// A whole response with a length, so that the connection stays usable.
pub(super) fn write_response(
    stream: &mut impl Write,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let mut out = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    // One write, one packet: a second one would wait for the first one's acknowledgement.
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    stream.write_all(&out)
}

/// Chunks up to the empty one; trailers are read and dropped.
fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(invalid)?;
        if size == 0 {
            while read_line(stream)?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        body.append(&mut read_exactly(stream, size)?);
        read_line(stream)?;
    }
}

fn read_exactly(stream: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(line))
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Request> {
        read_request(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn a_closed_connection_is_no_request() {
        assert!(read("").is_none());
    }

    #[test]
    fn a_body_is_read_by_its_length() {
        let request = read("POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi and more").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a"));
        assert_eq!(request.body, b"hi");
    }

    #[test]
    fn a_body_is_read_in_chunks_up_to_its_trailers() {
        let text = "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=1\r\n yo\r\n0\r\nt: 1\r\n\r\n";
        assert_eq!(read(text).unwrap().body, b"hi yo");
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(read_request(&mut "nonsense\r\n\r\n".as_bytes()).is_err());
    }
}
