//! `GET /jobs`

use axum::extract::State;
use kernel::{Error, Limit, Page, Sort, job::Status, permission::JobsRead};
use platform::{Allowed, Paging, Query, Result, View};
use store::job;

use super::JobView;
use crate::{App, catalogue};

kernel::input! {
    /// Which jobs.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListJobs {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        sort: Option<Sort>,
        /// Only jobs of this type.
        r#type: Option<String>,
        /// Only jobs that stand there.
        #[param(value_type = Option<Status>)]
        status: Option<Status>,
    }
}

/// Lists the tenant's jobs
///
/// What the filters leave out was read, so a page may hold fewer than `limit`, and the list goes on for as long as there
/// is a `next_cursor`. A job is in the list for thirty days after it has ended.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", params(ListJobs),
    responses((status = 200, description = "A page of jobs, oldest first unless told otherwise.", body = Page<JobView>)),
    extensions(("x-permission" = json!("jobs:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn list_jobs(
    State(app): State<App>,
    allowed: Allowed<JobsRead>,
    Query(asked): Query<ListJobs>,
) -> Result<View<Page<JobView>>> {
    let mut list = job::of_tenant(allowed.tenant_id());
    if let Some(name) = &asked.r#type {
        let declared = catalogue::find(name).map_err(|_| Error::invalid("type", "there is no such type"))?;
        list = list.only("type", &declared.name);
    }
    if let Some(status) = asked.status {
        list = list.only("status", &status);
    }
    let paging = Paging { limit: asked.limit, cursor: asked.cursor, sort: asked.sort };
    let mut page = paging.read(app.edge.store(), list).await?;
    page.items.retain(|job| catalogue::may_see(&job.job_type, allowed.principal()));
    Ok(View(page.map(|job| JobView::from(&job))))
}
