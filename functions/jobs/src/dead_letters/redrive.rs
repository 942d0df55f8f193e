//! `POST /admin/dead-letters/{id}/redrive`

use axum::extract::State;
use kernel::{Error, id::DeadLetterId, job::Job, permission::DeadLettersWrite};
use platform::{Allowed, NoContent, Path, Result};
use store::{
    Change, Stored,
    job::{DeadLetter, key_of},
};

use crate::{
    App,
    jobs::{change, retry_job::requeue},
};

/// Gives a dead letter another try.
///
/// A job is queued again with all its attempts; a message that was none is sent to its queue once more. It is no dead
/// letter then, unless it becomes one again.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{id}/redrive", tag = "jobs",
    params(("id" = DeadLetterId, Path, description = "The dead letter")),
    responses(
        (status = 204, description = "It is on its way."),
        (status = 409, description = "Somebody else has given it another try."),
    ),
    extensions(("x-permission" = json!("dead_letters:write")), ("x-stream" = json!(true)))
)]
pub(crate) async fn redrive(
    State(app): State<App>,
    allowed: Allowed<DeadLettersWrite>,
    Path(id): Path<DeadLetterId>,
) -> Result<NoContent> {
    let store = app.edge.store();
    let letter: Stored<DeadLetter> =
        store.get_consistent(&DeadLetter::key_of(id)).await?.ok_or(Error::NotFound("dead letter"))?;
    let Some(dead) = &letter.job else {
        let body = letter.body.clone().unwrap_or_default();
        let again = Change::new("dead_letter.redrive", "dead_letter", id).delete(&letter);
        store.commit(&allowed.actor, again.enqueue_text(&letter.queue, body)).await?;
        return Ok(NoContent);
    };
    let job = store.get_consistent::<Job>(&key_of(dead.tenant_id, dead.id)).await?;
    let job = job.ok_or(Error::NotFound("dead letter"))?;
    let now = allowed.now();
    let decide = |job: &Stored<Job>| {
        let next = job.requeued(now)?;
        let change = requeue(job, &next);
        Ok(Some((next, change)))
    };
    change(store, &allowed.actor, job, decide).await?;
    Ok(NoContent)
}
