//! Tiles, roots, proofs and paths, for every size up to some and random ones beyond.

use proptest::prelude::*;
use tlog::{
    Bundle, Frontier, Hash, Resource, Tile, Tiles,
    proof::{ProofError, verify_consistency, verify_inclusion},
    tile::{bundles_added, bundles_at, tiles_added, tiles_at},
    tree::{
        Missing, TreeError, consistency_proof, inclusion_proof, root, tiles_for_consistency,
        tiles_for_inclusion, tiles_for_root,
    },
};

use crate::definition::{self, leaf, leaves};

/// Beyond one full tile at level 1.
const LARGE: u64 = 70_000;

/// A tree that holds what a client has fetched, and nothing else.
fn fetch(wanted: Vec<Tile>, from: &Tiles) -> Tiles {
    let mut tiles = Tiles::new();
    for tile in wanted {
        tiles.insert(tile, from.get(tile).unwrap_or_else(|| panic!("no {}", tile.path())).to_vec());
    }
    tiles
}

fn grown(size: u64) -> Tiles {
    let mut tiles = Tiles::new();
    tiles.append(0, &leaves(size)).unwrap();
    tiles
}

fn prefix(leaves: &[Hash], size: u64) -> &[Hash] {
    &leaves[..usize::try_from(size).unwrap()]
}

#[test]
fn roots_are_the_definitions() {
    let all = leaves(600);
    let tiles = grown(600);
    let mut frontier = Frontier::new();
    for size in 0..=600 {
        let expected = definition::root(prefix(&all, size));
        assert_eq!(root(size, &fetch(tiles_for_root(size), &tiles)).unwrap(), expected, "{size}");
        assert_eq!((frontier.size(), frontier.root()), (size, expected));
        frontier.push(leaf(size), |_, _, _| {});
    }
}

#[test]
fn inclusion_proofs_are_the_definitions() {
    let all = leaves(600);
    let tiles = grown(600);
    for size in (1..=70).chain([127, 128, 255, 256, 257, 258, 300, 511, 512, 513, 600]) {
        let expected_root = definition::root(prefix(&all, size));
        // All leaves of small trees, and a few of larger ones.
        let step = if size <= 70 { 1 } else { 37 };
        for index in (0..size).step_by(step).chain([size - 1]) {
            let proof =
                inclusion_proof(index, size, &fetch(tiles_for_inclusion(index, size), &tiles)).unwrap();
            let expected = definition::inclusion(usize::try_from(index).unwrap(), prefix(&all, size));
            assert_eq!(proof, expected, "{index} in {size}");
            verify_inclusion(leaf(index), index, size, &proof, expected_root).unwrap();
        }
    }
}

#[test]
fn consistency_proofs_are_the_definitions() {
    let all = leaves(600);
    let tiles = grown(600);
    let roots: Vec<Hash> = (0..=600).map(|size| definition::root(prefix(&all, size))).collect();
    let pairs = (0..=70).flat_map(|new| (0..=new).map(move |old| (old, new)));
    for (old, new) in pairs.chain([(255, 256), (256, 257), (200, 600), (256, 600), (512, 600), (513, 600)]) {
        let proof = consistency_proof(old, new, &fetch(tiles_for_consistency(old, new), &tiles)).unwrap();
        if old > 0 {
            let expected = definition::consistency(usize::try_from(old).unwrap(), prefix(&all, new));
            assert_eq!(proof, expected, "{old} to {new}");
        }
        let [old_root, new_root] = [old, new].map(|size| roots[usize::try_from(size).unwrap()]);
        verify_consistency(old, old_root, new, new_root, &proof).unwrap();
        assert_each_alteration_fails(&proof, |proof| verify_consistency(old, old_root, new, new_root, proof));
        if old < new {
            assert!(verify_consistency(old, new_root, new, new_root, &proof).is_err(), "{old} to {new}");
            assert!(verify_consistency(old, old_root, new, old_root, &proof).is_err() || old == 0);
        }
    }
}

