//! The checksums clients send with a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::wire::Fault;

/// Refuses a body that does not match its `Content-MD5`, CRC-32, SHA-1 or SHA-256. Other algorithms are kept
/// and given back, unchecked.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    let digest = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let sha = |algorithm| STANDARD.encode(ring::digest::digest(algorithm, body));
    let checks = [
        ("content-md5", digest("content-md5").map(|_| STANDARD.encode(md5::compute(body).0))),
        (
            "x-amz-checksum-crc32",
            digest("x-amz-checksum-crc32").map(|_| STANDARD.encode(crc32(body).to_be_bytes())),
        ),
        (
            "x-amz-checksum-sha1",
            digest("x-amz-checksum-sha1").map(|_| sha(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ),
        ("x-amz-checksum-sha256", digest("x-amz-checksum-sha256").map(|_| sha(&ring::digest::SHA256))),
    ];
    for (name, computed) in checks {
        if computed.as_deref() != digest(name) {
            return Err(Fault::client(
                "BadDigest",
                format!("The {name} you specified did not match what we received."),
            ));
        }
    }
    Ok(())
}

/// CRC-32 as in zip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut n = 0;
    while n < 256 {
        #[allow(clippy::cast_possible_truncation, reason = "n is below 256")]
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc32_of_the_standard_check_string() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
