//! `audit.export`: a range of the log as files, with a note that the log's key has signed.

use std::{fmt::Write as _, time::Duration};

use kernel::{
    Error, Permission, Result,
    job::{Progress, Retry, Terms},
};
use platform::{
    Boot, BootError, Function,
    bucket::Bucket,
    config::Reader,
    digest::sha256_hex,
    edge::PublicUrl,
    job::{AUDIT_QUEUE, Context, JobType, Work, Worker, WorkerConfig},
    secrets::Secrets,
};
use serde::{Deserialize, Serialize};
use store::ledger;
use tlog::{Bundle, Tile, note, tile};

use crate::{log::Log, signing::LogKey};

/// How many bundles of the log make a file: some five megabytes.
const BUNDLES_PER_FILE: u64 = 40;

/// Makes files of a range of the log.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportLog {
    /// The first entry: 0 unless told.
    #[serde(default)]
    #[schema(minimum = 0)]
    first: u64,
    /// The entry behind the last: the end of the log, as it is when the job begins, unless told.
    #[serde(default)]
    #[schema(minimum = 1)]
    end: Option<u64>,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    /// Its key in the bucket. Each line is an entry, as it is in the log.
    key: String,
    /// Its first entry.
    first: u64,
    /// The entry behind its last.
    end: u64,
    /// Of its bytes, in hex.
    sha256: String,
}

/// How far it is; where another attempt goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    end: u64,
    files: Vec<File>,
}

/// What was made.
#[derive(Debug, Serialize)]
pub(crate) struct Exported {
    first: u64,
    end: u64,
    files: Vec<File>,
    /// The key of the signed note (C2SP signed-note), which names the files with their digests.
    note: String,
}

/// What the worker works with.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    log: Log,
    key: LogKey,
    files: Bucket,
}

impl Work for ExportLog {
    const TYPE: JobType = JobType {
        name: "audit.export",
        summary: "Writes a range of the audit log to files, and a note with their digests that the log's key has signed.",
        queue: AUDIT_QUEUE,
        permission: Permission::AuditVerify,
        terms: Terms {
            time_limit: Duration::from_hours(2),
            retry: Retry { attempts_max: 8, base: Duration::from_secs(5), wait_max: Duration::from_mins(5) },
        },
        per_tenant_max: Some(2),
    };

    type Ground = Ground;
    type Output = Exported;

    async fn run(&self, ground: &Ground, ctx: &Context) -> Result<Exported> {
        let size = ground.log.head().await?.size;
        let mut state = match ctx.checkpoint::<State>().await? {
            Some(state) => state,
            None => State { end: self.end.unwrap_or(size), files: Vec::new() },
        };
        if state.end > size || self.first >= state.end {
            return Err(Error::invalid(
                "/end",
                format!("must lie behind `first`, and not beyond the log, which has {size} entries"),
            ));
        }
        let width = u64::from(tile::WIDTH) * BUNDLES_PER_FILE;
        let mut next = state.files.last().map_or(self.first, |file| file.end);
        while next < state.end {
            let end = (next - next % width + width).min(state.end);
            state.files.push(ground.write(ctx, next, end, size).await?);
            next = end;
            ctx.save(&state).await?;
            let (done, total) = (end - self.first, Some(state.end - self.first));
            ctx.report(Progress { done, total, message: Some(format!("entry {end}")) });
        }
        let note = ground.sign(ctx, self.first, &state).await?;
        Ok(Exported { first: self.first, end: state.end, files: state.files, note })
    }
}

impl Ground {
    /// Writes the entries from `first` to before `end` into a file, each as the tree holds it.
    async fn write(&self, ctx: &Context, first: u64, end: u64, size: u64) -> Result<File> {
        let width = u64::from(tile::WIDTH);
        let starts: Vec<u64> = (first - first % width..end).step_by(usize::from(tile::WIDTH)).collect();
        let tiles: Vec<Tile> = starts.iter().filter_map(|start| Tile::holding(0, *start, size)).collect();
        let tiles = self.log.tiles(tiles).await?;
        let mut body = Vec::new();
        for start in starts {
            let bundle = Bundle::holding(start, size)
                .ok_or_else(|| crate::log::altered("tile/entries", "a bundle is not there"))?;
            let bytes = self.log.entries(bundle, &tiles).await?;
            let entries = tile::decode_bundle(&bytes, bundle.width())
                .map_err(|error| crate::log::altered(&bundle.path(), error))?;
            let wanted = bundle.entries().zip(entries).filter(|(index, _)| (first..end).contains(index));
            for (_, entry) in wanted {
                body.extend_from_slice(entry);
                body.push(b'\n');
            }
        }
        let sha256 = sha256_hex(&body);
        let key = format!("exports/{}/{}/{first:012}.ndjson", ctx.tenant_id(), ctx.id());
        // Who was here before and was cut off has written the same: the log does not change.
        self.files.create(&key, "application/x-ndjson", body).await?;
        Ok(File { key, first, end, sha256 })
    }

    /// Writes the note; answers its key.
    async fn sign(&self, ctx: &Context, first: u64, state: &State) -> Result<String> {
        let key = self.key.get().await?;
        let mut text = format!("groundwork audit export\n{}\n{first} {}\n", key.verifier().name(), state.end);
        for file in &state.files {
            let File { key, first, end, sha256 } = file;
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{sha256} {first} {end} {key}");
        }
        let note = note::sign(&text, &[&key]).map_err(|error| Error::internal("sign an export", error))?;
        let at = format!("exports/{}/{}/note.txt", ctx.tenant_id(), ctx.id());
        self.files.create(&at, "text/plain; charset=utf-8", note.into_bytes()).await?;
        Ok(at)
    }
}

/// The function behind the queue of this group's jobs.
///
/// # Errors
/// [`BootError`] for its configuration.
pub async fn worker(boot: Boot) -> Result<Function, BootError> {
    let mut env = Reader::of(&boot.vars, &crate::WORKER_NEEDS);
    let config = WorkerConfig::read(&mut env, AUDIT_QUEUE, &[ledger::TABLE]);
    let bucket = env.required::<String>(crate::LOG_BUCKET);
    let secret = env.required::<String>(crate::KEY_SECRET);
    let public_url = env.required::<PublicUrl>("PUBLIC_URL");
    let (config, bucket, secret, public_url) =
        env.finish(|| Some((config?, bucket?, secret?, public_url?)))?;
    let ground = Ground {
        log: Log::new(config.store(&boot), Bucket::new(&boot.aws, bucket)),
        key: LogKey::new(Secrets::new(&boot.aws, boot.clock.clone()), secret, &public_url),
        files: config.files(&boot),
    };
    Ok(Worker::new(&boot, config, ground).with::<ExportLog>().function())
}
