//! `GET /auth/oidc/{provider}/login`

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use kernel::Error;
use platform::{Path, Query, Visitor, cookie, ids};

use crate::{
    App,
    oidc::{
        attempt::{Attempt, COOKIE, LIFETIME, Seed},
        in_time,
    },
    session::SessionKind,
};

kernel::input! {
    /// How to begin.
    #[derive(Debug, utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    pub(crate) struct BeginOidc {
        /// `token` (default): tokens in the body that the callback answers with. `cookie`: tokens in `HttpOnly` cookies.
        #[param(value_type = Option<SessionKind>, inline)]
        session: Option<SessionKind>,
        /// `true`: the provider asks the person again who they are, however lately it did. It is what `DELETE /me` without
        /// a password wants to have been a moment ago.
        #[param(value_type = Option<bool>)]
        reauthenticate: Option<Flag>,
    }
}

/// A parameter that is true or false.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag(bool);

impl std::str::FromStr for Flag {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be true or false")
    }
}

kernel::text_input!(Flag);

/// Begins a login at an OpenID provider.
///
/// Sends the browser there, with PKCE, a state and a nonce that are used once, within 10 minutes, by this browser.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc/{provider}/login", tag = "auth",
    params(("provider" = String, Path, description = "The provider's name in the configuration"), BeginOidc),
    responses(
        (status = 302, description = "To the provider.", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 404, description = "There is no such provider, or only passwords are used here."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn oidc_login(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(input): Query<BeginOidc>,
) -> platform::Result<Response> {
    let provider = app.require_oidc()?.provider(&name)?;
    let now = visitor.info.now;
    let seed = Seed::new(ids::random(), provider.name(), &*app.roots.latest().await?);
    let reauthenticates = input.reauthenticate.is_some_and(|flag| flag.0);
    let redirect = redirect_uri(&app, &name);
    let url = in_time(provider.authorization_url(&seed, &redirect, reauthenticates, now)).await?;
    let attempt = Attempt {
        state: seed.state.clone(),
        session: input.session.unwrap_or(SessionKind::Token),
        reauthenticates,
        expires_at: now + LIFETIME,
        is_used: false,
    };
    let written = app.edge.store().put_ephemeral(attempt, None).await?;
    written.ok_or_else(|| Error::internal("begin a login", "its state exists"))?;
    let location = header::HeaderValue::from_str(&url)
        .map_err(|error| Error::unavailable("an OpenID provider", error))?;
    let cookie = cookie::set(COOKIE, seed.text(), LIFETIME.as_secs());
    Ok((StatusCode::FOUND, [(header::LOCATION, location), (header::SET_COOKIE, cookie)]).into_response())
}

/// Where the provider sends the browser back to, exactly as it is registered there.
pub(super) fn redirect_uri(app: &App, provider: &str) -> String {
    format!("{}/api/v1/auth/oidc/{provider}/callback", app.edge.config().public_url.as_str())
}
