//! `POST /auth/token`

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use kernel::{
    Error, Timestamp,
    claims::{ACCESS_TOKEN_LIFETIME, AccessClaims, Holder},
    id::ServiceAccountId,
    oauth::Code,
    principal::Scopes,
};
use platform::{Form, Guarded, Result, View, edge::AUDIENCE, ids, problem::ProblemDocument};
use serde::Serialize;
use store::{Change, Stored};

use crate::{
    App,
    service_account::{ServiceAccount, assertion::Assertion, store::UsedAssertion},
    tenant::Tenant,
    token_request::{Credential, TokenRequest, unauthenticated},
};

/// The path of this endpoint: assertions may name it as their audience.
pub(crate) const PATH: &str = "/api/v1/auth/token";

/// The form.
#[derive(utoipa::ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials", "scope": "members:read"}))]
#[expect(dead_code, reason = "it describes the form, which `TokenRequest` reads")]
struct TokenForm {
    /// `client_credentials`, or `urn:ietf:params:oauth:grant-type:jwt-bearer`.
    grant_type: String,
    /// Names of permissions, separated by spaces; all that the account has unless told.
    scope: Option<String>,
    /// The service account, unless it is in the `Authorization` header or in an assertion.
    client_id: Option<String>,
    /// Its secret, unless that is in the `Authorization` header.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The token that stands for a secret (RFC 7523 §2.2): `iss` and `sub` are the account, `aud` is this endpoint or
    /// the issuer, `exp` at most 5 minutes after `iat`, `jti` used once; signed with one of the account's keys.
    client_assertion: Option<String>,
    /// The same token as the grant itself (RFC 7523 §2.1).
    assertion: Option<String>,
}

/// An access token (RFC 6749 §5.1).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJpc3MiOiIuLi4ifQ.c2ln",
    "token_type": "Bearer", "expires_in": 900, "scope": "members:read"
}))]
pub(crate) struct TokenView {
    /// The access token (RFC 9068): send it as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that it lives. There is no refresh token: ask for another.
    expires_in: u64,
    /// What it may be used for.
    scope: String,
}

