//! A noun for tests, and a store to keep it in.

use std::collections::HashMap;

use aws_types::SdkConfig;
use cloud::{Cloud, Template};
use kernel::{
    Principal, PrincipalKind, Role, Timestamp,
    id::{Id as _, TenantId},
    principal::Scopes,
};
use serde::{Deserialize, Serialize};
use store::{Actor, Entity, Index, Key, Query, SealingKey, Store, Table, idempotency::ClaimSlot};
use uuid::Uuid;

/// Any table with the common keys will do.
const TABLE: Table = Table("IDENTITY_TABLE");

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) board: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Note {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { board: "b".to_owned(), name: name.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn key_of(name: &str) -> Key {
        Key::new("board#b", format!("note#{name}"))
    }

    pub(crate) fn all() -> Query<Self> {
        Query::table("board#b", "note#")
    }
}

impl Entity for Note {
    const KIND: &'static str = "note";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(&self.name)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(Index("gsi1"), Key::new("notes", format!("note#{}", self.name)))]
    }
}

/// A noun whose field has a name that is ours.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Greedy {
    pub(crate) kind: String,
}

impl Entity for Greedy {
    const KIND: &'static str = "greedy";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Key::new("greedy", "greedy")
    }
}

/// A store on a cloud of its own.
pub(crate) fn store() -> (Store, Cloud) {
    store_over(|config| config)
}

/// The physical name of the notes' table.
pub(crate) fn table() -> String {
    Template::of_workspace().unwrap().function("identity").unwrap().environment[TABLE.0].clone()
}

/// The same, reached in another way.
pub(crate) fn store_over(reach: impl Fn(SdkConfig) -> SdkConfig) -> (Store, Cloud) {
    let template = Template::of_workspace().unwrap();
    let cloud = Cloud::memory(&template).unwrap();
    let variables = &template.function("identity").unwrap().environment;
    let tables = [TABLE, store::audit::TABLE, store::ephemeral::TABLE, store::outbox::TABLE];
    let tables: HashMap<Table, String> = tables.map(|table| (table, variables[table.0].clone())).into();
    (Store::new(&reach(cloud.sdk_config()), tables, SealingKey::new(&[7; 32])), cloud)
}

/// Somebody who writes.
pub(crate) fn actor() -> Actor {
    Actor {
        principal: Principal {
            kind: PrincipalKind::User,
            id: Uuid::from_u128(1),
            tenant_id: TenantId::from_uuid(Uuid::from_u128(2)),
            role: Role::Owner,
            scopes: Scopes::Full,
            session_id: None,
        },
        request_id: "request-1".to_owned(),
        client: "client".to_owned(),
        now: NOW,
        claim: ClaimSlot::default(),
    }
}
