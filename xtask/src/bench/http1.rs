//! Just enough HTTP/1.1 for the bench's own servers: messages in order on one connection, bodies by length or in
//! chunks.

use std::io::{self, BufRead, Write};

/// A request or a response as read from the wire.
#[derive(Debug)]
pub(super) struct Message {
    /// `GET / HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub(super) start: String,
    /// Names as they were sent.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// A request's method and path.
    pub(super) fn method_and_path(&self) -> (&str, &str) {
        let mut words = self.start.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The header's value, whatever the case of its name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The next message, or `None` when the other side has closed the connection.
pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let Some(start) = read_line(stream)? else {
        return Ok(None);
    };
    if !start.contains("HTTP/1.1") {
        return Err(invalid(format!("not HTTP/1.1: {start}")));
    }
    let mut message = Message { start, headers: Vec::new(), body: Vec::new() };
    while let Some(line) = read_line(stream)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(format!("not a header: {line}")))?;
        message.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    message.body = if message.header("transfer-encoding").is_some() {
        read_chunks(stream)?
    } else {
        let length = message.header("content-length").unwrap_or("0");
        read_exactly(stream, length.parse().map_err(invalid)?)?
    };
    Ok(Some(message))
}

/// A whole message with its length, so that the connection stays usable.
pub(super) fn write<'a>(
    stream: &mut impl Write,
    start: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> io::Result<()> {
    let mut out = format!("{start}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        if !["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str()) {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(value);
            out.push_str("\r\n");
        }
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

    fn read_text(text: &str) -> Option<Message> {
        read(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn a_closed_connection_is_no_message() {
        assert!(read_text("").is_none());
    }

    #[test]
    fn a_body_is_read_by_its_length() {
        let request = read_text("POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi and more").unwrap();
        assert_eq!(request.method_and_path(), ("POST", "/a"));
        assert_eq!(request.body, b"hi");
    }

    #[test]
    fn a_body_is_read_in_chunks_up_to_its_trailers() {
        let text = "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=1\r\n yo\r\n0\r\nt: 1\r\n\r\n";
        assert_eq!(read_text(text).unwrap().body, b"hi yo");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut wire = Vec::new();
        let headers = [("x-a", "1"), ("Transfer-Encoding", "chunked")];
        write(&mut wire, "HTTP/1.1 200 OK", headers, b"hi").unwrap();
        let response = read(&mut wire.as_slice()).unwrap().unwrap();
        assert_eq!((response.header("X-A"), response.body.as_slice()), (Some("1"), &b"hi"[..]));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(read(&mut "nonsense\r\n\r\n".as_bytes()).is_err());
    }
}
