//! What the log becomes when it takes entries in. Pure: the sequencer writes it.

use kernel::{Error, Result};
use store::{
    audit::AuditEntry,
    ledger::{Head, LoggedEntry},
};
use tlog::{Hash, Tile, Tiles, hash, tile, tree};

/// An object of the log's bucket.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its path, as C2SP tlog-tiles has it.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
}

/// The log with more entries.
#[derive(Debug)]
pub(crate) struct Longer {
    /// Tiles and bundles that are new or longer.
    pub(crate) objects: Vec<Object>,
    /// The new entries with their places.
    pub(crate) entries: Vec<LoggedEntry>,
    /// How many entries the log has now.
    pub(crate) size: u64,
    /// The root of its tree.
    pub(crate) root: Hash,
    /// The leaf hash of its last entry.
    pub(crate) last: Hash,
}

/// The right edge of a log: what an append needs of it.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    /// Its last tile of each level.
    pub(crate) tiles: Tiles,
    /// The entries of its last bundle, unless that is full.
    pub(crate) bundle: Vec<Vec<u8>>,
}

/// Takes entries in, in their order.
///
/// # Errors
/// [`Error::Internal`] when the edge is not that of the head: somebody altered the tiles.
pub(crate) fn take_in(head: &Head, edge: Edge, entries: Vec<AuditEntry>) -> Result<Longer> {
    let Edge { mut tiles, mut bundle } = edge;
    let found = tree::root(head.size, &tiles).map_err(|error| altered(head.size, error))?;
    if found != head.root {
        return Err(altered(head.size, format!("they give the root {found} and not {}", head.root)));
    }
    require_bundle(head, &tiles, &bundle)?;
    let first_of_bundle = head.size - head.size % u64::from(tile::WIDTH);
    let (mut last, mut leaves, mut logged) = (head.last, Vec::new(), Vec::new());
    for (index, audit) in (head.size..).zip(entries) {
        let leaf = audit.entry.leaf(last);
        logged.push(LoggedEntry { audit, index, prev: last });
        last = hash::leaf(&leaf);
        leaves.push(last);
        bundle.push(leaf);
    }
    let size = head.size + leaves.len() as u64;
    let extend = |error| Error::internal("extend the log's tree", error);
    tiles.append(head.size, &leaves).map_err(extend)?;
    let root = tree::root(size, &tiles).map_err(|error| Error::internal("extend the log's tree", error))?;
    let mut objects = Vec::new();
    for tile in tile::tiles_added(head.size, size) {
        let hashes = tiles.get(tile).ok_or_else(|| Error::internal("extend the log's tree", tile.path()))?;
        objects.push(Object { path: tile.path(), body: tile::encode_tile(hashes) });
    }
    for added in tile::bundles_added(head.size, size) {
        let range = added.entries();
        let from = usize::try_from(range.start - first_of_bundle).unwrap_or(usize::MAX);
        let entries = &bundle[from..from + usize::from(added.width())];
        let body =
            tile::encode_bundle(entries).map_err(|error| Error::internal("write an entry bundle", error))?;
        objects.push(Object { path: added.path(), body });
    }
    Ok(Longer { objects, entries: logged, size, root, last })
}

/// Requires that the entries that are copied on are those of the tree, and that the last of them is the head's.
fn require_bundle(head: &Head, tiles: &Tiles, bundle: &[Vec<u8>]) -> Result<()> {
    let Some(last) = head.size.checked_sub(1).filter(|_| !bundle.is_empty()) else { return Ok(()) };
    let hashes = Tile::holding(0, last, head.size).and_then(|tile| tiles.get(tile)).unwrap_or_default();
    let found: Vec<Hash> = bundle.iter().map(|entry| hash::leaf(entry)).collect();
    if found == hashes && found.last() == Some(&head.last) {
        Ok(())
    } else {
        Err(altered(head.size, "its last entries are not those of its tree"))
    }
}

fn altered(size: u64, cause: impl std::fmt::Display) -> Error {
    Error::internal("extend the log", format!("the tiles of size {size} are not those of its head: {cause}"))
}
