//! `groundwork audit export`

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use tlog::{
    Checkpoint, Resource,
    path::{CHECKPOINT, VKEY},
    source::Source,
    tile::{bundles_at, tiles_at},
};

use super::{Asked, place::Place, unreadable};
use crate::Failure;

/// Copies a log into a folder. What is there already is not read again, so a copy that was cut off goes on; the
/// checkpoint comes last, so that a folder with one is whole.
pub(crate) fn export(
    asked: &Asked<'_>,
    place: &Place,
    folder: &str,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let folder = Path::new(folder);
    let key = asked.key(place)?;
    let note = place.read(CHECKPOINT).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&note);
    let signed = Checkpoint::open(&text, key.name(), std::slice::from_ref(&key));
    let checkpoint = signed.map_err(|error| Failure::Tampered(error.to_string()))?.checkpoint;
    let resources = tiles_at(checkpoint.size).map(Resource::Tile);
    for resource in resources.chain(bundles_at(checkpoint.size).map(Resource::Bundle)) {
        if !folder.join(resource.to_string()).exists() {
            // A partial tile may have become a full one meanwhile; the folder has it as that, too.
            let (found, bytes) = place.resource(resource).map_err(unreadable)?;
            write(folder, &found.to_string(), &bytes)?;
        }
    }
    for root in place.roots() {
        let (path, note) = root.map_err(unreadable)?;
        write(folder, path, &note)?;
    }
    write(folder, VKEY, format!("{key}\n").as_bytes())?;
    write(folder, CHECKPOINT, &note)?;
    let report = serde_json::json!({
        "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root, "folder": folder,
    });
    writeln!(out, "{report}")?;
    Ok(out.flush()?)
}

/// Writes a file whole or not at all.
fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let file = folder.join(path);
    let written = || -> io::Result<()> {
        let within = file.parent().unwrap_or(folder);
        fs::create_dir_all(within)?;
        let mut whole = tempfile::NamedTempFile::new_in(within)?;
        whole.write_all(bytes)?;
        whole.as_file().sync_all()?;
        whole.persist(&file)?;
        Ok(())
    };
    written().map_err(|error| Failure::Unwritable(format!("{}: {error}", file.display())))
}
