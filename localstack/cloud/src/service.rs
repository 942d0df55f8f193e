//! Which service a request is for, and which operation it asks.

use http::header;
use serde::{Deserialize, Serialize};

use crate::wire::{Fault, Reply, Request};
use crate::{dynamo, s3, secrets, sqs};

/// The services of the local cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Service {
    /// `DynamoDB` and its streams.
    #[serde(rename = "dynamodb")]
    Dynamo,
    /// SQS.
    #[serde(rename = "sqs")]
    Sqs,
    /// Secrets Manager.
    #[serde(rename = "secretsmanager")]
    Secrets,
    /// SES.
    #[serde(rename = "ses")]
    Mail,
    /// S3.
    #[serde(rename = "s3")]
    S3,
}

impl Service {
    /// Recognises the service by the target header, else by the signature's credential scope, else by the
    /// host.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        if let Some(target) = target(request) {
            return Self::of_target(target);
        }
        if let Some(scope) = credential_scope(request) {
            return match scope.as_str() {
                "dynamodb" => Some(Self::Dynamo),
                "sqs" => Some(Self::Sqs),
                "secretsmanager" => Some(Self::Secrets),
                "ses" => Some(Self::Mail),
                "s3" => Some(Self::S3),
                _ => None,
            };
        }
        // Unsigned: a browser following a link to an object.
        Some(Self::S3)
    }

    fn of_target(target: &str) -> Option<Self> {
        let (service, _) = target.split_once('.')?;
        match service {
            "DynamoDB_20120810" | "DynamoDBStreams_20120810" => Some(Self::Dynamo),
            "AmazonSQS" => Some(Self::Sqs),
            "secretsmanager" => Some(Self::Secrets),
            _ => None,
        }
    }

    /// The operations by which its calls are told apart.
    pub(crate) fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Dynamo => dynamo::OPERATIONS,
            Self::Sqs => sqs::OPERATIONS,
            Self::Secrets => secrets::OPERATIONS,
            Self::Mail | Self::S3 => &["DELETE", "GET", "HEAD", "POST", "PUT"],
        }
    }

    /// The name calls are counted under.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dynamo => "dynamodb",
            Self::Sqs => "sqs",
            Self::Secrets => "secretsmanager",
            Self::Mail => "ses",
            Self::S3 => "s3",
        }
    }
}

/// Why a service does not carry out a call that has nothing wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The caller's role does not allow it; the text says what it lacks.
    Denied(String),
    /// There are too many calls.
    Throttled,
    /// The service has failed.
    Failed,
}

impl Service {
    /// The refusal with this service's own status and code.
    pub(crate) fn refuse(self, refusal: Refusal, request: &Request) -> Reply {
        let (status, code) = self.status_and_code(&refusal);
        let message = match refusal {
            Refusal::Denied(lacking) => lacking,
            Refusal::Throttled => "Rate exceeded.".to_owned(),
            Refusal::Failed => "The service has failed; a fault was injected.".to_owned(),
        };
        let fault = Fault::client(code, message).status(status);
        if self == Self::S3 { s3::fault(&fault, request) } else { fault.json() }
    }

    /// As each service's API reference lists them under "Common Errors".
    fn status_and_code(self, refusal: &Refusal) -> (u16, &'static str) {
        match (self, refusal) {
            (Self::Dynamo | Self::Secrets, Refusal::Denied(_)) => (400, "AccessDeniedException"),
            (Self::Sqs | Self::Mail, Refusal::Denied(_)) => (403, "AccessDeniedException"),
            (Self::S3, Refusal::Denied(_)) => (403, "AccessDenied"),
            (Self::Dynamo | Self::Secrets, Refusal::Throttled) => (400, "ThrottlingException"),
            (Self::Sqs, Refusal::Throttled) => (400, "RequestThrottled"),
            (Self::Mail, Refusal::Throttled) => (429, "TooManyRequestsException"),
            (Self::S3, Refusal::Throttled) => (503, "SlowDown"),
            (Self::Dynamo, Refusal::Failed) => (500, "InternalServerError"),
            (Self::Secrets, Refusal::Failed) => (500, "InternalServiceError"),
            (Self::Sqs, Refusal::Failed) => (500, "InternalFailure"),
            (Self::Mail, Refusal::Failed) => (500, "InternalServiceErrorException"),
            (Self::S3, Refusal::Failed) => (500, "InternalError"),
        }
    }
}

fn target(request: &Request) -> Option<&str> {
    request.headers().get("x-amz-target")?.to_str().ok()
}

/// The operation: the target's second half, or the HTTP method where a service has none.
pub(crate) fn operation(request: &Request) -> &str {
    target(request)
        .and_then(|t| t.split_once('.'))
        .map_or(request.method().as_str(), |(_, operation)| operation)
}

/// `Credential=<key>/<date>/<region>/<service>/aws4_request`, in the header or in a presigned URL.
fn credential_scope(request: &Request) -> Option<String> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if let Some(credential) = header.and_then(|h| h.split("Credential=").nth(1)) {
        return credential.split(['/', ',']).nth(3).map(str::to_owned);
    }
    let credential = request.uri().query()?.split('&').find_map(|p| p.strip_prefix("X-Amz-Credential="))?;
    credential.replace("%2F", "/").split('/').nth(3).map(str::to_owned)
}
