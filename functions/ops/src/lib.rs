//! Operations: is it alive, is it ready, and what can be asked of it.
//!
//! Everything here is public: what watches over the service has no account in it. So nothing here tells names,
//! addresses or causes; those stand in the log.
//!
//! Needs: `IDENTITY_TABLE`, `EPHEMERAL_TABLE`, `AUDIT_TABLE`, `OUTBOX_TABLE` (get an item), `VERIFICATION_KEYS_SECRET`
//! and `APP_KEYS_SECRET` (read), `PUBLIC_URL`, `ALLOWED_ORIGINS`.

mod app;
mod asset;
mod docs;
mod docs_file;
mod health;
mod openapi_json;
mod readiness;
mod ready;

use platform::{Boot, BootError, Function};

pub use app::App;

/// Builds the HTTP function.
///
/// # Errors
/// [`BootError`] for its configuration.
#[expect(clippy::unused_async, reason = "every function is built like this")]
pub async fn function(boot: Boot) -> Result<Function, BootError> {
    let app = App::new(&boot)?;
    let edge = app.edge.clone();
    Ok(Function::Http(platform::http::surround(&edge, router().with_state(app))))
}

/// The group's part of the OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    platform::openapi::complete(document())
}

// Every endpoint: one line is route and documentation.
platform::endpoints! {
    App:
    health::health,
    ready::ready,
    openapi_json::openapi_json,
    docs::docs,
    docs_file::docs_file,
}
