//! What `Ref` and `GetAtt` of a resource give: the physical names of the local cloud.
//!
//! Every name follows from the template alone, so that evaluating it needs no state and two starts agree.

use serde_json::Value;

use super::error::{Result, TemplateError};
use super::eval::Scope;

/// The one region of the local cloud.
pub(crate) const REGION: &str = "us-east-1";
/// The one account of the local cloud.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The stack's name, which prefixes every generated physical name.
pub(crate) const STACK: &str = "groundwork";

/// The pseudo parameters.
pub(super) fn pseudo(name: &str) -> Option<&'static str> {
    match name {
        "AWS::Region" => Some(REGION),
        "AWS::AccountId" => Some(ACCOUNT),
        "AWS::Partition" => Some("aws"),
        "AWS::StackName" => Some(STACK),
        "AWS::URLSuffix" => Some("amazonaws.com"),
        "AWS::StackId" => Some("arn:aws:cloudformation:us-east-1:123456789012:stack/groundwork/local"),
        _ => None,
    }
}

/// `Ref` of a resource.
pub(super) fn reference(scope: &Scope<'_>, at: &str, name: &str) -> Result<String> {
    // SAM: `Api.Stage`, `Function.Version`, `Function.Alias` are resources it makes itself.
    if let Some((resource, made)) = name.split_once('.') {
        let resource = find(scope, at, resource)?;
        return match made {
            "Stage" => property_or(scope, resource, "StageName", "prod"),
            "Version" => physical(scope, resource, "FunctionName").map(|name| function_arn(&name)),
            "Alias" => {
                let name = physical(scope, resource, "FunctionName")?;
                Ok(format!("{}:{}", function_arn(&name), alias(scope, at, resource)?))
            }
            _ => Err(unknown(at, name)),
        };
    }
    let resource = find(scope, at, name)?;
    match resource.kind {
        "AWS::DynamoDB::Table" => physical(scope, resource, "TableName"),
        "AWS::SQS::Queue" => Ok(queue_url(&physical(scope, resource, "QueueName")?)),
        "AWS::SecretsManager::Secret" => Ok(secret_arn(&physical(scope, resource, "Name")?)),
        "AWS::S3::Bucket" => Ok(bucket_name(&physical(scope, resource, "BucketName")?)),
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => physical(scope, resource, "FunctionName"),
        "AWS::IAM::Role" => physical(scope, resource, "RoleName"),
        "AWS::Logs::LogGroup" => physical(scope, resource, "LogGroupName"),
        "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" => Ok("local".to_owned()),
        _ => Ok(format!("{STACK}-{name}")),
    }
}

/// `GetAtt` of a resource.
pub(super) fn attribute(scope: &Scope<'_>, at: &str, name: &str, attribute: &str) -> Result<String> {
    let resource = find(scope, at, name)?;
    let table =
        |suffix: &str| physical(scope, resource, "TableName").map(|n| format!("{}{suffix}", table_arn(&n)));
    match (resource.kind, attribute) {
        ("AWS::DynamoDB::Table", "Arn") => table(""),
        ("AWS::DynamoDB::Table", "StreamArn") => table("/stream/local"),
        ("AWS::SQS::Queue", "Arn") => Ok(queue_arn(&physical(scope, resource, "QueueName")?)),
        ("AWS::SQS::Queue", "QueueName") => physical(scope, resource, "QueueName"),
        ("AWS::SQS::Queue", "QueueUrl") => Ok(queue_url(&physical(scope, resource, "QueueName")?)),
        ("AWS::SecretsManager::Secret", "Id" | "Arn") => Ok(secret_arn(&physical(scope, resource, "Name")?)),
        ("AWS::S3::Bucket", "Arn") => {
            Ok(format!("arn:aws:s3:::{}", bucket_name(&physical(scope, resource, "BucketName")?)))
        }
        ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
            Ok(function_arn(&physical(scope, resource, "FunctionName")?))
        }
        ("AWS::IAM::Role", "Arn") => physical(scope, resource, "RoleName").map(|n| role_arn(&n)),
        ("AWS::Logs::LogGroup", "Arn") => {
            physical(scope, resource, "LogGroupName").map(|n| arn("logs", &format!("log-group:{n}:*")))
        }
        (
            "AWS::DynamoDB::Table" | "AWS::SQS::Queue" | "AWS::S3::Bucket" | "AWS::SecretsManager::Secret",
            _,
        ) => Err(unknown(at, &format!("{name}.{attribute}"))),
        _ => Ok(format!("{STACK}-{name}-{attribute}")),
    }
}

