//! `jobs.cancel_all`: cancels what somebody who is gone has asked for, or what runs in a tenant that is gone.

use std::time::Duration;

use kernel::{
    Error, Limit, Permission, Result,
    id::{Id as _, TenantId, UserId},
    job::{Job, Retry, Terms},
};
use platform::job::{CANCEL_ALL, Context, JOBS_QUEUE, JobType, Work};
use serde::{Deserialize, Serialize};
use store::{Change, Store, job};

/// How often a job is tried that somebody else writes to.
const TRIES: u32 = 10;

/// Cancels the jobs that have not ended: of one person, or of everybody in a tenant.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelAll {
    /// In which tenants.
    #[schema(inline, min_items = 1, max_items = 1000)]
    tenant_ids: Vec<TenantId>,
    /// Whose; everybody's unless told.
    #[serde(default)]
    #[schema(inline)]
    user_id: Option<UserId>,
}

/// How many were cancelled.
#[derive(Debug, Serialize)]
pub(crate) struct Cancelled {
    cancelled: u64,
}

impl Work for CancelAll {
    const TYPE: JobType = JobType {
        name: CANCEL_ALL,
        summary: "Cancels the jobs of a person, or of everybody in a tenant, that have not ended.",
        queue: JOBS_QUEUE,
        permission: Permission::UsersWrite,
        terms: Terms {
            time_limit: Duration::from_mins(10),
            retry: Retry { attempts_max: 10, base: Duration::from_secs(2), wait_max: Duration::from_mins(5) },
        },
        per_tenant_max: None,
    };

    type Ground = Store;
    type Output = Cancelled;

    async fn run(&self, store: &Store, ctx: &Context) -> Result<Cancelled> {
        let mut cancelled = 0;
        for tenant_id in &self.tenant_ids {
            cancelled += self.cancel_in(store, ctx, *tenant_id).await?;
        }
        Ok(Cancelled { cancelled })
    }
}

impl CancelAll {
    /// Cancels those in one tenant, page by page; how many there were.
    async fn cancel_in(&self, store: &Store, ctx: &Context, tenant_id: TenantId) -> Result<u64> {
        let list = job::of_tenant(tenant_id).consistent();
        let (mut cancelled, mut cursor) = (0, None);
        loop {
            let page = store.page(&list, Limit::default(), cursor.as_deref()).await?;
            for found in page.items {
                let is_theirs = self.user_id.is_none_or(|id| found.owner.id == id.uuid());
                if is_theirs && found.id != ctx.id() && !found.status.is_ended() {
                    cancelled += u64::from(cancel(store, ctx, &found).await?);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(cancelled);
            }
        }
    }
}

/// Cancels a job; whether it had not ended by itself.
async fn cancel(store: &Store, ctx: &Context, found: &Job) -> Result<bool> {
    for _ in 0..TRIES {
        let read = store.get_consistent::<Job>(&job::key_of(found.tenant_id, found.id)).await?;
        let Some(read) = read.filter(|read| !read.status.is_ended()) else { return Ok(false) };
        let Some(next) = read.cancelled(ctx.now())? else { return Ok(true) };
        match store.commit(&ctx.actor(), Change::cancel_job(&read, &next)).await {
            Err(Error::Conflict { .. }) => {}
            done => return done.map(|()| true),
        }
    }
    Err(Error::unavailable("cancel a job", "somebody else kept being faster"))
}
