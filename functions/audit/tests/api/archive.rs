//! A log, changes that go into it, and somebody who reads it.

use std::collections::BTreeMap;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use kernel::{Error, Role, id::TenantId};
use platform::{Boot, function::ScheduleHandler};
use store::Change;
use testkit::{App, Call, Issuer, Lab, handler};
use tlog::{Checkpoint, Frontier, Hash, Leaf, VerifierKey, hash, tile};

pub(crate) const AUDIT: &str = "/api/v1/audit";

pub(crate) struct Archive {
    pub(crate) lab: Lab,
    pub(crate) app: App,
    pub(crate) issuer: Issuer,
    pub(crate) tenant_id: TenantId,
    s3: aws_sdk_s3::Client,
    bucket: String,
    export: String,
}

impl Archive {
    /// A log whose first entry is that of its tenant, not taken in yet.
    pub(crate) async fn new() -> Self {
        Self::in_lab(Lab::new()).await
    }

    pub(crate) async fn in_lab(lab: Lab) -> Self {
        let issuer = Issuer::new(&lab, "audit").await;
        let tenant_id = issuer.tenant().await;
        let app = lab.http("audit", audit::function).await;
        // No function's role lets it alter the log.
        let s3 = aws_sdk_s3::Client::new(&lab.cloud().sdk_config());
        let bucket = lab.environment("audit-sequencer")["AUDIT_BUCKET"].clone();
        let export = lab.environment("audit-exporter")["AUDIT_EXPORT_BUCKET"].clone();
        Self { lab, app, issuer, tenant_id, s3, bucket, export }
    }

    /// Commits changes in the tenant, one entry each.
    pub(crate) async fn commit(&self, action: &'static str, targets: impl IntoIterator<Item = u32>) {
        for target in targets {
            self.lab.commit(Change::new(action, "note", target).in_tenant(self.tenant_id)).await;
        }
    }

    /// One run of a sequencer.
    pub(crate) async fn sequence(&self) -> Result<(), Error> {
        sweeper(self.lab.boot("audit-sweeper")).await(EventBridgeEvent::default()).await
    }

    /// A call with a token of that role in that tenant.
    pub(crate) fn get(&self, path: &str, role: Role, tenant_id: TenantId) -> Call {
        self.app.get(format!("{AUDIT}{path}")).bearer(&self.issuer.token(role, tenant_id))
    }

    /// A call by an operator.
    pub(crate) fn ask(&self, path: &str) -> Call {
        self.get(path, Role::Operator, self.tenant_id)
    }

    /// The signed head, as everybody may read it.
    pub(crate) async fn checkpoint(&self) -> Checkpoint {
        let text = async |path: &str| {
            let answer = self.app.get(format!("{AUDIT}{path}")).await.expect(200);
            String::from_utf8(answer.body.clone()).unwrap()
        };
        let key: VerifierKey = text("/vkey").await.trim_end().parse().unwrap();
        let origin = key.name().to_owned();
        Checkpoint::open(&text("/checkpoint").await, &origin, &[key]).unwrap().checkpoint
    }

    /// Every entry of the log: in its chain, and under the signed root.
    pub(crate) async fn history(&self) -> Vec<Leaf> {
        let checkpoint = self.checkpoint().await;
        let (mut frontier, mut prev, mut history) = (Frontier::new(), Hash::ZERO, Vec::new());
        for bundle in tile::bundles_at(checkpoint.size) {
            let bytes = self.object(&bundle.path()).await;
            for entry in tile::decode_bundle(&bytes, bundle.width()).unwrap() {
                let leaf = Leaf::parse(entry).unwrap();
                assert_eq!(leaf.prev, prev, "entry {} is chained to the one before", history.len());
                prev = hash::leaf(entry);
                frontier.push(prev, |_, _, _| ());
                history.push(leaf);
            }
        }
        assert_eq!(frontier.root(), checkpoint.root);
        history
    }

    pub(crate) async fn object(&self, path: &str) -> Vec<u8> {
        let answer = self.s3.get_object().bucket(&self.bucket).key(path).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        answer.body.collect().await.unwrap().to_vec()
    }

    /// A file that a job has written.
    pub(crate) async fn job_file(&self, key: &str) -> Vec<u8> {
        let bucket = &self.lab.environment("audit-worker")["JOBS_BUCKET"];
        let answer = self.s3.get_object().bucket(bucket).key(key).send().await;
        answer.unwrap_or_else(|error| panic!("{key}: {error}")).body.collect().await.unwrap().to_vec()
    }

    /// Every object of the export.
    pub(crate) async fn exported(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        let mut pages = self.s3.list_objects_v2().bucket(&self.export).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page.unwrap().contents().iter().filter_map(|object| object.key()) {
                let answer = self.s3.get_object().bucket(&self.export).key(key).send().await.unwrap();
                objects.insert(key.to_owned(), answer.body.collect().await.unwrap().to_vec());
            }
        }
        objects
    }

    pub(crate) async fn try_replace_exported(&self, path: &str) -> Result<(), String> {
        let put = self.s3.put_object().bucket(&self.export).key(path).body(vec![1].into());
        put.send().await.map(|_| ()).map_err(|error| format!("{error:?}"))
    }

    pub(crate) async fn try_delete_exported(&self, path: &str) -> Result<(), String> {
        let delete = self.s3.delete_object().bucket(&self.export).key(path);
        delete.send().await.map(|_| ()).map_err(|error| format!("{error:?}"))
    }

    /// Alters an attribute of the ledger, named as DynamoDB's expressions do.
    pub(crate) async fn alter_item(&self, pk: &str, sk: &str, attribute: &str, other: AttributeValue) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut update = aws_sdk_dynamodb::Client::new(&self.lab.cloud().sdk_config())
            .update_item()
            .table_name(&self.lab.environment("audit")["LEDGER_TABLE"])
            .key("pk", text(pk))
            .key("sk", text(sk))
            .expression_attribute_values(":other", other);
        let mut path = Vec::new();
        for (depth, part) in attribute.split('.').enumerate() {
            update = update.expression_attribute_names(format!("#p{depth}"), part);
            path.push(format!("#p{depth}"));
        }
        update.update_expression(format!("SET {} = :other", path.join("."))).send().await.unwrap();
    }

    pub(crate) async fn alter_object(&self, path: &str, alter: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.object(path).await;
        alter(&mut bytes);
        self.put_object(path, bytes).await;
    }

    pub(crate) async fn put_object(&self, path: &str, bytes: Vec<u8>) {
        let put = self.s3.put_object().bucket(&self.bucket).key(path).body(bytes.into());
        put.send().await.unwrap();
    }
}

/// A sequencer that is called by the clock.
pub(crate) async fn sweeper(boot: Boot) -> ScheduleHandler {
    handler::schedule(audit::sweeper(boot).await)
}
