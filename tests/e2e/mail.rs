//! What goes by mail.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    client::{at, post},
    limits,
    people::{PASSWORD, Person, login},
    skip::mail_or_skip,
};

/// The relay, the queue and the mailer, each perhaps starting cold; the sweeper when the relay missed it.
const MAIL_WITHIN: Duration = Duration::from_secs(90);

/// The tokens that were mailed to an address, oldest first, once there are that many.
#[track_caller]
fn tokens(mail: &str, email: &str, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let mut found = Vec::new();
        collect(&at("GET", mail).fetch().expect(200).json(), email, &mut found);
        if found.len() >= count {
            return found;
        }
        assert!(begun.elapsed() < MAIL_WITHIN, "{} mails to {email} in {MAIL_WITHIN:?}", found.len());
        sleep(Duration::from_millis(250));
    }
}

/// Each cloud lists its mails in another form; a mail is the smallest object that names the address.
fn collect(value: &Value, email: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, email, found)),
        Value::Object(fields) if fields.values().any(|field| names(field, email)) => {
            let text = value.to_string();
            let tail = text.split("gw_mt_").nth(1).expect("a mail with a token");
            let token: String =
                tail.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
            found.push(format!("gw_mt_{token}"));
        }
        Value::Object(fields) => fields.values().for_each(|field| collect(field, email, found)),
        _ => {}
    }
}

/// Whether a field is the address, or a list with it.
fn names(field: &Value, email: &str) -> bool {
    *field == email || field.as_array().is_some_and(|list| list.iter().any(|item| item == email))
}

#[test]
fn an_address_is_verified_with_the_token_from_the_mail() {
    let Some(mail) = mail_or_skip("an_address_is_verified_with_the_token_from_the_mail") else { return };
    let ann = Person::new();
    assert_eq!(ann.get("/api/v1/me").send().expect(200).json()["email_verified"], false);
    let token = tokens(mail, &ann.email, 1).remove(0);
    let verify = |token: &str| post("/api/v1/auth/email/verify").json(&json!({"token": token})).send();
    verify("gw_mt_nonsense").problem(422);
    verify(&token).expect(204);
    verify(&token).problem(422);
    assert_eq!(ann.get("/api/v1/me").send().expect(200).json()["email_verified"], true);
}

#[test]
fn a_password_is_reset_by_mail() {
    let Some(mail) = mail_or_skip("a_password_is_reset_by_mail") else { return };
    let ann = Person::new();
    tokens(mail, &ann.email, 1);
    let forgot = |email: &str| post("/api/v1/auth/password/forgot").json(&json!({"email": email})).send();
    forgot(&format!("nobody-{}", ann.email)).expect(202);
    forgot(&ann.email).expect(202);
    let token = tokens(mail, &ann.email, 2).pop().unwrap_or_default();
    let fresh = "nine purple otters juggle";
    let turn = limits::reset_route();
    let reset =
        || post("/api/v1/auth/password/reset").json(&json!({"token": token, "password": fresh})).send();
    reset().expect(204);
    reset().problem(422);
    drop(turn);
    login(&ann.email, PASSWORD).problem(401);
    ann.refreshing().send().problem(401);
    login(&ann.email, fresh).expect(200);
}

#[test]
fn mails_are_found_in_every_form() {
    let mail = |to: &Value| json!({"To": to, "Text": "x\ngw_mt_a-_1\ny"});
    for form in [
        json!([mail(&json!("a@b.c"))]),
        json!([mail(&json!(["z@b.c", "a@b.c"])), mail(&json!("other@b.c"))]),
        json!({"messages": {"000000000000": [mail(&json!(["a@b.c"]))]}}),
    ] {
        let mut found = Vec::new();
        collect(&form, "a@b.c", &mut found);
        assert_eq!(found, ["gw_mt_a-_1"], "{form}");
    }
}
