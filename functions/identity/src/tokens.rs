//! What a login, or a refresh, is answered with.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use kernel::{
    Error, Result, Role, Timestamp,
    claims::{AccessClaims, Holder},
    id::TenantId,
};
use platform::{auth, cookie, edge::AUDIENCE};
use serde::Serialize;
use store::{Store, Stored};

use crate::{
    App,
    membership::Membership,
    refresh::{RefreshToken, TOKEN_LIFETIME},
    session::{Session, SessionKind},
    user::User,
};

/// A session's tokens. For a cookie session they are in cookies, and the body has the CSRF token in their place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJpc3MiOiIuLi4ifQ.c2ln",
    "refresh_token": "gw_rt_AmsxAZgfmi5LfD2aUT9tK4wOFwAAAAA", "token_type": "Bearer", "expires_in": 900,
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
}))]
pub(crate) struct TokensView {
    /// The access token (RFC 9068): send it as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// The refresh token: opaque, used once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Cookie sessions: send it as `X-CSRF-Token` with every unsafe method.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// `Bearer`, or `Cookie`.
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: u64,
    /// The key that signed it.
    kid: String,
}

/// Answers with the tokens of a session, as they are after its last rotation.
pub(crate) async fn answer(
    app: &App,
    session: &Session,
    role: Role,
    refresh_token: &RefreshToken,
) -> Result<Response> {
    let signers = app.signing.latest().await?;
    let claims = claims(app, session, role, refresh_token);
    let (access_token, kid) = signers.sign(&session.family.signing_kid, &claims)?;
    let refresh_token = refresh_token.text().expose().clone();
    let (view, cookies) = match session.mode {
        SessionKind::Token => {
            (tokens(session, kid, Some(access_token), Some(refresh_token), None), Vec::new())
        }
        SessionKind::Cookie => {
            let csrf = auth::csrf_token(&app.edge, session.id());
            let cookies = vec![
                cookie::set(cookie::ACCESS, &access_token, lifetime(session)),
                cookie::set(cookie::REFRESH, &refresh_token, TOKEN_LIFETIME.as_secs()),
            ];
            (tokens(session, kid, None, None, Some(csrf)), cookies)
        }
    };
    let body = serde_json::to_vec(&view).map_err(|error| Error::internal("write tokens", error))?;
    let mut response =
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn tokens(
    session: &Session,
    kid: &str,
    access_token: Option<String>,
    refresh_token: Option<String>,
    csrf_token: Option<String>,
) -> TokensView {
    TokensView {
        access_token,
        refresh_token,
        csrf_token,
        token_type: match session.mode {
            SessionKind::Token => "Bearer",
            SessionKind::Cookie => "Cookie",
        },
        expires_in: lifetime(session),
        kid: kid.to_owned(),
    }
}

/// Seconds that the access token lives.
fn lifetime(session: &Session) -> u64 {
    session.access_until().since(Timestamp::from_seconds(session.family.rotated_at.seconds())).as_secs()
}

/// The claims follow from the session alone, so that a replayed refresh is answered with the same token.
fn claims(app: &App, session: &Session, role: Role, refresh_token: &RefreshToken) -> AccessClaims {
    let issued_at = session.family.rotated_at;
    AccessClaims {
        iss: app.edge.config().public_url.as_str().to_owned(),
        aud: AUDIENCE.to_owned(),
        jti: refresh_token.access_token_id(issued_at),
        iat: issued_at.seconds(),
        exp: session.access_until().seconds(),
        holder: Holder::User(session.user_id, session.id()),
        tid: session.tenant_id,
        role,
        scope: "full".to_owned(),
    }
}

/// An account's place in a tenant, and the role it acts with there. Who hands out a token requires the place in the
/// same change: it must not be taken away meanwhile.
///
/// # Errors
/// [`Error::NotFound`] when it does not belong to it.
pub(crate) async fn role_in(
    store: &Store,
    user: &User,
    tenant_id: TenantId,
) -> Result<(Stored<Membership>, Role)> {
    let membership: Option<Stored<Membership>> =
        store.get_consistent(&Membership::key_of(tenant_id, user.id)).await?;
    let membership = membership.ok_or(Error::NotFound("tenant"))?;
    let role = if user.is_operator { Role::Operator } else { membership.role };
    Ok((membership, role))
}

/// Removes the cookies of a session.
pub(crate) fn without_cookies(mut response: Response) -> Response {
    for name in [cookie::ACCESS, cookie::REFRESH] {
        response.headers_mut().append(header::SET_COOKIE, cookie::remove(name));
    }
    response
}
