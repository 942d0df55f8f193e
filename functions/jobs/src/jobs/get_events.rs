//! `GET /jobs/{job}/events`

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use kernel::{Error, id::JobId, job::Job, permission::JobsRead};
use platform::{Allowed, Path, Result, telemetry::causes};
use store::{Key, Store, Stored, job::key_of};

use super::{JobView, find};
use crate::App;

/// How often the job is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often at most: then the client comes again, and goes on where it was.
const LOOKS_MAX: u32 = 25;

/// How many looks without news a client waits for a sign of life.
const LOOKS_PER_SIGN: u32 = 10;

/// Follows a job.
///
/// Server-sent events: each has the revision of the job as its id, `progress` or `end` as its name, and the job as its
/// data. What happened between two looks, one second apart, is told as one event. The answer ends with the job, and after
/// 25 seconds; clients come again by themselves and go on behind the `Last-Event-ID` that they send. Who has been told
/// the end gets 204, at which an `EventSource` stops.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/events", tag = "jobs",
    params(
        ("job" = JobId, Path, description = "The job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last event that the client has"),
    ),
    responses(
        (status = 200, description = "Events, as they happen.", content_type = "text/event-stream", body = String),
        (status = 204, description = "It has ended, and the client was told."),
    ),
    extensions(("x-permission" = json!("jobs:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_events(
    State(app): State<App>,
    allowed: Allowed<JobsRead>,
    Path(id): Path<JobId>,
    headers: HeaderMap,
) -> Result<Response> {
    let store = app.edge.store();
    let job = find(store, allowed.tenant_id(), id, allowed.principal()).await?;
    let told = last_event_id(&headers)?;
    if job.status.is_ended() && told >= job.rev() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let first =
        Follower { store: store.clone(), key: key_of(job.tenant_id, id), told, looks: 0, next: Some(job) };
    let events = stream::unfold(Some(first), |follower| async { follower?.step().await });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// The revision that the client has: none unless it says so.
fn last_event_id(headers: &HeaderMap) -> Result<u64, Error> {
    let Some(value) = headers.get("last-event-id") else { return Ok(0) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| Error::invalid("Last-Event-ID", "must be the id of an event of this job"))
}

/// A client that is told of a job.
struct Follower {
    store: Store,
    key: Key,
    told: u64,
    looks: u32,
    /// What was read and not told yet.
    next: Option<Stored<Job>>,
}

type Chunk = std::result::Result<String, std::convert::Infallible>;

impl Follower {
    /// The next that the client is told, and who goes on telling, if anybody.
    async fn step(mut self) -> Option<(Chunk, Option<Self>)> {
        loop {
            if let Some(job) = self.next.take().filter(|job| job.rev() > self.told) {
                self.told = job.rev();
                let is_ended = job.status.is_ended();
                let text = event(&job);
                return Some((Ok(text), (!is_ended).then_some(self)));
            }
            if self.looks >= LOOKS_MAX {
                return None;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.looks += 1;
            match self.store.get::<Job>(&self.key).await {
                Ok(job) => self.next = Some(job?),
                Err(error) => {
                    // The client comes again, and hears of it if it lasts.
                    tracing::warn!(error = causes(&error), "a job cannot be followed");
                    return None;
                }
            }
            let is_news = self.next.as_ref().is_some_and(|job| job.rev() > self.told);
            if !is_news && self.looks.is_multiple_of(LOOKS_PER_SIGN) {
                return Some((Ok(": still there\n\n".to_owned()), Some(self)));
            }
        }
    }
}

/// An event (WHATWG HTML §9.2): clients come again after a second.
fn event(job: &Stored<Job>) -> String {
    let name = if job.status.is_ended() { "end" } else { "progress" };
    // A view is JSON without line feeds.
    let data = serde_json::to_string(&JobView::from(&**job)).unwrap_or_default();
    format!("retry: 1000\nid: {}\nevent: {name}\ndata: {data}\n\n", job.rev())
}
