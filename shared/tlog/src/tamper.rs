//! Altering a log in every way that verification must notice: for its tests, and to show that it does.

use std::{fs, io, path::Path};

use crate::{
    Bundle, Checkpoint, Failure, Leaf, LogWriter, SigningKey, Tile, hash,
    path::CHECKPOINT,
    sample,
    tile::{WIDTH, bundles_at, decode_bundle, encode_bundle, tiles_at},
};

/// Where an earlier checkpoint of the same log lies in its folder: `rollback` puts it in the place of the present one.
pub const EARLIER: &str = "checkpoint.earlier";

/// A way to alter a log.
#[derive(Clone, Copy, Debug)]
pub struct Alteration {
    /// What it is called.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// How many entries a log must have to be altered so.
    pub size_min: u64,
    /// Alters the log in a folder at an entry, which should not be the last. An error leaves it altered in part.
    pub apply: fn(&Path, u64) -> io::Result<()>,
    /// What verification must say.
    pub expected: Expected,
}

/// What verification must say of an alteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The entry itself.
    Entry,
    /// The entry behind it, which names another one before it than there is.
    Next,
    /// The first entry of the bundle that it is in.
    Bundle,
    /// The first entry under a hash of this level: its own, or the last one of a log in which it has none yet.
    Under(u8),
    /// That it was altered, and no entry: nothing tells which.
    Whole,
    /// That it was rolled back, to what was its end at an earlier checkpoint; only when one is held against it.
    Rollback,
}

impl Expected {
    /// Whether verification has said so of an alteration at entry `at`.
    pub fn is_met(self, failure: &Failure, at: u64) -> bool {
        let Failure::Tampered { index, .. } = failure else {
            return false;
        };
        match (self, *index) {
            (Self::Entry, Some(index)) => index == at,
            (Self::Next, Some(index)) => index == at + 1,
            (Self::Bundle, Some(index)) => index == at - at % u64::from(WIDTH),
            (Self::Under(level), Some(index)) => {
                index <= at && index.trailing_zeros() >= 8 * u32::from(level)
            }
            (Self::Whole, index) => index.is_none(),
            (Self::Rollback, index) => index.is_some(),
            (_, None) => false,
        }
    }
}

/// Every alteration.
pub const ALTERATIONS: [Alteration; 17] = [
    alteration("flip-entry", "one bit of an entry", 1, flip_entry, Expected::Entry),
    alteration("flip-tile-0", "one bit of an entry's hash", 1, |f, at| flip_tile(f, 0, at), Expected::Entry),
    alteration(
        "flip-tile-1",
        "one bit of a hash over 256",
        256,
        |f, at| flip_tile(f, 1, at),
        Expected::Under(1),
    ),
    alteration(
        "flip-tile-2",
        "one bit of a hash over 65,536",
        65_536,
        |f, at| flip_tile(f, 2, at),
        Expected::Under(2),
    ),
    alteration("flip-checkpoint", "one bit of the checkpoint", 1, flip_checkpoint, Expected::Whole),
    alteration("delete-entry", "an entry is taken out of its bundle", 2, delete_entry, Expected::Entry),
    alteration("insert-entry", "an entry is put before another", 1, insert_entry, Expected::Entry),
    alteration("swap-entries", "an entry and the next change places", 2, swap_entries, Expected::Entry),
    alteration("truncate-bundle", "a bundle ends within an entry", 1, truncate_bundle, Expected::Entry),
    alteration("truncate-tile", "a tile ends before an entry's hash", 1, truncate_tile, Expected::Entry),
    alteration("truncate-log", "everything from an entry on is gone", 1, truncate_log, Expected::Bundle),
    alteration("replace-entry", "an entry is another, in the tree too", 2, replace_entry, Expected::Next),
    alteration("rewrite-from", "all is written anew from an entry on", 1, rewrite_from, Expected::Whole),
    alteration(
        "rewrite-without",
        "all is written anew without an entry",
        2,
        rewrite_without,
        Expected::Whole,
    ),
    alteration("fork", "all is written anew and signed by another key", 1, fork, Expected::Whole),
    alteration("sign-by-another", "the signature is another key's", 1, sign_by_another, Expected::Whole),
    alteration(
        "rollback",
        "an earlier checkpoint takes the place of the present one",
        1,
        rollback,
        Expected::Rollback,
    ),
];

