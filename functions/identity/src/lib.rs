//! Identity: accounts, sessions, tenants, and the keys that sign tokens.
//!
//! Nouns stand in files of their own (`user`, `tenant`, `membership`, `session`, …): pure rules, with their storage
//! beneath (`user/store.rs`). Endpoints stand in folders by the path they serve, one file each.

pub mod bootstrap;
pub mod captcha;
pub mod email;
pub mod lockout;
pub mod login_event;
pub mod mail_token;
pub mod membership;
pub mod oidc;
pub mod password;
pub mod public_key;
pub mod refresh;
pub mod service_account;
pub mod session;
pub mod signing;
pub mod tenant;
pub mod token_request;
pub mod user;
pub mod username;

mod app;
mod attempts;
mod audience;
mod auth;
mod erasure;
mod hashing;
mod import;
mod keys;
mod mailer;
mod me;
mod service_accounts;
mod tenants;
mod tokens;
mod users;

use platform::{Grant, Needs, api_key, tenancy};
use store::Table;

pub use app::App;
pub use import::{NEEDS as WORKER_NEEDS, worker};
pub use mailer::{NEEDS as MAILER_NEEDS, mailer};
pub use signing::rotation::{NEEDS as KEY_ROTATION_NEEDS, key_rotation};

/// Where accounts, tenants and sessions are.
pub const IDENTITY_TABLE: Table = tenancy::TABLE;

/// What the HTTP function needs.
pub const NEEDS: Needs = Needs {
    settings: &[
        "PUBLIC_URL",
        "ALLOWED_ORIGINS",
        "LIMIT_PER_MINUTE",
        "LIMIT_ATTEMPTS_PER_MINUTE",
        "AUTH_IDP_MODE",
        "AUTH_OIDC_PROVIDERS",
        "AUTH_CAPTCHA",
        "AUTH_JWKS_ETAG_SALT",
        "AUTH_JWKS_MAX_AGE_SECONDS",
        "AUTH_DUAL_SIGNING_ENABLED",
        "AUTH_DUAL_SIGNING_OVERLAP_MINUTES",
        "AUTH_DUAL_SIGNING_CANARY_PERCENT",
    ],
    grants: &[
        Grant::on(
            IDENTITY_TABLE.0,
            &[
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:DeleteItem",
                "dynamodb:ConditionCheckItem",
            ],
        ),
        Grant::on_index(IDENTITY_TABLE.0, "gsi1", &["dynamodb:Query"]),
        Grant::on(
            store::ephemeral::TABLE.0,
            &[
                "dynamodb:GetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
            ],
        ),
        // A caller's key; the keys of a tenant that goes.
        Grant::on(api_key::TABLE.0, &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:DeleteItem"]),
        // Entries and messages are only ever added here.
        Grant::on(store::audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(store::outbox::TABLE.0, &["dynamodb:PutItem"]),
        // The job that cancels the jobs of who is gone.
        Grant::on(store::job::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on("SIGNING_KEYS_SECRET", &["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]),
        Grant::on(
            "VERIFICATION_KEYS_SECRET",
            &["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
        ),
        Grant::on("APP_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("PEPPER_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("OIDC_CLIENTS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("CAPTCHA_SECRET", &["secretsmanager:GetSecretValue"]),
    ],
};

/// The types of this group's jobs, as `openapi/job-types.json` tells of them.
pub fn job_types() -> Vec<serde_json::Value> {
    vec![platform::job::declaration::<import::ImportUsers>()]
}

/// The tables this group uses.
pub const TABLES: [Table; 6] = [
    IDENTITY_TABLE,
    api_key::TABLE,
    store::audit::TABLE,
    store::ephemeral::TABLE,
    store::job::TABLE,
    store::outbox::TABLE,
];

// Every endpoint: one line is route and documentation.
platform::endpoints! {
    App:
    auth::register::register,
    auth::login::login,
    auth::refresh::refresh,
    auth::logout::logout,
    auth::verify_email::verify_email,
    auth::forgot_password::forgot_password,
    auth::reset_password::reset_password,
    me::get_me::get_me,
    me::patch_me::patch_me,
    me::delete_me::delete_me,
    me::change_password::change_password,
    me::send_verification::send_verification,
    me::list_sessions::list_sessions,
    me::delete_sessions::delete_sessions,
    me::delete_session::delete_session,
    me::list_login_events::list_login_events,
    me::leave_tenant::leave_tenant,
    auth::csrf::csrf,
    auth::token::token,
    auth::oidc_login::oidc_login,
    auth::oidc_callback::oidc_callback,
    users::list_users::list_users,
    users::get_user::get_user,
    users::update_user::update_user,
    tenants::list_tenants::list_tenants,
    tenants::create_tenant::create_tenant,
    tenants::get_tenant::get_tenant,
    tenants::update_tenant::update_tenant,
    tenants::members::list_members::list_members,
    tenants::members::add_member::add_member,
    tenants::members::get_member::get_member,
    tenants::members::change_member::change_member,
    tenants::members::remove_member::remove_member,
    service_accounts::list_service_accounts::list_service_accounts,
    service_accounts::create_service_account::create_service_account,
    service_accounts::get_service_account::get_service_account,
    service_accounts::delete_service_account::delete_service_account,
    service_accounts::add_secret::add_secret,
    service_accounts::remove_secret::remove_secret,
    service_accounts::add_key::add_key,
    service_accounts::get_key::get_key,
    service_accounts::remove_key::remove_key,
    keys::jwks::jwks,
    keys::openid_configuration::openid_configuration,
}
