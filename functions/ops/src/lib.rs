//! Operations: is it alive, is it ready, and what can be asked of it.
//!
//! Everything here is public: what watches over the service has no account in it. So nothing here tells names,
//! addresses or causes; those stand in the log.

mod app;
mod asset;
mod docs;
mod docs_file;
mod health;
mod openapi_json;
mod readiness;
mod ready;

use platform::{Grant, Needs};

pub use app::App;

/// What the function needs: a read of a key that does not exist tells whether a table answers.
pub const NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL", "ALLOWED_ORIGINS"],
    grants: &[
        Grant::on(readiness::IDENTITY_TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(platform::api_key::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(store::ephemeral::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(store::audit::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(store::outbox::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on("VERIFICATION_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("APP_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
    ],
};

// Every endpoint: one line is route and documentation.
platform::endpoints! {
    App:
    health::health,
    ready::ready,
    openapi_json::openapi_json,
    docs::docs,
    docs_file::docs_file,
}
