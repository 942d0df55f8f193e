//! The shape of the API: what the document has to say of each kind of operation, so that no endpoint forgets a
//! convention that all others keep.

use std::fs;

use serde_json::Value;
use xtask::{Result, workspace};

use super::assert_none;

#[test]
fn every_operation_keeps_the_conventions() -> Result<()> {
    let document = document()?;
    let mut breaches = Breaches::default();
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            let operation = Operation { document: &document, method, path, object: operation };
            operation.creates(&mut breaches);
            operation.changes(&mut breaches);
            operation.reads(&mut breaches);
            operation.lists(&mut breaches);
            operation.is_bounded(&mut breaches);
            operation.says_when_to_come_back(&mut breaches);
            operation.shows_its_bodies(&mut breaches);
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let is_object = schema["type"] == "object";
        breaches.unless(!is_object || schema["example"].is_object(), name, "a named object has an example");
    }
    assert_none("every endpoint keeps the conventions", &breaches.found);
    Ok(())
}

#[derive(Default)]
struct Breaches {
    found: Vec<String>,
}

impl Breaches {
    fn unless(&mut self, holds: bool, at: &str, law: &str) {
        if !holds {
            self.found.push(format!("{at}: {law}"));
        }
    }
}

struct Operation<'a> {
    document: &'a Value,
    method: &'a str,
    path: &'a str,
    object: &'a Value,
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn creates(&self, breaches: &mut Breaches) {
        if self.method == "post" && self.answers("201") {
            let name = self.name();
            breaches.unless(self.takes("Idempotency-Key"), &name, "what creates takes an Idempotency-Key");
            for header in ["Location", "ETag", "Idempotent-Replayed"] {
                let law = format!("what creates answers with {header}");
                breaches.unless(self.has_header("201", header), &name, &law);
            }
            breaches.unless(self.has_header("409", "Retry-After"), &name, "its 409 has Retry-After");
        }
    }

    fn changes(&self, breaches: &mut Breaches) {
        if self.method == "patch" {
            let name = self.name();
            breaches.unless(self.takes("If-Match"), &name, "what changes takes If-Match");
            breaches.unless(self.answers("412"), &name, "what changes answers 412");
            breaches.unless(self.has_header("200", "ETag"), &name, "what changes answers with an ETag");
        }
    }

    fn reads(&self, breaches: &mut Breaches) {
        let is_single = self.method == "get" && self.path.ends_with('}');
        if is_single || self.method == "get" && self.has_header("200", "ETag") {
            let name = self.name();
            breaches.unless(self.takes("If-None-Match"), &name, "a read takes If-None-Match");
            for status in ["200", "304"] {
                let law = format!("the {status} of a read has an ETag");
                breaches.unless(self.has_header(status, "ETag"), &name, &law);
            }
        }
    }

    fn lists(&self, breaches: &mut Breaches) {
        if self.bodies("200").any(|(_, body)| named(body).is_some_and(|name| name.starts_with("Page_"))) {
            for parameter in ["limit", "cursor", "sort"] {
                let law = format!("a list takes {parameter}");
                breaches.unless(self.takes(parameter), &self.name(), &law);
            }
        }
    }

    /// What anybody may send, and what makes a password hash, costs more than it takes to ask.
    fn is_bounded(&self, breaches: &mut Breaches) {
        let is_public = self.method == "post" && self.object["x-permission"] == "public";
        let bodies = entries(&self.object["requestBody"]["content"]).filter_map(|(_, body)| named(body));
        let fields =
            bodies.flat_map(|name| entries(&self.document["components"]["schemas"][name]["properties"]));
        let takes_password = fields.into_iter().any(|(name, _)| name.contains("password"));
        let law = "what takes a password, and a public change, says x-throttle";
        let is_throttled = self.object["x-throttle"].is_string();
        breaches.unless(is_throttled || !(is_public || takes_password), &self.name(), law);
    }

    fn says_when_to_come_back(&self, breaches: &mut Breaches) {
        for status in ["429", "503"] {
            // A report of what does not answer is no refusal.
            let is_problem = self.bodies(status).any(|(media_type, _)| media_type.contains("problem"));
            let law = format!("its {status} has Retry-After");
            breaches.unless(!is_problem || self.has_header(status, "Retry-After"), &self.name(), &law);
        }
        for (status, response) in entries(&self.object["responses"]) {
            let law = format!("its {status} has X-Request-Id");
            breaches.unless(!response["headers"]["X-Request-Id"].is_null(), &self.name(), &law);
        }
    }

    fn shows_its_bodies(&self, breaches: &mut Breaches) {
        let request = entries(&self.object["requestBody"]["content"]);
        let responses = entries(&self.object["responses"]);
        let answers = responses.flat_map(|(_, response)| entries(&response["content"]));
        for (media_type, body) in request.chain(answers).filter(|(kind, _)| kind.contains("json")) {
            let of_schema = named(body).map(|name| &self.document["components"]["schemas"][name]["example"]);
            let has_example = !body["example"].is_null()
                || entries(&body["examples"]).next().is_some()
                || !media_type.contains("problem") && of_schema.is_some_and(Value::is_object);
            let law = format!("a body of {media_type} has an example");
            breaches.unless(has_example, &self.name(), &law);
        }
    }

    fn answers(&self, status: &str) -> bool {
        self.object["responses"][status].is_object()
    }

    fn has_header(&self, status: &str, header: &str) -> bool {
        self.object["responses"][status]["headers"][header].is_object()
    }

    fn takes(&self, parameter: &str) -> bool {
        self.object["parameters"].as_array().into_iter().flatten().any(|it| it["name"] == parameter)
    }

    fn bodies(&self, status: &str) -> impl Iterator<Item = (&String, &Value)> {
        entries(&self.object["responses"][status]["content"])
    }
}

/// The name of a body's schema.
fn named(body: &Value) -> Option<&str> {
    body["schema"]["$ref"].as_str()?.rsplit('/').next()
}

#[test]
fn every_reference_leads_somewhere() -> Result<()> {
    let document = document()?;
    let mut dead = Vec::new();
    collect_dead(&document, &document, &mut dead);
    assert_none("a $ref names a component", &dead);
    Ok(())
}

fn collect_dead(document: &Value, at: &Value, dead: &mut Vec<String>) {
    if let Some(pointer) = at["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'))
        && document.pointer(pointer).is_none()
    {
        dead.push(pointer.to_owned());
    }
    let list = at.as_array().into_iter().flatten();
    for child in list.chain(entries(at).map(|(_, child)| child)) {
        collect_dead(document, child, dead);
    }
}

fn document() -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(workspace::root().join("openapi/openapi.json"))?)?)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
