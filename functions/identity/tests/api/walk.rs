//! Every operation of the group, taken from its OpenAPI document: what is routed is walked.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Permission, Role};
use serde_json::Value;
use testkit::Answer;

use crate::{cast::Cast, people::Person};

/// One operation, as the document describes it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// `None` for the public ones.
    pub(crate) permission: Option<Permission>,
    /// The names of the JSON body's fields and a right body, if it takes one.
    pub(crate) body: Option<(Vec<String>, Value)>,
    /// The names of header and query parameters.
    parameters: Vec<String>,
    statuses: Vec<String>,
}

/// All of them.
pub(crate) fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(identity::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation::read(&document, method, path, operation));
        }
    }
    assert!(found.len() > 20, "the document is read");
    found
}

impl Operation {
    fn read(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let permission = operation["x-permission"].as_str();
        let permission = permission.unwrap_or_else(|| panic!("{method} {path} names no permission"));
        let responses = operation["responses"].as_object().unwrap();
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            permission: (permission != "public").then(|| permission.parse().unwrap()),
            body: operation.get("requestBody").and_then(|body| read_body(document, body)),
            parameters: parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
            statuses: responses.keys().cloned().collect(),
        }
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it has a parameter of that name.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|name| name == parameter)
    }

    /// Whether the document declares an answer of that status.
    pub(crate) fn answers(&self, status: u16) -> bool {
        self.statuses.contains(&status.to_string())
    }

    /// Whether it is about one thing that belongs to somebody.
    pub(crate) fn names_something(&self) -> bool {
        self.path.contains('{')
    }

    /// Whether the table of permissions lets a role call it.
    pub(crate) fn is_granted_to(&self, role: Role) -> bool {
        self.permission.is_none_or(|permission| permission.granted_to(role))
    }

    /// Its path about somebody and their tenant and session.
    pub(crate) fn path_about(&self, someone: &Person) -> String {
        let Some((own, rest)) = self.path.split_once("{id}") else {
            return self.path.clone();
        };
        let id = match own {
            "/api/v1/users/" => someone.id.clone(),
            "/api/v1/tenants/" | "/api/v1/me/tenants/" => someone.tenant_id.clone(),
            "/api/v1/me/sessions/" => session_of(someone),
            "/api/v1/service-accounts/" => someone.machine.id.clone(),
            _ => panic!("say here which id {} means", self.path),
        };
        let path = format!("{own}{id}{rest}").replace("{user_id}", &someone.id);
        let path = path.replace("{secret_id}", &someone.machine.secret_id);
        let path = path.replace("{key_id}", &someone.machine.key_id);
        assert!(!path.contains('{'), "say here which ids {} means", self.path);
        path
    }

    /// Its path about things that do not exist.
    pub(crate) fn path_about_nothing(&self) -> String {
        let nothing = "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17";
        ["{id}", "{user_id}", "{secret_id}", "{key_id}"]
            .iter()
            .fold(self.path.clone(), |path, parameter| path.replace(parameter, nothing))
    }

    /// Requires that the answer is one that the document declares, never our fault, and a whole problem document when
    /// it is an error.
    #[track_caller]
    pub(crate) fn check(&self, case: &str, answer: &Answer) -> u16 {
        let status = answer.status.as_u16();
        let body = String::from_utf8_lossy(&answer.body);
        assert!(status < 500, "{} with {case}: {body}", self.name());
        assert!(self.answers(status), "{} with {case}: {status} is not declared: {body}", self.name());
        if status >= 400 {
            answer.clone().problem(status);
        }
        status
    }
}

/// The fields of a JSON body. A form is walked by the tests of its endpoint.
fn read_body(document: &Value, body: &Value) -> Option<(Vec<String>, Value)> {
    let schema = &body["content"].get("application/json")?["schema"];
    let name = schema["$ref"].as_str().expect("bodies are named types");
    let name = name.rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    let fields = schema["properties"].as_object().unwrap().keys().cloned().collect();
    assert!(schema["example"].is_object(), "{name} has an example");
    Some((fields, schema["example"].clone()))
}

/// The session that somebody's token belongs to.
fn session_of(someone: &Person) -> String {
    claims(&someone.access)["sid"].as_str().unwrap().to_owned()
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Somebody who may call it: an operator may call everything.
pub(crate) fn caller(cast: &Cast) -> &Person {
    cast.who(Role::Operator)
}
