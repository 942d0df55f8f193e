//! `groundwork audit prove`

use std::io::Write;

use kernel::id::AuditId;
use tlog::{
    Bundle, Checkpoint, Hash, Leaf, Resource, Tile, Tiles, hash,
    path::CHECKPOINT,
    proof,
    source::Source,
    tile::{self, Entries, bundles_at},
    tree,
};

use super::{Asked, place::Place, unreadable};
use crate::Failure;

/// Which entry.
enum Wanted {
    /// By its place.
    Index(u64),
    /// By its id.
    Id(AuditId),
}

/// Proves that a log has an entry: prints its bytes, and the hashes that lead from them to the signed root.
pub(crate) fn prove(
    entry: &str,
    asked: &Asked<'_>,
    source: &Place,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let wanted = match (entry.parse(), entry.parse()) {
        (Ok(index), _) => Wanted::Index(index),
        (_, Ok(id)) => Wanted::Id(id),
        _ => return Err(Failure::Usage(format!("`{entry}` is neither an entry's id nor its place"))),
    };
    let key = asked.key(source)?;
    let note = text(source.read(CHECKPOINT).map_err(unreadable)?)?;
    let signed = Checkpoint::open(&note, key.name(), std::slice::from_ref(&key));
    let checkpoint = signed.map_err(|error| Failure::Tampered(error.to_string()))?.checkpoint;
    let (index, leaf) = find(source, &wanted, checkpoint.size)?;
    let hashes = proof_of(source, index, checkpoint.size)?;
    proof::verify_inclusion(hash::leaf(leaf.as_bytes()), index, checkpoint.size, &hashes, checkpoint.root)
        .map_err(|error| Failure::Tampered(format!("entry {index} is not what was signed: {error}")))?;
    let proof = serde_json::json!({
        "index": index, "size": checkpoint.size, "leaf": leaf, "hashes": hashes, "checkpoint": note,
    });
    writeln!(out, "{proof}")?;
    Ok(out.flush()?)
}

fn find(source: &Place, wanted: &Wanted, size: u64) -> Result<(u64, String), Failure> {
    match wanted {
        Wanted::Index(index) => {
            let beyond = || Failure::Refused(format!("the log has {size} entries, from 0 on"));
            let bundle = Bundle::holding(*index, size).ok_or_else(beyond)?;
            let found = entries(source, bundle)?.into_iter().find(|(at, _)| at == index);
            found.ok_or_else(beyond)
        }
        Wanted::Id(id) => {
            for bundle in bundles_at(size) {
                let is_it = |leaf: &str| Leaf::parse(leaf.as_bytes()).is_ok_and(|leaf| leaf.entry.id == *id);
                if let Some(found) = entries(source, bundle)?.into_iter().find(|(_, leaf)| is_it(leaf)) {
                    return Ok(found);
                }
            }
            Err(Failure::Refused(format!("the log has no entry {id}")))
        }
    }
}

/// The entries of a bundle with their places.
fn entries(source: &Place, bundle: Bundle) -> Result<Vec<(u64, String)>, Failure> {
    let (found, bytes) = source.resource(Resource::Bundle(bundle)).map_err(unreadable)?;
    let tampered = |error| Failure::Tampered(format!("{found}: {error}"));
    let entries = Entries::new(&bytes, bundle.width());
    bundle
        .entries()
        .zip(entries)
        .map(|(index, entry)| Ok((index, text(entry.map_err(tampered)?.to_vec())?)))
        .collect()
}

fn proof_of(source: &Place, index: u64, size: u64) -> Result<Vec<Hash>, Failure> {
    let mut tiles = Tiles::new();
    for tile in tree::tiles_for_inclusion(index, size) {
        tiles.insert(tile, hashes(source, tile)?);
    }
    tree::inclusion_proof(index, size, &tiles).map_err(|error| Failure::Tampered(error.to_string()))
}

fn hashes(source: &Place, tile: Tile) -> Result<Vec<Hash>, Failure> {
    let (found, bytes) = source.resource(Resource::Tile(tile)).map_err(unreadable)?;
    let end = bytes.len().min(usize::from(tile.width()) * Hash::LENGTH);
    let tampered = |error| Failure::Tampered(format!("{found}: {error}"));
    tile::decode_tile(&bytes[..end], tile.width()).map_err(tampered)
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Tampered("what should be text is none".into()))
}
