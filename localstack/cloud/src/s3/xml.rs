//! The little XML S3 speaks.

use std::fmt::Write as _;

use super::XML;
use super::target::Target;
use crate::wire::{Fault, Reply, reply};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document under construction.
pub(super) struct Document(String);

impl Document {
    pub(super) fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// `<name>value</name>`, escaped.
    pub(super) fn leaf(&mut self, name: &str, value: &str) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(value));
        self
    }

    pub(super) fn open(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        self
    }

    pub(super) fn root(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.0, "<{name} xmlns=\"{NAMESPACE}\">");
        self
    }

    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.0, "</{name}>");
        self
    }

    pub(super) fn reply(&mut self) -> Reply {
        reply(200, XML, std::mem::take(&mut self.0))
    }
}

pub(super) fn fault(fault: &Fault, target: &Target) -> Reply {
    let mut document = Document::new();
    document.open("Error").leaf("Code", &fault.code).leaf("Message", &fault.message);
    document.leaf("BucketName", &target.bucket).leaf("Key", &target.key).close("Error");
    let mut answer = document.reply();
    *answer.status_mut() = http::StatusCode::from_u16(fault.status).unwrap_or(http::StatusCode::BAD_REQUEST);
    answer
}

/// us-east-1 answers with an empty constraint.
pub(super) fn location() -> Reply {
    Document::new().root("LocationConstraint").close("LocationConstraint").reply()
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
    out
}

/// The texts of every `<name>` in a document, in order.
pub(super) fn texts(document: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let pieces = document.split(open.as_str()).skip(1);
    pieces.filter_map(|piece| piece.split_once(close.as_str())).map(|(text, _)| unescape(text)).collect()
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#13;", "\r")
        .replace("&amp;", "&")
}
