//! Roots and proofs of a tree that is known by its tiles (RFC 9162 §2.1; C2SP tlog-tiles, Merkle tree).
//!
//! A function that needs tiles has a sibling that names them, so that they can be fetched at once.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use crate::{Frontier, Hash, Tile, frontier::fold, hash, tile::WIDTH};

/// The tiles that are known, each by its widest form.
#[derive(Clone, Debug, Default)]
pub struct Tiles(HashMap<(u8, u64), Vec<Hash>>);

/// A tile is needed and not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not known", .0.path())]
pub struct Missing(pub Tile);

/// There is no such proof, or no means to make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tile is needed and not known.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoLeaf {
        /// The leaf that was asked for.
        index: u64,
        /// How many leaves there are.
        size: u64,
    },
    /// A tree never loses leaves.
    #[error("a tree of {new} leaves does not continue one of {old}")]
    Smaller {
        /// The size that should be the earlier one.
        old: u64,
        /// The size that should be the later one.
        new: u64,
    },
    /// A tree has at most 2⁶⁴ - 1 leaves.
    #[error("no tree has so many leaves")]
    Full,
}

impl Tiles {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tile, with as many hashes as it is wide. One that is known to be wider stays as it is.
    pub fn insert(&mut self, tile: Tile, mut hashes: Vec<Hash>) {
        hashes.truncate(usize::from(tile.width()));
        let known = self.0.entry((tile.level(), tile.index())).or_default();
        if known.len() < hashes.len() {
            *known = hashes;
        }
    }

    /// The hashes of a tile, exactly as many as it is wide.
    pub fn get(&self, tile: Tile) -> Option<&[Hash]> {
        self.0.get(&(tile.level(), tile.index()))?.get(..usize::from(tile.width()))
    }

    /// The hash of a leaf.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        let (tile, place) = (index / u64::from(WIDTH), index % u64::from(WIDTH));
        self.0.get(&(0, tile))?.get(usize::try_from(place).ok()?).copied()
    }

    /// Adds leaves, by their hashes, to a tree of `size`. It needs the tiles of [`tiles_for_root`]; what was known of
    /// leaves behind `size` on its right edge is replaced. Afterwards every tile of
    /// [`tiles_added`](crate::tile::tiles_added)`(size, size + leaves.len())` is known. An error changes nothing.
    pub fn append(&mut self, size: u64, leaves: &[Hash]) -> Result<(), TreeError> {
        u64::try_from(leaves.len()).ok().and_then(|added| size.checked_add(added)).ok_or(TreeError::Full)?;
        let mut frontier = Frontier::resume(size, self)?;
        for leaf in leaves {
            frontier.push(*leaf, |level, place, hash| self.put(level, place, hash));
        }
        Ok(())
    }

    /// Forgets all but what a tree of `size` needs to grow, which is at most 8 tiles.
    pub fn keep_edge(&mut self, size: u64) {
        let edge = tiles_for_root(size);
        self.0.retain(|(level, index), _| {
            edge.iter().any(|tile| (tile.level(), tile.index()) == (*level, *index))
        });
    }

    /// The hashes before `place` in its tile are known: the frontier was made of them, or has put them.
    fn put(&mut self, level: u8, place: u64, hash: Hash) {
        let (tile, place) = (place / u64::from(WIDTH), place % u64::from(WIDTH));
        let known = self.0.entry((level, tile)).or_default();
        known.truncate(usize::try_from(place).unwrap_or(0));
        known.push(hash);
    }

    /// The root of a perfect subtree.
    fn perfect(&self, subtree: Perfect, size: u64) -> Result<Hash, Missing> {
        let (tile, hashes) = subtree.within(size);
        self.get(tile).and_then(|known| known.get(hashes)).map(perfect_root).ok_or(Missing(tile))
    }
}

/// The root of a tree of `size` leaves (RFC 9162 §2.1.1).
pub fn root(size: u64, tiles: &Tiles) -> Result<Hash, Missing> {
    Ok(Frontier::resume(size, tiles)?.root())
}

/// What [`root`] and [`Tiles::append`] need: the tiles on the right edge, sorted.
pub fn tiles_for_root(size: u64) -> Vec<Tile> {
    tiles_of(std::iter::once(0..size), size)
}

/// The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up (RFC 9162 §2.1.3.1).
pub fn inclusion_proof(index: u64, size: u64, tiles: &Tiles) -> Result<Vec<Hash>, TreeError> {
    if index >= size {
        return Err(TreeError::NoLeaf { index, size });
    }
    hashes_of(inclusion(index, size), size, tiles)
}

