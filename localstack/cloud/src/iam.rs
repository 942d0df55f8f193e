//! Permissions: what a call needs, whether the caller's role has it, and what each role has used.
//!
//! Functions are held to the role that `template.yaml` gives them, so that a permission which is missing there is
//! missed on a laptop and in every test, and not first on AWS. The AWS port and the local cloud itself are root.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::s3;
use crate::service::Service;
use crate::template::names::{self, queue_arn, secret_arn, table_arn};
use crate::template::{Function, Policy};
use crate::wire::{Request, text};

/// An action and the resource it is done to: what an IAM statement allows.
pub type Permission = (String, String);

/// On whose behalf a call is made.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    function: String,
    policy: Policy,
}

impl Role {
    pub(crate) fn of(function: &Function) -> Self {
        Self { function: function.binary.clone(), policy: function.policy.clone() }
    }

    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// The first permission that a call needs and this role lacks, in the words of AWS.
    pub(crate) fn refusal(&self, needed: &[Vec<Permission>]) -> Option<String> {
        let has = |(action, resource): &Permission| self.policy.allows(action, resource);
        let lacking = needed.iter().find(|any| !any.iter().any(has))?;
        let (action, resource) = lacking.first()?;
        Some(format!(
            "{} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
             allows the {action} action",
            self.function
        ))
    }
}

/// The permissions that each function has used so far, by its binary, as its role's policy has them.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, BTreeSet<Permission>>>);

impl Ledger {
    /// Notes what `role` was allowed to do: of each choice of permissions the one it has.
    pub(crate) fn note(&self, role: &Role, needed: &[Vec<Permission>]) {
        let used = needed.iter().filter_map(|any| any.iter().find(|(a, r)| role.policy.allows(a, r)));
        let used = used.flat_map(|(action, resource)| role.policy.granting(action, resource));
        let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.entry(role.function.clone()).or_default().extend(used);
    }

    pub(crate) fn of(&self, binary: &str) -> BTreeSet<Permission> {
        let ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.get(binary).cloned().unwrap_or_default()
    }
}

/// What a call needs: each inner list is a choice, one of which is enough. Nothing when that cannot be told.
pub(crate) fn needed(service: Service, operation: &str, request: &Request) -> Vec<Vec<Permission>> {
    let body = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
    let permissions = match service {
        Service::Dynamo => dynamo(operation, &body()),
        Service::Sqs => sqs(operation, &body()),
        Service::Secrets => secrets(operation, &body()),
        Service::Mail => return mail(&body()),
        Service::S3 => s3::permissions(request),
    };
    permissions.into_iter().map(|permission| vec![permission]).collect()
}

fn dynamo(operation: &str, body: &Value) -> Vec<Permission> {
    let on = |action: &str, table: &str| (format!("dynamodb:{action}"), table_arn(table));
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| on(operation, table)).collect()
        }
        // A transaction needs what each of its parts would need alone.
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            let parts = parts.filter_map(Value::as_object).flatten();
            let named = parts.filter_map(|(kind, part)| Some((kind, text(part, "TableName")?)));
            named
                .map(|(kind, table)| match kind.as_str() {
                    "ConditionCheck" => on("ConditionCheckItem", table),
                    kind => on(&format!("{kind}Item"), table),
                })
                .collect()
        }
        _ => {
            let Some(table) = text(body, "TableName") else {
                return Vec::new();
            };
            let (action, mut resource) = on(operation, table);
            if let Some(index) = text(body, "IndexName") {
                resource = format!("{resource}/index/{index}");
            }
            vec![(action, resource)]
        }
    }
}

fn sqs(operation: &str, body: &Value) -> Vec<Permission> {
    let queue = text(body, "QueueUrl").and_then(|url| url.rsplit('/').next());
    let queue = queue.or_else(|| text(body, "QueueName"));
    // A batch needs what its entries need.
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    queue.map(|queue| (format!("sqs:{action}"), queue_arn(queue))).into_iter().collect()
}

