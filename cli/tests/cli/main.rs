//! The commands, on an embedded cloud.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helper fails its test; clippy knows the test functions only"
)]

mod audit;
mod keys;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cli::{Failure, HELP};
use platform::{Boot, Clock, argon2id, config::Vars};
use serde_json::{Value, json};
use testkit::Lab;

/// What it printed, and how it ended.
async fn groundwork(lab: &Lab, arguments: &[&str]) -> (String, Result<(), Failure>) {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let mut out = Vec::new();
    // Whoever runs the platform may do more than a function.
    let boot = Boot { aws: lab.cloud().sdk_config(), ..lab.boot("identity") };
    let ended = cli::run(&arguments, || Ok(boot), &mut out).await;
    (String::from_utf8(out).expect("text"), ended)
}

/// Its exit code and its one line.
#[track_caller]
fn failed(ended: Result<(), Failure>) -> (u8, String) {
    let failure = ended.expect_err("a failure");
    (failure.exit_code(), failure.to_string())
}

#[tokio::test]
async fn the_operator_that_was_made_logs_in_and_lists_accounts() {
    let lab = Lab::new();
    let (printed, ended) = groundwork(&lab, &["operator", "create", "Root@example.com"]).await;
    ended.unwrap();
    let made: Value = serde_json::from_str(&printed).unwrap();
    let app = lab.http("identity", identity::function).await;
    let login = json!({"email": made["email"], "password": made["password"]});
    let tokens = app.post("/api/v1/auth/login").json(&login).await.expect(200).json();
    let users = app.get("/api/v1/users").bearer(tokens["access_token"].as_str().unwrap());
    users.await.expect(200);
}

#[tokio::test]
async fn a_new_admin_secret_opens_what_the_one_before_did() {
    let lab = Lab::new();
    let app = lab.http("access", access::function).await;
    let mut before = None;
    for _ in 0..2 {
        let boot = Boot { aws: lab.cloud().sdk_config(), ..lab.boot("access") };
        let mut out = Vec::new();
        let arguments = ["admin", "secret"].map(str::to_owned);
        cli::run(&arguments, || Ok(boot), &mut out).await.unwrap();
        let made: Value = serde_json::from_slice(&out).unwrap();
        let basic = format!("{}:{}", made["username"].as_str().unwrap(), made["secret"].as_str().unwrap());
        let basic = format!("Basic {}", STANDARD.encode(basic));
        lab.advance(Duration::from_mins(1));
        let list = |basic: &str| app.get("/api/v1/admin/api-keys").header("authorization", basic);
        list(&basic).await.expect(200);
        if let Some(before) = before.replace(basic) {
            list(&before).await.problem(401);
        }
    }
    assert_eq!(testkit::trail::entries_of(&lab, "admin_secret.replace").await, 2);
}

#[tokio::test]
async fn there_is_one_first_operator() {
    let lab = Lab::new();
    groundwork(&lab, &["operator", "create", "root@example.com"]).await.1.unwrap();
    let (printed, ended) = groundwork(&lab, &["operator", "create", "root@example.com"]).await;
    assert_eq!(printed, "");
    let refusal = "root@example.com has an account already; nothing was changed".to_owned();
    assert_eq!(failed(ended), (1, refusal));
    let (_, ended) = groundwork(&lab, &["operator", "create", "another@example.com"]).await;
    let refusal = "the stack has an operator already; no account was made".to_owned();
    assert_eq!(failed(ended), (1, refusal));
}

#[tokio::test]
async fn what_is_no_command_is_told() {
    let lab = Lab::new();
    for (arguments, said) in [
        (&[][..], "there is no command"),
        (&["operator"], "`operator` is no command"),
        (&["operator", "create"], "operator create wants an e-mail address"),
        (&["operator", "create", "root"], "the e-mail address"),
        (&["operator", "create", "a@example.com", "b"], "is no command"),
        (&["operators", "create", "a@example.com"], "is no command"),
        (&["keys"], "`keys` is no command"),
        (&["keys", "status", "now"], "is no command"),
        (&["keys", "revoke"], "keys revoke wants a key's id"),
        (&["keys", "import"], "keys import wants a file"),
        (&["jwks"], "`jwks` is no command"),
        (&["audit", "verify"], "audit verify wants a folder, a URL or a bucket"),
        (&["audit", "verify", ".", "--key"], "--key wants a value"),
        (&["audit", "verify", ".", "--fast", "1"], "`--fast` is no option"),
        (&["audit", "prove", "7"], "audit prove wants an entry"),
        (&["audit", "prove", "seven", "."], "is neither an entry's id nor its place"),
        (&["audit", "export", "."], "and a folder to write"),
        (&["audit", "mend"], "`audit mend` is no command"),
    ] {
        let (printed, ended) = groundwork(&lab, arguments).await;
        let (code, line) = failed(ended);
        assert_eq!((code, printed.as_str()), (64, ""), "{arguments:?}");
        assert!(line.contains(said) && line.lines().count() == 1, "{line}");
    }
    assert_eq!(groundwork(&lab, &["help"]).await.0, HELP);
}

#[tokio::test]
async fn every_missing_variable_is_named() {
    let lab = Lab::new();
    let aws = lab.boot("identity").aws;
    let boot =
        || Ok(Boot { vars: Vars::default(), aws, clock: Clock::System, password_cost: argon2id::CURRENT });
    let arguments = ["operator", "create", "root@example.com"].map(str::to_owned);
    let (code, line) = failed(cli::run(&arguments, boot, &mut Vec::new()).await);
    assert_eq!(code, 78);
    for name in ["IDENTITY_TABLE is not set", "PUBLIC_URL is not set", "PEPPER_SECRET is not set"] {
        assert!(line.contains(name), "{line}");
    }
}
