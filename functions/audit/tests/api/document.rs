//! The vectors of `docs/audit.md` are what the code makes of their description.

use kernel::{
    Timestamp,
    id::{AuditId, Id as _},
};
use tlog::{Checkpoint, Commitment, Entry, Hash, Party, Salt, SigningKey, Tiles, hash, tile, tree};

const DOCUMENT: &str = include_str!("../../../../docs/audit.md");

fn entry(number: u8, items: &[u8; 32]) -> Entry {
    let commitment = |place: u8, field: &str, value: &[u8]| {
        Commitment::of(&Salt::from_bytes([16 * number + place; 16]), field, value)
    };
    Entry {
        id: AuditId::from_uuid(uuid::Uuid::from_u128(
            0x019b_76da_a800_7000_8000_0000_0000_0000 + u128::from(number),
        )),
        at: Timestamp::from_seconds(1_767_225_600 + i64::from(number)),
        tenant_id: "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(),
        actor: Party {
            kind: "user".to_owned(),
            id: commitment(1, "actor", b"01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18"),
        },
        client: commitment(2, "client", b"192.0.2.7"),
        request_id: commitment(3, "request_id", b"request-1"),
        action: "note.create".to_owned(),
        target: Party { kind: "note".to_owned(), id: commitment(4, "target", number.to_string().as_bytes()) },
        before: None,
        after: Some(commitment(5, "after", items)),
    }
}

#[test]
fn the_vectors_are_what_the_code_makes() {
    let digest = ring::digest::digest(&ring::digest::SHA256, br#"{"text":"hello"}"#);
    let items: [u8; 32] = digest.as_ref().try_into().unwrap();
    let (mut prev, mut leaves, mut hashes, mut lines) = (Hash::ZERO, Vec::new(), Vec::new(), Vec::new());
    for number in 0..3 {
        let leaf = entry(number, &items).leaf(prev);
        prev = hash::leaf(&leaf);
        lines.push(format!("entry {number}: {}", String::from_utf8(leaf.clone()).unwrap()));
        lines.push(format!("leaf hash {number}: {prev}"));
        hashes.push(prev);
        leaves.push(leaf);
    }
    let mut tiles = Tiles::new();
    tiles.append(0, &hashes).unwrap();
    let root = tree::root(3, &tiles).unwrap();
    let sha256 = |bytes: &[u8]| {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        Hash::from_bytes(digest.as_ref().try_into().unwrap())
    };
    let key =
        SigningKey::new("example.com/api/v1/audit", &std::array::from_fn(|at| u8::try_from(at).unwrap()))
            .unwrap();
    let note = Checkpoint::new(key.name(), 3, root).sign(&key).unwrap();
    lines
        .push(format!("SHA-256 of tile/entries/000.p/3: {}", sha256(&tile::encode_bundle(&leaves).unwrap())));
    lines.push(format!("SHA-256 of tile/0/000.p/3: {}", sha256(&tile::encode_tile(&hashes))));
    lines.push(format!("root: {root}"));
    lines.push(format!("verifier key: {}", key.verifier()));
    lines.push(format!("signature: {}", note.lines().last().unwrap()));
    for line in lines {
        assert!(DOCUMENT.contains(&line), "docs/audit.md lacks: {line}");
    }
}
