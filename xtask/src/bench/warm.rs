//! `cargo xtask bench warm`: what a request costs once everything is warm, in CPU time.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    Options, bootstrap::Bootstrap, build, coldstart::HELLO, environment, environment::Aws, exchange,
    report::millis,
};
use crate::{Result, workspace, workspace::Workspace};

/// The function that answers `GET /api/v1/me`.
const IDENTITY: &str = "identity";
/// A warm authenticated read.
const CPU_MAX: Duration = Duration::from_millis(1);
/// Invocations before the counting begins: caches, connections, branch predictors.
const WARM_UP: u32 = 100;

/// Builds, measures, prints; with `--check` fails beyond the limit.
pub fn warm(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    build::release(&[HELLO])?;
    build::release(&[IDENTITY])?;
    let hello = hello(&workspace.target, options.invocations)?;
    let me = me(&workspace.target, options.invocations)?;
    println!("CPU time of one warm invocation, mean of {}", options.invocations);
    println!("{:<24} {:>8.3} ms", "hello", millis(hello));
    println!("{:<24} {:>8.3} ms", "GET /api/v1/me", millis(me));
    if me <= CPU_MAX {
        println!("the limit holds: at most {} ms", CPU_MAX.as_millis());
    } else if options.check {
        return Err(format!("GET /api/v1/me takes {:.3} ms, allowed is 1 ms", millis(me)).into());
    } else {
        println!("beyond the limit of 1 ms (--check would fail)");
    }
    Ok(())
}

fn hello(target: &Path, invocations: u32) -> Result<Duration> {
    let event = fs::read(workspace::root().join("xtask/hello/event.json"))?;
    let mut bootstrap = Bootstrap::spawn(&build::binary(target, HELLO), &[])?;
    bootstrap.ready()?;
    per_invocation(&mut bootstrap, &event, invocations)
}

/// Registers and logs in through the same bootstrap, as a client would, and reads itself.
fn me(target: &Path, invocations: u32) -> Result<Duration> {
    let environment = Aws::start()?.environment(IDENTITY)?;
    let base: Value = serde_json::from_slice(&fs::read(environment::event_path(IDENTITY))?)?;
    let mut bootstrap = Bootstrap::spawn(&build::binary(target, IDENTITY), &environment)?;
    bootstrap.ready()?;

    let account =
        json!({ "email": "bench@example.com", "username": "bench", "password": "correct horse battery 7" });
    let register = exchange::request(&base, "POST", "/api/v1/auth/register", None, Some(&account));
    exchange::expect(201, &bootstrap.invoke(&register)?.body)?;
    bootstrap.ready()?;

    let login = json!({ "email": account["email"], "password": account["password"] });
    let login = exchange::request(&base, "POST", "/api/v1/auth/login", None, Some(&login));
    let tokens = exchange::expect(200, &bootstrap.invoke(&login)?.body)?;
    bootstrap.ready()?;
    let tokens: Value = serde_json::from_str(&tokens.body)?;
    let token = tokens["access_token"].as_str().ok_or("the login's answer has no access_token")?;

    let event = exchange::request(&base, "GET", "/api/v1/me", Some(token), None);
    per_invocation(&mut bootstrap, &event, invocations)
}

/// The mean CPU time of an invocation that answers 200.
fn per_invocation(bootstrap: &mut Bootstrap, event: &[u8], invocations: u32) -> Result<Duration> {
    let invoke = |bootstrap: &mut Bootstrap| -> Result<()> {
        exchange::expect(200, &bootstrap.invoke(event)?.body)?;
        bootstrap.ready()?;
        Ok(())
    };
    for _ in 0..WARM_UP {
        invoke(bootstrap)?;
    }
    let before = bootstrap.cpu_time()?;
    for _ in 0..invocations {
        invoke(bootstrap)?;
    }
    Ok(bootstrap.cpu_time()?.saturating_sub(before) / invocations)
}
