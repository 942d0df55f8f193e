//! What a function depends on fails, in every way, and comes back.

use cloud::{Effect, InjectedFault, Service};
use serde_json::Value;

use crate::{Call, Lab, rows::assert_same, rows::rows, witness::ProcessLog};

/// Every way in which a service fails a call.
pub const EFFECTS: [Effect; 5] =
    [Effect::Throttle, Effect::Error, Effect::Deny, Effect::Reset, Effect::LatencyMs(60_000)];

/// Lets a service fail all its calls, in every way, and requires of each of `calls` what a caller may rely on: a 503
/// problem with `Retry-After` that tells nothing of the inside, one line of the log that names operation and cause, no
/// changed row, and success as soon as the service is back. `calls` gets the number of the round, for names that are
/// still free.
///
/// Time has to be paused: one of the ways is silence.
///
/// # Panics
/// When one of these does not hold.
pub async fn withstands(lab: &Lab, service: Service, calls: impl Fn(usize) -> Vec<Call>) {
    for (round, effect) in EFFECTS.into_iter().enumerate() {
        let before = rows(lab).await;
        lab.cloud().inject(vec![InjectedFault::on(service, effect)]);
        for (place, call) in calls(round).into_iter().enumerate() {
            let case = format!("{effect:?}, call {place}");
            let answer = call.await;
            assert_eq!(answer.header("retry-after"), "1", "{case}: {answer:?}");
            let problem = answer.problem(503);
            assert_eq!(problem["type"], "urn:groundwork:problem:unavailable", "{case}");
            let text = problem.to_string();
            assert!(!text.contains("dynamodb") && !text.contains("Exception"), "{case}: {text}");
            is_told(&case, problem["request_id"].as_str().unwrap_or_default(), effect);
        }
        lab.cloud().inject(Vec::new());
        assert_same(&format!("{effect:?}"), &before, &rows(lab).await);
        for (place, call) in calls(round).into_iter().enumerate() {
            let answer = call.await;
            assert!(answer.status.is_success(), "after {effect:?}, call {place}: {answer:?}");
        }
    }
}

/// Requires that one line of the log, an error, tells of that request which operation failed and why.
fn is_told(case: &str, request_id: &str, effect: Effect) {
    // The SDK has words of its own for some of it; that the request failed is told once.
    let is_ours = |line: &Value| line["level"] == "ERROR" && line["message"] == "answered";
    let errors: Vec<Value> = lines_of(request_id).into_iter().filter(is_ours).collect();
    let [line] = errors.as_slice() else { panic!("{case}: {} errors are logged: {errors:#?}", errors.len()) };
    let error = line["error"].as_str().unwrap_or_default();
    let told = error.strip_prefix("unavailable: ").and_then(|rest| rest.split_once(": "));
    let (operation, why) = told.unwrap_or_default();
    assert!(
        !operation.is_empty() && why.contains(cause(effect)),
        "{case}: the log does not tell why: {line}"
    );
}

/// What was logged of a request.
///
/// # Panics
/// When the log is no text.
pub fn lines_of(request_id: &str) -> Vec<Value> {
    let log = String::from_utf8(ProcessLog::since(0)).expect("a log in UTF-8");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["span"]["request_id"] == request_id).collect()
}

/// How the log names what happened to a call.
pub fn cause(effect: Effect) -> &'static str {
    match effect {
        Effect::Throttle => "Throttl",
        Effect::Error => "InternalServ",
        Effect::Deny => "AccessDenied",
        Effect::Reset | Effect::LostAnswer => "dispatch failure",
        Effect::LatencyMs(_) => "timed out",
    }
}
