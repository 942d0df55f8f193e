//! Checking a whole log: everything is computed again from its entries, and held against what was signed.

use crate::{
    Bundle, Checkpoint, Frontier, Hash, Leaf, Resource, SignedCheckpoint, Tile, VerifierKey, hash,
    note::Signature,
    path::CHECKPOINT,
    source::{ReadError, Source},
    tile::{BundleError, Entries, WIDTH, bundles_at},
};

/// A log that is what its checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the log has signed.
    pub checkpoint: Checkpoint,
    /// Who signed it: the log, and the known witnesses.
    pub signatures: Vec<Signature>,
    /// The leaf hash of its last entry, which the next one will hold; [`Hash::ZERO`] when there is none.
    pub head: Hash,
    /// The sizes of the earlier checkpoints that it continues, ascending.
    pub continues: Vec<u64>,
}

/// A log that is not what its checkpoint says, or of which that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was altered.
    #[error("{what}")]
    Tampered {
        /// The first entry that does not fit. None when none can be named: the checkpoint itself is not right, or the
        /// log was written anew from some entry on, and nothing tells from which.
        index: Option<u64>,
        /// What does not fit.
        what: String,
    },
    /// Something could not be read, or there is no log here.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Which resource.
        path: String,
        /// What went wrong.
        why: String,
    },
}

impl Failure {
    fn at(index: u64, what: impl Into<String>) -> Self {
        Self::Tampered { index: Some(index), what: what.into() }
    }

    fn whole(what: impl Into<String>) -> Self {
        Self::Tampered { index: None, what: what.into() }
    }
}

/// Verifies all of a log, in the order of its entries and in constant memory: that one of `keys` (the log's, and those
/// of witnesses) has signed its checkpoint, for `origin` when one is given; that every entry is spelt as it must be,
/// names the one before it, and has its hash in the tree; that every tile is what its entries make it, to the byte; that
/// the root is the one signed; and that the log continues each checkpoint of `against`, known to the caller from earlier.
pub fn verify<S: Source + ?Sized>(
    source: &S,
    keys: &[VerifierKey],
    origin: Option<&str>,
    against: &[Checkpoint],
) -> Result<Report, Failure> {
    let SignedCheckpoint { checkpoint, signatures } = open(source, keys, origin)?;
    let earlier = continued(&checkpoint, against)?;
    let mut walk = Walk::new(source, checkpoint.size, &earlier);
    walk.confirm_earlier()?;
    for bundle in bundles_at(checkpoint.size) {
        walk.bundle(bundle)?;
    }
    if let Some(missing) = walk.missing {
        return Err(missing);
    }
    let root = walk.frontier.root();
    if root != checkpoint.root {
        let entries = walk.unconfirmed(checkpoint.size);
        let what = format!(
            "the log was written anew: {entries} fit together, but their root is {root} and the signed one {}",
            checkpoint.root
        );
        return Err(Failure::whole(what));
    }
    let continues = earlier.iter().map(|checkpoint| checkpoint.size).collect();
    Ok(Report { checkpoint, signatures, head: walk.head, continues })
}

fn open<S: Source + ?Sized>(
    source: &S,
    keys: &[VerifierKey],
    origin: Option<&str>,
) -> Result<SignedCheckpoint, Failure> {
    let note = source.read(CHECKPOINT).map_err(|error| match error {
        ReadError::NotFound { path } => Failure::Unreadable { path, why: "there is none".to_owned() },
        ReadError::Other { path, why } => Failure::Unreadable { path, why },
    })?;
    let note = String::from_utf8(note).map_err(|_| Failure::whole("the checkpoint is not UTF-8"))?;
    let signed = match origin {
        Some(origin) => Checkpoint::open(&note, origin, keys),
        None => Checkpoint::open_any(&note, keys),
    };
    signed.map_err(|error| Failure::whole(error.to_string()))
}

/// The earlier checkpoints by size, when they can be continued by the present one at all.
fn continued<'a>(checkpoint: &Checkpoint, against: &'a [Checkpoint]) -> Result<Vec<&'a Checkpoint>, Failure> {
    let mut earlier: Vec<&Checkpoint> = against.iter().collect();
    earlier.sort_by_key(|earlier| earlier.size);
    if let Some(other) = earlier.iter().find(|earlier| earlier.origin != checkpoint.origin) {
        let what = format!(
            "the checkpoint is of the log {}, and the earlier one of {}",
            checkpoint.origin, other.origin
        );
        return Err(Failure::whole(what));
    }
    match earlier.last() {
        Some(last) if last.size > checkpoint.size => {
            let what = format!(
                "the log was rolled back: it has {} entries, and had {} at an earlier checkpoint",
                checkpoint.size, last.size
            );
            Err(Failure::at(checkpoint.size, what))
        }
        _ => Ok(earlier),
    }
}

/// What is known between two entries.
struct Walk<'a, S: ?Sized> {
    source: &'a S,
    size: u64,
    frontier: Frontier,
    head: Hash,
    /// The tile of each level that is being held against what is computed.
    tiles: [Option<Published>; 8],
    /// The first tile above level 0 that is not there. It can wait: an entry that is missing, too, says more.
    missing: Option<Failure>,
    earlier: &'a [&'a Checkpoint],
    /// How many of them were met.
    met: usize,
}

