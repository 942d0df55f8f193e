//! `GET /audit/roots`

use axum::extract::State;
use kernel::{Limit, Page, Sort, Timestamp};
use platform::{Paging, Public, Query, Result, View};
use serde::Serialize;
use store::ledger::Root;
use tlog::Hash;

use crate::App;

kernel::input! {
    /// Which roots.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListRoots {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        sort: Option<Sort>,
    }
}

/// A root of the log as it was exported on a day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "date": "2026-01-31",
    "size": 4711,
    "root": "873b042ec596c16357d98054ae7e0497714a3c7c815d385c80009594a6d880f3",
    "checkpoint": "example.com/api/v1/audit\n4711\n…",
    "exported_at": "2026-01-31T00:10:00.000Z"
}))]
pub(crate) struct RootView {
    /// The day, in UTC.
    #[schema(format = Date)]
    date: String,
    /// How many entries the log had.
    size: u64,
    /// The root of its tree, in hex.
    #[schema(value_type = String)]
    root: Hash,
    /// The signed root (C2SP tlog-checkpoint), with the cosignatures of the witnesses.
    checkpoint: String,
    /// When it was exported.
    exported_at: Timestamp,
}

impl From<&Root> for RootView {
    fn from(Root { date, size, root, checkpoint, exported_at }: &Root) -> Self {
        let (date, checkpoint) = (date.clone(), checkpoint.clone());
        Self { date, size: *size, root: *root, checkpoint, exported_at: *exported_at }
    }
}

/// Lists the roots that were exported
///
/// Once a day the log goes into a bucket that nobody can delete from. Whoever keeps one of these roots can hold any later
/// log against it.
#[utoipa::path(
    get, path = "/api/v1/audit/roots", tag = "audit", params(ListRoots),
    responses((status = 200, description = "A page of roots, oldest first unless told otherwise.", body = Page<RootView>)),
    extensions(("x-permission" = json!("public")), ("x-stream" = json!(true)))
)]
pub(crate) async fn list_roots(
    State(app): State<App>,
    _: Public,
    Query(asked): Query<ListRoots>,
) -> Result<View<Page<RootView>>> {
    let paging = Paging { limit: asked.limit, cursor: asked.cursor, sort: asked.sort };
    let page = paging.read(app.edge.store(), Root::every()).await?;
    Ok(View(page.map(|root| RootView::from(&root))))
}
