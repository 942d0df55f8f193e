//! `audit-exporter`: once a day, the log goes where nobody can alter it: into a bucket with Object Lock in compliance
//! mode.
//!
//! What is new of the log since the day before is computed anew from its leaf hashes, upon what is locked already, until it
//! gives the root that was signed; then tiles and entries are written, object by object, each created once, and last the
//! day's checkpoint with what witnesses have signed beside the log. So what was altered meanwhile is not exported. A run
//! that was cut off is done again by the next, with the same bytes.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kernel::{Error, Result};
use platform::{
    Boot, BootError, Clock, Function, bucket::Bucket, config::Reader, outbound::Outbound, telemetry::causes,
};
use store::{
    SealingKey, Store,
    ledger::{self, Head, Root},
};
use tlog::{Checkpoint, Hash, Resource, Tile, Tiles, VerifierKey, note, path, tile, tree};

use crate::{
    log::{CONCURRENT, Log, altered},
    witness::{Witness, Witnesses},
};

/// The function behind the daily clock.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn exporter(boot: Boot) -> Result<Function, BootError> {
    let exporter = Exporter::new(&boot)?;
    Ok(Function::Schedule(Arc::new(move |_| {
        let exporter = exporter.clone();
        Box::pin(async move { exporter.run().await })
    })))
}

#[derive(Clone, Debug)]
struct Exporter {
    store: Store,
    log: Log,
    export: Bucket,
    witnesses: Vec<Witness>,
    outbound: Outbound,
    clock: Clock,
}

impl Exporter {
    fn new(boot: &Boot) -> Result<Self, BootError> {
        let mut env = Reader::of(&boot.vars, &crate::EXPORTER_NEEDS);
        let ledger = env.required::<String>(ledger::TABLE.0);
        let bucket = env.required::<String>(crate::LOG_BUCKET);
        let export = env.required::<String>(crate::EXPORT_BUCKET);
        let witnesses = env.or::<Witnesses>(crate::WITNESSES, "");
        let (ledger, bucket, export, Witnesses(witnesses)) =
            env.finish(|| Some((ledger?, bucket?, export?, witnesses?)))?;
        let tables = HashMap::from([(ledger::TABLE, ledger)]);
        // Nothing is sealed here: no cursor leaves, no answer is recorded.
        let store = Store::new(&boot.aws, tables, SealingKey::throwaway());
        Ok(Self {
            log: Log::new(store.clone(), Bucket::new(&boot.aws, bucket)),
            export: Bucket::new(&boot.aws, export),
            store,
            witnesses,
            outbound: Outbound::default(),
            clock: boot.clock.clone(),
        })
    }

    async fn run(&self) -> Result<()> {
        let date = self.clock.now().date();
        let before = self.store.last_root().await?;
        let head = match self.log.head().await {
            Err(Error::NotFound(_)) => return Ok(()),
            head => head?,
        };
        if before.as_ref().is_some_and(|before| before.date >= date) {
            return Ok(());
        }
        let key = self.key(&head).await?;
        let old = self.exported(before.as_ref(), &key).await?;
        let new = open(&head.checkpoint, &key)?;
        let tiles = self.longer(old.as_ref(), &new).await?;
        let old = old.map_or(0, |old| old.size);
        self.copy(old, new.size, &tiles).await?;
        let note = self.cosigned(&head, old).await?;
        let note = self.lock_text(&path::root(&date), note).await?;
        // Another run of the same day may have been first, with another head.
        let Checkpoint { size, root, .. } = open(&note, &key)?;
        tracing::info!(date, size, "the log was exported");
        self.store.note_root(Root { date, size, root, checkpoint: note, exported_at: self.clock.now() }).await
    }

    /// The log's key, as the first export has written it down.
    async fn key(&self, head: &Head) -> Result<VerifierKey> {
        let vkey = self.lock_text(path::VKEY, format!("{}\n", head.vkey)).await?;
        vkey.trim_end().parse().map_err(|error| altered(path::VKEY, error))
    }

