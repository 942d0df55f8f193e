//! Tiles and entry bundles: the tree and its leaves in pieces of 256 (C2SP tlog-tiles).

use std::ops::Range;

use crate::Hash;

/// How many hashes a full tile has, and how many entries a full bundle.
pub const WIDTH: u16 = 256;

/// The highest level a path may name. A tree with fewer than 2⁶⁴ leaves has tiles up to level 7.
pub const LEVEL_MAX: u8 = 63;

/// Which hashes: tile `index` of a level, its first `width` hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// A tile; none when `level` is above 63 or `width` is not within 1..=256.
    pub const fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        if level <= LEVEL_MAX && width >= 1 && width <= WIDTH {
            Some(Self { level, index, width })
        } else {
            None
        }
    }

    /// The tile that holds node `index` of its level in a tree of `size` leaves, as wide as it is there. None when the
    /// tree has no such node.
    pub fn holding(level: u8, index: u64, size: u64) -> Option<Self> {
        let nodes = nodes(level, size);
        let tile = index / u64::from(WIDTH);
        if index < nodes { Self::new(level, tile, width(tile, nodes)) } else { None }
    }

    /// Its level: 0 holds the leaves' hashes, each level above the roots of the full tiles below.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Its place within the level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it holds, 1..=256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes, and never changes again.
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The same tile with all its 256 hashes.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    /// The leaves that its hashes stand for. Both ends are at most 2⁶⁴ - 1.
    pub fn leaves(self) -> Range<u64> {
        let first = self.index.saturating_mul(u64::from(WIDTH));
        let end = first.saturating_add(u64::from(self.width));
        leaves_before(self.level, first)..leaves_before(self.level, end)
    }
}

/// Which entries: bundle `index`, its first `width` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    index: u64,
    width: u16,
}

impl Bundle {
    /// A bundle; none when `width` is not within 1..=256.
    pub const fn new(index: u64, width: u16) -> Option<Self> {
        if width >= 1 && width <= WIDTH { Some(Self { index, width }) } else { None }
    }

    /// The bundle that holds entry `index` of a log of `size` entries, as wide as it is there. None when the log has no
    /// such entry.
    pub fn holding(index: u64, size: u64) -> Option<Self> {
        Tile::holding(0, index, size).map(Self::of)
    }

    /// Its place in the log.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries it holds, 1..=256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds 256 entries, and never changes again.
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The same bundle with all its 256 entries.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    /// The tile at level 0 with the hashes of these entries.
    pub const fn tile(self) -> Tile {
        Tile { level: 0, index: self.index, width: self.width }
    }

    /// The indexes of its entries. Both ends are at most 2⁶⁴ - 1.
    pub fn entries(self) -> Range<u64> {
        self.tile().leaves()
    }

    const fn of(tile: Tile) -> Self {
        Self { index: tile.index, width: tile.width }
    }
}

/// All tiles of a tree of `size` leaves, full and partial: level by level, each from left to right.
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    tiles_added(0, size)
}

/// All bundles of a log of `size` entries, in order.
pub fn bundles_at(size: u64) -> impl Iterator<Item = Bundle> {
    bundles_added(0, size)
}

/// The tiles that a tree has at `new` leaves and had not at `old`: those which became full, and the partial ones that
/// are new or wider. None when nothing was added.
pub fn tiles_added(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    (0..8).flat_map(move |level| added(level, old, new))
}

/// The bundles that a log has at `new` entries and had not at `old`; see [`tiles_added`].
pub fn bundles_added(old: u64, new: u64) -> impl Iterator<Item = Bundle> {
    added(0, old, new).map(Bundle::of)
}

fn added(level: u8, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let (old, new) = (nodes(level, old), nodes(level, new));
    let width_max = u64::from(WIDTH);
    let tiles = if old < new { old / width_max..new.div_ceil(width_max) } else { 0..0 };
    tiles.map(move |index| Tile { level, index, width: width(index, new) })
}

