//! Identity: accounts, sessions, tenants, and the keys that sign tokens.
//!
//! Nouns stand in files of their own (`user`, `tenant`, `membership`, `session`, …): pure rules, with their storage
//! beneath (`user/store.rs`). Endpoints stand in folders by the path they serve, one file each.

pub mod bootstrap;
pub mod email;
pub mod lockout;
pub mod login_event;
pub mod mail_token;
pub mod membership;
pub mod password;
pub mod refresh;
pub mod session;
pub mod signing;
pub mod tenant;
pub mod tenant_name;
pub mod user;
pub mod username;

mod app;
mod attempts;
mod auth;
mod erasure;
mod hashing;
mod keys;
mod mailer;
mod me;
mod tenants;
mod tokens;
mod users;

use platform::{Boot, BootError, Function};
use store::Table;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use app::App;
pub use mailer::mailer;

/// Where accounts, tenants and sessions are.
pub const IDENTITY_TABLE: Table = Table("IDENTITY_TABLE");

/// The tables this group uses.
pub const TABLES: [Table; 4] =
    [IDENTITY_TABLE, store::audit::TABLE, store::ephemeral::TABLE, store::outbox::TABLE];

/// Builds the HTTP function.
///
/// # Errors
/// [`BootError`] for configuration, secrets and dependencies.
pub async fn function(boot: Boot) -> Result<Function, BootError> {
    let app = App::new(&boot).await?;
    let edge = app.edge.clone();
    let (router, _) = api().with_state(app).split_for_parts();
    Ok(Function::Http(platform::http::surround(&edge, router)))
}

/// The group's part of the OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    platform::openapi::complete(api().into_openapi())
}

/// Every endpoint: one line is route and documentation.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(auth::register::register))
        .routes(routes!(auth::login::login))
        .routes(routes!(auth::refresh::refresh))
        .routes(routes!(auth::logout::logout))
        .routes(routes!(auth::verify_email::verify_email))
        .routes(routes!(auth::forgot_password::forgot_password))
        .routes(routes!(auth::reset_password::reset_password))
        .routes(routes!(me::get_me::get_me, me::patch_me::patch_me, me::delete_me::delete_me))
        .routes(routes!(me::change_password::change_password))
        .routes(routes!(me::send_verification::send_verification))
        .routes(routes!(me::list_sessions::list_sessions, me::delete_sessions::delete_sessions))
        .routes(routes!(me::delete_session::delete_session))
        .routes(routes!(me::list_login_events::list_login_events))
        .routes(routes!(auth::csrf::csrf))
        .routes(routes!(users::list_users::list_users))
        .routes(routes!(users::get_user::get_user, users::update_user::update_user))
        .routes(routes!(tenants::list_tenants::list_tenants, tenants::create_tenant::create_tenant))
        .routes(routes!(tenants::get_tenant::get_tenant, tenants::update_tenant::update_tenant))
        .routes(routes!(
            tenants::members::list_members::list_members,
            tenants::members::add_member::add_member
        ))
        .routes(routes!(
            tenants::members::get_member::get_member,
            tenants::members::change_member::change_member,
            tenants::members::remove_member::remove_member
        ))
        .routes(routes!(keys::jwks::jwks))
        .routes(routes!(keys::openid_configuration::openid_configuration))
}
