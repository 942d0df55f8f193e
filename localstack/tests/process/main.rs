//! The binary itself: starting, refusing to start, stopping, being killed.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which may fail and wait"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Environment variables.
type Vars<'v> = &'v [(&'v str, &'v str)];

const ANY: &str = "127.0.0.1:0";

fn command(folder: &Path, vars: Vars<'_>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localstack"));
    command.env("GROUNDWORK_ADDR", ANY).env("GROUNDWORK_AWS_ADDR", ANY).env("GROUNDWORK_DATA_DIR", folder);
    command.envs(vars.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code and standard error of a start that is refused.
fn refused(folder: &Path, vars: Vars<'_>) -> (i32, String) {
    let output = command(folder, vars).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A running local cloud, which is killed when it is let go.
struct Up {
    child: Child,
    lines: Vec<String>,
    addr: String,
}

impl Up {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder, &[]).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if let Some(addr) = lines.last().and_then(|l| l.strip_prefix("Groundwork is up at http://")) {
                let addr = addr.to_owned();
                return Self { child, lines, addr };
            }
        }
        panic!("it did not start: {lines:?}, {:?}", child.wait());
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}",
            self.addr
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // SIGKILL: nothing is said goodbye to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(
        &file,
        "Resources: { Q: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Nope } } }",
    )
    .unwrap();
    let (broken, inside) = (file.to_str().unwrap(), file.join("inside"));
    let taken = TcpListener::bind(ANY).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let table: [(Vars<'_>, i32, &str); 6] = [
        (&[("GROUNDWORK_ADDR", &taken)], 69, "set GROUNDWORK_ADDR to another address"),
        (&[("GROUNDWORK_AWS_ADDR", &taken)], 69, "set GROUNDWORK_AWS_ADDR to another address"),
        (&[("GROUNDWORK_DATA_DIR", inside.to_str().unwrap())], 73, "cannot be used"),
        (&[("GROUNDWORK_TEMPLATE", broken)], 78, "Resources.Q.Properties.QueueName: it refers to `Nope`"),
        (&[("GROUNDWORK_TEMPLATE", "/nowhere")], 78, "it cannot be read"),
        (
            &[("GROUNDWORK_ADDR", "here"), ("GROUNDWORK_LIMITS", "some")],
            78,
            "GROUNDWORK_LIMITS: must be on or off",
        ),
    ];
    let data = folder.path().join("data");
    for (vars, code, message) in table {
        let (exit, error) = refused(&data, vars);
        assert_eq!(exit, code, "{error}");
        assert!(error.starts_with("groundwork: ") && error.contains(message), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_first_start_tells_the_operator_and_nobody_shares_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Up::start(folder.path());
    assert_eq!(first.lines.len(), 2, "{:?}", first.lines);
    let kept = std::fs::read_to_string(folder.path().join("operator.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert!(
        first.lines[0].contains("operator@localhost")
            && first.lines[0].contains(kept["password"].as_str().unwrap())
    );
    let (exit, error) = refused(folder.path(), &[]);
    assert_eq!(exit, 75, "{error}");
    assert!(error.contains("in use by another local cloud"), "{error}");
    drop(first);
    assert_eq!(Up::start(folder.path()).lines.len(), 1);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let account =
        r#"{"email":"kept@example.com","username":"kept","password":"correct horse battery staple 9"}"#;
    let killed = Up::start(folder.path());
    let answer = killed.exchange("POST", "/api/v1/auth/register", account);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    drop(killed);
    let again = Up::start(folder.path());
    let answer = again.exchange("POST", "/api/v1/auth/register", account);
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    // The mail that belongs to the registration is sent, before the kill or after it.
    let has_mail =
        || again.exchange("GET", "/_local/mail?to=kept@example.com", "").contains("kept@example.com");
    assert!((0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        has_mail()
    }));
}

#[test]
fn a_signal_stops_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut up = Up::start(folder.path());
        let sent = Command::new("kill").arg(signal).arg(up.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        assert_eq!(up.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
