//! Writing a log into a folder: for tests, demonstrations and measurements. It is no sequencer: nobody else may write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Checkpoint, Entry, Hash, SigningKey, Tile, Tiles, hash,
    path::CHECKPOINT,
    tile::{WIDTH, bundles_added, encode_bundle, encode_tile, tiles_added},
    tree,
};

/// A log that grows in a folder.
#[derive(Debug)]
pub struct LogWriter {
    folder: PathBuf,
    origin: String,
    key: SigningKey,
    tiles: Tiles,
    /// How many entries are written.
    size: u64,
    /// The entries from the last full bundle on, written or not.
    entries: Vec<Vec<u8>>,
    /// The hashes of those that are not written.
    pending: Vec<Hash>,
    head: Hash,
}

impl LogWriter {
    /// A log without entries, whose origin is the key's name.
    pub fn new(folder: impl Into<PathBuf>, key: SigningKey) -> Self {
        Self {
            folder: folder.into(),
            origin: key.name().to_owned(),
            key,
            tiles: Tiles::new(),
            size: 0,
            entries: Vec::new(),
            pending: Vec::new(),
            head: Hash::ZERO,
        }
    }

    /// The leaf hash of the last entry.
    pub const fn head(&self) -> Hash {
        self.head
    }

    /// Adds an entry behind the last one. It is kept in memory until it is published.
    pub fn append(&mut self, entry: &Entry) {
        self.append_leaf(entry.leaf(self.head));
    }

    /// Adds a leaf as it stands.
    pub fn append_leaf(&mut self, leaf: Vec<u8>) {
        self.head = hash::leaf(&leaf);
        self.pending.push(self.head);
        self.entries.push(leaf);
    }

    /// Writes what was added and then the checkpoint, signed: entries, tiles, and what says that they are there.
    pub fn publish(&mut self) -> io::Result<Checkpoint> {
        let checkpoint = self.write()?;
        let note = checkpoint.sign(&self.key).map_err(io::Error::other)?;
        write(&self.folder.join(CHECKPOINT), note.as_bytes())?;
        Ok(checkpoint)
    }

    /// Writes what was added and leaves the checkpoint as it is.
    pub fn write(&mut self) -> io::Result<Checkpoint> {
        let (old, new) = (self.size, self.size + self.pending.len() as u64);
        self.tiles.append(old, &self.pending).map_err(io::Error::other)?;
        let kept_from = old / u64::from(WIDTH);
        for bundle in bundles_added(old, new) {
            let first =
                usize::try_from((bundle.index() - kept_from) * u64::from(WIDTH)).map_err(io::Error::other)?;
            let entries = &self.entries[first..first + usize::from(bundle.width())];
            let bytes = encode_bundle(entries).map_err(io::Error::other)?;
            self.put(&bundle.path(), &bytes, bundle.is_full())?;
        }
        for tile in tiles_added(old, new) {
            self.put(&tile.path(), &encode_tile(self.hashes(tile)?), tile.is_full())?;
        }
        let written = usize::try_from(new / u64::from(WIDTH) - kept_from).map_err(io::Error::other)?;
        self.entries.drain(..written * usize::from(WIDTH));
        self.pending.clear();
        self.size = new;
        let root = tree::root(new, &self.tiles).map_err(io::Error::other)?;
        self.tiles.keep_edge(new);
        Ok(Checkpoint::new(&self.origin, new, root))
    }

    fn hashes(&self, tile: Tile) -> io::Result<&[Hash]> {
        self.tiles.get(tile).ok_or_else(|| io::Error::other(tree::Missing(tile)))
    }

    /// Writes a resource. A full one takes the place of the partial ones that it was (C2SP tlog-tiles, partial tiles).
    fn put(&self, path: &str, bytes: &[u8], full: bool) -> io::Result<()> {
        write(&self.folder.join(path), bytes)?;
        let partial = self.folder.join(format!("{path}.p"));
        if full && partial.exists() { fs::remove_dir_all(partial) } else { Ok(()) }
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
