//! What others have published.

use tlog::{
    Hash, Tiles,
    hash::{empty, leaf, node},
    proof::{verify_consistency, verify_inclusion},
    tile::tiles_at,
    tree::{consistency_proof, inclusion_proof, root},
};

/// The reference tree of RFC 6962's implementation.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots, from one leaf to all.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf, size and proof.
const INCLUSION: [(u64, u64, &[&str]); 4] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
];

/// Earlier size, later size and proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn reference() -> Tiles {
    let leaves: Vec<Hash> = LEAVES.iter().map(|data| leaf(data)).collect();
    let mut tiles = Tiles::new();
    tiles.append(0, &leaves).unwrap();
    tiles
}

#[test]
fn the_reference_tree_has_its_roots() {
    assert_eq!(empty().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(node(leaf(b""), leaf(b"\x00")).to_string(), ROOTS[1]);
    let tiles = reference();
    for (size, expected) in (1..).zip(ROOTS) {
        assert_eq!(root(size, &tiles).unwrap().to_string(), expected, "{size}");
    }
}

#[test]
fn the_reference_tree_has_its_proofs() {
    let (tiles, roots) = (reference(), hashes(&ROOTS));
    let root_at = |size: u64| roots[usize::try_from(size).unwrap() - 1];
    for (index, size, proof) in INCLUSION {
        let proof = hashes(proof);
        assert_eq!(inclusion_proof(index, size, &tiles).unwrap(), proof, "{index} in {size}");
        let data = LEAVES[usize::try_from(index).unwrap()];
        verify_inclusion(leaf(data), index, size, &proof, root_at(size)).unwrap();
    }
    for (old, new, proof) in CONSISTENCY {
        let proof = hashes(proof);
        assert_eq!(consistency_proof(old, new, &tiles).unwrap(), proof, "{old} to {new}");
        verify_consistency(old, root_at(old), new, root_at(new), &proof).unwrap();
    }
}

#[test]
fn the_tiles_of_the_specification_are_the_tree() {
    // C2SP tlog-tiles: 70,000 leaves have 273 full tiles and one of 112; one full and one of 17 above; one of 1 on top.
    let leaves: Vec<Hash> = (0..70_000_u64).map(|index| leaf(&index.to_be_bytes())).collect();
    let mut tiles = Tiles::new();
    tiles.append(0, &leaves).unwrap();
    let widths: Vec<usize> = tiles_at(70_000).map(|tile| tiles.get(tile).unwrap().len()).collect();
    assert_eq!(widths.len(), 277);
    assert_eq!(widths[272..], [256, 112, 256, 17, 1]);
}