/// What [`inclusion_proof`] needs, sorted; nothing when the tree has no such leaf.
pub fn tiles_for_inclusion(index: u64, size: u64) -> Vec<Tile> {
    if index < size { tiles_of(inclusion(index, size).into_iter(), size) } else { Vec::new() }
}

/// The proof that the tree of `new` leaves starts with that of `old` leaves (RFC 9162 §2.1.4.1). Empty when both are of
/// one size and when `old` is 0.
pub fn consistency_proof(old: u64, new: u64, tiles: &Tiles) -> Result<Vec<Hash>, TreeError> {
    if old > new {
        return Err(TreeError::Smaller { old, new });
    }
    hashes_of(consistency(old, new), new, tiles)
}

/// What [`consistency_proof`] needs, sorted.
pub fn tiles_for_consistency(old: u64, new: u64) -> Vec<Tile> {
    tiles_of(consistency(old, new).into_iter(), new)
}

/// The subtrees beside the way from a leaf to the root, lowest first. Each is given by its leaves.
fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut beside = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let middle = split(&tree);
        if index < middle {
            beside.push(middle..tree.end);
            tree.end = middle;
        } else {
            beside.push(tree.start..middle);
            tree.start = middle;
        }
    }
    beside.reverse();
    beside
}

/// The subtrees of a consistency proof, lowest first. Each is given by its leaves.
fn consistency(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return proof;
    }
    let mut tree = 0..new;
    while tree.end != old {
        let middle = split(&tree);
        if old <= middle {
            proof.push(middle..tree.end);
            tree.end = middle;
        } else {
            proof.push(tree.start..middle);
            tree.start = middle;
        }
    }
    // Whoever checks the proof knows the old tree's root, and only parts of it when they must be given.
    if tree.start > 0 {
        proof.push(tree);
    }
    proof.reverse();
    proof
}

/// Where a tree of at least two leaves parts: behind the largest power of two smaller than its size.
fn split(tree: &Range<u64>) -> u64 {
    tree.start + (1 << (tree.end - tree.start - 1).ilog2())
}

/// The hash of each of these subtrees.
fn hashes_of(subtrees: Vec<Range<u64>>, size: u64, tiles: &Tiles) -> Result<Vec<Hash>, TreeError> {
    subtrees.into_iter().map(|subtree| Ok(fold(&peaks(subtree, size, tiles)?))).collect()
}

/// The tiles that know these subtrees in a tree of `size` leaves.
fn tiles_of(subtrees: impl Iterator<Item = Range<u64>>, size: u64) -> Vec<Tile> {
    let tiles: BTreeSet<Tile> =
        subtrees.flat_map(Perfect::side_by_side).map(|part| part.within(size).0).collect();
    tiles.into_iter().collect()
}

/// The roots of the perfect subtrees that make up a subtree, largest first.
pub(crate) fn peaks(subtree: Range<u64>, size: u64, tiles: &Tiles) -> Result<Vec<Hash>, Missing> {
    Perfect::side_by_side(subtree).map(|part| tiles.perfect(part, size)).collect()
}

/// A subtree with 2^`height` leaves, all of which are in the tree.
#[derive(Clone, Copy, Debug)]
struct Perfect {
    height: u32,
    first: u64,
}

impl Perfect {
    /// Those that make up a subtree of any size, given by its leaves; largest first.
    fn side_by_side(subtree: Range<u64>) -> impl Iterator<Item = Self> {
        let Range { start: mut first, end } = subtree;
        std::iter::from_fn(move || {
            let height = (end - first).checked_ilog2()?;
            let part = Self { height, first };
            first += 1 << height;
            Some(part)
        })
    }

    /// The tile of a tree of `size` leaves, and the hashes in it, over which its root is.
    fn within(self, size: u64) -> (Tile, Range<usize>) {
        // At most 7, because a height is at most 63.
        let level = u8::try_from(self.height / 8).unwrap_or(u8::MAX);
        let hashes = 1_u64 << (self.height % 8);
        let first = self.first >> (8 * u32::from(level));
        let tile = Tile::holding(level, first, size).expect("the tree has all leaves of its subtrees");
        // Below 256.
        let [first, hashes] =
            [first % u64::from(WIDTH), hashes].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        (tile, first..first + hashes)
    }
}

/// The root over a power of two of hashes.
fn perfect_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            hash::node(perfect_root(left), perfect_root(right))
        }
    }
}