const fn alteration(
    name: &'static str,
    what: &'static str,
    size_min: u64,
    apply: fn(&Path, u64) -> io::Result<()>,
    expected: Expected,
) -> Alteration {
    Alteration { name, what, size_min, apply, expected }
}

fn flip_entry(folder: &Path, at: u64) -> io::Result<()> {
    change_bundle(folder, at, |entries, at| {
        let middle = entries[at].len() / 2;
        entries[at][middle] ^= 1;
    })
}

fn flip_tile(folder: &Path, level: u8, at: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    let shift = 8 * u32::from(level);
    let last = (log.size >> shift).checked_sub(1).ok_or_else(too_small)?;
    let place = (at >> shift).min(last);
    let tile = Tile::holding(level, place, log.size).ok_or_else(too_small)?;
    change(&folder.join(tile.path()), |bytes| bytes[32 * within(place) + 7] ^= 0x10)
}

fn flip_checkpoint(folder: &Path, at: u64) -> io::Result<()> {
    change(&folder.join(CHECKPOINT), |bytes| {
        let byte = usize::try_from(at).unwrap_or(0) % bytes.len();
        bytes[byte] ^= 4;
    })
}

fn delete_entry(folder: &Path, at: u64) -> io::Result<()> {
    change_bundle(folder, at, |entries, at| {
        entries.remove(at);
    })
}

fn insert_entry(folder: &Path, at: u64) -> io::Result<()> {
    change_bundle(folder, at, |entries, at| {
        let prev = Leaf::parse(&entries[at]).map(|leaf| leaf.prev);
        entries.insert(at, sample::entry(u64::MAX >> 20).leaf(prev.unwrap_or(hash::empty())));
    })
}

/// Also over the edge between two bundles.
fn swap_entries(folder: &Path, at: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    let (one, other) = (log.entry(at)?, log.entry(at + 1)?);
    change_bundle(folder, at, |entries, at| entries[at].clone_from(&other))?;
    change_bundle(folder, at + 1, |entries, at| entries[at].clone_from(&one))
}

fn truncate_bundle(folder: &Path, at: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    let bundle = Bundle::holding(at, log.size).ok_or_else(too_small)?;
    let before: usize = log.bundle(bundle)?[..within(at)].iter().map(|entry| entry.len() + 2).sum();
    change(&folder.join(bundle.path()), |bytes| bytes.truncate(before + 20))
}

fn truncate_tile(folder: &Path, at: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    let tile = Tile::holding(0, at, log.size).ok_or_else(too_small)?;
    change(&folder.join(tile.path()), |bytes| bytes.truncate(32 * within(at) + 31))
}

/// The checkpoint stays and names a size that is not there.
fn truncate_log(folder: &Path, at: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    let tiles = tiles_at(log.size).filter(|tile| tile.leaves().end > at).map(Tile::path);
    let bundles = bundles_at(log.size).filter(|bundle| bundle.entries().end > at).map(Bundle::path);
    tiles.chain(bundles).try_for_each(|path| fs::remove_file(folder.join(path)))
}

/// The tree is made anew, and the entries behind are left as they were.
fn replace_entry(folder: &Path, at: u64) -> io::Result<()> {
    let replaced = |leaves: &mut Vec<Leaf>| leaves[0].entry.action.push_str(".not");
    rewrite(folder, at, Chain::Kept, replaced).map(|_| ())
}

fn rewrite_from(folder: &Path, at: u64) -> io::Result<()> {
    rewrite(folder, at, Chain::Mended, |leaves| leaves[0].entry.action.push_str(".not")).map(|_| ())
}

/// Another entry comes at the end, so that there are as many as before.
fn rewrite_without(folder: &Path, at: u64) -> io::Result<()> {
    let without = |leaves: &mut Vec<Leaf>| {
        let removed = leaves.remove(0);
        leaves.push(Leaf { entry: sample::entry(u64::MAX >> 20), ..removed });
    };
    rewrite(folder, at, Chain::Mended, without).map(|_| ())
}