/// Gives a service account an access token (RFC 6749 §4.4, RFC 7523).
///
/// It shows its secret, as `Authorization: Basic` or in the form, or an assertion that it has signed with a key of its
/// own. Refusals are problem documents which carry OAuth's `error` and `error_description` as well.
#[utoipa::path(
    post, path = "/api/v1/auth/token", tag = "auth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token.", body = TokenView),
        (status = 400, description = "The request, the grant or the scope is not valid: `error` says which.",
            content_type = "application/problem+json", body = ProblemDocument, example = json!({
                "type": "urn:groundwork:problem:invalid-scope", "title": "Bad Request", "status": 400,
                "detail": "the service account does not have every scope that was asked for",
                "instance": "/api/v1/auth/token", "request_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
                "error": "invalid_scope",
                "error_description": "the service account does not have every scope that was asked for"
            })),
        (status = 401, description = "The client is not known, or did not show that it is the one.",
            content_type = "application/problem+json", body = ProblemDocument, example = json!({
                "type": "urn:groundwork:problem:invalid-client", "title": "Unauthorized", "status": 401,
                "detail": "the client is not known, or did not show that it is the one",
                "instance": "/api/v1/auth/token", "request_id": "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17",
                "error": "invalid_client",
                "error_description": "the client is not known, or did not show that it is the one"
            })),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn token(
    State(app): State<App>,
    visitor: Guarded,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<View<TokenView>> {
    let authorization = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    let request = TokenRequest::read(form, authorization)?;
    let client = authenticate(&app, &request.credential, visitor.info.now).await?;
    let scopes = client.account.narrow(request.scope.as_deref())?;
    Ok(View(issue(&app, &visitor, client, scopes).await?))
}

/// A service account that has shown that it is the one.
struct Client {
    account: Stored<ServiceAccount>,
    /// Its next state, if its secret was hashed under an application key that is not the current one.
    rehashed: Option<ServiceAccount>,
    /// The assertion it has shown.
    used: Option<UsedAssertion>,
    /// What a used assertion is answered with.
    refusal: fn() -> Error,
}

async fn authenticate(app: &App, credential: &Credential, now: Timestamp) -> Result<Client, Error> {
    match credential {
        Credential::Secret { client, secret } => by_secret(app, client, secret.expose()).await,
        Credential::Assertion { client, text, is_grant } => {
            let refusal = if *is_grant { invalid_grant } else { unauthenticated };
            by_assertion(app, client.as_deref(), text.expose(), now, refusal).await
        }
    }
}

async fn by_secret(app: &App, client: &str, secret: &str) -> Result<Client, Error> {
    let account = find(app, client.parse().ok()).await?.ok_or_else(unauthenticated)?;
    for (index, known) in account.secrets.iter().enumerate() {
        let keys = app.roots.knowing(Some(&known.hash_kid)).await?;
        if known.matches(secret, account.id, &keys) {
            let rehashed = known.rehashed(secret, account.id, &keys).map(|secret| {
                let mut next = account.value.clone();
                next.secrets[index] = secret;
                next
            });
            return Ok(Client { account, rehashed, used: None, refusal: unauthenticated });
        }
    }
    tracing::info!("a client secret was refused");
    Err(unauthenticated())
}

async fn by_assertion(
    app: &App,
    client: Option<&str>,
    text: &str,
    now: Timestamp,
    refusal: fn() -> Error,
) -> Result<Client, Error> {
    let refuse = |reason| {
        tracing::info!(%reason, "a client assertion was refused");
        refusal()
    };
    let assertion = Assertion::read(text).map_err(refuse)?;
    let id = Some(assertion.client()).filter(|id| client.is_none_or(|client| client == id.to_string()));
    let account = find(app, id).await?.ok_or_else(refusal)?;
    let issuer = app.edge.config().public_url.as_str();
    let audiences = [issuer.to_owned(), format!("{issuer}{PATH}")];
    let used = assertion.verify(&account, &audiences, now).map_err(refuse)?;
    Ok(Client { account, rehashed: None, used: Some(used), refusal })
}

async fn find(app: &App, id: Option<ServiceAccountId>) -> Result<Option<Stored<ServiceAccount>>, Error> {
    match id {
        Some(id) => app.edge.store().get_consistent(&ServiceAccount::key_of(id)).await,
        None => Ok(None),
    }
}

fn invalid_grant() -> Error {
    Error::oauth(Code::InvalidGrant, "the assertion is not valid, was used before, or is nobody's")
}

/// Uses the assertion up and signs the token. Neither the account nor its tenant may be taken away meanwhile.
async fn issue(app: &App, visitor: &Guarded, client: Client, scopes: Scopes) -> Result<TokenView, Error> {
    let Client { account, rehashed, used, refusal } = client;
    let store = app.edge.store();
    let signers = app.signing.latest().await?;
    let tenant: Option<Stored<Tenant>> = store.get_consistent(&Tenant::key_of(account.tenant_id)).await?;
    let tenant = tenant.ok_or_else(refusal)?;
    // Not when the request came: a revocation since then has been obeyed already, and must not meet this token.
    let now = app.edge.clock().now();
    let mut change = Change::new("service_account.token", "service_account", account.id);
    if let Some(used) = &used {
        change = change.create(used, refusal());
    }
    change = match &rehashed {
        Some(next) => change.replace(&account, next),
        None => change.require(&account),
    };
    let actor = visitor.info.actor(account.principal(scopes.clone()));
    store.commit(&actor, change.require(&tenant)).await?;
    let scope = String::from(scopes);
    let claims = claims(app, &account, scope.clone(), now);
    let (access_token, _) = signers.sign(signers.kid_for(account.id)?, &claims)?;
    Ok(TokenView { access_token, token_type: "Bearer", expires_in: ACCESS_TOKEN_LIFETIME.as_secs(), scope })
}

fn claims(app: &App, account: &ServiceAccount, scope: String, now: Timestamp) -> AccessClaims {
    AccessClaims {
        iss: app.edge.config().public_url.as_str().to_owned(),
        aud: AUDIENCE.to_owned(),
        jti: ids::new(now),
        iat: now.seconds(),
        exp: (Timestamp::from_seconds(now.seconds()) + ACCESS_TOKEN_LIFETIME).seconds(),
        holder: Holder::ServiceAccount(account.id),
        tid: account.tenant_id,
        role: account.role,
        scope,
    }
}
