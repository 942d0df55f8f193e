//! `users.import`: accounts from a file, with the hashes that another system has of their passwords.

mod line;
mod worker;

use std::time::Duration;

use kernel::{
    Error, Permission, Result,
    job::{Progress, Retry, Terms},
};
use platform::{
    bucket::Bucket,
    job::{Context, IDENTITY_QUEUE, JobType, Work},
};
use serde::{Deserialize, Serialize};
use store::{Change, Store};

pub use worker::{NEEDS, worker};

use crate::{
    auth::register::{create_with_tenant, new_user},
    user::{self, User},
};
use line::{Line, LineFault, lines};

/// The folder of the bucket that files are read from.
const FOLDER: &str = "imports/";

/// The largest file, some hundred and fifty thousand lines: it is read into memory.
const FILE_BYTES_MAX: usize = 16 << 20;

/// How many refused lines stand in a job's row before they become an object of their own.
const FAULTS_PER_REPORT: usize = 100;

/// Makes an account of each line of a file in the jobs' bucket.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportUsers {
    /// The file's key in the bucket, `imports/…`.
    #[schema(min_length = 9, max_length = 1024, pattern = "^imports/.+$")]
    key: String,
    /// How it is written: `csv` has a line of names first, `ndjson` an object on each line. Both have `email`, `username`
    /// (optional), `password_hash` (bcrypt) and `email_verified` (optional).
    #[schema(value_type = String, pattern = "^(csv|ndjson)$")]
    format: Format,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// A JSON object on each line.
    Ndjson,
}

/// What has become of the lines so far; where another attempt goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// The entity tag of the file: another one is not gone on with.
    etag: String,
    /// How many lines were worked through.
    lines: u64,
    /// How many accounts were made.
    created: u64,
    /// How many there were already: an account with this e-mail address.
    existing: u64,
    /// How many lines were refused.
    refused: u64,
    /// Objects of the bucket with lines that were refused, each JSON like `faults`.
    reports: Vec<String>,
    /// The lines that were refused and are in none of them.
    faults: Vec<LineFault>,
}

/// What the worker works with.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    store: Store,
    files: Bucket,
}

impl Work for ImportUsers {
    const TYPE: JobType = JobType {
        name: "users.import",
        summary: "Makes accounts from a CSV or NDJSON file with bcrypt hashes, and reports each line that it refuses.",
        queue: IDENTITY_QUEUE,
        permission: Permission::UsersWrite,
        terms: Terms {
            time_limit: Duration::from_hours(6),
            retry: Retry { attempts_max: 10, base: Duration::from_secs(5), wait_max: Duration::from_mins(5) },
        },
        per_tenant_max: Some(2),
    };

    type Ground = Ground;
    type Output = Imported;

    async fn run(&self, ground: &Ground, ctx: &Context) -> Result<Imported> {
        if !self.key.starts_with(FOLDER) {
            return Err(Error::invalid("/key", "must begin with imports/"));
        }
        let file = ground.files.get_file(&self.key, FILE_BYTES_MAX).await?;
        let file = file.ok_or(Error::NotFound("file of that key"))?;
        let lines = lines(&file.body, self.format)?;
        let total = u64::try_from(lines.len()).ok();
        let begun: Option<Imported> = ctx.checkpoint().await?;
        let mut state = begun.unwrap_or_else(|| Imported { etag: file.etag.clone(), ..Imported::default() });
        if state.etag != file.etag {
            return Err(Error::conflict("file_changed", "the file is another than the one that was begun"));
        }
        let done = usize::try_from(state.lines).unwrap_or(usize::MAX);
        for (number, line) in lines.into_iter().skip(done) {
            self.take(ground, ctx, &mut state, number, line).await?;
            ctx.report(Progress { done: state.lines, total, message: Some(format!("line {number}")) });
        }
        Ok(state)
    }
}

impl ImportUsers {
    /// Works through a line, and keeps what has become of it in the same transaction as the account.
    async fn take(
        &self,
        ground: &Ground,
        ctx: &Context,
        state: &mut Imported,
        number: u64,
        line: Result<Line>,
    ) -> Result<()> {
        let mut next = Imported { lines: state.lines + 1, ..state.clone() };
        match line {
            Ok(line) => match create(ground, ctx, &next, line).await {
                Ok(()) => next.created += 1,
                Err(Error::Conflict { rule: "email_taken", .. }) => {
                    next.existing += 1;
                    ctx.save(&next).await?;
                }
                Err(Error::Conflict { rule, detail }) if rule != "job_lost" => {
                    self.refuse(ground, ctx, &mut next, LineFault::new(number, &detail)).await?;
                }
                Err(error) => return Err(error),
            },
            Err(error) => self.refuse(ground, ctx, &mut next, LineFault::of(number, &error)).await?,
        }
        *state = next;
        Ok(())
    }

    async fn refuse(
        &self,
        ground: &Ground,
        ctx: &Context,
        next: &mut Imported,
        fault: LineFault,
    ) -> Result<()> {
        next.refused += 1;
        next.faults.push(fault);
        if next.faults.len() >= FAULTS_PER_REPORT {
            let key = format!("reports/{}/{}/{:06}.json", ctx.tenant_id(), ctx.id(), next.reports.len());
            let report = serde_json::to_vec(&next.faults);
            let report = report.map_err(|error| Error::internal("write a report", error))?;
            // Who was here before and was cut off has written the same.
            ground.files.create(&key, "application/json", report).await?;
            next.reports.push(key);
            next.faults.clear();
        }
        ctx.save(next).await
    }
}

/// Makes the account of a line; `after` is what has become of the lines with it counted as worked through.
async fn create(ground: &Ground, ctx: &Context, after: &Imported, line: Line) -> Result<()> {
    let made = Imported { created: after.created + 1, ..after.clone() };
    let Line { email, username, password_hash, email_verified } = line;
    if user::store::find_by_email(&ground.store, &email).await?.is_some() {
        return Err(Error::conflict("email_taken", "an account with this e-mail address exists"));
    }
    let username = match username {
        Some(username) => username,
        None => line::username_for(&email)?,
    };
    let now = ctx.now();
    let user = new_user(email, username, password_hash.0, now);
    let user = User { email_verified_at: email_verified.unwrap_or(false).then_some(now), ..user };
    // Whether it can be made is said once; what is made is the same each time.
    create_with_tenant(Change::new("user.import", "user", user.id), &user)?;
    let change = || {
        let change = Change::new("user.import", "user", user.id).in_tenant(user.personal_tenant_id);
        create_with_tenant(change, &user).unwrap_or_else(|_| Change::new("user.import", "user", user.id))
    };
    ctx.commit(&made, change).await
}
