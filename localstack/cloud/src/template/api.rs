//! The REST API: routes, integrations, throttles and gateway responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Result, TemplateError};
use super::functions::Function;
use super::read::At;

/// The REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// The name in the template.
    pub logical_id: String,
    /// The stage's name, which stands in `requestContext.stage`.
    pub stage: String,
    /// The paths of `DefinitionBody`.
    pub routes: Vec<Route>,
    /// The stage's throttle (`MethodSettings` for `/*` and `*`).
    pub stage_throttle: Option<Throttle>,
    /// Throttles of single methods.
    pub method_throttles: Vec<MethodThrottle>,
    /// `GatewayResponses` by type (`THROTTLED`, `DEFAULT_4XX`, …).
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// `BinaryMediaTypes`, with `~1` read as `/`.
    pub binary_media_types: Vec<String>,
}

/// One path with its methods.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The resource path (`/api/v1/users/{id}`).
    pub path: String,
    /// Integrations by method in upper case; `ANY` is `x-amazon-apigateway-any-method`.
    pub methods: BTreeMap<String, Integration>,
}

/// What answers a method.
#[derive(Debug, Clone, PartialEq)]
pub enum Integration {
    /// A function.
    Function {
        /// Its logical id.
        function: String,
        /// `responseTransferMode: STREAM`.
        streams: bool,
    },
    /// API Gateway itself.
    Mock(Mock),
}

/// A mock integration: a fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// The status its request templates name, which selects the response.
    pub status: u16,
    /// The media types it has request templates for; a request of another type is refused.
    pub media_types: Vec<String>,
    /// The responses by selection pattern; `default` stands for the rest.
    pub responses: BTreeMap<String, MockResponse>,
}

/// One answer of a mock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockResponse {
    /// The status sent.
    pub status: u16,
    /// Header name → mapping expression (`'text'` or `context.…`).
    pub headers: BTreeMap<String, String>,
    /// Body template by media type, with `$context.…` in it.
    pub templates: BTreeMap<String, String>,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayResponse {
    /// The status, where it differs from the type's own.
    pub status: Option<u16>,
    /// Header name → mapping expression (`'text'` or `context.…`).
    pub headers: BTreeMap<String, String>,
    /// Body template by media type, with `$context.…` in it.
    pub templates: BTreeMap<String, String>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Tokens a second.
    pub rate: f64,
    /// The bucket's size.
    pub burst: u32,
}

/// The throttle of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodThrottle {
    /// The resource path, or `/*`.
    pub path: String,
    /// The method in upper case, or `*`.
    pub method: String,
    /// Its bucket.
    pub throttle: Throttle,
}

pub(super) fn api(id: &str, properties: &Value, functions: &[Function]) -> Result<Api> {
    let at = At::new(format!("Resources.{id}.Properties"), properties);
    let mut routes = Vec::new();
    for (path, methods) in at.get("DefinitionBody").get("paths").entries() {
        routes.push(route(path, &methods, functions)?);
    }
    let mut stage_throttle = None;
    let mut method_throttles = Vec::new();
    for setting in at.get("MethodSettings").items() {
        match method_throttle(&setting)? {
            Some(all) if all.path == "/*" && all.method == "*" => stage_throttle = Some(all.throttle),
            Some(one) => method_throttles.push(one),
            None => {}
        }
    }
    let mut gateway_responses = BTreeMap::new();
    for (kind, response) in at.get("GatewayResponses").entries() {
        gateway_responses.insert(kind.to_owned(), gateway_response(&response)?);
    }
    let types: Result<Vec<String>> =
        at.get("BinaryMediaTypes").items().iter().map(|t| Ok(t.text()?.replace("~1", "/"))).collect();
    Ok(Api {
        logical_id: id.to_owned(),
        stage: at.get("StageName").text_or("prod")?,
        routes,
        stage_throttle,
        method_throttles,
        gateway_responses,
        binary_media_types: types?,
    })
}

fn route(path: &str, methods: &At<'_>, functions: &[Function]) -> Result<Route> {
    if !path.starts_with('/') {
        return Err(methods.error("a path begins with `/`", "correct it"));
    }
    let mut out = BTreeMap::new();
    for (method, operation) in methods.entries() {
        let method = match method {
            "x-amazon-apigateway-any-method" => "ANY".to_owned(),
            "get" | "put" | "post" | "delete" | "options" | "head" | "patch" => method.to_ascii_uppercase(),
            "parameters" | "summary" | "description" => continue,
            _ => {
                return Err(
                    operation.error("it is not a method", "use get, put, post, delete, options, head, patch")
                );
            }
        };
        out.insert(method, integration(&operation, functions)?);
    }
    Ok(Route { path: path.to_owned(), methods: out })
}

