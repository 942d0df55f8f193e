//! What every answer of one status has in common: its headers, and for errors the problem document's example.

use std::{collections::BTreeMap, time::Duration};

use kernel::Error;
use serde_json::Value;
use utoipa::openapi::{
    Components, Content, Header, HeaderBuilder, Object, Ref, RefOr, Response, Type,
    example::{Example, ExampleBuilder},
};

use crate::problem::ProblemDocument;

/// The media type of problems (RFC 9457 §3).
const PROBLEM: &str = "application/problem+json";

/// The headers that documents name: with their meaning and an example.
const HEADERS: [(&str, &str, &str); 5] = [
    ("X-Request-Id", "The request's id: the client's own, or one that was made for it.", EXAMPLE_ID),
    ("Retry-After", "Asking again makes sense after so many seconds.", "1"),
    ("WWW-Authenticate", "How to say who one is (RFC 9110 §11.6.1).", "Bearer"),
    ("Idempotent-Replayed", "`true` when this is the answer to an earlier request with that key.", "true"),
    ("ETag", "The strong tag of the representation.", "\"QmFzZTY0IG9mIGEgaGFzaA\""),
];

const EXAMPLE_ID: &str = "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17";

/// The errors that documents show, one for each kind of problem that has a status of its own.
fn errors() -> Vec<Error> {
    let second = Duration::from_secs(1);
    vec![
        Error::Malformed("the header authorization stands more than once".into()),
        Error::Unauthenticated(
            "the access token is not valid, or no longer; refresh it or log in again".into(),
        ),
        Error::Forbidden("this needs members:write".into()),
        Error::NotFound("member"),
        store::changed_meanwhile(),
        Error::InProgress { retry_after: second },
        Error::PreconditionFailed,
        Error::TooLarge { limit_bytes: crate::extract::BODY_BYTES_MAX },
        Error::UnsupportedMediaType { expected: "application/json" },
        Error::invalid("/email", "is required"),
        Error::TooManyRequests { retry_after: second },
        Error::internal("show an example", ""),
        Error::unavailable("show an example", ""),
    ]
}

/// The examples of problems by kind, each with its status.
fn problems() -> BTreeMap<String, (u16, Value)> {
    let documents = errors().into_iter().map(|error| {
        let problem = ProblemDocument::of(&error, "/api/v1/tenants", EXAMPLE_ID);
        let kind = problem.r#type.rsplit(':').next().unwrap_or_default().to_owned();
        (kind, (problem.status, serde_json::to_value(problem).unwrap_or_default()))
    });
    documents.collect()
}

/// Adds what [`complete`] refers to.
pub(super) fn declare(components: &mut Components) {
    components.headers.extend(HEADERS.map(|(name, description, example)| {
        let schema = Object::with_type(Type::String);
        let header: Header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(description))
            .example(Some(example.into()))
            .build();
        (name.to_owned(), RefOr::T(header))
    }));
    components.examples.extend(problems().into_iter().map(|(kind, (_, value))| {
        let example: Example = ExampleBuilder::new().value(Some(value)).build();
        (kind, RefOr::T(example))
    }));
}

/// Completes one answer. `takes_key` says that the operation takes an `Idempotency-Key`.
pub(super) fn complete(status: &str, response: &mut Response, takes_key: bool) {
    let is_error = status.starts_with(['4', '5']);
    if is_error && response.content.is_empty() {
        let mut content = Content::new(Some(Ref::from_schema_name("ProblemDocument")));
        let of_status = problems().into_iter().filter(|(_, (known, _))| known.to_string() == status);
        // Of the two conflicts, one is for requests with a key alone.
        let kinds = of_status.filter(|(kind, _)| takes_key || kind != "in-progress");
        content.examples.extend(kinds.map(|(kind, _)| {
            let example = Ref::new(format!("#/components/examples/{kind}"));
            (kind, RefOr::Ref(example))
        }));
        response.content.insert(PROBLEM.to_owned(), RefOr::T(content));
    }
    let is_problem = response.content.contains_key(PROBLEM);
    let applies = |name: &str| match name {
        "X-Request-Id" => true,
        "Retry-After" => is_problem && (matches!(status, "429" | "503") || status == "409" && takes_key),
        "WWW-Authenticate" => status == "401",
        "Idempotent-Replayed" => status == "201" && takes_key,
        "ETag" => status == "304",
        _ => false,
    };
    for (name, ..) in HEADERS.iter().filter(|(name, ..)| applies(name)) {
        let header = Ref::new(format!("#/components/headers/{name}"));
        response.headers.entry((*name).to_owned()).or_insert(RefOr::Ref(header));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_status_has_an_example_of_its_own() {
        for status in [400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503] {
            let mut response = Response::new("refused");
            complete(&status.to_string(), &mut response, true);
            let Some(RefOr::T(content)) = response.content.get(PROBLEM) else {
                panic!("{status} is no problem");
            };
            assert!(!content.examples.is_empty(), "{status}");
            let known = problems();
            for kind in content.examples.keys() {
                assert_eq!(known[kind].1["status"], status);
            }
        }
    }
}