    /// The checkpoint of the export before.
    async fn exported(&self, before: Option<&Root>, key: &VerifierKey) -> Result<Option<Checkpoint>> {
        let Some(before) = before else { return Ok(None) };
        let path = path::root(&before.date);
        let note = self.export.get(&path).await?.ok_or_else(|| altered(&path, "it is not there"))?;
        let note = String::from_utf8(note.into()).map_err(|error| altered(&path, error))?;
        open(&note, key).map(Some)
    }

    /// The tiles of the log from the export before on, made from its leaf hashes.
    ///
    /// # Errors
    /// [`Error::Internal`] when they do not continue what was exported, or do not give the signed root: the log was
    /// altered.
    async fn longer(&self, old: Option<&Checkpoint>, new: &Checkpoint) -> Result<Tiles> {
        let start = old.map_or(0, |old| old.size);
        let mut tiles = self.log.edge(start).await?.tiles;
        let is_exported = match old {
            Some(old) => tree::root(start, &tiles) == Ok(old.root),
            None => true,
        };
        if !is_exported {
            return Err(altered(path::ROOTS, format!("the log of {start} entries is not the one exported")));
        }
        let width = u64::from(tile::WIDTH);
        let firsts = (start - start % width..new.size).step_by(usize::from(tile::WIDTH));
        let wanted: Vec<Tile> = firsts.filter_map(|first| Tile::holding(0, first, new.size)).collect();
        let read = self.log.tiles(wanted).await?;
        let leaves: Vec<Hash> = (start..new.size).filter_map(|index| read.leaf(index)).collect();
        tiles.append(start, &leaves).map_err(|error| altered("tile/0", error))?;
        match tree::root(new.size, &tiles) {
            Ok(root) if root == new.root => Ok(tiles),
            _ => Err(altered("tile/0", "the log does not continue what was exported")),
        }
    }

    /// Copies the tiles and the entries that are new; these have the hashes of the tiles.
    async fn copy(&self, old: u64, new: u64, tiles: &Tiles) -> Result<()> {
        let resources = tile::tiles_added(old, new).map(Resource::Tile);
        let resources = resources.chain(tile::bundles_added(old, new).map(Resource::Bundle));
        let copies = resources.map(|resource| async move {
            let path = resource.to_string();
            let bytes = match resource {
                Resource::Tile(tile) => tile::encode_tile(tiles.get(tile).unwrap_or_default()),
                Resource::Bundle(bundle) => self.log.entries(bundle, tiles).await?,
            };
            let locked = self.lock(&path, "application/octet-stream", bytes.clone()).await?;
            if locked == bytes { Ok(()) } else { Err(altered(&path, "it was exported with other bytes")) }
        });
        stream::iter(copies).buffer_unordered(CONCURRENT).try_collect().await
    }

    /// Writes an object of the export, once; answers its bytes, which are others when it was there.
    async fn lock(&self, path: &str, content_type: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if self.export.create(path, content_type, bytes.clone()).await? {
            return Ok(bytes);
        }
        let locked = self.export.get(path).await?;
        locked.map(Into::into).ok_or_else(|| altered(path, "it is not there"))
    }

    /// The same with a text.
    async fn lock_text(&self, path: &str, text: String) -> Result<String> {
        let locked = self.lock(path, "text/plain; charset=utf-8", text.into_bytes()).await?;
        String::from_utf8(locked).map_err(|error| altered(path, error))
    }

    /// The head's checkpoint with the cosignatures of the witnesses that answer.
    async fn cosigned(&self, head: &Head, old: u64) -> Result<String> {
        let mut note = head.checkpoint.clone();
        for witness in &self.witnesses {
            match witness.cosign(&self.outbound, &self.log, head, old).await {
                Ok(lines) => {
                    note = note::append_signature(&note, &lines)
                        .map_err(|error| Error::internal("add a cosignature", error))?;
                }
                Err(error) => {
                    let error = causes(&error);
                    tracing::error!(witness = witness.name(), error, "a witness has not cosigned");
                }
            }
        }
        Ok(note)
    }
}

/// A checkpoint of the log that this is the key of.
fn open(note: &str, key: &VerifierKey) -> Result<Checkpoint> {
    let signed = Checkpoint::open(note, key.name(), std::slice::from_ref(key));
    signed.map(|signed| signed.checkpoint).map_err(|error| altered(path::CHECKPOINT, error))
}
