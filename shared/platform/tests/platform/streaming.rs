//! A function that streams, run against the Runtime API as Lambda runs it.
//!
//! `platform::run` never ends and reads the process's environment, so the function is this very program, started
//! again for the one test that is the function.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{body::Body, extract::Query};
use bytes::Bytes;
use futures_util::stream;
use platform::{Function, config::Vars};
use testkit::Lab;

/// Set for the program that is the function.
const ROLE: &str = "PLATFORM_TEST_IS_THE_FUNCTION";
/// Longer than any step takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says "first", waits until somebody hangs up at `gate`, and says "second".
async fn speak(Query(query): Query<Vec<(String, String)>>) -> ([(&'static str, &'static str); 2], Body) {
    let gate = query.into_iter().find(|(name, _)| name == "gate").unwrap().1;
    let chunks = stream::unfold(0, move |n| {
        let gate = gate.clone();
        async move {
            let chunk = match n {
                0 => "first",
                1 => {
                    let mut gate = TcpStream::connect(gate).unwrap();
                    // Blocking is well here: nothing else runs in this sandbox. But the chunk before has to leave.
                    tokio::task::spawn_blocking(move || gate.read(&mut [0])).await.unwrap().unwrap();
                    "second"
                }
                _ => return None,
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(chunk)), n + 1))
        }
    });
    ([("content-type", "text/event-stream"), ("set-cookie", "a=1")], Body::from_stream(chunks))
}

/// A group whose answers are streamed.
mod group {
    use axum::body::Body;
    use platform::Public;

    use crate::ground::Ground;

    /// Says something.
    #[utoipa::path(
        get, path = "/speak", responses((status = 200, description = "What it says.", body = String, content_type = "text/event-stream")),
        extensions(("x-permission" = json!("public")), ("x-stream" = json!(true)))
    )]
    async fn speak(_: Public) -> Body {
        Body::from("first")
    }

    platform::endpoints! {
        streaming Ground:
        speak,
    }
}

#[tokio::test]
async fn a_group_says_once_that_it_streams() {
    let lab = Lab::new();
    let built = group::function(lab.boot("identity")).await;
    assert!(matches!(built, Ok(Function::HttpStreaming(_))));
    let app = lab.http("identity", group::function).await;
    assert_eq!(app.get("/speak").await.expect(200).body, b"first");
    assert!(group::openapi().paths.paths.contains_key("/speak"));
}

/// The function itself, when the program is started as one.
#[test]
fn the_function() {
    if Vars::from_process().get(ROLE).is_some() {
        let router = axum::Router::new().route("/speak", axum::routing::get(speak));
        platform::run(async |_| Ok(Function::HttpStreaming(router)));
    }
}

/// The function in a process of its own, ended with this value.
struct Sandbox(Child);

impl Sandbox {
    fn start(api: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "streaming::the_function"]).stdout(Stdio::null()).env(ROLE, "1");
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", api),
            ("AWS_LAMBDA_FUNCTION_NAME", "speak"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "us-east-1"),
        ] {
            command.env(name, value);
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads on until `seen` contains `text`.
fn read_until(stream: &mut TcpStream, seen: &mut Vec<u8>, text: &[u8]) {
    while !seen.windows(text.len()).any(|window| window == text) {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "it hung up after {}", String::from_utf8_lossy(seen));
        seen.extend_from_slice(&buffer[..n]);
    }
}

/// The next connection on which the function asks for something, with what it asks.
fn accept(api: &TcpListener, request: &[u8]) -> (TcpStream, Vec<u8>) {
    let (mut stream, _) = api.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut seen = Vec::new();
    read_until(&mut stream, &mut seen, request);
    (stream, seen)
}

#[test]
fn a_streamed_answer_reaches_the_runtime_api_as_it_is_written() {
    let (api, gate) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let _sandbox = Sandbox::start(&api.local_addr().unwrap().to_string());
    let (mut stream, mut seen) = accept(&api, b"\r\n\r\n");
    assert!(seen.starts_with(b"GET /2018-06-01/runtime/invocation/next"));
    let event = event(&gate.local_addr().unwrap().to_string());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: r1\r\n\
         lambda-runtime-deadline-ms: 9999999999999\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    seen.clear();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(event.as_bytes()).unwrap();
    read_until(&mut stream, &mut seen, b"first");
    let early = String::from_utf8_lossy(&seen).into_owned();
    assert!(early.starts_with("POST /2018-06-01/runtime/invocation/r1/response"), "{early}");
    for header in [
        "content-type: application/vnd.awslambda.http-integration-response",
        "lambda-runtime-function-response-mode: streaming",
        "transfer-encoding: chunked",
    ] {
        assert!(early.to_ascii_lowercase().contains(header), "{header}: {early}");
    }
    let (prelude, _) = early.split_once("\0\0\0\0\0\0\0\0").expect("the prelude's end");
    for part in ["\"statusCode\":200", "\"content-type\":\"text/event-stream\"", "\"cookies\":[\"a=1\"]"] {
        assert!(prelude.contains(part), "{part}: {prelude}");
    }
    assert!(!early.contains("second"));
    // Hanging up lets it go on.
    drop(gate.accept().unwrap());
    read_until(&mut stream, &mut seen, b"second");
    read_until(&mut stream, &mut seen, b"0\r\n");
}

/// The event of `GET /speak?gate=…`.
fn event(gate: &str) -> String {
    let event = include_str!("../../../../events/ops.json").replace("/health", "/speak");
    let query = format!("\"multiValueQueryStringParameters\": {{\"gate\": [\"{gate}\"]}}");
    event.replace("\"multiValueQueryStringParameters\": null", &query)
}
