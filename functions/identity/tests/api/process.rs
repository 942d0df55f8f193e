//! The bootstrap itself, as Lambda starts it: what it says and how it ends when it cannot work, and that it works when
//! the reason has gone.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use testkit::{Effect, InjectedFault, Lab, Service};

/// AWS on a port of the loopback, for a process.
async fn serve(lab: &Lab) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cloud = lab.cloud().clone();
    tokio::spawn(async move { cloud.serve_aws(listener, std::future::pending()).await });
    address
}

fn bootstrap(lab: &Lab, aws: SocketAddr, runtime: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_identity"));
    command
        .env_clear()
        .envs(lab.environment("identity"))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", format!("http://{aws}"))
        .env("AWS_ACCESS_KEY_ID", "AKIALOCAL")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_LAMBDA_RUNTIME_API", runtime.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "identity")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How a bootstrap ends that cannot start, and its one log line.
async fn refused(mut command: Command) -> (i32, Value) {
    let Output { status, stderr, .. } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let lines: Vec<Value> =
        stderr.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    (
        status.code().unwrap(),
        lines.into_iter().find(|line| line["level"] == "ERROR").expect("an error is logged"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_wrong_with_the_configuration_is_told_at_once_and_ends_with_78() {
    let lab = Lab::new();
    let aws = serve(&lab).await;
    let mut command = bootstrap(&lab, aws, aws);
    command.env_remove("IDENTITY_TABLE").env("AUTH_IDP_MODE", "none");
    let (code, line) = refused(command).await;
    assert_eq!(code, 78);
    let error = line["error"].as_str().unwrap();
    for fault in ["IDENTITY_TABLE is not set", "AUTH_IDP_MODE: must be internal, oidc or both"] {
        assert!(error.contains(fault), "{error}");
    }
    let mut command = bootstrap(&lab, aws, aws);
    command.env_remove("AWS_REGION").env("LOG_LEVEL", "loud");
    let (code, line) = refused(command).await;
    assert_eq!(
        (code, line["error"].as_str().unwrap().contains("LOG_LEVEL: must be error")),
        (78, true),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dependency_that_fails_ends_with_75_and_the_next_start_works() {
    let lab = Lab::new();
    let aws = serve(&lab).await;
    for (effect, reason) in [
        (Effect::Deny, "AccessDeniedException"),
        (Effect::Error, "InternalServiceError"),
        (Effect::Throttle, "ThrottlingException"),
        (Effect::Reset, "dispatch failure"),
        // Long before Lambda would end the start, after 10 s.
        (Effect::LatencyMs(60_000), "timed out"),
    ] {
        lab.cloud().inject(vec![InjectedFault::on(Service::Secrets, effect)]);
        let start = refused(bootstrap(&lab, aws, aws));
        let (code, line) = tokio::time::timeout(Duration::from_secs(8), start).await.expect("an end");
        assert_eq!(code, 75, "{line}");
        assert!(line.to_string().contains(reason), "{effect:?}: {line}");
        assert!(line.to_string().contains("read a secret"), "{line}");
    }
    lab.cloud().inject(Vec::new());
    let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = bootstrap(&lab, aws, runtime.local_addr().unwrap()).spawn().unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        let (stream, _) = runtime.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    assert_eq!(asked.await.unwrap().trim_end(), "GET /2018-06-01/runtime/invocation/next HTTP/1.1");
    child.kill().unwrap();
    child.wait().unwrap();
}
