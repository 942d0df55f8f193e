//! Entries to try a log with: alike in size to real ones, and the same each time.

use std::{io, path::Path};

use kernel::{
    Timestamp,
    id::{Id, uuid_v7},
};

use crate::{Checkpoint, Commitment, Entry, LogWriter, Party, Salt, SigningKey};

/// How many entries are held in memory while a large log is written.
const AT_ONCE: u64 = 1 << 16;

/// The entry with this number; its leaf has about 700 bytes.
pub fn entry(number: u64) -> Entry {
    let at = Timestamp::from_millis(1_700_000_000_000 + i64::try_from(number).unwrap_or(0));
    let [.., a, b, c, d] = number.to_be_bytes();
    let random = [1, 2, 3, 4, 5, 6, a, b, c, d];
    let salt = Salt::from_bytes([a, b, c, d, a, b, c, d, 7, 7, 7, 7, 7, 7, 7, 7]);
    let commitment = |field: &str| Commitment::of(&salt, field, &number.to_be_bytes());
    Entry {
        id: Id::from_uuid(uuid_v7(at, random)),
        at,
        tenant_id: Id::from_uuid(uuid_v7(Timestamp::from_millis(1_700_000_000_000), [d; 10])),
        actor: Party { kind: "user".to_owned(), id: commitment("actor") },
        client: commitment("client"),
        request_id: commitment("request_id"),
        action: "user.update".to_owned(),
        target: Party { kind: "user".to_owned(), id: commitment("target") },
        before: (!number.is_multiple_of(3)).then(|| commitment("before")),
        after: Some(commitment("after")),
    }
}

/// Writes a log of the first `size` entries into a folder.
pub fn write(folder: &Path, size: u64, key: SigningKey) -> io::Result<Checkpoint> {
    let mut writer = LogWriter::new(folder, key);
    for number in 0..size {
        if number > 0 && number.is_multiple_of(AT_ONCE) {
            writer.write()?;
        }
        writer.append(&entry(number));
    }
    writer.publish()
}
