//! The log as it is stored: its head in the table, its tiles in the bucket.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kernel::{Error, Result};
use platform::bucket::Bucket;
use store::{
    Store, Stored,
    ledger::{Head, LoggedEntry},
};
use tlog::{Bundle, Hash, Resource, Tile, Tiles, hash, tile, tree};

use crate::take_in::{Edge, Object};

/// How many objects are read or written at once.
pub(crate) const CONCURRENT: usize = 16;

/// The log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    store: Store,
    bucket: Bucket,
}

impl Log {
    pub(crate) fn new(store: Store, bucket: Bucket) -> Self {
        Self { store, bucket }
    }

    /// The head that is published.
    ///
    /// # Errors
    /// [`Error::NotFound`] while the log has no entry.
    pub(crate) async fn head(&self) -> Result<Stored<Head>> {
        let head = self.store.log_head().await?;
        head.filter(|head| head.size > 0).ok_or(Error::NotFound("log: nothing was taken into it yet"))
    }

    /// The bytes of a tile or a bundle of the log as it is published. One that another size of the log had may be gone.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what the log does not reach.
    pub(crate) async fn resource(&self, resource: Resource) -> Result<Vec<u8>> {
        let end = match resource {
            Resource::Tile(tile) => tile.leaves().end,
            Resource::Bundle(bundle) => bundle.entries().end,
        };
        if end > self.head().await?.size {
            return Err(Error::NotFound("tile"));
        }
        let path = resource.to_string();
        let bytes = self.bucket.get(&path).await?;
        bytes.map(Into::into).ok_or(Error::NotFound("tile"))
    }

    /// Tiles that the head requires.
    ///
    /// # Errors
    /// [`Error::Internal`] when one is not there or cannot be read: the log was altered.
    pub(crate) async fn tiles(&self, wanted: impl IntoIterator<Item = Tile>) -> Result<Tiles> {
        let reads = wanted.into_iter().map(|tile| async move {
            let bytes = self.required(Resource::Tile(tile)).await?;
            let hashes =
                tile::decode_tile(&bytes, tile.width()).map_err(|error| altered(&tile.path(), error))?;
            Ok::<_, Error>((tile, hashes))
        });
        let read: Vec<(Tile, Vec<Hash>)> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
        let mut tiles = Tiles::default();
        for (tile, hashes) in read {
            tiles.insert(tile, hashes);
        }
        Ok(tiles)
    }

    /// The proof that the log of one size continues that of another (RFC 9162 §2.1.4). Both are at most the head's.
    ///
    /// # Errors
    /// [`Error::Internal`] when its tiles were altered.
    pub(crate) async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>> {
        let tiles = self.tiles(tree::tiles_for_consistency(old, new)).await?;
        tree::consistency_proof(old, new, &tiles)
            .map_err(|error| Error::internal("prove that the log has only grown", error))
    }

    /// What an append to a log of this size needs of it.
    pub(crate) async fn edge(&self, size: u64) -> Result<Edge> {
        let Some(last) = size.checked_sub(1) else { return Ok(Edge::default()) };
        let mut wanted = tree::tiles_for_root(size);
        wanted.extend(tree::tiles_for_inclusion(last, size));
        wanted.sort();
        wanted.dedup();
        let tiles = self.tiles(wanted).await?;
        let Some(last) = Bundle::holding(last, size).filter(|last| !last.is_full()) else {
            return Ok(Edge { tiles, bundle: Vec::new() });
        };
        let bytes = self.required(Resource::Bundle(last)).await?;
        let entries =
            tile::decode_bundle(&bytes, last.width()).map_err(|error| altered(&last.path(), error))?;
        let bundle = entries.into_iter().map(<[u8]>::to_vec).collect();
        Ok(Edge { tiles, bundle })
    }

    /// Writes objects, none of which is ever written again with other bytes. They are durable when this answers.
    ///
    /// # Errors
    /// [`Error::Internal`] when one is there with other bytes: the head is older than the log.
    pub(crate) async fn write(&self, objects: Vec<Object>) -> Result<()> {
        let writes = objects.into_iter().map(|Object { resource, body }| async move {
            let path = resource.to_string();
            if self.bucket.create(&path, "application/octet-stream", body.clone()).await? {
                return Ok(());
            }
            // Somebody was here before: a sequencer that did the same work, or else one of another history.
            let held = self.required(resource).await?;
            if held == body { Ok(()) } else { Err(altered(&path, "it is there with other bytes")) }
        });
        stream::iter(writes).buffer_unordered(CONCURRENT).try_collect().await
    }

    /// Requires that entries, as the table has them, are those of the log.
    ///
    /// # Errors
    /// [`Error::Internal`] naming the first that was altered.
    pub(crate) async fn require_unaltered(&self, size: u64, entries: &[LoggedEntry]) -> Result<()> {
        let mut wanted: Vec<Tile> =
            entries.iter().filter_map(|entry| Tile::holding(0, entry.index, size)).collect();
        wanted.sort();
        wanted.dedup();
        let tiles = self.tiles(wanted).await?;
        for entry in entries {
            let leaf = hash::leaf(&entry.audit.entry.leaf(entry.prev));
            if tiles.leaf(entry.index) != Some(leaf) || !entry.audit.is_opened_rightly() {
                let cause =
                    format!("entry {} ({}) is not what the log holds", entry.index, entry.audit.entry.id);
                return Err(Error::internal("read the audit log: it was altered", cause));
            }
        }
        Ok(())
    }

    /// The bytes of a bundle whose entries have the hashes of the tiles.
    ///
    /// # Errors
    /// [`Error::Internal`] when they have others: the log was altered.
    pub(crate) async fn entries(&self, bundle: Bundle, tiles: &Tiles) -> Result<Vec<u8>> {
        let path = bundle.path();
        let bytes = self.required(Resource::Bundle(bundle)).await?;
        let entries = tile::decode_bundle(&bytes, bundle.width()).map_err(|error| altered(&path, error))?;
        for (index, entry) in bundle.entries().zip(entries) {
            if tiles.leaf(index) != Some(hash::leaf(entry)) {
                return Err(altered(&path, format!("entry {index} is not what the tree holds")));
            }
        }
        Ok(bytes)
    }

    /// The bytes of what must be there.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is not.
    pub(crate) async fn required(&self, resource: Resource) -> Result<Vec<u8>> {
        let path = resource.to_string();
        let bytes = self.bucket.get(&path).await?;
        bytes.map(Into::into).ok_or_else(|| altered(&path, "it is not there"))
    }
}

pub(crate) fn altered(path: &str, cause: impl std::fmt::Display) -> Error {
    Error::internal("read the audit log: it was altered", format!("{path}: {cause}"))
}
