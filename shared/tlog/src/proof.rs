//! Checking proofs: all that is needed is a root that one trusts (RFC 9162 §2.1.3.2 and §2.1.4.2).

use crate::{Hash, hash};

/// The proof does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoLeaf {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A tree never loses leaves.
    #[error("a tree of {new} leaves does not continue one of {old}")]
    Smaller {
        /// The size of what should be the earlier tree.
        old: u64,
        /// The size of what should be the later tree.
        new: u64,
    },
    /// It has fewer hashes than such a proof has.
    #[error("the proof is too short")]
    TooShort,
    /// It has more hashes than such a proof has.
    #[error("the proof is too long")]
    TooLong,
    /// It leads to another root than the tree's.
    #[error("the proof leads to the root {found}, and the tree's is {expected}")]
    OtherRoot {
        /// The tree's root.
        expected: Hash,
        /// Where the proof leads.
        found: Hash,
    },
    /// It leads to another root than the earlier tree's.
    #[error("the proof leads to the earlier root {found}, and the tree's was {expected}")]
    OtherOldRoot {
        /// The earlier tree's root.
        expected: Hash,
        /// Where the proof leads.
        found: Hash,
    },
}

/// Whether the leaf with this hash is leaf `index` of the tree with `size` leaves and this root (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoLeaf { index, size });
    }
    let mut way = Way { node: index, last: size - 1 };
    let mut found = leaf;
    for beside in proof {
        found = match way.up()? {
            Side::Left => hash::node(*beside, found),
            Side::Right => hash::node(found, *beside),
        };
    }
    way.finish()?;
    if found == root { Ok(()) } else { Err(ProofError::OtherRoot { expected: root, found }) }
}

/// Whether the tree with `new_size` leaves and `new_root` starts with the one of `old_size` leaves and `old_root`
/// (RFC 9162 §2.1.4.2). Every tree starts with the empty one and with itself; both take an empty proof.
pub fn verify_consistency(
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Smaller { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        let known = if old_size == new_size { new_root } else { hash::empty() };
        return match proof {
            [_, ..] => Err(ProofError::TooLong),
            [] if known == old_root => Ok(()),
            [] => Err(ProofError::OtherOldRoot { expected: old_root, found: known }),
        };
    }
    // A perfect tree is a node of every later one: the proof starts at it and need not say its hash.
    let (start, proof) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        let (start, rest) = proof.split_first().ok_or(ProofError::TooShort)?;
        (*start, rest)
    };
    let mut way = Way { node: old_size - 1, last: new_size - 1 };
    way.skip_right_children();
    let (mut old, mut new) = (start, start);
    for beside in proof {
        match way.up()? {
            Side::Left => {
                old = hash::node(*beside, old);
                new = hash::node(*beside, new);
            }
            Side::Right => new = hash::node(new, *beside),
        }
    }
    way.finish()?;
    if old != old_root {
        return Err(ProofError::OtherOldRoot { expected: old_root, found: old });
    }
    if new == new_root { Ok(()) } else { Err(ProofError::OtherRoot { expected: new_root, found: new }) }
}

/// The way from a node up to the root: the node's place on its level and that of the level's last node.
struct Way {
    node: u64,
    last: u64,
}

/// Where the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

impl Way {
    /// One step up: on which side of the node its sibling is.
    fn up(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::TooLong);
        }
        let side = if self.node & 1 == 1 {
            Side::Left
        } else if self.node == self.last {
            // The last node of its level has no sibling until it is a right child.
            self.climb(self.node.trailing_zeros());
            Side::Left
        } else {
            Side::Right
        };
        self.climb(1);
        Ok(side)
    }

    /// Up to the first level on which the node is a left child.
    fn skip_right_children(&mut self) {
        self.climb(self.node.trailing_ones());
    }

    fn climb(&mut self, levels: u32) {
        self.node = self.node.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::TooShort) }
    }
}