/// The ARN of what a function's variable names, as the permissions of `service` want it: a table's name, a queue's
/// URL, a secret's ARN, a bucket's name, a sender's address (of which SES wants the domain).
pub fn arn_of(service: &str, value: &str) -> String {
    match service {
        "dynamodb" => table_arn(value),
        "sqs" => queue_arn(value.rsplit('/').next().unwrap_or_default()),
        "s3" => format!("arn:aws:s3:::{value}"),
        "ses" => identity_arn(value.rsplit('@').next().unwrap_or_default()),
        _ => value.to_owned(),
    }
}

pub(crate) fn queue_url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

pub(crate) fn queue_arn(name: &str) -> String {
    arn("sqs", name)
}

pub(crate) fn table_arn(name: &str) -> String {
    arn("dynamodb", &format!("table/{name}"))
}

pub(super) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// What SES lets somebody send as: a domain or an address.
pub(crate) fn identity_arn(identity: &str) -> String {
    arn("ses", &format!("identity/{identity}"))
}

pub(super) fn function_arn(name: &str) -> String {
    arn("lambda", &format!("function:{name}"))
}

/// Secrets Manager adds six characters to a name; here they follow from the name.
pub(crate) fn secret_arn(name: &str) -> String {
    let digest = format!("{:x}", md5::compute(name));
    arn("secretsmanager", &format!("secret:{name}-{}", &digest[..6]))
}

/// Bucket names are lower case.
pub(super) fn bucket_name(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// A resource as it stands in the template, not yet evaluated.
#[derive(Clone, Copy)]
pub(super) struct Declared<'t> {
    pub(super) id: &'t str,
    pub(super) kind: &'t str,
    pub(super) properties: &'t Value,
}

fn find<'s>(scope: &'s Scope<'_>, at: &str, name: &str) -> Result<Declared<'s>> {
    if let Some((id, resource)) = scope.resources.get_key_value(name) {
        return Ok(declared(id, resource));
    }
    // SAM makes `<Function>Role` itself.
    if let Some((id, function)) = name.strip_suffix("Role").and_then(|f| scope.resources.get_key_value(f))
        && function.get("Type").and_then(Value::as_str) == Some("AWS::Serverless::Function")
    {
        return Ok(Declared { id, kind: "AWS::IAM::Role", properties: &Value::Null });
    }
    Err(unknown(at, name))
}

/// The declaration behind one entry of `Resources`.
pub(super) fn declared<'t>(id: &'t str, resource: &'t Value) -> Declared<'t> {
    let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
    Declared { id, kind, properties: resource.get("Properties").unwrap_or(&Value::Null) }
}

/// The name the template gives, or `<stack>-<logical id>`.
pub(super) fn physical(scope: &Scope<'_>, resource: Declared<'_>, property: &str) -> Result<String> {
    property_or(scope, resource, property, &format!("{STACK}-{}", resource.id))
}

/// `AutoPublishAlias` of a function or of `Globals`.
fn alias(scope: &Scope<'_>, at: &str, function: Declared<'_>) -> Result<String> {
    let global = scope.globals.get("Function").and_then(|all| all.get("AutoPublishAlias"));
    match function.properties.get("AutoPublishAlias").or(global) {
        Some(alias) => super::eval::plain(at, &scope.eval(at, alias)?),
        None => Err(TemplateError::new(
            at,
            format!("`{}` has no alias", function.id),
            "give it an `AutoPublishAlias`, there or under `Globals`",
        )),
    }
}

fn property_or(scope: &Scope<'_>, resource: Declared<'_>, property: &str, default: &str) -> Result<String> {
    let at = format!("Resources.{}.Properties.{property}", resource.id);
    match resource.properties.get(property) {
        Some(value) => super::eval::plain(&at, &scope.eval(&at, value)?),
        None => Ok(default.to_owned()),
    }
}

fn unknown(at: &str, name: &str) -> TemplateError {
    TemplateError::new(
        at,
        format!("it refers to `{name}`, which the template does not declare"),
        "declare the parameter or resource, or correct the name",
    )
}