impl<'a, S: Source + ?Sized> Walk<'a, S> {
    fn new(source: &'a S, size: u64, earlier: &'a [&'a Checkpoint]) -> Self {
        let tiles = std::array::from_fn(|_| None);
        Self {
            source,
            size,
            frontier: Frontier::new(),
            head: Hash::ZERO,
            tiles,
            missing: None,
            earlier,
            met: 0,
        }
    }

    fn bundle(&mut self, bundle: Bundle) -> Result<(), Failure> {
        let published = Published::read(self.source, Resource::Bundle(bundle))?;
        let first = bundle.entries().start;
        let path = &published.path;
        let broken = |error: BundleError| match error {
            BundleError::CutOff { entry, offset } => {
                let index = first + u64::from(entry);
                Failure::at(index, format!("entry {index}: {path} is cut off in it, at byte {offset}"))
            }
            BundleError::TooLong { entry, offset } => {
                let last = first + u64::from(entry);
                let what = format!("{path} goes on behind its last entry, {last}, at byte {offset}");
                Failure::at(last + 1, what)
            }
        };
        let mut entries = Entries::new(&published.bytes, bundle.width());
        for data in entries.by_ref() {
            self.entry(data.map_err(broken)?)?;
        }
        if published.exact { entries.finish().map_err(broken) } else { Ok(()) }
    }

    fn entry(&mut self, data: &[u8]) -> Result<(), Failure> {
        let index = self.frontier.size();
        let hash = hash::leaf(data);
        let mut added = [None; 8];
        self.frontier.push(hash, |level, place, hash| added[usize::from(level)] = Some((level, place, hash)));
        for (level, place, hash) in added.into_iter().flatten() {
            self.compare(level, place, hash)?;
        }
        let leaf =
            Leaf::parse(data).map_err(|error| Failure::at(index, format!("entry {index}: {error}")))?;
        if leaf.prev != self.head {
            let what = format!(
                "entry {index}: it follows an entry with the hash {}, not the one before it",
                leaf.prev
            );
            return Err(Failure::at(index, what));
        }
        self.head = hash;
        self.confirm_earlier()
    }

    /// Holds a computed hash against its tile.
    fn compare(&mut self, level: u8, place: u64, hash: Hash) -> Result<(), Failure> {
        let tile =
            Tile::holding(level, place, self.size).expect("the entries are those of a log of this size");
        let resource = Resource::Tile(tile);
        let known = &mut self.tiles[usize::from(level)];
        let published = match known.take() {
            Some(published) if published.resource == resource => published,
            _ => match Published::read(self.source, resource) {
                Err(missing @ Failure::Tampered { .. }) if level > 0 => {
                    self.missing.get_or_insert(missing);
                    return Ok(());
                }
                published => published?,
            },
        };
        published.compare(tile, place, hash)?;
        *known = Some(published);
        Ok(())
    }

    /// At the size of an earlier checkpoint its root must be the log's.
    fn confirm_earlier(&mut self) -> Result<(), Failure> {
        while let Some(earlier) = self.earlier.get(self.met)
            && earlier.size == self.frontier.size()
        {
            let root = self.frontier.root();
            if root != earlier.root {
                let entries = self.unconfirmed(earlier.size);
                let what = format!(
                    "the log was written anew: {entries} are not those of the checkpoint of {} entries, whose root \
                     is {} and not {root}",
                    earlier.size, earlier.root
                );
                return Err(Failure::whole(what));
            }
            self.met += 1;
        }
        Ok(())
    }

    /// The entries behind the last earlier checkpoint that was met: all that can be said about where a log parts.
    fn unconfirmed(&self, end: u64) -> String {
        let first = self.met.checked_sub(1).map_or(0, |last| self.earlier[last].size);
        format!("entries {first} to {}", end.saturating_sub(1))
    }
}

/// A resource as it was found.
struct Published {
    resource: Resource,
    path: String,
    bytes: Vec<u8>,
    /// Whether nothing may follow: a partial tile may have been replaced by the full one that it became.
    exact: bool,
}

impl Published {
    /// Reads what a log of its size must have.
    fn read<S: Source + ?Sized>(source: &S, resource: Resource) -> Result<Self, Failure> {
        let (found, bytes) = match source.resource(resource) {
            Ok(found) => found,
            Err(ReadError::Other { path, why }) => return Err(Failure::Unreadable { path, why }),
            Err(ReadError::NotFound { .. }) => {
                let first = match resource {
                    Resource::Tile(tile) => tile.leaves().start,
                    Resource::Bundle(bundle) => bundle.entries().start,
                };
                let what = format!("the log is truncated at entry {first}: {resource} is missing");
                return Err(Failure::at(first, what));
            }
        };
        Ok(Self { resource, path: found.to_string(), bytes, exact: found == resource })
    }

    /// Holds a computed hash against the one in this tile; with the last one, nothing may follow.
    fn compare(&self, tile: Tile, place: u64, hash: Hash) -> Result<(), Failure> {
        let within = place % u64::from(WIDTH);
        let first = place << (8 * tile.level());
        let path = &self.path;
        // Below 256.
        let start = usize::try_from(within).unwrap_or(usize::MAX) * Hash::LENGTH;
        let Some(published) = self.bytes.get(start..start + Hash::LENGTH) else {
            let what = format!("entry {first}: {path} is cut off before the hash that covers it");
            return Err(Failure::at(first, what));
        };
        if published != hash.as_bytes() {
            let what = if tile.level() == 0 {
                format!("entry {first}: its bytes do not hash to what {path} holds")
            } else {
                format!(
                    "entries from {first} on: what they hash to is not what {path} holds at place {within}"
                )
            };
            return Err(Failure::at(first, what));
        }
        let last = within + 1 == u64::from(tile.width());
        if last && self.exact && self.bytes.len() > start + Hash::LENGTH {
            let end = tile.leaves().end;
            return Err(Failure::at(
                end,
                format!("{path} goes on behind its last hash, of entry {}", end - 1),
            ));
        }
        Ok(())
    }
}
