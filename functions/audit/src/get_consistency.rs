//! `GET /audit/consistency`

use std::{num::NonZero, str::FromStr};

use axum::extract::State;
use kernel::{Error, permission::AuditRead};
use platform::{Allowed, Query, Result, View};
use serde::Serialize;
use tlog::Hash;

use crate::App;

/// How many entries a log has, one at least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(NonZero<u64>);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be a number of entries, 1 at least")
    }
}

kernel::text_input!(Size);

kernel::input! {
    /// Between which sizes.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct GetConsistency {
        /// The size of the log as one knows it.
        #[param(value_type = u64, minimum = 1)]
        old_size: Size,
    }
}

/// A consistency proof (RFC 9162 §2.1.4).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"old_size": 1, "size": 1, "hashes": [], "checkpoint": "example.com/api/v1/audit\n1\n…"}))]
pub(crate) struct ConsistencyProof {
    /// The size of the log that one knows.
    old_size: u64,
    /// The size of the log now.
    size: u64,
    /// The hashes that lead from the old root to the new one, in hex.
    #[schema(value_type = Vec<String>)]
    hashes: Vec<Hash>,
    /// The signed root of the log now (C2SP tlog-checkpoint).
    checkpoint: String,
}

/// Proves that the log has only grown
///
/// That every entry of the log as one knew it is still there, in its place.
#[utoipa::path(
    get, path = "/api/v1/audit/consistency", tag = "audit", params(GetConsistency),
    responses((status = 200, description = "The proof.", body = ConsistencyProof)),
    extensions(("x-permission" = json!("audit:read")), ("x-stream" = json!(true)))
)]
pub(crate) async fn get_consistency(
    State(app): State<App>,
    _: Allowed<AuditRead>,
    Query(GetConsistency { old_size }): Query<GetConsistency>,
) -> Result<View<ConsistencyProof>> {
    let head = app.log.head().await?;
    let old_size = old_size.0.get();
    if old_size > head.size {
        let detail = format!("the log has {} entries", head.size);
        return Err(Error::invalid("/old_size", detail).into());
    }
    let hashes = app.log.consistency(old_size, head.size).await?;
    Ok(View(ConsistencyProof { old_size, size: head.size, hashes, checkpoint: head.checkpoint.clone() }))
}
