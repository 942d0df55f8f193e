//! What the log becomes when it takes entries in. Pure: the sequencer writes it.

use kernel::{Error, Result, error::Cause};
use store::{
    audit::AuditEntry,
    ledger::{Head, LoggedEntry},
};
use tlog::{Hash, Resource, Tiles, hash, proof, tile, tree};

/// An object of the log's bucket.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it is, which is where it is.
    pub(crate) resource: Resource,
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
    require_own_edge(head, &edge)?;
    let Edge { mut tiles, mut bundle } = edge;
    let (mut last, mut leaves, mut logged) = (head.last, Vec::new(), Vec::new());
    for (index, audit) in (head.size..).zip(entries) {
        let leaf = audit.entry.leaf(last);
        logged.push(LoggedEntry { audit, index, prev: last });
        last = hash::leaf(&leaf);
        leaves.push(last);
        bundle.push(leaf);
    }
    let size = head.size + leaves.len() as u64;
    tiles.append(head.size, &leaves).map_err(unable)?;
    let root = tree::root(size, &tiles).map_err(unable)?;
    Ok(Longer { objects: objects(head.size, size, &tiles, &bundle)?, entries: logged, size, root, last })
}

/// The tiles and bundles that are new or longer. `bundle` holds the entries from the last bundle of the old log on.
fn objects(old: u64, new: u64, tiles: &Tiles, bundle: &[Vec<u8>]) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for tile in tile::tiles_added(old, new) {
        let hashes = tiles.get(tile).ok_or_else(|| unable(tile.path()))?;
        objects.push(Object { resource: Resource::Tile(tile), body: tile::encode_tile(hashes) });
    }
    let first = old - old % u64::from(tile::WIDTH);
    for added in tile::bundles_added(old, new) {
        let from = usize::try_from(added.entries().start - first).unwrap_or(usize::MAX);
        let entries = &bundle[from..from + usize::from(added.width())];
        let body = tile::encode_bundle(entries).map_err(unable)?;
        objects.push(Object { resource: Resource::Bundle(added), body });
    }
    Ok(objects)
}

/// Requires that the edge is the head's: the tiles give its root, its last hash is the last leaf's, and the entries that
/// are copied on are those of the tree.
fn require_own_edge(head: &Head, Edge { tiles, bundle }: &Edge) -> Result<()> {
    let Some(last) = head.size.checked_sub(1) else { return Ok(()) };
    let altered = |cause: String| {
        let size = head.size;
        Error::internal(
            "extend the log",
            format!("the tiles of size {size} are not those of its head: {cause}"),
        )
    };
    let root = tree::root(head.size, tiles).map_err(|error| altered(error.to_string()))?;
    if root != head.root {
        return Err(altered(format!("they give the root {root} and not {}", head.root)));
    }
    tree::inclusion_proof(last, head.size, tiles).map_err(|error| altered(error.to_string())).and_then(
        |hashes| {
            let proven = proof::verify_inclusion(head.last, last, head.size, &hashes, head.root);
            proven.map_err(|error| altered(format!("{} is not its last leaf: {error}", head.last)))
        },
    )?;
    let first = head.size - bundle.len() as u64;
    let is_held = |(index, entry): (u64, &Vec<u8>)| tiles.leaf(index) == Some(hash::leaf(entry));
    if (first..).zip(bundle).all(is_held) {
        Ok(())
    } else {
        Err(altered("its last entries are not those of its tree".to_owned()))
    }
}

fn unable(cause: impl Into<Cause>) -> Error {
    Error::internal("extend the log's tree", cause)
}
