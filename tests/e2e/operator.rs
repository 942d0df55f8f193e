//! Who runs the stack.

use std::fs;

use serde_json::Value;

use super::{
    client::get,
    cloud::cloud,
    people::{Person, login, text},
    skip,
};

#[test]
fn the_operator_sees_accounts_of_all_tenants() {
    let Some(path) = &cloud().operator else {
        skip::say("the_operator_sees_accounts_of_all_tenants", "GROUNDWORK_OPERATOR names no file");
        return;
    };
    let kept = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let kept: Value = serde_json::from_str(&kept).expect("an operator's credentials");
    let tokens = login(&text(&kept["email"]), &text(&kept["password"])).expect(200).json();
    let operator = text(&tokens["access_token"]);
    let ann = Person::new();
    let id = text(&ann.get("/api/v1/me").send().expect(200).json()["id"]);
    let page = get("/api/v1/users?limit=2").bearer(&operator).send().expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
    let seen = get(&format!("/api/v1/users/{id}")).bearer(&operator).send().expect(200).json();
    assert_eq!(seen["email"], *ann.email);
    let eve = Person::new();
    eve.get(&format!("/api/v1/users/{id}")).send().problem(404);
}
