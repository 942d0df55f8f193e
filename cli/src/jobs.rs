//! `groundwork jobs`: what there is to do, how far it is, and what could not be done.

use std::{
    io::{BufReader, Write},
    thread,
    time::Duration,
};

use platform::config::Vars;
use serde_json::Value;
use ureq::http::StatusCode;

use crate::{Failure, caller::Caller};

/// Where the API is unless `GROUNDWORK_URL` says otherwise: the local cloud.
const URL: &str = "http://127.0.0.1:8080";

/// How wide a bar is, in characters.
const BAR: usize = 30;

/// How often a client that follows a job comes again when it is not answered.
const TRIES: u32 = 20;

/// How long it waits before that.
const PAUSE: Duration = Duration::from_secs(1);

struct Jobs {
    caller: Caller,
    base: String,
}

/// Carries out a command.
///
/// # Errors
/// [`Failure::Refused`] with what the API says; [`Failure::Unreadable`] when it does not answer.
pub(crate) fn run(arguments: &[&str], vars: &Vars, out: &mut impl Write) -> Result<(), Failure> {
    let url = vars.get("GROUNDWORK_URL").unwrap_or(URL).trim_end_matches('/');
    let base = format!("{url}/api/v1");
    let jobs = Jobs { caller: Caller::new(&base, vars)?, base };
    match arguments {
        ["ls", filters @ ..] => jobs.list(filters, out),
        ["show", id] => jobs.show(id, out),
        ["show", id, "--follow"] | ["show", "--follow", id] => jobs.follow(id, out),
        ["cancel", id] => jobs.print("POST", &format!("jobs/{}/cancel", segment(id)?), out),
        ["retry", id] => jobs.print("POST", &format!("jobs/{}/retry", segment(id)?), out),
        ["dead"] => jobs.dead(out),
        ["redrive", id] => {
            jobs.ask("POST", &format!("admin/dead-letters/{}/redrive", segment(id)?))?;
            Ok(writeln!(out, "{id} is on its way")?)
        }
        other => Err(Failure::Usage(format!("`jobs {}` is no command", other.join(" ")))),
    }
}

/// What may stand in a path: an id, and nothing that leads elsewhere.
fn segment(text: &str) -> Result<&str, Failure> {
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { Ok(text) } else { Err(Failure::Usage(format!("`{text}` is no id"))) }
}

impl Jobs {
    fn list(&self, filters: &[&str], out: &mut impl Write) -> Result<(), Failure> {
        let mut query = String::from("jobs?limit=100&sort=-created_at");
        for filter in filters.chunks(2) {
            match filter {
                ["--type", name]
                    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) =>
                {
                    query.push_str("&type=");
                    query.push_str(name);
                }
                ["--status", status] => {
                    query.push_str("&status=");
                    query.push_str(segment(status)?);
                }
                other => {
                    return Err(Failure::Usage(format!("`{}` is no filter of jobs ls", other.join(" "))));
                }
            }
        }
        self.pages(&query, |job| {
            let progress = bar(&job["progress"]);
            let line = format!(
                "{} {:<16} {:<10} {:>3} {} {progress}",
                text(&job["id"]),
                text(&job["type"]),
                text(&job["status"]),
                job["attempts"],
                text(&job["created_at"]),
            );
            Ok(writeln!(out, "{}", line.trim_end())?)
        })
    }

    fn dead(&self, out: &mut impl Write) -> Result<(), Failure> {
        self.pages("admin/dead-letters?limit=100&sort=-created_at", |letter| {
            let what = letter["job"]["type"].as_str().unwrap_or("(no job)");
            let (id, at, reason) = (text(&letter["id"]), text(&letter["at"]), text(&letter["reason"]));
            Ok(writeln!(out, "{id} {what:<16} {at} {reason}")?)
        })
    }

    /// Every item of a list.
    fn pages(&self, list: &str, mut each: impl FnMut(&Value) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut cursor = String::new();
        loop {
            let page = self.ask("GET", &format!("{list}{cursor}"))?;
            page["items"].as_array().into_iter().flatten().try_for_each(&mut each)?;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(()),
            }
        }
    }

    fn show(&self, id: &str, out: &mut impl Write) -> Result<(), Failure> {
        self.print("GET", &format!("jobs/{}", segment(id)?), out)
    }

    fn print(&self, method: &str, path: &str, out: &mut impl Write) -> Result<(), Failure> {
        let answer = self.ask(method, path)?;
        let answer = serde_json::to_string_pretty(&answer).unwrap_or_default();
        Ok(writeln!(out, "{answer}")?)
    }

    /// Shows how far a job is until it has ended, on one line that is written anew; then all of it.
    #[expect(clippy::disallowed_methods, reason = "nothing else runs in this command")]
    fn follow(&self, id: &str, out: &mut impl Write) -> Result<(), Failure> {
        let url = format!("{}/jobs/{}/events", self.base, segment(id)?);
        let mut last = "0".to_owned();
        let mut tries = 0;
        while tries < TRIES {
            tries += 1;
            let answer = self.caller.ask("GET", &url, &[("last-event-id", &last)]);
            match answer.map(|answer| (answer.status(), answer)) {
                Ok((StatusCode::NO_CONTENT, _)) => break,
                Ok((StatusCode::OK, answer)) => {
                    if follow(BufReader::new(answer.into_body().into_reader()), &mut last, out)? {
                        break;
                    }
                    tries = 0;
                    continue;
                }
                Ok((StatusCode::UNAUTHORIZED, _)) if self.caller.forget_token() => continue,
                Ok((status, answer)) if status.is_client_error() => return Err(refusal(status, answer)),
                Ok(_) | Err(_) => {}
            }
            thread::sleep(PAUSE);
        }
        writeln!(out)?;
        self.show(id, out)
    }

    fn ask(&self, method: &str, path: &str) -> Result<Value, Failure> {
        let answer =
            self.caller.ask(method, &format!("{}/{path}", self.base), &[]).map_err(Failure::Unreadable)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(refusal(status, answer));
        }
        let body =
            answer.into_body().read_to_string().map_err(|error| Failure::Unreadable(error.to_string()))?;
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }
}