/// Signed as the log would, for its origin and under its name, but by another key.
fn fork(folder: &Path, at: u64) -> io::Result<()> {
    let checkpoint = rewrite(folder, at, Chain::Mended, |leaves| leaves[0].entry.action.push_str(".not"))?;
    sign_otherwise(folder, &checkpoint)
}

fn sign_by_another(folder: &Path, _: u64) -> io::Result<()> {
    let log = Log::read(folder)?;
    sign_otherwise(folder, &log.checkpoint)
}

fn rollback(folder: &Path, _: u64) -> io::Result<()> {
    fs::copy(folder.join(EARLIER), folder.join(CHECKPOINT)).map(|_| ())
}

/// A log as it stands there, whether it is right or not.
struct Log<'a> {
    folder: &'a Path,
    checkpoint: Checkpoint,
    size: u64,
}

impl<'a> Log<'a> {
    fn read(folder: &'a Path) -> io::Result<Self> {
        let note = fs::read_to_string(folder.join(CHECKPOINT))?;
        let end = note.rfind("\n\n").ok_or(io::ErrorKind::InvalidData)?;
        let checkpoint = Checkpoint::parse(&note[..=end]).map_err(io::Error::other)?;
        let size = checkpoint.size;
        Ok(Self { folder, checkpoint, size })
    }

    fn entry(&self, at: u64) -> io::Result<Vec<u8>> {
        let bundle = Bundle::holding(at, self.size).ok_or_else(too_small)?;
        Ok(self.bundle(bundle)?.swap_remove(within(at)))
    }

    fn bundle(&self, bundle: Bundle) -> io::Result<Vec<Vec<u8>>> {
        let bytes = fs::read(self.folder.join(bundle.path()))?;
        let entries = decode_bundle(&bytes, bundle.width()).map_err(io::Error::other)?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }
}

/// What becomes of `prev` in the entries behind an altered one.
#[derive(Clone, Copy, PartialEq)]
enum Chain {
    Kept,
    Mended,
}

/// Writes all entries and tiles anew with those from `at` on altered, and leaves the checkpoint.
fn rewrite(folder: &Path, at: u64, chain: Chain, alter: impl Fn(&mut Vec<Leaf>)) -> io::Result<Checkpoint> {
    let log = Log::read(folder)?;
    let mut writer = LogWriter::new(folder, other_key(&log.checkpoint)?);
    let mut altered = Vec::new();
    for bundle in bundles_at(log.size) {
        for (index, entry) in bundle.entries().zip(log.bundle(bundle)?) {
            if index < at {
                writer.append_leaf(entry);
            } else {
                altered.push(Leaf::parse(&entry).map_err(io::Error::other)?);
            }
        }
    }
    if altered.is_empty() {
        return Err(too_small());
    }
    alter(&mut altered);
    for Leaf { entry, prev } in altered {
        let prev = if chain == Chain::Kept { prev } else { writer.head() };
        writer.append_leaf(entry.leaf(prev));
    }
    writer.write()
}

fn sign_otherwise(folder: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let note = checkpoint.sign(&other_key(checkpoint)?).map_err(io::Error::other)?;
    fs::write(folder.join(CHECKPOINT), note)
}

/// A key that anybody can make under the log's name.
fn other_key(checkpoint: &Checkpoint) -> io::Result<SigningKey> {
    SigningKey::new(&checkpoint.origin, b"a seed that is nobody's secret!!").map_err(io::Error::other)
}

fn change_bundle(folder: &Path, at: u64, alter: impl Fn(&mut Vec<Vec<u8>>, usize)) -> io::Result<()> {
    let log = Log::read(folder)?;
    let bundle = Bundle::holding(at, log.size).ok_or_else(too_small)?;
    let mut entries = log.bundle(bundle)?;
    alter(&mut entries, within(at));
    fs::write(folder.join(bundle.path()), encode_bundle(&entries).map_err(io::Error::other)?)
}

fn change(path: &Path, alter: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    alter(&mut bytes);
    fs::write(path, bytes)
}

/// The place in a tile or bundle.
fn within(place: u64) -> usize {
    // Below 256.
    usize::try_from(place % u64::from(WIDTH)).unwrap_or(usize::MAX)
}

fn too_small() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the log has too few entries to be altered so")
}
