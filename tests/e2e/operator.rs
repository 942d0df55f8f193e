//! Who runs the stack.

use std::fs;

use serde_json::Value;

use super::{
    client::{Call, call},
    cloud::cloud,
    people::{Person, login, text},
    skip,
};

/// The operator's access token.
pub(crate) struct Operator(String);

impl Operator {
    /// Logged in; without one the case is skipped, and says so.
    pub(crate) fn or_skip(case: &str) -> Option<Self> {
        let Some(path) = &cloud().operator else {
            skip::say(case, "GROUNDWORK_OPERATOR names no file");
            return None;
        };
        let kept = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kept: Value = serde_json::from_str(&kept).expect("an operator's credentials");
        let tokens = login(&text(&kept["email"]), &text(&kept["password"])).expect(200).json();
        Some(Self(text(&tokens["access_token"])))
    }

    /// A call by the operator, not made yet.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        call(method, path).bearer(&self.0)
    }
}

#[test]
fn the_operator_sees_accounts_of_all_tenants() {
    let Some(operator) = Operator::or_skip("the_operator_sees_accounts_of_all_tenants") else { return };
    let ann = Person::new();
    let id = text(&ann.get("/api/v1/me").send().expect(200).json()["id"]);
    let page = operator.call("GET", "/api/v1/users?limit=2").send().expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
    let seen = operator.call("GET", &format!("/api/v1/users/{id}")).send().expect(200).json();
    assert_eq!(seen["email"], *ann.email);
    let eve = Person::new();
    eve.get(&format!("/api/v1/users/{id}")).send().problem(404);
}
