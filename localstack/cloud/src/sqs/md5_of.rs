//! The digests SQS returns so that clients can check what arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::wire::text as member;

/// The digest of a body.
pub(super) fn text(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

/// The digest of message attributes, as AWS documents it: by name, each part with its length in front.
pub(super) fn attributes(attributes: &Value) -> Option<String> {
    let mut entries: Vec<(&String, &Value)> = attributes.as_object()?.iter().collect();
    if entries.is_empty() {
        return None;
    }
    entries.sort_by_key(|(name, _)| *name);
    let mut encoded = Vec::new();
    for (name, value) in entries {
        part(&mut encoded, name.as_bytes());
        part(&mut encoded, member(value, "DataType").unwrap_or_default().as_bytes());
        if let Some(string) = member(value, "StringValue") {
            encoded.push(1);
            part(&mut encoded, string.as_bytes());
        } else if let Some(binary) = member(value, "BinaryValue") {
            encoded.push(2);
            part(&mut encoded, &STANDARD.decode(binary).unwrap_or_default());
        }
    }
    Some(format!("{:x}", md5::compute(encoded)))
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}
