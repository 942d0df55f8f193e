//! The right edge of a growing tree: all that the next leaf and the root need to know of the leaves before.

use crate::{
    Hash, Tiles, hash,
    tree::{Missing, peaks},
};

/// The roots of the perfect subtrees that a tree consists of, largest first: at most 64 hashes, however many leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a tree of `size` leaves, from the tiles that [`tiles_for_root`](crate::tree::tiles_for_root) names.
    pub fn resume(size: u64, tiles: &Tiles) -> Result<Self, Missing> {
        Ok(Self { size, peaks: peaks(0..size, size, tiles)? })
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root (RFC 9162 §2.1.1).
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Adds a leaf by its hash. `each` is told the hashes that this adds to the tiles, level by level: the level, the
    /// place in it, and the hash. The 2⁶⁴th leaf is not added.
    pub fn push(&mut self, leaf: Hash, mut each: impl FnMut(u8, u64, Hash)) {
        let Some(size) = self.size.checked_add(1) else {
            return;
        };
        each(0, self.size, leaf);
        let (mut hash, mut place) = (leaf, self.size);
        let mut height = 0_u8;
        while place & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = hash::node(left, hash);
            place >>= 1;
            height += 1;
            if height.is_multiple_of(8) {
                each(height / 8, place, hash);
            }
        }
        self.peaks.push(hash);
        self.size = size;
    }
}

/// The hash over perfect subtrees that lie side by side, largest first.
pub(crate) fn fold(peaks: &[Hash]) -> Hash {
    let joined = peaks.iter().copied().rev().reduce(|right, left| hash::node(left, right));
    joined.unwrap_or_else(hash::empty)
}