/// How many hashes a level has in a tree of `size` leaves.
fn nodes(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// How many of a level's `nodes` are in tile `index`, which has at least one.
fn width(index: u64, nodes: u64) -> u16 {
    let left = nodes - index * u64::from(WIDTH);
    u16::try_from(left).unwrap_or(WIDTH).min(WIDTH)
}

/// How many leaves are under the first `nodes` hashes of a level.
fn leaves_before(level: u8, nodes: u64) -> u64 {
    let shift = 8 * u32::from(level);
    if nodes == 0 {
        0
    } else if shift <= nodes.leading_zeros() {
        nodes << shift
    } else {
        u64::MAX
    }
}

/// An entry does not fit: its length is written in two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} of the bundle has {length} bytes, and 65,535 is the most")]
pub struct TooLong {
    /// Which of the entries that were given, from 0.
    pub entry: usize,
    /// Its bytes.
    pub length: usize,
}

/// A bundle's bytes: each entry behind its length as a big-endian 16-bit number (C2SP tlog-tiles, log entries).
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, TooLong> {
    let length = entries.iter().map(|entry| entry.as_ref().len() + 2).sum();
    let mut bytes = Vec::with_capacity(length);
    for (number, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let length =
            u16::try_from(entry.len()).map_err(|_| TooLong { entry: number, length: entry.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The bytes are no bundle of the expected width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry, or its length, ends behind the bundle's end.
    #[error("entry {entry} of the bundle, at byte {offset}, is cut off")]
    CutOff {
        /// Which entry of the bundle, from 0.
        entry: u16,
        /// The byte at which it starts, with its length.
        offset: usize,
    },
    /// There is something behind the last entry.
    #[error("the bundle goes on behind its last entry, {entry}, at byte {offset}")]
    TooLong {
        /// The last entry of the bundle.
        entry: u16,
        /// The byte at which it should have ended.
        offset: usize,
    },
}

/// The entries of a bundle of `width` entries, one after the other: those before a broken one are read all the same.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    offset: usize,
    entry: u16,
    width: u16,
}

impl<'a> Entries<'a> {
    /// Reads `width` entries from a bundle's bytes.
    pub const fn new(bytes: &'a [u8], width: u16) -> Self {
        Self { bytes, offset: 0, entry: 0, width }
    }

    /// Refuses bytes behind the last entry. Means something once all entries have been read.
    pub fn finish(&self) -> Result<(), BundleError> {
        if self.offset == self.bytes.len() {
            Ok(())
        } else {
            Err(BundleError::TooLong { entry: self.entry.saturating_sub(1), offset: self.offset })
        }
    }

    fn entry(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.offset..)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let entry = rest.get(..length)?;
        self.offset += 2 + length;
        self.entry += 1;
        Some(entry)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<&'a [u8], BundleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.entry == self.width {
            return None;
        }
        let cut_off = BundleError::CutOff { entry: self.entry, offset: self.offset };
        let entry = self.entry().ok_or(cut_off);
        if entry.is_err() {
            self.width = self.entry;
        }
        Some(entry)
    }
}

/// The entries of a bundle: exactly `width` of them, and nothing behind.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Entries::new(bytes, width);
    let decoded = entries.by_ref().collect::<Result<Vec<_>, _>>()?;
    entries.finish()?;
    Ok(decoded)
}

/// A tile's bytes: its hashes, one after the other (C2SP tlog-tiles, Merkle tree).
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The bytes are no tile of the expected width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tile has {found} bytes instead of {expected}")]
pub struct TileError {
    /// How many bytes it should have.
    pub expected: usize,
    /// How many it has.
    pub found: usize,
}

/// The hashes of a tile: exactly `width` of them.
pub fn decode_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let expected = usize::from(width) * Hash::LENGTH;
    if bytes.len() != expected {
        return Err(TileError { expected, found: bytes.len() });
    }
    Ok(bytes.as_chunks().0.iter().copied().map(Hash::from_bytes).collect())
}

#[cfg(test)]
mod tests;
