//! `template.yaml`, read: the one truth about tables, queues, secrets, functions, routes and throttles.

mod api;
mod error;
mod eval;
mod functions;
pub(crate) mod names;
mod read;
mod resources;
mod roles;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub use api::{Api, GatewayResponse, Integration, MethodThrottle, Mock, MockResponse, Route, Throttle};
pub use error::TemplateError;
pub use functions::{Event, Function, StreamStart};
pub use names::arn_of;
pub use resources::{Bucket, Generate, Queue, Secret, SecretValue, Table};
pub use roles::Policy;

use error::Result;
use eval::Scope;
use names::declared;

/// A template with every parameter, condition and function evaluated.
#[derive(Debug, Clone)]
pub struct Template {
    /// The parameters' values: defaults with the overrides applied.
    pub parameters: BTreeMap<String, String>,
    /// `AWS::DynamoDB::Table`.
    pub tables: Vec<Table>,
    /// `AWS::SQS::Queue`.
    pub queues: Vec<Queue>,
    /// `AWS::SecretsManager::Secret`.
    pub secrets: Vec<Secret>,
    /// `AWS::S3::Bucket`.
    pub buckets: Vec<Bucket>,
    /// `AWS::Serverless::Function`.
    pub functions: Vec<Function>,
    /// The one `AWS::Serverless::Api`, if there is one.
    pub api: Option<Api>,
}

impl Template {
    /// Reads and evaluates the template at `path`.
    ///
    /// # Errors
    /// The first fault found, naming its place and what to do about it.
    pub fn load(path: &Path, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            let what = format!("it cannot be read ({e})");
            TemplateError::new(path.display().to_string(), what, "check the path and its permissions")
        })?;
        Self::parse(&text, overrides)
    }

    /// Evaluates the text of a template; `overrides` replace the parameters' defaults.
    ///
    /// # Errors
    /// The first fault found, naming its place and what to do about it.
    pub fn parse(text: &str, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let root = yaml::parse(text)?;
        let parameters = parameters(&root, overrides)?;
        let empty = Map::new();
        let section = |name: &str| root.get(name).and_then(Value::as_object).unwrap_or(&empty);
        let resources = section("Resources");
        if resources.is_empty() {
            return Err(TemplateError::new("Resources", "it declares nothing", "declare the resources"));
        }
        let globals = root.get("Globals").unwrap_or(&Value::Null);
        let (conditions, mappings) = (section("Conditions"), section("Mappings"));
        let scope = Scope { parameters, conditions, mappings, resources, globals };
        let globals = scope.eval("Globals", globals)?;
        scope.eval("Outputs", root.get("Outputs").unwrap_or(&Value::Null))?;
        collect(&scope, &globals)
    }

    /// The template of this workspace, as the local cloud and the tests use it: [`local_overrides`] for
    /// `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// As [`Template::load`].
    pub fn of_workspace() -> Result<Self> {
        Self::load(&workspace_template(), &local_overrides("http://127.0.0.1:8080"))
    }

    /// The function whose binary has this name.
    pub fn function(&self, binary: &str) -> Option<&Function> {
        self.functions.iter().find(|f| f.binary == binary)
    }
}

/// The parameters the local cloud sets: what a deployment is told about its own address and its browsers.
pub fn local_overrides(public_url: &str) -> BTreeMap<String, String> {
    [
        ("PublicUrl", public_url),
        ("AllowedOrigins", "http://localhost:3000"),
        ("MailFrom", "groundwork@localhost.localdomain"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into()
}

/// Where this workspace keeps its template.
pub fn workspace_template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")
}

fn parameters(root: &Value, overrides: &BTreeMap<String, String>) -> Result<BTreeMap<String, Value>> {
    let declared = root.get("Parameters").and_then(Value::as_object);
    let mut out = BTreeMap::new();
    for (name, parameter) in declared.into_iter().flatten() {
        let at = format!("Parameters.{name}");
        let value = match (overrides.get(name), parameter.get("Default")) {
            (Some(value), _) => Value::String(value.clone()),
            (None, Some(default)) => Value::String(eval::plain(&at, default)?),
            (None, None) => {
                return Err(TemplateError::new(
                    at,
                    "it has neither a default nor a value",
                    "give it a default",
                ));
            }
        };
        let allowed = parameter.get("AllowedValues").and_then(Value::as_array);
        if let Some(allowed) = allowed
            && !allowed.iter().any(|v| eval::plain(&at, v).ok().as_deref() == value.as_str())
        {
            return Err(TemplateError::new(
                at,
                format!("{value} is not allowed"),
                "use one of `AllowedValues`",
            ));
        }
        out.insert(name.clone(), value);
    }
    Ok(out)
}

fn collect(scope: &Scope<'_>, globals: &Value) -> Result<Template> {
    let mut template = Template {
        parameters: scope
            .parameters
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect(),
        tables: Vec::new(),
        queues: Vec::new(),
        secrets: Vec::new(),
        buckets: Vec::new(),
        functions: Vec::new(),
        api: None,
    };
    let mut apis = Vec::new();
    let mut roles = BTreeMap::new();
    let mut rotations = Vec::new();
    for (id, resource) in scope.resources {
        let at = format!("Resources.{id}");
        if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
            && !scope.condition(&at, condition)?
        {
            continue;
        }
        let place = declared(id, resource);
        let properties = scope.eval(&format!("{at}.Properties"), place.properties)?;
        match place.kind {
            "" => return Err(TemplateError::new(at, "it has no `Type`", "add one")),
            "AWS::DynamoDB::Table" => template.tables.push(resources::table(scope, place, &properties)?),
            "AWS::SQS::Queue" => template.queues.push(resources::queue(scope, place, &properties)?),
            "AWS::SecretsManager::Secret" => {
                let secret = resources::secret(scope, place, &properties)?;
                template.secrets.push(secret);
            }
            "AWS::S3::Bucket" => template.buckets.push(resources::bucket(scope, place, &properties)?),
            "AWS::Serverless::Function" => {
                template.functions.push(functions::function(scope, place, resource, &properties, globals)?);
            }
            "AWS::IAM::Role" => {
                let name = names::physical(scope, place, "RoleName")?;
                roles.extend([roles::role(place, &name, &properties)?]);
            }
            "AWS::SecretsManager::RotationSchedule" => rotations.push((id, properties)),
            "AWS::Serverless::Api" => apis.push((id.clone(), properties)),
            _ => {}
        }
    }
    if let [(first, _), (second, _), ..] = &apis[..] {
        let what = format!("there are two REST APIs, `{first}` and `{second}`");
        return Err(TemplateError::new("Resources", what, "keep one"));
    }
    for function in &mut template.functions {
        // A function without a role of its own gets SAM's, which allows nothing but logging.
        function.policy = roles.get(&function.role).cloned().unwrap_or_default();
    }
    for (id, properties) in rotations {
        functions::rotation(&mut template, id, &properties)?;
    }
    // After the functions: an integration names one.
    template.api = apis.pop().map(|(id, p)| api::api(&id, &p, &template.functions)).transpose()?;
    functions::check_sources(&template)?;
    Ok(template)
}
