//! `POST /auth/refresh`

use axum::{extract::State, http::HeaderMap, response::Response};
use kernel::{Error, Timestamp};
use platform::{Json, Result, Visitor, auth::check_csrf, cookie};
use store::{Change, Stored};

use crate::{
    App,
    oidc::renewal,
    refresh::{self, Decision, RefreshToken},
    session::{self, Session},
    tokens::{self, TokensView},
    user,
};

kernel::input! {
    /// The token to refresh with. A cookie session sends `{}` and its CSRF token.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"refresh_token": "gw_rt_AmsxAZgfmi5LfD2aUT9tK4wOFwAAAAA"}))]
    pub(crate) struct Refresh {
        /// The refresh token.
        refresh_token: Option<String>,
    }
}

/// How often a family that is rotated by others at the same time is read again. Losing the race means that another
/// has rotated, so the second decision already is a replay.
const TRIES: u32 = 5;

/// Exchanges a refresh token for new tokens.
///
/// The old token is used up. Presented again within 10 seconds it gets the same answer; later, or when it is older
/// than that, somebody has a copy: the session ends. A session that began at a provider is renewed there first, and ends
/// when the provider does not vouch for it any more.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "auth", request_body = Refresh,
    responses(
        (status = 200, description = "The session's new tokens.", body = TokensView),
        (status = 401, description = "The token is not valid, or no longer."),
        (status = 403, description = "The account is suspended, or the CSRF token of the cookie session is missing."),
        (status = 409, description = "The session or the account kept being changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(input): Json<Refresh>,
) -> Result<Response> {
    let presented = presented(&app, &headers, input.refresh_token).await?;
    for _ in 0..TRIES {
        match exchange(&app, &visitor, &presented).await {
            Err(Error::InProgress { .. }) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(lost_race().into())
}

/// Reads, decides and carries out once.
///
/// # Errors
/// [`Error::InProgress`] when the family, or the account, was changed at the same moment.
async fn exchange(app: &App, visitor: &Visitor, presented: &RefreshToken) -> Result<Response, Error> {
    let store = app.edge.store();
    let signers = app.signing.latest().await?;
    let session = read(app, presented).await?;
    let kid = signers.kid_for(session.id())?;
    let user = user::store::require(store, session.user_id).await?;
    let place = tokens::role_in(store, &user, session.tenant_id).await;
    // Not when the request came: a revocation since then has been obeyed already, and must not meet these tokens.
    let now = app.edge.clock().now();
    if !session.is_alive(&user, now) {
        return Err(over());
    }
    user.require_active()?;
    let (membership, role) =
        place.map_err(|error| if matches!(error, Error::NotFound(_)) { over() } else { error })?;
    // Another instance may have rotated the family to a key that this one has not seen.
    let keys = app.refresh_keys.knowing(Some(&session.family.hash_kid)).await?;
    match refresh::rotate(&session.family, presented, &keys, kid, now) {
        Decision::Rotate { .. } => {
            let vouched_until =
                renewal::vouched_until(app, &visitor.info.actor(session.principal()), &session).await?;
            // That may have taken seconds, which nobody's ten for a replay should lack.
            let now = app.edge.clock().now();
            let Decision::Rotate { successor, next } =
                refresh::rotate(&session.family, presented, &keys, kid, now)
            else {
                return Err(over());
            };
            let next = Session { family: *next, vouched_until, ..session.value.clone() };
            let change = Change::new("session.refresh", "session", session.id())
                .in_tenant(session.tenant_id)
                .replace_or(&session, &next, lost_race())
                // Whoever changes the password or the role at this moment ends the session's tokens: it must not be
                // handed another.
                .require_or(&membership, lost_race())
                .require_or(&user, lost_race());
            store.commit(&visitor.info.actor(session.principal()), change).await?;
            tokens::answer(app, &next, role, &successor).await
        }
        Decision::Replay { successor } => tokens::answer(app, &session, role, &successor).await,
        Decision::Reuse => Err(end_reused(app, visitor, &session, now).await?),
        Decision::Refused(reason) => {
            tracing::info!(%reason, "a refresh token was refused");
            Err(over())
        }
    }
}

/// The token of the body, or that of the cookie with its CSRF token.
pub(crate) async fn presented(
    app: &App,
    headers: &HeaderMap,
    body: Option<String>,
) -> Result<RefreshToken, Error> {
    if let Some(text) = body {
        return parse(app, &text).await;
    }
    let text = cookie::read(headers, cookie::REFRESH)
        .ok_or_else(|| Error::invalid("/refresh_token", "is required unless the session is in cookies"))?;
    let token = parse(app, text).await?;
    check_csrf(&app.edge, headers, token.family())?;
    Ok(token)
}

/// Reads a token's text.
///
/// # Errors
/// [`Error::Unauthenticated`] when it is none of ours.
pub(crate) async fn parse(app: &App, text: &str) -> Result<RefreshToken, Error> {
    let keys = app.refresh_keys.knowing(refresh::kid_of(text).as_ref()).await?;
    keys.parse(text).map_err(|_| over())
}

/// The session of a token.
///
/// # Errors
/// [`Error::Unauthenticated`] when there is none.
pub(crate) async fn read(app: &App, token: &RefreshToken) -> Result<Stored<Session>, Error> {
    let session = app.edge.store().get_consistent(&Session::key_of(token.family())).await?;
    session.ok_or_else(over)
}

/// Ends a session of which somebody has a copy (RFC 9700 §4.14.2).
async fn end_reused(
    app: &App,
    visitor: &Visitor,
    session: &Stored<Session>,
    now: Timestamp,
) -> Result<Error, Error> {
    let change = Change::new("session.end_reused", "session", session.id());
    let change = session::store::end(change, session, now);
    match app.edge.store().commit(&visitor.info.actor(session.principal()), change).await {
        // Somebody else has ended or rotated it at this moment; either way this token is worth nothing.
        Ok(()) | Err(Error::Conflict { .. }) => Ok(over()),
        Err(error) => Err(error),
    }
}

pub(crate) fn over() -> Error {
    Error::Unauthenticated("the refresh token is not valid, or no longer; log in again".into())
}

fn lost_race() -> Error {
    Error::InProgress { retry_after: std::time::Duration::from_secs(1) }
}