/// Each hash changed, left out or doubled, and one more at either end.
fn assert_each_alteration_fails(proof: &[Hash], verify: impl Fn(&[Hash]) -> Result<(), ProofError>) {
    for at in 0..proof.len() {
        let mut altered = proof.to_vec();
        altered[at] = tlog::hash::leaf(altered[at].as_bytes());
        assert!(verify(&altered).is_err(), "hash {at} of {} is another", proof.len());
        altered.remove(at);
        assert!(verify(&altered).is_err(), "hash {at} of {} is missing", proof.len());
        let mut altered = proof.to_vec();
        altered.insert(at, proof[at]);
        assert!(verify(&altered).is_err(), "hash {at} of {} is doubled", proof.len());
    }
    assert_eq!(verify(&[proof, &[Hash::ZERO]].concat()), Err(ProofError::TooLong));
    assert!(verify(&[&[Hash::ZERO], proof].concat()).is_err());
}

#[test]
fn wrong_questions_are_told_so() {
    let tiles = grown(3);
    assert_eq!(inclusion_proof(3, 3, &tiles), Err(TreeError::NoLeaf { index: 3, size: 3 }));
    assert_eq!(consistency_proof(3, 2, &tiles), Err(TreeError::Smaller { old: 3, new: 2 }));
    assert!(tiles_for_inclusion(3, 3).is_empty() && tiles_for_consistency(3, 2).is_empty());
    let fourth = Tile::new(0, 0, 4).unwrap();
    assert_eq!(root(4, &tiles), Err(Missing(fourth)));
    assert_eq!(Missing(fourth).to_string(), "tile/0/000.p/4 is not known");
    assert_eq!(Tiles::new().append(u64::MAX, &[Hash::ZERO]), Err(TreeError::Full));
    let zero = Hash::ZERO;
    assert_eq!(verify_inclusion(zero, 3, 3, &[], zero), Err(ProofError::NoLeaf { index: 3, size: 3 }));
    assert_eq!(verify_inclusion(zero, 0, 2, &[], zero), Err(ProofError::TooShort));
    assert_eq!(verify_consistency(3, zero, 2, zero, &[]), Err(ProofError::Smaller { old: 3, new: 2 }));
    assert_eq!(verify_consistency(3, zero, 4, zero, &[]), Err(ProofError::TooShort));
    assert!(matches!(verify_inclusion(zero, 0, 1, &[], leaf(0)), Err(ProofError::OtherRoot { .. })));
    assert!(matches!(verify_consistency(0, zero, 1, zero, &[]), Err(ProofError::OtherOldRoot { .. })));
}

#[test]
fn the_largest_trees_overflow_nothing() {
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1, (1 << 63) - 1] {
        assert_eq!(
            tiles_for_root(size).len(),
            tiles_for_root(size).iter().filter(|tile| !tile.is_full()).count()
        );
        for index in [0, 1, size / 2, size - 1] {
            let tiles = tiles_for_inclusion(index, size);
            assert!(!tiles.is_empty() && tiles.len() <= 16, "{}", tiles.len());
            assert!(matches!(inclusion_proof(index, size, &Tiles::new()), Err(TreeError::Missing(_))));
            assert!(tiles_for_consistency(index, size).len() <= 16);
            let long = vec![Hash::ZERO; 64];
            assert!(verify_inclusion(Hash::ZERO, index, size, &long, Hash::ZERO).is_err());
            assert!(verify_consistency(index, Hash::ZERO, size, Hash::ZERO, &long).is_err());
        }
    }
}

#[test]
fn what_was_known_behind_the_edge_is_replaced() {
    let mut tiles = grown(600);
    let other: Vec<Hash> = (1000..1400).map(leaf).collect();
    tiles.append(300, &other).unwrap();
    let all = [leaves(300), other].concat();
    assert_eq!(root(700, &tiles).unwrap(), definition::root(&all));
    tiles.keep_edge(700);
    assert_eq!(root(700, &tiles).unwrap(), definition::root(&all));
    assert!(root(600, &tiles).is_ok() && root(200, &tiles).is_err());
    let before = tiles.clone();
    assert!(tiles.append(200, &[Hash::ZERO]).is_err());
    assert_eq!(root(700, &tiles), root(700, &before));
}

