//! Entries of the log, as its readers see them.

pub(crate) mod get_entry;
pub(crate) mod list_entries;

use kernel::{
    Error, Result, Role, Timestamp,
    id::{AuditId, TenantId},
    permission::AuditRead,
};
use platform::Allowed;
use serde::Serialize;
use store::{audit::Opening, ledger::LoggedEntry};
use tlog::Commitment;

/// The tenant whose entries are asked for: one's own, unless an operator asks for another's.
///
/// # Errors
/// [`Error::NotFound`] for another tenant's.
fn tenant_of(allowed: &Allowed<AuditRead>, asked: Option<TenantId>) -> Result<TenantId> {
    let own = allowed.tenant_id();
    match asked {
        Some(other) if other != own && allowed.principal().role != Role::Operator => {
            Err(Error::NotFound("tenant"))
        }
        Some(asked) => Ok(asked),
        None => Ok(own),
    }
}

/// An entry. What told of a person who was erased is not there any more.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
    "index": 4711,
    "at": "2026-01-31T12:30:00.000Z",
    "tenant_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18",
    "actor": {"kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e19"},
    "client": "192.0.2.7",
    "request_id": "7f9c2ba4e88f827d",
    "action": "member.remove",
    "target": {"kind": "member", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e20"},
    "before": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"
}))]
pub(crate) struct EntryView {
    /// Its id.
    id: AuditId,
    /// Its place in the log, from 0.
    index: u64,
    /// When it was done.
    at: Timestamp,
    /// The tenant whose data was changed.
    tenant_id: TenantId,
    /// Who did it.
    actor: PartyView,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// The request it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// What was done: `noun.verb`.
    action: String,
    /// What it was done to.
    target: PartyView,
    /// A commitment to the items as they were, in hex; none when there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    before: Option<Commitment>,
    /// A commitment to the items as they became, in hex; none when none remained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    after: Option<Commitment>,
}

/// Who did something, or what it was done to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"kind": "user", "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e19"}))]
pub(crate) struct PartyView {
    /// What kind of thing.
    kind: String,
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl From<&LoggedEntry> for EntryView {
    fn from(logged: &LoggedEntry) -> Self {
        let (entry, openings) = (&logged.audit.entry, &logged.audit.openings);
        let value = |opening: &Option<Opening>| opening.as_ref().map(|opening| opening.value.clone());
        Self {
            id: entry.id,
            index: logged.index,
            at: entry.at,
            tenant_id: entry.tenant_id,
            actor: PartyView { kind: entry.actor.kind.clone(), id: value(&openings.actor) },
            client: value(&openings.client),
            request_id: value(&openings.request_id),
            action: entry.action.clone(),
            target: PartyView { kind: entry.target.kind.clone(), id: value(&openings.target) },
            before: entry.before,
            after: entry.after,
        }
    }
}
