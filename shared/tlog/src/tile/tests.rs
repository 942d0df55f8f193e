use super::*;

fn counts(tiles: impl Iterator<Item = Tile>) -> Vec<(u8, u16, usize)> {
    let mut counts: Vec<(u8, u16, usize)> = Vec::new();
    for tile in tiles {
        match counts.last_mut() {
            Some((level, width, count)) if (*level, *width) == (tile.level(), tile.width()) => *count += 1,
            _ => counts.push((tile.level(), tile.width(), 1)),
        }
    }
    counts
}

#[test]
fn the_specification_counts_tiles() {
    assert_eq!(counts(tiles_at(70_000)), [(0, 256, 273), (0, 112, 1), (1, 256, 1), (1, 17, 1), (2, 1, 1)]);
    assert_eq!(counts(tiles_at(256)), [(0, 256, 1), (1, 1, 1)]);
    assert_eq!(counts(tiles_at(1)), [(0, 1, 1)]);
    assert_eq!(tiles_at(0).count(), 0);
    assert_eq!(bundles_at(70_000).count(), 274);
}

#[test]
fn only_what_changed_is_added() {
    assert_eq!(tiles_added(300, 300).count() + tiles_added(300, 299).count(), 0);
    assert_eq!(counts(tiles_added(300, 301)), [(0, 45, 1)]);
    assert_eq!(counts(tiles_added(300, 512)), [(0, 256, 1), (1, 2, 1)]);
    assert_eq!(counts(tiles_added(512, 513)), [(0, 1, 1)]);
    assert_eq!(counts(tiles_added(65_535, 65_537)), [(0, 256, 1), (0, 1, 1), (1, 256, 1), (2, 1, 1)]);
    let at = |size| tiles_at(size).collect::<std::collections::BTreeSet<_>>();
    for (old, new) in [(0, 1), (1, 255), (255, 256), (256, 257), (700, 1500), (65_000, 70_000)] {
        let added: Vec<Tile> = tiles_added(old, new).collect();
        let difference: Vec<Tile> = at(new).difference(&at(old)).copied().collect();
        assert_eq!(added, difference, "{old} to {new}");
    }
}

#[test]
fn the_largest_tree_overflows_nothing() {
    let last = Tile::holding(0, u64::MAX - 1, u64::MAX).unwrap();
    assert_eq!((last.index(), last.width()), (u64::MAX / 256, 255));
    assert_eq!(last.leaves(), u64::MAX - 255..u64::MAX);
    assert_eq!(Tile::holding(7, 254, u64::MAX).unwrap().leaves().end, 255 << 56);
    assert_eq!(Tile::holding(8, 0, u64::MAX), None);
    assert_eq!(tiles_added(u64::MAX - 1, u64::MAX).collect::<Vec<_>>(), [last]);
    assert_eq!(Tile::new(63, u64::MAX, 256).unwrap().leaves(), u64::MAX..u64::MAX);
    assert!(Tile::new(64, 0, 1).is_none() && Tile::new(0, 0, 0).is_none() && Tile::new(0, 0, 257).is_none());
}

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let longest = vec![7; 65_535];
    let entries: [&[u8]; 3] = [b"", b"one", &longest];
    let bytes = encode_bundle(&entries).unwrap();
    assert_eq!(&bytes[..7], b"\x00\x00\x00\x03one");
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
    assert_eq!(encode_bundle(&[vec![], vec![0; 65_536]]), Err(TooLong { entry: 1, length: 65_536 }));
}

#[test]
fn a_broken_bundle_is_named_by_entry_and_byte() {
    let bytes = encode_bundle(&[b"ab", b"cd"]).unwrap();
    assert_eq!(decode_bundle(&bytes, 3), Err(BundleError::CutOff { entry: 2, offset: 8 }));
    assert_eq!(decode_bundle(&bytes, 1), Err(BundleError::TooLong { entry: 0, offset: 4 }));
    for end in 4..8 {
        assert_eq!(decode_bundle(&bytes[..end], 2), Err(BundleError::CutOff { entry: 1, offset: 4 }));
    }
    let mut before = Entries::new(&bytes[..7], 2);
    assert_eq!(before.next(), Some(Ok(b"ab".as_slice())));
    assert!(before.next().unwrap().is_err());
    assert_eq!(before.next(), None);
}

#[test]
fn a_tile_has_exactly_its_width() {
    let hashes = [Hash::ZERO, crate::hash::empty()];
    let bytes = encode_tile(&hashes);
    assert_eq!(decode_tile(&bytes, 2).unwrap(), hashes);
    assert_eq!(decode_tile(&bytes, 1), Err(TileError { expected: 32, found: 64 }));
    assert_eq!(decode_tile(&bytes[1..], 2), Err(TileError { expected: 64, found: 63 }));
}
