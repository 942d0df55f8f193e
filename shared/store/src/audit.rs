//! Audit entries, written in the same transaction as the change that they describe.
//!
//! They are put into the inbox, which every function may add to and none may read. The sequencer takes them out of it
//! into the log ([`crate::ledger`]).

use kernel::{
    PrincipalKind, Timestamp,
    id::{AuditId, Id as _, TenantId},
};
use serde::{Deserialize, Serialize};
use tlog::{Commitment, Entry, Hash, Party, Salt};

use crate::{Actor, Entity, Key, Table, sealing::random};

/// Where audit entries wait for the sequencer.
pub const TABLE: Table = Table("AUDIT_TABLE");

/// How many partitions the inbox has: DynamoDB writes a thousand items per second into each.
pub(crate) const SHARDS: u8 = 4;

/// How long a committed value may be, in bytes: a key of an index has 2 KB.
const VALUE_MAX: usize = 1024;

/// How long an entry may be, in bytes. A bundle could hold 64 KiB; a key of an index, and what is filed a hundred at a
/// time, less.
const LEAF_MAX: usize = 2048;

/// The fields of an entry that are in the log as commitments only.
pub mod field {
    /// Who did it.
    pub const ACTOR: &str = "actor";
    /// The client's address.
    pub const CLIENT: &str = "client";
    /// The request's id.
    pub const REQUEST_ID: &str = "request_id";
    /// What it was done to.
    pub const TARGET: &str = "target";
    /// The items as they were.
    pub const BEFORE: &str = "before";
    /// The items as they became.
    pub const AFTER: &str = "after";
}

/// Who did what to what, when: what goes into the log, and what opens its commitments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// What the log is told.
    #[serde(flatten)]
    pub entry: Entry,
    /// What it is not told.
    pub openings: Openings,
}

/// What the commitments of an entry stand for. Each goes with the person it tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Openings {
    /// Who did it: the principal's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Opening>,
    /// The client's address, or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Opening>,
    /// The request's id, which the client may have chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Opening>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Opening>,
    /// The salt of the two digests of the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Salt>,
}

/// A person who was erased, as entries may name them: what the log's eraser is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The account's id, and pseudonyms of what it was called by.
    pub names: Vec<String>,
    /// Their own tenant, which went with them.
    pub tenant_id: TenantId,
    /// When.
    pub at: Timestamp,
}

impl Erased {
    /// The queue of the log's eraser.
    pub const QUEUE: &'static str = "AUDIT_ERASURE_QUEUE_URL";

    fn is(&self, opening: &Opening) -> bool {
        self.names.contains(&opening.value)
    }
}

/// What opens one commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// What was committed to.
    pub value: String,
    /// The salt.
    pub salt: Salt,
}

impl Opening {
    /// A commitment to a value under a new salt, and what opens it.
    fn of(field: &str, value: &str) -> (Commitment, Self) {
        let salt = Salt::from_bytes(random());
        let commitment = Commitment::of(&salt, field, value.as_bytes());
        (commitment, Self { value: value.to_owned(), salt })
    }
}

/// SHA-256 over items as they were and as they became; `None` when there were none.
pub(crate) struct Digests {
    pub(crate) before: Option<[u8; 32]>,
    pub(crate) after: Option<[u8; 32]>,
}

impl AuditEntry {
    /// The entry of a change.
    pub(crate) fn of(
        id: AuditId,
        actor: &Actor,
        tenant_id: TenantId,
        action: &str,
        (target_kind, target_id): (&str, &str),
        digests: &Digests,
    ) -> Self {
        let (who, who_opening) = Opening::of(field::ACTOR, &actor.principal.id.to_string());
        let (client, client_opening) = Opening::of(field::CLIENT, &actor.client);
        let (request_id, request_opening) = Opening::of(field::REQUEST_ID, &actor.request_id);
        let (target, target_opening) = Opening::of(field::TARGET, target_id);
        let items = Salt::from_bytes(random());
        let digest =
            |field, digest: Option<[u8; 32]>| digest.map(|digest| Commitment::of(&items, field, &digest));
        Self {
            entry: Entry {
                id,
                at: actor.now,
                tenant_id,
                actor: Party { kind: actor.principal.kind.name().into(), id: who },
                client,
                request_id,
                action: action.into(),
                target: Party { kind: target_kind.into(), id: target },
                before: digest(field::BEFORE, digests.before),
                after: digest(field::AFTER, digests.after),
            },
            openings: Openings {
                actor: Some(who_opening),
                client: Some(client_opening),
                request_id: Some(request_opening),
                target: Some(target_opening),
                items: Some(items),
            },
        }
    }

    /// What is left of the openings when a person is forgotten: nothing of who they were, where they were and what they
    /// had; what tells of somebody else stays. Whatever was done in their own tenant was done to them.
    pub(crate) fn openings_without(&self, person: &Erased) -> Openings {
        let Self { entry, openings } = self;
        let names = |opening: &Option<Opening>| opening.as_ref().is_some_and(|opening| person.is(opening));
        let is_actor = names(&openings.actor);
        let is_target = names(&openings.target) || entry.tenant_id == person.tenant_id;
        // Nobody else was there.
        let was_alone = is_actor || is_target && entry.actor.kind == PrincipalKind::Anonymous.name();
        let kept = |opening: &Option<Opening>, is_theirs: bool| opening.clone().filter(|_| !is_theirs);
        Openings {
            actor: kept(&openings.actor, is_actor),
            client: kept(&openings.client, was_alone),
            request_id: kept(&openings.request_id, was_alone),
            target: kept(&openings.target, is_target),
            items: openings.items.clone().filter(|_| !is_actor && !is_target),
        }
    }

    /// Whether what is kept beside the log is what the log was told: every opening that there is opens its commitment.
    pub fn is_opened_rightly(&self) -> bool {
        let Self { entry, openings } = self;
        [
            (field::ACTOR, entry.actor.id, &openings.actor),
            (field::CLIENT, entry.client, &openings.client),
            (field::REQUEST_ID, entry.request_id, &openings.request_id),
            (field::TARGET, entry.target.id, &openings.target),
        ]
        .into_iter()
        .all(|(field, commitment, opening)| {
            let opens = |Opening { value, salt }: &Opening| commitment.verify(salt, field, value.as_bytes());
            opening.as_ref().is_none_or(opens)
        })
    }

    /// Whether the log can take it: it is short enough for a leaf and for the keys of an index, and rightly opened.
    pub(crate) fn is_admissible(&self) -> bool {
        let openings =
            [&self.openings.actor, &self.openings.client, &self.openings.request_id, &self.openings.target];
        let is_short = openings.into_iter().flatten().all(|opening| opening.value.len() <= VALUE_MAX);
        is_short && self.entry.leaf(Hash::ZERO).len() <= LEAF_MAX && self.is_opened_rightly()
    }

    /// The partition of the inbox with this number.
    pub(crate) fn partition(shard: u8) -> String {
        format!("inbox#{shard}")
    }

    /// The key of the entry with this id.
    pub(crate) fn key_of(id: AuditId) -> Key {
        // The last byte of a UUIDv7 is random.
        let [.., last] = id.uuid().into_bytes();
        Key::new(Self::partition(last % SHARDS), format!("audit#{id}"))
    }
}

impl Entity for AuditEntry {
    const KIND: &'static str = "audit";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.entry.id)
    }
}
