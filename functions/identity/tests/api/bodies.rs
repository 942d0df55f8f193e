//! Every route that reads a body × what no body should look like.

use serde_json::{Value, json};
use testkit::Call;

use testkit::rows::{assert_same, rows};

use crate::{
    cast::Cast,
    walk::{self, Operation, operations},
};

const JSON: &str = "application/json";

/// An answer stays far below the 6 MiB that Lambda carries.
const ANSWER_MAX: usize = 64 << 10;

/// A body, how it is announced, and what the answer must be.
struct Broken {
    name: &'static str,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    status: u16,
}

fn broken(name: &'static str, status: u16, body: impl Into<Vec<u8>>) -> Broken {
    Broken { name, content_type: Some(JSON), body: body.into(), status }
}

/// The table: for a body with these fields, of which this one is right.
fn table(fields: &[String], example: &Value) -> Vec<Broken> {
    let all = |value: &Value| -> Value { fields.iter().map(|name| (name.clone(), value.clone())).collect() };
    let right = example.to_string();
    let mut unknown = example.clone();
    unknown["no_such_field"] = json!(1);
    let first = format!("\"{}\"", fields[0]);
    let names: Vec<String> = (0..100_000).map(|n| format!("\"{n:05}\":1")).collect();
    let long = format!("\"{}\": 1", "n".repeat(500_000));
    let announced = |name, content_type| Broken { content_type, ..broken(name, 415, right.clone()) };
    vec![
        broken("nothing", 400, ""),
        broken("half an object", 400, &right.as_bytes()[..right.len() - 1]),
        broken("text behind it", 400, format!("{right} x")),
        broken("no JSON", 400, "email=ann@example.com"),
        broken("a byte order mark", 400, format!("\u{feff}{right}")),
        broken("invalid UTF-8", 400, [b"{\"".as_slice(), b"\xff\xfe\": 1}"].concat()),
        broken("half a surrogate", 400, format!(r#"{{{first}: "\ud800"}}"#)),
        broken("a number out of range", 400, format!("{{{first}: 1e999}}")),
        broken("a name twice", 400, format!("{{{first}: 1, {first}: 2}}")),
        broken("a name twice, deep", 400, format!(r#"{{{first}: {{"a": 1, "a": 1}}}}"#)),
        broken("100,000 brackets", 400, "[".repeat(100_000)),
        broken("100,000 objects", 400, r#"{"a":"#.repeat(100_000)),
        broken("a long name twice", 400, format!("{{{long}, {long}}}")),
        broken("a long unknown name", 422, format!("{{{long}}}")),
        broken("100,000 unknown names", 422, format!("{{{}}}", names.join(","))),
        broken("an array", 422, "[]"),
        broken("null", 422, "null"),
        broken("a text", 422, "\"text\""),
        broken("a number", 422, "7"),
        broken("an unknown field", 422, unknown.to_string()),
        broken("numbers for everything", 422, all(&json!(7)).to_string()),
        broken("arrays for everything", 422, all(&json!([])).to_string()),
        broken("objects for everything", 422, all(&json!({"a": 1})).to_string()),
        broken("more than a mebibyte", 413, " ".repeat((1 << 20) + 1)),
        announced("plain text", Some("text/plain")),
        announced("a form", Some("application/x-www-form-urlencoded")),
        announced("a problem document", Some("application/problem+json")),
        announced("nothing said", None),
    ]
}

fn call(cast: &Cast, operation: &Operation) -> Call {
    let someone = walk::caller(cast);
    let call = cast.app.call(&operation.method, operation.path_about(someone));
    match operation.permission {
        Some(_) => call.bearer(&someone.access),
        None => call,
    }
}

#[tokio::test]
async fn broken_bodies_get_their_problem_and_change_nothing() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let mut walked = 0;
    for operation in operations() {
        let Some((fields, example)) = &operation.body else {
            continue;
        };
        for broken in table(fields, example) {
            let mut call = call(&cast, &operation);
            if let Some(content_type) = broken.content_type {
                call = call.header("content-type", content_type);
            }
            let answer = call.raw(broken.body).await;
            let status = operation.check(broken.name, &answer);
            assert_eq!(status, broken.status, "{} with {}", operation.name(), broken.name);
            assert!(answer.body.len() < ANSWER_MAX, "{} with {}", operation.name(), broken.name);
            if status == 422 {
                let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
                assert!(!errors.is_empty(), "{} with {}", operation.name(), broken.name);
                assert!(errors.iter().all(|error| error["detail"].is_string()));
            }
            walked += 1;
        }
    }
    assert!(walked > 300, "{walked} were walked");
    assert_same("a broken body", &before, &rows(cast.app.lab()).await);
}

/// What may be a password or a token cannot be told from a wrong one by its look, so some of these count as tries.
#[tokio::test]
async fn no_text_is_too_odd() {
    let cast = Cast::new().await;
    let texts = ["", "\0\u{1b}\u{7f}", "\u{202e}\u{feff}", "🦀".repeat(25_000).as_str()].map(str::to_owned);
    for operation in operations() {
        let Some((fields, _)) = &operation.body else {
            continue;
        };
        for text in &texts {
            let body: Value = fields.iter().map(|name| (name.clone(), json!(text))).collect();
            let status = operation.check("an odd text", &call(&cast, &operation).json(&body).await);
            assert!(matches!(status, 401 | 403 | 422 | 429), "{}: {status}", operation.name());
        }
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let cast = Cast::new().await;
    for operation in operations() {
        let Some((fields, _)) = &operation.body else {
            continue;
        };
        let body: Value = fields.iter().map(|name| (name.clone(), json!(7))).collect();
        let problem = call(&cast, &operation).json(&body).await.problem(422);
        let errors = problem["errors"].as_array().unwrap();
        let mut named: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        named.sort_unstable();
        let mut expected: Vec<String> = fields.iter().map(|name| format!("/{name}")).collect();
        expected.sort_unstable();
        assert_eq!(named, expected, "{}", operation.name());
    }
}

/// A call that reads its body, if it takes one, and refuses it.
fn refused(cast: &Cast, operation: &Operation) -> Call {
    let call = cast.app.call(&operation.method, operation.path_about_nothing());
    call.header("content-type", JSON).raw("{\"no_such_field\": 1}")
}

#[tokio::test]
async fn a_header_that_means_one_thing_stands_once() {
    let cast = Cast::new().await;
    for operation in operations() {
        for name in ["authorization", "content-type", "if-match", "idempotency-key", "x-csrf-token"] {
            let call = refused(&cast, &operation).header(name, "a").header(name, "b");
            let status = operation.check("a header twice", &call.await);
            assert_eq!(status, 400, "{} {name}", operation.name());
        }
    }
}

#[tokio::test]
async fn odd_credentials_are_none() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    for operation in operations() {
        for (name, value) in [
            ("authorization", &b"Bearer \xff\xfe"[..]),
            ("authorization", b"Bearer"),
            ("authorization", b"Bearer "),
            ("authorization", b"Basic YTpi"),
            ("authorization", b""),
            ("authorization", b"bearer\ta"),
            ("cookie", b"__Host-gw_access=x"),
            ("cookie", b"__Host-gw_access=\xff"),
            ("cookie", b"=;;="),
            ("cookie", b"\xff"),
        ] {
            let answer = refused(&cast, &operation).header(name, value).await;
            let status = operation.check("odd credentials", &answer);
            let is_asked_for = operation.permission.is_some();
            assert_eq!(status == 401, is_asked_for, "{} {value:?}", operation.name());
        }
    }
    assert_same("odd credentials", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn odd_headers_of_other_kinds_have_no_effect() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let long = "x".repeat(300);
    for operation in operations().iter().filter(|operation| operation.body.is_some()) {
        let odd = |name: &str, value: &[u8]| {
            let call = refused(&cast, operation).header(name, value);
            call.bearer(&walk::caller(&cast).access)
        };
        for value in [long.as_bytes(), b"", b"with a space", b"\xff", b"\t"] {
            let answer = odd("x-request-id", value).await;
            let id = answer.header("x-request-id");
            assert!(!id.is_empty() && id.as_bytes() != value, "an id is made: {id}");
            assert_eq!(operation.check("an odd X-Request-Id", &answer), 422);
        }
        for (name, value) in [
            ("accept", &b"\xff"[..]),
            ("user-agent", long.as_bytes()),
            ("user-agent", b"\xff\xfe"),
            ("if-none-match", b"\xff"),
            ("if-modified-since", b"never"),
            ("origin", b"null"),
            ("origin", b"\xff"),
        ] {
            let answer = odd(name, value).await;
            assert_eq!(operation.check(name, &answer), 422, "{} {name}", operation.name());
        }
    }
    assert_same("an odd header", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn an_idempotency_key_is_visible_ascii() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let long = "k".repeat(256);
    let mut walked = 0;
    for operation in operations().iter().filter(|operation| operation.takes("Idempotency-Key")) {
        let example = &operation.body.as_ref().expect("it creates from a body").1;
        for key in [&b""[..], b"with a space", b"\xff", b"tab\t", long.as_bytes()] {
            let call = call(&cast, operation).header("idempotency-key", key);
            let answer = call.json(example).await;
            let status = operation.check("an odd Idempotency-Key", &answer);
            assert_eq!(status, 422, "{} with {key:?}", operation.name());
            walked += 1;
        }
    }
    assert!(walked >= 15, "{walked} were walked");
    assert_same("an odd Idempotency-Key", &before, &rows(cast.app.lab()).await);
}
