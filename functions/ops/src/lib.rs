//! Operations: is it alive, is it ready, and what can be asked of it.
//!
//! Everything here is public: what watches over the service has no account in it. So nothing here tells names,
//! addresses or causes; those stand in the log.
//!
//! Needs: `IDENTITY_TABLE`, `EPHEMERAL_TABLE`, `AUDIT_TABLE` (get an item), `VERIFICATION_KEYS_SECRET` and
//! `APP_KEYS_SECRET` (read), `PUBLIC_URL`, `ALLOWED_ORIGINS`.

mod app;
mod asset;
mod docs;
mod docs_file;
mod health;
mod openapi_json;
mod readiness;
mod ready;

pub use app::App;

// Every endpoint: one line is route and documentation.
platform::endpoints! {
    App:
    health::health,
    ready::ready,
    openapi_json::openapi_json,
    docs::docs,
    docs_file::docs_file,
}
