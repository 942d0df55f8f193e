//! `GET /audit/entries`

use axum::extract::State;
use kernel::{Limit, Page, Sort, Timestamp, id::TenantId, permission::AuditRead};
use platform::{Allowed, Paging, Query, Result, View};
use store::{Query as Entries, ledger::LoggedEntry};

use super::{EntryView, tenant_of};
use crate::App;

kernel::input! {
    /// Which entries.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct ListEntries {
        /// How many items at most: 20 unless told.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<Limit>,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Option<String>,
        /// By age: `created_at` is oldest first, `-created_at` newest first. A cursor goes on in its own order only.
        #[param(value_type = Option<String>, pattern = "^-?created_at$", example = "-created_at")]
        sort: Option<Sort>,
        /// The tenant: one's own unless told. Operators only may ask for another.
        #[param(value_type = Option<TenantId>)]
        tenant_id: Option<TenantId>,
        /// Only what this principal did: its id.
        actor: Option<String>,
        /// Only this action: `noun.verb`.
        action: Option<String>,
        /// Only what was done to this: its id.
        target: Option<String>,
        /// Only what was done then or later.
        #[param(value_type = Option<Timestamp>)]
        since: Option<Timestamp>,
        /// Only what was done then or earlier.
        #[param(value_type = Option<Timestamp>)]
        until: Option<Timestamp>,
    }
}

/// Lists what was done
///
/// An entry is in the list as soon as it is in the log, which takes a second or two. Several filters hold together; the
/// rest is left out after it was read, so a page may hold fewer than `limit`, and the list goes on for as long as there is
/// a `next_cursor`. Each entry is compared with the log before it is answered.
#[utoipa::path(
    get, path = "/api/v1/audit/entries", tag = "audit", params(ListEntries),
    responses((status = 200, description = "A page of entries, oldest first unless told otherwise.", body = Page<EntryView>)),
    extensions(("x-permission" = json!("audit:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn list_entries(
    State(app): State<App>,
    allowed: Allowed<AuditRead>,
    Query(asked): Query<ListEntries>,
) -> Result<View<Page<EntryView>>> {
    let tenant_id = tenant_of(&allowed, asked.tenant_id)?;
    let list = matching(tenant_id, &asked);
    let paging = Paging { limit: asked.limit, cursor: asked.cursor, sort: asked.sort };
    let page = paging.read(app.edge.store(), list).await?;
    if !page.items.is_empty() {
        let head = app.log.head().await?;
        app.log.require_unaltered(head.size, &page.items).await?;
    }
    Ok(View(page.map(|entry| EntryView::from(&entry))))
}

/// The narrowest index there is for what is asked, and the rest as filters.
fn matching(tenant_id: TenantId, asked: &ListEntries) -> Entries<LoggedEntry> {
    let ListEntries { actor, action, target, since, until, .. } = asked;
    let (entries, actor, action) = match (target, actor, action) {
        (Some(target), ..) => (LoggedEntry::by_target(target), actor.as_ref(), action.as_ref()),
        (None, Some(actor), _) => (LoggedEntry::by_actor(actor), None, action.as_ref()),
        (None, None, Some(action)) => (LoggedEntry::by_action(tenant_id, action), None, None),
        (None, None, None) => (LoggedEntry::of_tenant(tenant_id), None, None),
    };
    let is_by_person = asked.target.is_some() || asked.actor.is_some();
    let entries = if is_by_person { entries.only("tenant_id", &tenant_id) } else { entries };
    let entries =
        actor.into_iter().fold(entries, |entries, actor| entries.only("openings.actor.value", actor));
    let entries = action.into_iter().fold(entries, |entries, action| entries.only("action", action));
    if since.is_none() && until.is_none() {
        return entries;
    }
    let first = since.unwrap_or(Timestamp::from_millis(0));
    let last = until.unwrap_or(Timestamp::from_millis(LAST_MILLIS));
    entries.between(LoggedEntry::span(first, last))
}

/// The last moment that a `UUIDv7` can tell: 48 bits of milliseconds (RFC 9562 §5.7).
const LAST_MILLIS: i64 = (1 << 48) - 1;
