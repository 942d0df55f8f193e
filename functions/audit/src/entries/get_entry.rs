//! `GET /audit/entries/{id}`

use axum::{extract::State, response::Response};
use kernel::{
    Error,
    id::{AuditId, TenantId},
    permission::AuditRead,
};
use platform::{Allowed, Conditional, Path, Query, Result};
use serde::Serialize;
use store::{audit::Openings, ledger::LoggedEntry};
use tlog::{Hash, tree};

use super::{EntryView, tenant_of};
use crate::App;

kernel::input! {
    /// Where the entry is.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct GetEntry {
        /// The tenant: one's own unless told. Operators only may ask for another.
        #[param(value_type = Option<TenantId>)]
        tenant_id: Option<TenantId>,
    }
}

/// An entry, and the proof that the log has it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "entry": {
        "id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
        "index": 0,
        "at": "2026-01-31T12:30:00.000Z",
        "tenant_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18",
        "actor": {"kind": "user"},
        "action": "user.erase",
        "target": {"kind": "user"}
    },
    "leaf": "{\"v\":1}",
    "openings": {},
    "proof": {"index": 0, "size": 1, "hashes": [], "checkpoint": "example.com/api/v1/audit\n1\n…"}
}))]
pub(crate) struct ProvenEntry {
    /// The entry.
    entry: EntryView,
    /// The bytes that are in the log.
    leaf: String,
    /// What opens its commitments: a value and its salt for each.
    #[schema(value_type = Object)]
    openings: Openings,
    /// That the log has them.
    proof: InclusionProof,
}

/// An inclusion proof (RFC 9162 §2.1.3).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"index": 0, "size": 1, "hashes": [], "checkpoint": "example.com/api/v1/audit\n1\n…"}))]
pub(crate) struct InclusionProof {
    /// The entry's place in the log, from 0.
    index: u64,
    /// The size of the log that the proof is for.
    size: u64,
    /// The hashes that lead from the entry to the root, in hex.
    #[schema(value_type = Vec<String>)]
    hashes: Vec<Hash>,
    /// The signed root (C2SP tlog-checkpoint).
    checkpoint: String,
}

/// Shows one thing that was done
///
/// With the proof that the log has it: hash the leaf, go up the proof's hashes, and compare with the checkpoint's root.
#[utoipa::path(
    get, path = "/api/v1/audit/entries/{id}", tag = "audit",
    params(
        ("id" = AuditId, Path, description = "The entry"), GetEntry,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the proof one has"),
    ),
    responses(
        (status = 200, description = "The entry and its proof.", body = ProvenEntry, headers(("ETag" = String))),
        (status = 304, description = "The client has it.", headers(("ETag" = String))),
    ),
    extensions(("x-permission" = json!("audit:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_entry(
    State(app): State<App>,
    allowed: Allowed<AuditRead>,
    conditional: Conditional,
    Path(id): Path<AuditId>,
    Query(asked): Query<GetEntry>,
) -> Result<Response> {
    let tenant_id = tenant_of(&allowed, asked.tenant_id)?;
    let found = app.edge.store().get::<LoggedEntry>(&LoggedEntry::key_of(tenant_id, id)).await?;
    let logged = found.ok_or(Error::NotFound("entry"))?.value;
    let head = app.log.head().await?;
    if logged.index >= head.size {
        // It is filed, and published in a moment.
        return Err(Error::NotFound("entry").into());
    }
    app.log.require_unaltered(head.size, std::slice::from_ref(&logged)).await?;
    let tiles = app.log.tiles(tree::tiles_for_inclusion(logged.index, head.size)).await?;
    let hashes = tree::inclusion_proof(logged.index, head.size, &tiles);
    let hashes = hashes.map_err(|error| Error::internal("prove an entry", error))?;
    let leaf = logged.audit.entry.leaf(logged.prev);
    conditional.answer(&ProvenEntry {
        entry: EntryView::from(&logged),
        leaf: String::from_utf8(leaf).map_err(|error| Error::internal("show an entry", error))?,
        openings: logged.audit.openings,
        proof: InclusionProof {
            index: logged.index,
            size: head.size,
            hashes,
            checkpoint: head.checkpoint.clone(),
        },
    })
}