fn integration(operation: &At<'_>, functions: &[Function]) -> Result<Integration> {
    let at = operation.get("x-amazon-apigateway-integration");
    match at.get("type").text_or("")?.to_ascii_lowercase().as_str() {
        "aws_proxy" => proxy(&at, functions),
        "mock" => mock(&at).map(Integration::Mock),
        "" => Err(at.error("the method has no integration", "run `cargo xtask sync`")),
        other => Err(at
            .get("type")
            .error(format!("the local cloud has no `{other}` integrations"), "use aws_proxy or mock")),
    }
}

fn proxy(at: &At<'_>, functions: &[Function]) -> Result<Integration> {
    let uri = at.get("uri").text()?;
    let function = functions.iter().find(|function| is_invoked(&uri, &function.arn));
    let Some(function) = function else {
        return Err(at.get("uri").error(format!("`{uri}` names no function of this template"), "correct it"));
    };
    let streams = at.get("responseTransferMode").text_or("BUFFERED")? == "STREAM";
    if streams != uri.ends_with("/response-streaming-invocations") {
        return Err(at.get("uri").error(
            "`responseTransferMode: STREAM` and a `response-streaming-invocations` URI belong together",
            "set both or none",
        ));
    }
    Ok(Integration::Function { function: function.logical_id.clone(), streams })
}

/// Whether the URI names that function, itself or by an alias.
fn is_invoked(uri: &str, arn: &str) -> bool {
    uri.split_once(arn).is_some_and(|(_, rest)| rest.starts_with(['/', ':']))
}

fn mock(at: &At<'_>) -> Result<Mock> {
    let request = at.get("requestTemplates").get("application/json");
    let request_json: Value = serde_json::from_str(&request.text()?).unwrap_or(Value::Null);
    let Some(status) =
        request_json.get("statusCode").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok())
    else {
        return Err(request.error("it names no `statusCode`", "write {\"statusCode\": 405}"));
    };
    let mut responses = BTreeMap::new();
    for (pattern, response) in at.get("responses").entries() {
        let mapped = response.get("responseParameters");
        responses.insert(
            pattern.to_owned(),
            MockResponse {
                status: required_status(&response.get("statusCode"))?,
                headers: headers(&mapped, "method.response.header.")?,
                templates: texts(&response.get("responseTemplates"))?,
            },
        );
    }
    if responses.is_empty() {
        return Err(at.get("responses").error("a mock needs a response", "declare `default`"));
    }
    let media_types =
        at.get("requestTemplates").entries().into_iter().map(|(kind, _)| kind.to_owned()).collect();
    Ok(Mock { status, media_types, responses })
}

fn method_throttle(at: &At<'_>) -> Result<Option<MethodThrottle>> {
    let (rate, burst) = (at.get("ThrottlingRateLimit").number()?, at.get("ThrottlingBurstLimit").number()?);
    let (Some(rate), Some(burst)) = (rate, burst) else {
        return Ok(None);
    };
    // CloudFormation wants `/` inside a resource path written as `~1`.
    let path = at.get("ResourcePath").text()?.replace("~1", "/").replacen("//", "/", 1);
    let method = at.get("HttpMethod").text()?.to_ascii_uppercase();
    Ok(Some(MethodThrottle { path, method, throttle: Throttle { rate, burst } }))
}

fn gateway_response(at: &At<'_>) -> Result<GatewayResponse> {
    let status = at.get("StatusCode");
    Ok(GatewayResponse {
        status: if status.exists() { Some(required_status(&status)?) } else { None },
        headers: headers(&at.get("ResponseParameters").get("Headers"), "")?,
        templates: texts(&at.get("ResponseTemplates"))?,
    })
}

fn required_status(at: &At<'_>) -> Result<u16> {
    match at.number::<u16>()? {
        Some(status) if (100..600).contains(&status) => Ok(status),
        _ => Err(at.error("an HTTP status is wanted", "write one between 100 and 599")),
    }
}

fn headers(at: &At<'_>, prefix: &str) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for (name, value) in at.entries() {
        let Some(name) = name.strip_prefix(prefix) else {
            return Err(TemplateError::new(
                &value.at,
                "it maps no header",
                format!("begin it with `{prefix}`"),
            ));
        };
        out.insert(name.to_owned(), value.text()?);
    }
    Ok(out)
}

fn texts(at: &At<'_>) -> Result<BTreeMap<String, String>> {
    at.entries().into_iter().map(|(key, value)| Ok((key.to_owned(), value.text()?))).collect()
}
