//! `GET /audit/entries`

use std::str::FromStr;

use axum::extract::State;
use kernel::{Error, Limit, Page, Sort, Timestamp, id::TenantId, permission::AuditRead};
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
        #[param(value_type = Option<String>)]
        actor: Option<Name>,
        /// Only this action: `noun.verb`.
        #[param(value_type = Option<String>)]
        action: Option<Name>,
        /// Only what was done to this: its id.
        #[param(value_type = Option<String>)]
        target: Option<Name>,
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
    require_possible(&asked)?;
    let tenant_id = tenant_of(&allowed, asked.tenant_id)?;
    let list = matching(tenant_id, &asked);
    let paging = Paging { limit: asked.limit, cursor: asked.cursor, sort: asked.sort };
    let mut page = paging.read(app.edge.store(), list).await?;
    if page.items.is_empty() {
        return Ok(View(page.map(|entry| EntryView::from(&entry))));
    }
    let head = app.log.head().await?;
    let read = page.items.len();
    page.items.retain(|entry| entry.index < head.size);
    if page.items.len() < read && paging.sort != Some(Sort::CreatedDescending) {
        // The list ends before what is filed and not published; a cursor behind that would pass it over.
        page.next_cursor = None;
    }
    app.log.require_unaltered(head.size, &page.items).await?;
    Ok(View(page.map(|entry| EntryView::from(&entry))))
}

/// The narrowest index there is for what is asked, and the rest as filters.
fn matching(tenant_id: TenantId, asked: &ListEntries) -> Entries<LoggedEntry> {
    let ListEntries { actor, action, target, since, until, .. } = asked;
    let (entries, actor, action) = match (target, actor, action) {
        (Some(Name(target)), ..) => {
            (LoggedEntry::by_target(tenant_id, target), actor.as_ref(), action.as_ref())
        }
        (None, Some(Name(actor)), _) => (LoggedEntry::by_actor(tenant_id, actor), None, action.as_ref()),
        (None, None, Some(Name(action))) => (LoggedEntry::by_action(tenant_id, action), None, None),
        (None, None, None) => (LoggedEntry::of_tenant(tenant_id), None, None),
    };
    let entries =
        actor.iter().fold(entries, |entries, Name(actor)| entries.only("openings.actor.value", actor));
    let entries = action.iter().fold(entries, |entries, Name(action)| entries.only("action", action));
    if since.is_none() && until.is_none() {
        return entries;
    }
    let first = since.unwrap_or(Timestamp::from_millis(0));
    let last = until.unwrap_or(Timestamp::from_millis(LAST_MILLIS));
    entries.between(LoggedEntry::span(first, last))
}

/// Requires that there can be such entries: DynamoDB takes no span that ends before it begins.
fn require_possible(asked: &ListEntries) -> kernel::Result<()> {
    let is_backwards = asked.since.zip(asked.until).is_some_and(|(since, until)| until < since);
    if is_backwards { Err(Error::invalid("/until", "must not be before `since`")) } else { Ok(()) }
}

/// What entries are looked for by: an id, or the name of an action.
#[derive(Clone, Debug)]
pub(crate) struct Name(String);

/// Longer than anything that an entry names.
const NAME_MAX: usize = 256;

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let is_name = (1..=NAME_MAX).contains(&text.len()) && !text.contains(char::is_control);
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 256 bytes without control characters")
        }
    }
}

kernel::text_input!(Name);

/// The last moment that a `UUIDv7` can tell: 48 bits of milliseconds (RFC 9562 §5.7).
const LAST_MILLIS: i64 = (1 << 48) - 1;
