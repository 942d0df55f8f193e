//! Access: API keys, for programs that act in a tenant without a person.
//!
//! What a key is and whether a presented one may pass stands in [`platform::api_key`], because every group asks; here
//! operators make, change, rotate and delete them, and see how they are used.

mod api_keys;
mod app;
mod cidr;
mod policy;

use platform::{Grant, Needs, api_key, tenancy};
use store::Table;

pub use app::App;

/// What the function needs.
pub const NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL", "ALLOWED_ORIGINS", "LIMIT_PER_MINUTE", "LIMIT_ATTEMPTS_PER_MINUTE"],
    grants: &[
        Grant::on(api_key::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]),
        Grant::on_index(api_key::TABLE.0, "gsi1", &["dynamodb:Query"]),
        // Whether the tenant of a new key exists.
        Grant::on(tenancy::TABLE.0, &["dynamodb:ConditionCheckItem"]),
        Grant::on(
            store::ephemeral::TABLE.0,
            &[
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
            ],
        ),
        // Entries are only ever added here.
        Grant::on(store::audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on("VERIFICATION_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("APP_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("ADMIN_SECRET", &["secretsmanager:GetSecretValue"]),
    ],
};

/// The tables this group uses.
pub const TABLES: [Table; 4] = [api_key::TABLE, store::audit::TABLE, store::ephemeral::TABLE, tenancy::TABLE];

// Every endpoint: one line is route and documentation.
platform::endpoints! {
    App:
    api_keys::list_api_keys::list_api_keys,
    api_keys::create_api_key::create_api_key,
    api_keys::get_api_key::get_api_key,
    api_keys::update_api_key::update_api_key,
    api_keys::delete_api_key::delete_api_key,
    api_keys::rotate_api_key::rotate_api_key,
    api_keys::get_usage::get_usage,
}
