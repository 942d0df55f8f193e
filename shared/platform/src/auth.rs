//! Who is asking: the one place where a request becomes a [`Principal`].

use std::{
    marker::PhantomData,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{
    Error, Permit, Principal, PrincipalKind, Role, Timestamp,
    claims::{ACCESS_TOKEN_LIFETIME, AccessClaims, CLOCK_SKEW},
    id::{Id as _, SessionId, TenantId},
    principal::Scopes,
    revocation::Revocations,
};
use ring::hmac;
use store::{Actor, Store};

use crate::{Edge, Problem, Result, cookie, http::RequestInfo, keys::TokenError};

/// The header that carries the CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// A caller who may do `P`: the only way to a tenant. Its presence in a handler's signature is the route's
/// permission.
#[derive(Debug)]
pub struct Allowed<P> {
    /// Who asks, in which request: what a change is committed with.
    pub actor: Actor,
    /// The request.
    pub info: RequestInfo,
    permission: PhantomData<P>,
}

impl<P> Allowed<P> {
    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.actor.principal
    }

    /// The tenant in which it acts.
    pub fn tenant_id(&self) -> TenantId {
        self.actor.principal.tenant_id
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.actor.now
    }
}

impl<S, P> FromRequestParts<S> for Allowed<P>
where
    S: Send + Sync,
    P: Permit,
    Edge: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let edge = Edge::from_ref(state);
        let info = RequestInfo::of(parts)?;
        let principal = authenticate(&edge, parts, info.now).await?;
        tracing::Span::current().record("tenant", tracing::field::display(principal.tenant_id));
        if !principal.may(P::PERMISSION) {
            return Err(Error::Forbidden(format!("this needs {}", P::PERMISSION).into()).into());
        }
        parts.extensions.insert(principal.clone());
        Ok(Self { actor: info.actor(principal), info, permission: PhantomData })
    }
}

/// A caller nobody knows: for the committed list of public routes.
#[derive(Debug)]
pub struct Public {
    /// An anonymous actor.
    pub actor: Actor,
    /// The request.
    pub info: RequestInfo,
}

impl<S: Send + Sync> FromRequestParts<S> for Public {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let info = RequestInfo::of(parts)?;
        Ok(Self { actor: info.actor(anonymous()), info })
    }
}

/// The principal of a request without credentials: no tenant, no scopes.
pub fn anonymous() -> Principal {
    nobody(PrincipalKind::Anonymous)
}

/// The principal of what the platform does by itself.
pub fn system() -> Principal {
    nobody(PrincipalKind::System)
}

fn nobody(kind: PrincipalKind) -> Principal {
    Principal {
        kind,
        id: uuid::Uuid::nil(),
        tenant_id: TenantId::from_uuid(uuid::Uuid::nil()),
        role: Role::Viewer,
        scopes: Scopes::Only(Vec::new()),
        session_id: None,
    }
}

/// Where a credential was found: a cookie is sent by the browser unasked, so it needs the CSRF token beside it.
enum Credential<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

async fn authenticate(edge: &Edge, parts: &Parts, now: Timestamp) -> Result<Principal> {
    let (token, is_cookie) = match credential(&parts.headers)? {
        Credential::Bearer(token) => (token, false),
        Credential::Cookie(token) => (token, true),
    };
    let claims = edge.verifier().verify(token, now).await.map_err(refuse)?;
    if is_cookie && is_unsafe(&parts.method) {
        let session = claims.session_id();
        let session = session.ok_or_else(|| Error::Forbidden("cookies are for sessions of people".into()))?;
        check_csrf(edge, &parts.headers, session)?;
    }
    if edge.revocations().refuse(edge.store(), &claims, now).await? {
        return Err(Error::Unauthenticated("the session has ended; log in again".into()).into());
    }
    Ok(claims.principal())
}

fn credential(headers: &HeaderMap) -> Result<Credential<'_>, Error> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let bearer = value.to_str().ok().and_then(|value| value.split_once(' '));
        return match bearer {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Credential::Bearer(token.trim()))
            }
            _ => Err(Error::Unauthenticated("send `Authorization: Bearer <access token>`".into())),
        };
    }
    cookie::read(headers, cookie::ACCESS).map(Credential::Cookie).ok_or_else(|| {
        Error::Unauthenticated(
            "send `Authorization: Bearer <access token>`, or log in for a cookie session".into(),
        )
    })
}

fn refuse(error: TokenError) -> Problem {
    match error {
        TokenError::Keys(error) => error.into(),
        refused => {
            tracing::info!(reason = %refused, "an access token was refused");
            Error::Unauthenticated(
                "the access token is not valid, or no longer; refresh it or log in again".into(),
            )
            .into()
        }
    }
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The CSRF token of a session: a keyed hash of its id.
pub fn csrf_token(edge: &Edge, session: SessionId) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(edge.csrf_key(), session.uuid().as_bytes()))
}

/// Requires the session's CSRF token in [`CSRF_HEADER`].
///
/// # Errors
/// [`Error::Forbidden`] when it is missing or another session's.
pub fn check_csrf(edge: &Edge, headers: &HeaderMap, session: SessionId) -> Result<(), Error> {
    let presented = headers.get(CSRF_HEADER).and_then(|value| URL_SAFE_NO_PAD.decode(value.as_bytes()).ok());
    // `hmac::verify` compares in constant time.
    let is_right = presented.is_some_and(|presented| {
        hmac::verify(edge.csrf_key(), session.uuid().as_bytes(), &presented).is_ok()
    });
    if is_right {
        Ok(())
    } else {
        Err(Error::Forbidden(
            "a cookie session sends its CSRF token (GET /api/v1/auth/csrf) as X-CSRF-Token".into(),
        ))
    }
}

/// The revocations, read at most once in 5 s.
#[derive(Debug, Default)]
pub(crate) struct RevocationCache {
    known: RwLock<Known>,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    revocations: Revocations,
    read_at: Option<Timestamp>,
}

/// How long the revocations that were read are good for.
const READ_EVERY: Duration = Duration::from_secs(5);

impl RevocationCache {
    async fn refuse(&self, store: &Store, claims: &AccessClaims, now: Timestamp) -> Result<bool, Error> {
        if !self.is_fresh(now) {
            let _reading = self.reading.lock().await;
            // Whoever waited for the lock finds the work done.
            if !self.is_fresh(now) {
                self.read(store, now).await?;
            }
        }
        Ok(self.known().revocations.refuse(claims))
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.known().read_at.is_some_and(|read_at| now.since(read_at) < READ_EVERY)
    }

    async fn read(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let oldest = now - ACCESS_TOKEN_LIFETIME - CLOCK_SKEW;
        // Clocks of the writers may be apart: the last stretch is read again.
        let since = self.known().read_at.map_or(oldest, |read_at| read_at - CLOCK_SKEW);
        let found = store.revocations_since(since).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in found {
            known.revocations.insert(revocation.subject, revocation.at);
        }
        known.revocations.prune(oldest);
        known.read_at = Some(now);
        Ok(())
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}
