//! Who is asking: the one place where a request becomes a [`Principal`], and is counted.

mod credential;
mod revocations;

use std::marker::PhantomData;

use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    http::{HeaderMap, Method, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{
    Error, Permission, Permit, Principal, PrincipalKind, Role, Timestamp,
    id::{Id as _, SessionId, TenantId},
    principal::{Scopes, Way},
};
use ring::hmac;
use store::{Actor, idempotency::ClaimSlot};

use self::credential::Credential;
pub(crate) use self::revocations::RevocationCache;
use crate::{
    Edge, Problem, Result,
    api_key::ApiKey,
    http::RequestInfo,
    keys::TokenError,
    limiter::{Ask, Failure, Limiter},
};

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
        let caller = Caller::find(&edge, parts, &info, P::PERMISSION).await?;
        let Caller { principal, way, ask } = caller;
        tracing::Span::current().record("tenant", tracing::field::display(principal.tenant_id));
        tracing::Span::current().record("principal", tracing::field::display(principal.id));
        count(&edge, &info, ask).await?;
        if !P::PERMISSION.open_to(way) {
            let detail = format!("{} cannot be used with {}", P::PERMISSION, way.name());
            return Err(Error::Forbidden(detail.into()).into());
        }
        if !principal.may(P::PERMISSION) {
            return Err(Error::Forbidden(format!("this needs {}", P::PERMISSION).into()).into());
        }
        parts.extensions.insert(principal.clone());
        Ok(Self { actor: info.actor(principal), info, permission: PhantomData })
    }
}

/// A caller nobody knows. On the committed list of public routes.
#[derive(Debug)]
pub struct Unknown<C> {
    /// An anonymous actor.
    pub actor: Actor,
    /// The request.
    pub info: RequestInfo,
    counted: PhantomData<C>,
}

/// Not counted: for documents, keys and probes, which whoever runs caches and monitors asks for often.
pub type Public = Unknown<counted::Never>;
/// Counted by its network.
pub type Visitor = Unknown<counted::Network>;
/// On a route that takes a password or another secret: few attempts per network, and longer waits for whoever goes on.
pub type Guarded = Unknown<counted::Attempts>;

/// How callers are counted whom nobody knows.
mod counted {
    use super::{Ask, Edge, MatchedPath, Parts, RequestInfo, attempts_at, of_network};

    pub trait Counted {
        /// What to ask the limiter; nothing where it does not matter.
        fn ask(edge: &Edge, parts: &Parts, info: &RequestInfo) -> Option<Ask>;
    }

    #[derive(Debug)]
    pub enum Never {}

    impl Counted for Never {
        fn ask(_: &Edge, _: &Parts, _: &RequestInfo) -> Option<Ask> {
            None
        }
    }

    #[derive(Debug)]
    pub enum Network {}

    impl Counted for Network {
        fn ask(edge: &Edge, parts: &Parts, info: &RequestInfo) -> Option<Ask> {
            of_network(edge, parts, info)
        }
    }

    #[derive(Debug)]
    pub enum Attempts {}

    impl Counted for Attempts {
        fn ask(edge: &Edge, parts: &Parts, info: &RequestInfo) -> Option<Ask> {
            let route = parts.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
            edge.limiter().of_secrets(attempts_at(route, info))
        }
    }
}

impl<S, C> FromRequestParts<S> for Unknown<C>
where
    S: Send + Sync,
    C: counted::Counted,
    Edge: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let edge = Edge::from_ref(state);
        let info = RequestInfo::of(parts)?;
        count(&edge, &info, C::ask(&edge, parts, &info)).await?;
        Ok(Self { actor: info.actor(anonymous()), info, counted: PhantomData })
    }
}

/// The name under which a network's attempts at something are counted.
fn attempts_at(what: &str, info: &RequestInfo) -> String {
    format!("attempts#{what}#{}", info.network)
}

/// A read may pass when nobody can count it.
fn on_failure(method: &Method) -> Failure {
    if is_unsafe(method) { Failure::Closed } else { Failure::Open }
}

/// Counts a request, and notes what is left for its answer.
async fn count(edge: &Edge, info: &RequestInfo, ask: Option<Ask>) -> Result<(), Error> {
    let Some(ask) = ask else {
        return Ok(());
    };
    let verdict = edge.limiter().decide(edge.store(), &ask, info.now).await?;
    if let Some(quota) = verdict.quota() {
        info.quota.set(quota);
    }
    verdict.pass()
}

/// The principal of a request without credentials: no tenant, no scopes.
pub fn anonymous() -> Principal {
    nobody(PrincipalKind::Anonymous)
}

/// The principal of what the platform does by itself.
pub fn system() -> Principal {
    nobody(PrincipalKind::System)
}

/// Who does what the platform does by itself, called `request_id` in the audit log.
pub fn by_itself(request_id: String, now: Timestamp) -> Actor {
    let claim = ClaimSlot::default();
    Actor { principal: system(), request_id, client: "unknown".to_owned(), now, claim }
}

