//! `POST /auth/login`

use axum::{extract::State, response::Response};
use kernel::{Error, Role, Timestamp, id::TenantId, principal::Scopes};
use platform::{Guarded, Json, Result, http::RequestInfo, ids};
use store::{Actor, Change, Store, Stored};

use crate::{
    App,
    attempts::Attempt,
    captcha,
    email::Email,
    hashing::Accepted,
    login_event::{LoginEvent, Outcome},
    membership::Membership,
    oidc::{
        grant::{Grant, Login as ProviderLogin, Owner},
        provider::Provider,
    },
    password::PresentedPassword,
    refresh::Family,
    session::{Session, SessionKind},
    tokens::{self, TokensView},
    user::{self, User},
};

kernel::input! {
    /// Credentials.
    #[derive(Debug, utoipa::ToSchema)]
    #[schema(example = json!({"email": "ann@example.com", "password": "correct horse battery"}))]
    pub(crate) struct Login {
        /// E-mail address.
        email: Email,
        /// Password.
        #[schema(value_type = String, format = Password)]
        password: PresentedPassword,
        /// The tenant to act in; the personal one unless told.
        tenant_id: Option<TenantId>,
        /// `token` (default): tokens in the body. `cookie`: tokens in `HttpOnly` cookies.
        session: Option<SessionKind>,
        /// What the CAPTCHA of this deployment gave whoever solved it. Wanted after three failures, where there is one.
        captcha_response: Option<String>,
    }
}

