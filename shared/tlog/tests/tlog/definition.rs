//! The tree as RFC 9162 §2.1 defines it: recursive, over all leaves, and slow.

use tlog::{Hash, hash};

/// The hash of leaf `index` in the tests' trees.
pub(crate) fn leaf(index: u64) -> Hash {
    hash::leaf(&index.to_be_bytes())
}

/// The hashes of the first leaves.
pub(crate) fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// §2.1.1.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash::node(root(left), root(right))
        }
    }
}

/// §2.1.3.1.
pub(crate) fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, beside) = if index < left.len() {
        (inclusion(index, left), right)
    } else {
        (inclusion(index - left.len(), right), left)
    };
    proof.push(root(beside));
    proof
}

/// §2.1.4.1, for 0 < `old` <= the number of leaves.
pub(crate) fn consistency(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, beside) = if old <= left.len() {
        (subproof(old, left, known), right)
    } else {
        (subproof(old - left.len(), right, false), left)
    };
    proof.push(root(beside));
    proof
}

/// The largest power of two smaller than the number of leaves.
fn split(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}