/// What the API says of why not.
fn refusal(status: StatusCode, answer: ureq::http::Response<ureq::Body>) -> Failure {
    let problem = answer.into_body().read_to_string().unwrap_or_default();
    let problem: Value = serde_json::from_str(&problem).unwrap_or_default();
    let faults = problem["errors"].as_array().into_iter().flatten();
    let faults: Vec<String> =
        faults.map(|fault| format!("; {} {}", text(&fault["pointer"]), text(&fault["detail"]))).collect();
    let faults = faults.concat();
    Failure::Refused(format!("{status}: {}{faults}", text(&problem["detail"])))
}

/// Reads server-sent events, shows each on the same line, and notes the id of the last; whether the job has ended.
fn follow(events: impl std::io::BufRead, last: &mut String, out: &mut impl Write) -> Result<bool, Failure> {
    let mut is_end = false;
    for line in events.lines() {
        // A connection that breaks off is begun anew.
        let Ok(line) = line else { return Ok(false) };
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(last),
            Some(("event", name)) => is_end = name == "end",
            Some(("data", job)) => {
                let job: Value = serde_json::from_str(job).unwrap_or_default();
                write!(out, "\r\x1b[K{:<10} {}", text(&job["status"]), bar(&job["progress"]))?;
                out.flush()?;
                if is_end {
                    return Ok(true);
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

/// How far something is, as a bar where it is known out of how much.
fn bar(progress: &Value) -> String {
    let message = text(&progress["message"]);
    let Some(done) = progress["done"].as_u64() else { return message.to_owned() };
    match progress["total"].as_u64().filter(|total| *total > 0) {
        Some(total) => {
            let full = done.min(total).saturating_mul(BAR as u64) / total;
            let full = usize::try_from(full).unwrap_or(BAR).min(BAR);
            let (full, empty) = ("#".repeat(full), "-".repeat(BAR - full));
            format!("[{full}{empty}] {done}/{total} {message}").trim_end().to_owned()
        }
        None => format!("{done} {message}").trim_end().to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bar_shows_how_far_it_is() {
        for (progress, shown) in [
            (json!(null), ""),
            (json!({"done": 7}), "7"),
            (json!({"done": 0, "total": 3}), "[------------------------------] 0/3"),
            (json!({"done": 1, "total": 3, "message": "a"}), "[##########--------------------] 1/3 a"),
            (json!({"done": 9, "total": 3}), "[##############################] 9/3"),
        ] {
            assert_eq!(bar(&progress), shown);
        }
    }

    #[test]
    fn events_are_followed_to_the_end_and_the_last_is_known() {
        let told = "retry: 1000\nid: 3\nevent: progress\ndata: {\"status\":\"running\"}\n\n: still there\n\n";
        let end = "id: 4\nevent: end\ndata: {\"status\":\"succeeded\"}\n\n";
        let (mut last, mut out) = ("0".to_owned(), Vec::new());
        assert!(!follow(told.as_bytes(), &mut last, &mut out).unwrap());
        assert_eq!(last, "3");
        assert!(follow(end.as_bytes(), &mut last, &mut out).unwrap());
        assert_eq!(last, "4");
        assert!(String::from_utf8(out).unwrap().ends_with("succeeded  "));
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        for (text, is_id) in
            [("01a2-b", true), ("../users", false), ("a?b", false), ("", false), ("a b", false)]
        {
            assert_eq!(segment(text).is_ok(), is_id, "{text}");
        }
    }
}