/// Begins a session.
///
/// Five wrong passwords for an account from one network lock that network out of it for 15 minutes, and longer each
/// time; others are not affected. An e-mail address without an account is answered like a wrong password. A deployment
/// may want a solved CAPTCHA after three.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "auth", request_body = Login,
    responses(
        (status = 200, description = "The session's tokens.", body = TokensView),
        (status = 401, description = "The e-mail address or the password is wrong."),
        (status = 403, description = "The account is suspended, or passwords are not used here."),
        (status = 404, description = "The account does not belong to that tenant."),
        (status = 409, description = "The account was changed at the same moment; send it again."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn login(
    State(app): State<App>,
    visitor: Guarded,
    Json(input): Json<Login>,
) -> Result<Response> {
    app.require_password_login()?;
    let store = app.edge.store();
    let attempt = Attempt::new(&app.edge, &input.email, &visitor.info);
    if app.captcha.is_on() && attempt.failures(store).await? >= captcha::FAILURES_ALLOWED {
        app.captcha.require(input.captcha_response.as_deref(), visitor.info.ip).await?;
    }
    attempt.admit(store).await?;
    let user = user::store::find_by_email(store, &input.email).await?;
    tokio::time::sleep(attempt.delay(store, user.as_deref()).await?).await;
    let stored = user.as_ref().map(|user| user.password.clone());
    let accepted = app.hasher.verify(input.password, stored).await?;
    let (Some(user), Some(accepted)) = (&user, accepted) else {
        refuse(&app, &visitor, &attempt, user.as_ref()).await?;
        return Err(Error::Unauthenticated("the e-mail address or the password is wrong".into()).into());
    };
    attempt.succeeded(store).await?;
    let place = match Place::find(store, user, input.tenant_id, input.session).await {
        Ok(place) => place,
        Err(refusal) => {
            // The password was right, which its owner should know.
            remember(&app, &visitor, Some(user), user.id.to_string(), Outcome::Refused).await?;
            return Err(refusal.into());
        }
    };
    begin(&app, &visitor.info, user, Origin::Password(accepted), &attempt, place).await
}

/// Where a session acts.
pub(super) struct Place {
    membership: Stored<Membership>,
    role: Role,
    kind: SessionKind,
}

impl Place {
    /// # Errors
    /// [`Error::Forbidden`] for a suspended account, [`Error::NotFound`] for a tenant that it does not belong to.
    pub(super) async fn find(
        store: &Store,
        user: &User,
        tenant_id: Option<TenantId>,
        kind: Option<SessionKind>,
    ) -> Result<Self, Error> {
        user.require_active()?;
        let tenant_id = tenant_id.unwrap_or(user.personal_tenant_id);
        let (membership, role) = tokens::role_in(store, user, tenant_id).await?;
        Ok(Self { membership, role, kind: kind.unwrap_or(SessionKind::Token) })
    }
}

/// How somebody has shown who they are.
pub(super) enum Origin<'a> {
    /// By their password.
    Password(Accepted),
    /// By a login at a provider.
    Provider {
        provider: &'a Provider,
        login: ProviderLogin,
        /// Until when it vouches for it.
        until: Timestamp,
        /// When it last asked them who they are, if it says so.
        authenticated_at: Option<Timestamp>,
    },
}

/// Writes the session, the login and the device, and answers with the tokens.
pub(super) async fn begin(
    app: &App,
    info: &RequestInfo,
    user: &Stored<User>,
    origin: Origin<'_>,
    attempt: &Attempt,
    place: Place,
) -> Result<Response> {
    let signers = app.signing.latest().await?;
    // Not when the request came: a revocation since then has been obeyed already, and must not meet these tokens.
    let now = app.edge.clock().now();
    let id = ids::new(now);
    let kid = signers.kid_for(id)?;
    let (token, family) = Family::begin(id, ids::random(), &*app.refresh_keys.latest().await?, kid, now);
    let owner = Owner { session_id: id, user_id: user.id };
    let (rehashed, grant, authenticated_at) = match origin {
        Origin::Password(accepted) => (accepted.rehashed, None, None),
        Origin::Provider { provider, login, until, authenticated_at } => {
            let keys = app.roots.latest().await?;
            (None, Some(Grant::seal(owner, provider, &login, until, &keys, now)?), authenticated_at)
        }
    };
    let session = Session {
        family,
        user_id: user.id,
        tenant_id: place.membership.tenant_id,
        mode: place.kind,
        valid_from: user.sessions_valid_from,
        vouched_until: grant.as_ref().map(|grant| grant.until),
        authenticated_at,
        ip: info.ip,
        user_agent: info.user_agent.to_string(),
    };
    let mut change = Change::new("session.begin", "session", session.id())
        .create(&session, Error::internal("begin a session", "its id exists"))
        .put(&event(info, user.id.to_string(), Outcome::Success))
        .put(&attempt.device(user))
        // Neither may be taken away while the token is made.
        .require(&place.membership);
    if let Some(grant) = &grant {
        change = change.put(grant);
    }
    change = match rehashed {
        Some(password) => change.replace(user, &User { password, ..user.value.clone() }),
        None => change.require(user),
    };
    app.edge.store().commit(&actor(info, user, &place), change).await?;
    Ok(tokens::answer(app, &session, place.role, &token).await?)
}

/// From here on the caller is the account's owner.
fn actor(info: &RequestInfo, user: &User, place: &Place) -> Actor {
    info.actor(kernel::Principal {
        kind: kernel::PrincipalKind::User,
        id: kernel::id::Id::uuid(user.id),
        tenant_id: place.membership.tenant_id,
        role: place.role,
        scopes: Scopes::Full,
        session_id: None,
    })
}

/// Counts and remembers a failure. The same is written whether or not there is an account.
async fn refuse(app: &App, visitor: &Guarded, attempt: &Attempt, user: Option<&Stored<User>>) -> Result<()> {
    attempt.failed(app.edge.store()).await?;
    let subject = user.map_or_else(|| attempt.account().to_owned(), |user| user.id.to_string());
    remember(app, visitor, user, subject, Outcome::Failure).await
}

/// Remembers a login that began no session.
async fn remember(
    app: &App,
    visitor: &Guarded,
    user: Option<&Stored<User>>,
    subject: String,
    outcome: Outcome,
) -> Result<()> {
    let change = Change::new("session.refuse", "account", &subject);
    let mut change = change.put(&event(&visitor.info, subject, outcome));
    if let Some(user) = user {
        change = change.in_tenant(user.personal_tenant_id);
    }
    Ok(app.edge.store().commit(&visitor.actor, change).await?)
}

/// An attempt to log in, as its owner will see it.
pub(crate) fn event(info: &RequestInfo, subject: String, outcome: Outcome) -> LoginEvent {
    LoginEvent {
        id: ids::new(info.now),
        subject,
        at: info.now,
        ip: info.ip,
        user_agent: info.user_agent.to_string(),
        outcome,
    }
}
