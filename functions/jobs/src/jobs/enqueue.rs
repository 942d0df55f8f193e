//! `POST /jobs/{job}`

use std::{str::FromStr, time::Duration};

use axum::extract::State;
use kernel::{
    Error, Input, Pointer, Timestamp,
    input::{Faults, JsonValue, Whole},
    job::{Job, Owner, PAYLOAD_BYTES_MAX, Wanted},
    permission::JobsWrite,
};
use platform::{Allowed, Create, Path, Query, Result, ids, respond::Accepted};
use store::Change;

use super::{JobView, location};
use crate::{App, catalogue};

/// The longest delay, in seconds: 30 days.
const DELAY_SECONDS_MAX: u32 = 2_592_000;

kernel::input! {
    /// When it is to run.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct When {
        /// For how many seconds it waits: not at all unless told, 30 days at most.
        #[param(value_type = Option<u32>, minimum = 0, maximum = 2_592_000)]
        delay_seconds: Option<Delay>,
        /// When it is too late for it: it is `expired` then, whether or not it runs.
        #[param(value_type = Option<Timestamp>)]
        deadline: Option<Timestamp>,
    }
}

/// A delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay(Whole<0, DELAY_SECONDS_MAX>);

impl FromStr for Delay {
    type Err = kernel::input::OutOfBounds<0, DELAY_SECONDS_MAX>;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

kernel::text_input!(Delay);

/// A payload: whatever the type's schema allows.
#[derive(Debug)]
pub(crate) struct Payload(JsonValue);

impl Input for Payload {
    fn read(value: &JsonValue, _: &Pointer, _: &mut Faults) -> Option<Self> {
        Some(Self(value.clone()))
    }
}

impl When {
    /// The moment it is to run.
    fn due_at(&self, now: Timestamp) -> kernel::Result<Timestamp> {
        let delay = self.delay_seconds.map_or(0, |Delay(seconds)| seconds.get());
        let due_at = now + Duration::from_secs(delay.into());
        if self.deadline.is_some_and(|deadline| deadline <= due_at) {
            return Err(Error::invalid("deadline", "must lie after the moment it is to run"));
        }
        Ok(due_at)
    }
}

/// Asks for a job.
///
/// The body is the payload, as the type's schema has it (`GET /jobs/types`). The job begins at once, or after its delay;
/// under an `Idempotency-Key` the same answer is given again for a day, and there is one job.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}", tag = "jobs",
    request_body(content = Object, description = "The payload, as the type's schema has it", example = json!({"seconds": 5})),
    params(
        ("job" = String, Path, description = "The name of the type, like `demo.sleep`"),
        When,
        ("Idempotency-Key" = Option<String>, Header, description = "Answers a repeated request with the first answer"),
    ),
    responses(
        (status = 202, description = "The job waits for its worker.", body = JobView, headers(("Location" = String))),
        (status = 404, description = "There is no such type; the known ones are named."),
        (status = 413, description = "The payload is larger than 32 KiB."),
    ),
    extensions(("x-permission" = json!("jobs:write")), ("x-stream" = json!(true)))
)]
pub(crate) async fn enqueue(
    State(app): State<App>,
    allowed: Allowed<JobsWrite>,
    Path(name): Path<String>,
    Query(when): Query<When>,
    Create(Payload(payload)): Create<Payload>,
) -> Result<Accepted> {
    let declared = catalogue::find(&name)?;
    let (principal, now) = (allowed.principal(), allowed.now());
    declared.require_allowed(principal)?;
    let text = payload.to_string();
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::TooLarge { limit_bytes: PAYLOAD_BYTES_MAX }.into());
    }
    declared.require_valid(&payload)?;
    let actor = &allowed.actor;
    let wanted = Wanted {
        id: ids::new(now),
        tenant_id: allowed.tenant_id(),
        job_type: &declared.name,
        queue: &declared.queue,
        payload: text,
        owner: Owner::of(principal),
        request_id: &actor.request_id,
        due_at: when.due_at(now)?,
        deadline: when.deadline,
    };
    let job = Job::queued(wanted, now);
    let change = Change::enqueue_job(&job);
    let view = JobView::from(&job);
    let accepted = Accepted::commit(app.edge.store(), actor, change, &location(job.id), &view).await?;
    Ok(accepted)
}