fn secrets(operation: &str, body: &Value) -> Vec<Permission> {
    let id = text(body, "SecretId").or_else(|| text(body, "Name"));
    let arn = id.map(|id| if id.starts_with("arn:") { id.to_owned() } else { secret_arn(id) });
    arn.map(|arn| (format!("secretsmanager:{operation}"), arn)).into_iter().collect()
}

/// SES takes a permission for the sender's address or for its domain.
fn mail(body: &Value) -> Vec<Vec<Permission>> {
    let from = text(body, "FromEmailAddress").unwrap_or_default();
    let address = from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>'));
    let Some((_, domain)) = address.rsplit_once('@') else {
        return Vec::new();
    };
    let on = |identity| ("ses:SendEmail".to_owned(), names::identity_arn(identity));
    vec![vec![on(domain), on(address)]]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(service: Service, operation: &str, body: &Value) -> Vec<(String, String)> {
        let request = http::Request::new(body.to_string().into());
        let needed = needed(service, operation, &request);
        // Account and region are the same in all.
        let short = |arn: String| arn.rsplit(':').next().unwrap_or_default().to_owned();
        needed.into_iter().flatten().map(|(action, resource)| (action, short(resource))).collect()
    }

    #[test]
    fn a_call_needs_what_its_parts_need() {
        let table = json!({ "TableName": "a" });
        for (service, operation, body, wanted) in [
            (Service::Dynamo, "GetItem", table.clone(), &[("dynamodb:GetItem", "table/a")][..]),
            (
                Service::Dynamo,
                "Query",
                json!({ "TableName": "a", "IndexName": "gsi1" }),
                &[("dynamodb:Query", "table/a/index/gsi1")],
            ),
            (
                Service::Dynamo,
                "BatchGetItem",
                json!({ "RequestItems": { "a": {}, "b": {} } }),
                &[("dynamodb:BatchGetItem", "table/a"), ("dynamodb:BatchGetItem", "table/b")],
            ),
            (
                Service::Dynamo,
                "TransactWriteItems",
                json!({ "TransactItems": [
                    { "Put": table }, { "ConditionCheck": { "TableName": "b" } }, { "Update": { "TableName": "c" } },
                ] }),
                &[
                    ("dynamodb:PutItem", "table/a"),
                    ("dynamodb:ConditionCheckItem", "table/b"),
                    ("dynamodb:UpdateItem", "table/c"),
                ],
            ),
            (
                Service::Sqs,
                "SendMessageBatch",
                json!({ "QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q" }),
                &[("sqs:SendMessage", "q")],
            ),
            (
                Service::Mail,
                "POST",
                json!({ "FromEmailAddress": "Groundwork <a@b.org>" }),
                &[("ses:SendEmail", "identity/b.org"), ("ses:SendEmail", "identity/a@b.org")],
            ),
            (Service::Dynamo, "GetItem", json!("nonsense"), &[]),
        ] {
            let needed = asked(service, operation, &body);
            let needed: Vec<_> = needed.iter().map(|(a, r)| (a.as_str(), r.as_str())).collect();
            assert_eq!(needed, wanted, "{operation} {body}");
        }
    }

    #[test]
    fn one_of_a_choice_is_enough() {
        let permission = |resource: &str| ("ses:SendEmail".to_owned(), resource.to_owned());
        let role = |template: &str| {
            let template = crate::Template::parse(template, &BTreeMap::new()).unwrap();
            Role::of(&template.functions[0])
        };
        let role = role(
            "Resources:
  Mailer:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: mailer } }
    Properties: { Role: !GetAtt MailerRole.Arn }
  MailerRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument: { Statement: [{ Effect: Allow, Action: ses:SendEmail, Resource: b.org }] }
",
        );
        let choice = vec![permission("b.org"), permission("a@b.org")];
        assert_eq!(role.refusal(std::slice::from_ref(&choice)), None);
        let refusal = role.refusal(&[choice.clone(), vec![permission("c.org")]]).unwrap();
        assert!(refusal.starts_with("mailer is not authorized to perform: ses:SendEmail on resource: c.org"));

        let ledger = Ledger::default();
        ledger.note(&role, &[choice]);
        assert_eq!(ledger.of("mailer"), [permission("b.org")].into());
    }
}