fn grows_as_at_once(mut cuts: Vec<u64>) {
    cuts.sort_unstable();
    let mut tiles = Tiles::new();
    let mut size = 0;
    for next in cuts {
        let added: Vec<Hash> = (size..next).map(leaf).collect();
        tiles.append(size, &added).unwrap();
        let mut published = Tiles::new();
        for tile in tiles_added(size, next) {
            published.insert(tile, tiles.get(tile).unwrap().to_vec());
        }
        tiles.keep_edge(next);
        for tile in tiles_for_root(next) {
            if let Some(hashes) = published.get(tile) {
                assert_eq!(tiles.get(tile), Some(hashes));
            }
        }
        size = next;
    }
    assert_eq!(root(size, &tiles).unwrap(), definition::root(&leaves(size)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_tree_grows_in_steps_as_at_once(cuts in prop::collection::vec(0..1500_u64, 1..6)) {
        grows_as_at_once(cuts);
    }

    #[test]
    fn each_leaf_is_proven_and_no_other(size in 1..1500_u64, at in any::<prop::sample::Index>(), bit in 0..256_usize) {
        let index = at.index(usize::try_from(size).unwrap()) as u64;
        let tiles = grown(size);
        let root = root(size, &tiles).unwrap();
        prop_assert_eq!(root, definition::root(&leaves(size)));
        let proof = inclusion_proof(index, size, &tiles).unwrap();
        verify_inclusion(leaf(index), index, size, &proof, root).unwrap();
        assert_each_alteration_fails(&proof, |proof| verify_inclusion(leaf(index), index, size, proof, root));
        prop_assert!(verify_inclusion(leaf(index + 1), index, size, &proof, root).is_err());
        for other in [index.wrapping_sub(1), index + 1, index ^ 1 << (bit % 11)] {
            prop_assert!(verify_inclusion(leaf(index), other, size, &proof, root).is_err());
        }
        let mut flipped = *root.as_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let flipped = Hash::from_bytes(flipped);
        prop_assert!(verify_inclusion(leaf(index), index, size, &proof, flipped).is_err());
    }

    #[test]
    fn what_is_added_is_what_was_not_there(old in 0..200_000_u64, more in 0..200_000_u64) {
        let at = |size| tiles_at(size).collect::<std::collections::BTreeSet<_>>();
        let added: Vec<Tile> = tiles_added(old, old + more).collect();
        prop_assert_eq!(&added, &at(old + more).difference(&at(old)).copied().collect::<Vec<_>>());
        let bundles: Vec<Tile> = bundles_added(old, old + more).map(Bundle::tile).collect();
        let level_0: Vec<Tile> = added.into_iter().filter(|tile| tile.level() == 0).collect();
        prop_assert_eq!(bundles, level_0);
        prop_assert_eq!(bundles_at(old).map(|bundle| u64::from(bundle.width())).sum::<u64>(), old);
    }

    #[test]
    fn a_path_names_its_tile(level in 0..=63_u8, index in any::<u64>(), shift in 0..64_u32, width in 1..=256_u16) {
        let tile = Tile::new(level, index >> shift, width).unwrap();
        prop_assert_eq!(tile.path().parse(), Ok(Resource::Tile(tile)));
        let bundle = Bundle::new(index >> shift, width).unwrap();
        prop_assert_eq!(bundle.path().parse(), Ok(Resource::Bundle(bundle)));
    }

    #[test]
    fn a_path_has_one_spelling(path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(resource) = path.parse::<Resource>() {
            prop_assert_eq!(resource.to_string(), path);
        }
    }
}

#[test]
fn a_large_tree_is_proven_from_a_few_tiles() {
    let all = leaves(LARGE);
    let tiles = grown(LARGE);
    let expected = definition::root(&all);
    assert_eq!(root(LARGE, &fetch(tiles_for_root(LARGE), &tiles)).unwrap(), expected);
    for index in [0, 255, 256, 65_535, 65_536, 66_000, LARGE - 1] {
        let wanted = tiles_for_inclusion(index, LARGE);
        assert!(wanted.len() <= 6, "{index}: {wanted:?}");
        let proof = inclusion_proof(index, LARGE, &fetch(wanted, &tiles)).unwrap();
        verify_inclusion(leaf(index), index, LARGE, &proof, expected).unwrap();
    }
    for old in [1, 255, 256, 300, 65_535, 65_536, 65_537, 69_999] {
        let proof = consistency_proof(old, LARGE, &fetch(tiles_for_consistency(old, LARGE), &tiles)).unwrap();
        verify_consistency(old, definition::root(prefix(&all, old)), LARGE, expected, &proof).unwrap();
    }
}