/// The principal of whoever holds the admin secret.
fn administrator() -> Principal {
    Principal { role: Role::Operator, scopes: Scopes::Full, ..nobody(PrincipalKind::Administrator) }
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

/// Who asks, how it came in, and how it is counted.
struct Caller {
    principal: Principal,
    way: Way,
    ask: Option<Ask>,
}

impl Caller {
    /// # Errors
    /// [`Error::Unauthenticated`] without a credential that is right, [`Error::Forbidden`] for one that may not be used
    /// here, [`Error::TooManyRequests`] for a network that keeps trying.
    async fn find(
        edge: &Edge,
        parts: &Parts,
        info: &RequestInfo,
        permission: Permission,
    ) -> Result<Self, Problem> {
        let takes_basic = permission.open_to(Way::Basic);
        let read = match credential::read(&parts.headers, takes_basic) {
            // A key with a typing error costs nothing, and tells nobody anything.
            Err(error) if parts.headers.contains_key(credential::API_KEY_HEADER) => return Err(error.into()),
            read => refused_and_counted(edge, parts, info, read.map_err(Problem::from)).await?,
        };
        match read {
            Credential::Bearer(token) => Self::with_token(edge, parts, info, token, Way::Bearer).await,
            Credential::Cookie(token) => Self::with_token(edge, parts, info, token, Way::Cookie).await,
            Credential::ApiKey(key) => {
                let of_key =
                    |rate| Limiter::of_key(ApiKey::subject(key.id()), rate, on_failure(&parts.method));
                // Whoever has to wait costs no read of the key meanwhile.
                let rate = edge.api_keys().recall(&key, info.ip, info.now).await;
                if let Some(quota) = rate.map(of_key).and_then(|ask| edge.limiter().recall(&ask, info.now)) {
                    info.quota.set(quota);
                    return Err(Error::TooManyRequests { retry_after: quota.reset }.into());
                }
                let admitted = edge.api_keys().admit(edge.store(), &key, info.ip, info.now).await;
                let (principal, rate) = known_or_counted(edge, info, "api_key", admitted).await?;
                Ok(Self { principal, way: Way::ApiKey, ask: Some(of_key(rate)) })
            }
            Credential::Basic(secret) => {
                let admin = edge.admin_secret().ok_or_else(|| credential::missing(false))?;
                if !admin.remembers(&secret, info.now).await? {
                    count(edge, info, edge.limiter().of_secrets(attempts_at("admin", info))).await?;
                    if !admin.verify(&secret, info.now).await? {
                        return Err(Error::Unauthenticated("the admin secret is wrong".into()).into());
                    }
                }
                let ask = edge.limiter().of_all(format!("admin#{}", info.network), on_failure(&parts.method));
                Ok(Self { principal: administrator(), way: Way::Basic, ask })
            }
        }
    }

    /// By an access token; one that is refused is counted.
    async fn with_token(
        edge: &Edge,
        parts: &Parts,
        info: &RequestInfo,
        token: &str,
        way: Way,
    ) -> Result<Self, Problem> {
        let found = Self::verified(edge, parts, info, token, way).await;
        refused_and_counted(edge, parts, info, found).await
    }

    /// By an access token that is right. A cookie is sent by the browser unasked, so it needs the CSRF token beside it.
    async fn verified(
        edge: &Edge,
        parts: &Parts,
        info: &RequestInfo,
        token: &str,
        way: Way,
    ) -> Result<Self, Problem> {
        let claims = edge.verifier().verify(token, info.now).await.map_err(refuse)?;
        let way = match (way, claims.session_id()) {
            (Way::Cookie, Some(session)) => {
                if is_unsafe(&parts.method) {
                    check_csrf(edge, &parts.headers, session)?;
                }
                Way::Cookie
            }
            (Way::Cookie, None) => {
                return Err(Error::Forbidden("cookies are for sessions of people".into()).into());
            }
            (way, Some(_)) => way,
            (_, None) => Way::ServiceToken,
        };
        if edge.revocations().refuse(edge.store(), &claims, info.now).await? {
            return Err(Error::Unauthenticated("the session has ended; log in again".into()).into());
        }
        let principal = claims.principal();
        let name = format!("{}#{}", principal.kind.name(), principal.id);
        let ask = edge.limiter().of_all(name, on_failure(&parts.method));
        Ok(Self { principal, way, ask })
    }
}

/// Counts credentials that are of the right form and nobody's: a network that tries them has to wait, longer each time.
async fn known_or_counted<T>(
    edge: &Edge,
    info: &RequestInfo,
    what: &str,
    known: Result<T, Error>,
) -> Result<T, Error> {
    if let Err(Error::Unauthenticated(_)) = &known {
        count(edge, info, edge.limiter().of_secrets(attempts_at(what, info))).await?;
    }
    known
}

/// Counts a token that is refused like a caller nobody knows: by its network. Forged tokens are no way to ask for more.
async fn refused_and_counted<T>(
    edge: &Edge,
    parts: &Parts,
    info: &RequestInfo,
    found: Result<T>,
) -> Result<T> {
    if let Err(Problem(Error::Unauthenticated(_) | Error::Forbidden(_))) = &found {
        count(edge, info, of_network(edge, parts, info)).await?;
    }
    found
}

fn of_network(edge: &Edge, parts: &Parts, info: &RequestInfo) -> Option<Ask> {
    edge.limiter().of_all(format!("network#{}", info.network), on_failure(&parts.method))
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
