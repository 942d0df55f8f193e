//! What is refused, and how.

use serde_json::json;

use super::{
    client::{Call, call, get, post},
    cloud::ORIGIN,
    people::Person,
    skip::skips,
};

fn login() -> Call {
    post("/api/v1/auth/login").header("content-type", "application/json")
}

#[test]
fn an_unknown_path_is_a_problem() {
    for path in ["/nope", "/api/v1/nope", "/api/v2/me", "/health/nope"] {
        let problem = get(path).send().problem(404);
        assert_eq!(problem["type"], "urn:groundwork:problem:not-found", "{path}");
    }
}

#[test]
fn a_path_is_taken_as_it_is_written() {
    if skips("a_path_is_taken_as_it_is_written") {
        return;
    }
    for path in ["/health/", "//health", "/docs%2Fdocs.js", "/%68ealth", "/HEALTH"] {
        get(path).send().problem(404);
    }
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    for (method, path, allowed) in
        [("DELETE", "/health", "GET,HEAD,OPTIONS"), ("GET", "/api/v1/auth/login", "POST,OPTIONS")]
    {
        let answer = call(method, path).send();
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        answer.problem(405);
    }
}

#[test]
fn a_listed_origin_may_call_and_no_other() {
    let preflight = |origin: &str| {
        let ask = call("OPTIONS", "/api/v1/me").header("origin", origin);
        ask.header("access-control-request-method", "PATCH").send()
    };
    let listed = preflight(ORIGIN).expect(204);
    assert_eq!(listed.header("access-control-allow-origin"), ORIGIN);
    assert!(listed.header("access-control-allow-methods").contains("PATCH"), "{listed:?}");
    let other = preflight("https://elsewhere.example");
    assert_eq!(other.header("access-control-allow-origin"), "", "{other:?}");
    let answer = get("/api/v1/me").header("origin", ORIGIN).send().expect(401);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
}

#[test]
fn a_body_that_cannot_be_read_is_malformed() {
    for body in [&b""[..], b"{\"email\":", b"{\"email\":\"\xff\xfe\"}", b"{\"email\":1,\"email\":2}"] {
        let problem = login().raw(body).send().problem(400);
        assert_eq!(problem["type"], "urn:groundwork:problem:malformed-request", "{body:?}");
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let body = json!({"email": "nobody", "username": "x", "colour": "blue"});
    let problem = post("/api/v1/auth/register").json(&body).send().problem(422);
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    for pointer in ["/email", "/username", "/password", "/colour"] {
        assert!(pointers.contains(&pointer), "{problem}");
    }
}

#[test]
fn a_large_body_is_refused_by_whoever_sees_it_first() {
    for mebibytes in [2, 11] {
        login().raw(vec![b' '; mebibytes << 20]).send().problem(413);
    }
}

#[test]
fn a_body_of_another_type_is_not_read() {
    let body = json!({"email": "a@example.com", "password": "x"}).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let call = post("/api/v1/auth/login").header("content-type", content_type);
        call.raw(body.clone()).send().problem(415);
    }
}

#[test]
fn two_tokens_are_one_too_many() {
    let ann = Person::new();
    get("/api/v1/me").bearer(&ann.access).bearer(&ann.access).send().problem(400);
    get("/api/v1/me").bearer("x").bearer(&ann.access).send().problem(400);
}

#[test]
fn an_id_with_odd_characters_is_nobody_s() {
    let ann = Person::new();
    for id in ["x", "a%2Fb", "%00", "..%2F..%2Fhealth", "caf%C3%A9"] {
        ann.get(&format!("/api/v1/tenants/{id}")).send().problem(404);
    }
}
