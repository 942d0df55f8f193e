//! Every function by the name of its binary: the one list of what this process can run.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud::{Cloud, Template};
use futures_util::future::{BoxFuture, FutureExt as _};
use platform::{Boot, BootError, Clock, Function, Needs, argon2id, telemetry::causes};

use crate::invoke::{Functions, Loaded};

/// Builds a function, as its binary does on Lambda.
pub type Constructor = fn(Boot) -> BoxFuture<'static, Result<Function, BootError>>;

/// A function as this process knows it.
#[derive(Debug, Clone, Copy)]
pub struct Lambda {
    /// What it needs.
    pub needs: Needs,
    /// Builds it.
    pub build: Constructor,
}

/// Every function, by binary.
pub fn registry() -> BTreeMap<&'static str, Lambda> {
    let functions: [(&str, Needs, Constructor); 20] = [
        ("access", access::NEEDS, |boot| access::function(boot).boxed()),
        ("audit", audit::NEEDS, |boot| audit::function(boot).boxed()),
        ("audit-eraser", audit::ERASER_NEEDS, |boot| audit::eraser(boot).boxed()),
        ("audit-exporter", audit::EXPORTER_NEEDS, |boot| audit::exporter(boot).boxed()),
        ("audit-sequencer", audit::SEQUENCER_NEEDS, |boot| audit::sequencer(boot).boxed()),
        ("audit-sweeper", audit::SWEEPER_NEEDS, |boot| audit::sweeper(boot).boxed()),
        ("audit-worker", audit::WORKER_NEEDS, |boot| audit::worker(boot).boxed()),
        ("identity", identity::NEEDS, |boot| identity::function(boot).boxed()),
        ("identity-key-rotation", identity::KEY_ROTATION_NEEDS, |boot| identity::key_rotation(boot).boxed()),
        ("identity-mailer", identity::MAILER_NEEDS, |boot| identity::mailer(boot).boxed()),
        ("identity-worker", identity::WORKER_NEEDS, |boot| identity::worker(boot).boxed()),
        ("jobs", jobs::NEEDS, |boot| jobs::function(boot).boxed()),
        ("jobs-dead-letters", jobs::DEAD_LETTERS_NEEDS, |boot| jobs::dead_letters(boot).boxed()),
        ("jobs-relay", jobs::RELAY_NEEDS, |boot| jobs::relay(boot).boxed()),
        ("jobs-scheduler", jobs::SCHEDULER_NEEDS, |boot| jobs::scheduler(boot).boxed()),
        ("jobs-sweeper", jobs::SWEEPER_NEEDS, |boot| jobs::sweeper(boot).boxed()),
        ("jobs-worker", jobs::WORKER_NEEDS, |boot| jobs::worker(boot).boxed()),
        ("ops", ops::NEEDS, |boot| ops::function(boot).boxed()),
        ("outbox-relay", outbox::RELAY_NEEDS, |boot| outbox::relay(boot).boxed()),
        ("outbox-sweeper", outbox::SWEEPER_NEEDS, |boot| outbox::sweeper(boot).boxed()),
    ];
    functions.map(|(binary, needs, build)| (binary, Lambda { needs, build })).into()
}

/// An HTTP function and what its own router says of its endpoints.
#[derive(Debug, Clone, Copy)]
pub struct HttpGroup {
    /// The function's logical id in the template.
    pub function: &'static str,
    /// Its part of the OpenAPI document.
    pub openapi: fn() -> utoipa::openapi::OpenApi,
}

/// Every endpoint group: what `cargo xtask sync` writes the routes and the document from.
pub const HTTP_GROUPS: [HttpGroup; 5] = [
    HttpGroup { function: "AccessFunction", openapi: access::openapi },
    HttpGroup { function: "AuditFunction", openapi: audit::openapi },
    HttpGroup { function: "IdentityFunction", openapi: identity::openapi },
    HttpGroup { function: "JobsFunction", openapi: jobs::openapi },
    HttpGroup { function: "OpsFunction", openapi: ops::openapi },
];

/// Every type of jobs, of every group: what `cargo xtask sync` writes down for the group that takes them in.
pub fn job_types() -> Vec<serde_json::Value> {
    [audit::job_types(), identity::job_types(), jobs::job_types()].concat()
}

/// Why a function of the template does not run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The template names a binary that is not in the [`registry`].
    #[error(
        "template.yaml: {function}: no binary is called `{binary}`; correct `Metadata.BuildProperties.Binary`"
    )]
    Unknown {
        /// The function's logical id.
        function: String,
        /// The binary.
        binary: String,
    },
    /// It does not start.
    #[error("{function} cannot start: {}", causes(source))]
    Boot {
        /// The function's logical id.
        function: String,
        /// Why.
        source: BootError,
    },
}

/// What a function is built from here: the template's variables, and the cloud instead of AWS.
pub fn boot(cloud: &Cloud, declared: &cloud::template::Function) -> Boot {
    let runtime = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", &declared.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ];
    let runtime = runtime.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Boot {
        vars: runtime.chain(declared.environment.clone()).collect(),
        aws: cloud.sdk_config_of(declared),
        clock: Clock::System,
        password_cost: argon2id::CURRENT,
    }
}

/// Builds every function of the template.
///
/// # Errors
/// For the first that is unknown or does not start.
pub async fn load(cloud: &Cloud, template: &Template) -> Result<Functions, LoadError> {
    let registry = registry();
    let mut functions = BTreeMap::new();
    for declared in &template.functions {
        let Some(lambda) = registry.get(declared.binary.as_str()) else {
            return Err(LoadError::Unknown {
                function: declared.logical_id.clone(),
                binary: declared.binary.clone(),
            });
        };
        let function = (lambda.build)(boot(cloud, declared))
            .await
            .map_err(|source| LoadError::Boot { function: declared.logical_id.clone(), source })?;
        functions.insert(declared.logical_id.clone(), Loaded { declared: declared.clone(), function });
    }
    Ok(Arc::new(functions))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kernel::Error;
    use platform::argon2id::Cost;

    use super::*;

    #[test]
    fn passwords_cost_here_what_they_cost_on_lambda() {
        let template = Template::of_workspace().unwrap();
        let cloud = Cloud::memory(&template).unwrap();
        assert!(template.functions.iter().all(|function| {
            boot(&cloud, function).password_cost == Cost { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
        }));
    }

    #[test]
    fn a_function_that_does_not_start_says_why() {
        let source = Error::unavailable("read a secret", "no connection").into();
        let error = LoadError::Boot { function: "IdentityFunction".to_owned(), source };
        let text = "IdentityFunction cannot start: unavailable: read a secret: no connection";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn what_nothing_triggers_is_behind_the_api() {
        let template = Template::of_workspace().unwrap();
        let silent = template.functions.iter().filter(|function| function.events.is_empty());
        let silent: BTreeSet<&str> = silent.map(|function| function.logical_id.as_str()).collect();
        assert_eq!(HTTP_GROUPS.iter().map(|group| group.function).collect::<BTreeSet<_>>(), silent);
    }

    #[test]
    fn the_registry_is_the_template() {
        let template = Template::of_workspace().unwrap();
        let declared: BTreeSet<&str> = template.functions.iter().map(|f| f.binary.as_str()).collect();
        assert_eq!(registry().into_keys().collect::<BTreeSet<_>>(), declared);
    }
}
