//! What every operation has in common, written into the document once.

mod answers;

use std::collections::BTreeMap;

use kernel::{Permission, principal::Way};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema as _,
    openapi::{
        Components, OpenApi, PathItem, RefOr, Response, Schema,
        path::{Operation, ParameterIn},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    cookie,
    problem::{FaultDocument, ProblemDocument},
};

/// Lists a group's endpoints, each once, and makes of the list the group's function and, apart, its document. A Lambda
/// needs only the router, and building the document would be a good part of its cold start.
///
/// The handlers carry `#[utoipa::path]`; the state is made by `async fn new(&Boot) -> Result<Self, BootError>` and gives
/// its [`Edge`](crate::Edge) by `FromRef`. Declares `pub async fn function` and `pub fn openapi`. A group in which an
/// operation says `x-stream` begins with `streaming`: a runtime streams every answer or none.
#[macro_export]
macro_rules! endpoints {
    (streaming $state:ty: $($handler:path),* $(,)?) => {
        $crate::endpoints!(@group HttpStreaming, $state, $($handler),*);
    };
    ($state:ty: $($handler:path),* $(,)?) => {
        $crate::endpoints!(@group Http, $state, $($handler),*);
    };
    (@group $variant:ident, $state:ty, $($handler:path),*) => {
        /// Builds the group's HTTP function.
        ///
        /// # Errors
        /// [`BootError`](platform::BootError) for configuration, secrets and dependencies.
        pub async fn function(boot: $crate::Boot) -> Result<$crate::Function, $crate::BootError> {
            let state = <$state>::new(&boot).await?;
            let edge = axum::extract::FromRef::from_ref(&state);
            Ok($crate::Function::$variant($crate::http::surround(&edge, router().with_state(state))))
        }

        /// The group's part of the OpenAPI document.
        pub fn openapi() -> utoipa::openapi::OpenApi {
            $crate::openapi::complete(document())
        }

        fn router() -> axum::Router<$state> {
            use utoipa_axum::PathItemExt as _;
            let router = axum::Router::new();
            $(let router = utoipa_axum::paste! {{
                let path = utoipa_axum::routes!(@path [path()] of $handler);
                let methods = utoipa_axum::routes!(@path [methods()] of $handler);
                methods.iter().fold(router, |router, method| {
                    router.route(&path, axum::routing::on(method.to_method_filter(), $handler))
                })
            }};)*
            router
        }

        fn document() -> utoipa::openapi::OpenApi {
            utoipa_axum::router::OpenApiRouter::<$state>::default()
                $(.routes(utoipa_axum::routes!($handler)))*
                .into_openapi()
        }
    };
}

/// The extension by which an operation names its permission, or `public`.
pub const PERMISSION: &str = "x-permission";

/// The extension's value for routes that anybody may call.
pub const PUBLIC: &str = "public";

/// Completes a group's document: security by permission, and every problem that the shared extractors answer with.
#[must_use]
pub fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_with(Components::new);
    components.schemas.insert("ProblemDocument".to_owned(), ProblemDocument::schema());
    components.schemas.insert("FaultDocument".to_owned(), FaultDocument::schema());
    let schemes = Way::ALL.map(|way| (way.scheme().to_owned(), RefOr::T(security_scheme(way))));
    components.security_schemes.extend(schemes);
    answers::declare(components);
    exemplify_pages(components);
    for item in api.paths.paths.values_mut() {
        for (_, operation) in operations_mut(item) {
            complete_operation(operation);
        }
    }
    api
}

/// The operations of a path, by method in lower case.
pub fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    let all = [
        ("get", &item.get),
        ("post", &item.post),
        ("put", &item.put),
        ("patch", &item.patch),
        ("delete", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?))).collect()
}

fn operations_mut(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?))).collect()
}

/// The permission that an operation names.
pub fn permission(operation: &Operation) -> Option<String> {
    let extensions = serde_json::to_value(operation.extensions.as_ref()?).ok()?;
    Some(extensions.get(PERMISSION)?.as_str()?.to_owned())
}

fn complete_operation(operation: &mut Operation) {
    let is_public = permission(operation).as_deref() == Some(PUBLIC);
    let parameters = operation.parameters.iter().flatten();
    let places: Vec<&ParameterIn> = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(&parameter.parameter_in),
            RefOr::Ref(_) => None,
        })
        .collect();
    let takes_key = parameters_named(operation, "Idempotency-Key");
    let has_body = operation.request_body.is_some();
    // A form is read by its endpoint, which says in its own words what is wrong with it.
    let has_json = match &operation.request_body {
        Some(RefOr::T(body)) => body.content.keys().any(|media_type| media_type.contains("json")),
        _ => has_body,
    };
    let has_query = places.iter().any(|place| matches!(place, ParameterIn::Query));
    let has_path = places.iter().any(|place| matches!(place, ParameterIn::Path));
    let problems: BTreeMap<&str, (bool, &str)> = BTreeMap::from([
        ("400", (true, "The request cannot be read.")),
        ("401", (!is_public, "The caller is not known.")),
        ("403", (!is_public, "The caller may not do this.")),
        ("404", (has_path, "There is no such resource for this caller.")),
        ("409", (takes_key, "A request with the same Idempotency-Key is being carried out.")),
        ("413", (has_body, "The body is too large.")),
        ("415", (has_body, if has_json { "The body is not JSON." } else { "The body is no form." })),
        ("422", (has_json || has_query, "The request breaks rules; `errors` lists each.")),
        ("429", (true, "Too many requests; see Retry-After.")),
        ("500", (true, "Our fault.")),
        ("503", (true, "Something this depends on does not answer; see Retry-After.")),
    ]);
    for (status, (_, description)) in problems.into_iter().filter(|(_, (applies, _))| *applies) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new(description)));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            answers::complete(status, response, takes_key);
        }
    }
    if !is_public {
        let permission = permission(operation).and_then(|name| name.parse::<Permission>().ok());
        let ways = permission.into_iter().flat_map(Permission::ways);
        let requirement = |way: &Way| SecurityRequirement::new::<_, [&str; 0], &str>(way.scheme(), []);
        operation.security = Some(ways.map(requirement).collect());
    }
}

fn security_scheme(way: Way) -> SecurityScheme {
    let http = |scheme| SecurityScheme::Http(Http::new(scheme));
    match way {
        Way::Bearer | Way::ServiceToken => http(HttpAuthScheme::Bearer),
        Way::Cookie => SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookie::ACCESS))),
        Way::ApiKey => SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))),
        Way::Basic => http(HttpAuthScheme::Basic),
    }
}

fn parameters_named(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == name))
}

/// A page shows an item and where to go on: it has no fields of its own that could say so.
fn exemplify_pages(components: &mut Components) {
    let examples: Vec<(String, Value)> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| {
            let item =
                name.strip_prefix("Page_").filter(|_| matches!(schema, RefOr::T(Schema::Object(_))))?;
            let RefOr::T(Schema::Object(item)) = components.schemas.get(item)? else {
                return None;
            };
            Some((name.clone(), json!({"items": [item.example.as_ref()?], "next_cursor": "b3BhcXVl"})))
        })
        .collect();
    for (name, example) in examples {
        if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut(&name) {
            page.example.get_or_insert(example);
        }
    }
}
