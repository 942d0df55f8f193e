//! `GET /auth/oidc/{provider}/callback`

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use kernel::{Error, Timestamp};
use platform::{Path, Result, Visitor, cookie, ids};
use store::{Change, Stored};

use super::{
    login::{self, Origin, Place},
    oidc_login::redirect_uri,
    register::{create_with_tenant, new_user},
};
use crate::{
    App, attempts,
    email::Email,
    oidc::{
        attempt::{self, Attempt, COOKIE, Seed},
        grant::Login,
        id_token::Profile,
        in_time,
        link::{self, Decision, Link},
        provider::{Provider, Redeemed, refuse},
    },
    session::SessionKind,
    tokens::TokensView,
    user::{self, User},
};

/// Ends a login at an OpenID provider, and begins a session.
///
/// The browser comes back here with a code, which is exchanged for an ID token. Somebody who was here before is known by
/// it; somebody else by an e-mail address that both the provider and the account here have verified; who has no account
/// gets one.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc/{provider}/callback", tag = "auth",
    params(
        ("provider" = String, Path, description = "The provider's name in the configuration"),
        ("code" = Option<String>, Query, description = "What is exchanged for the ID token"),
        ("state" = Option<String>, Query, description = "Which login it belongs to"),
        ("iss" = Option<String>, Query, description = "Who answers (RFC 9207)"),
        ("error" = Option<String>, Query, description = "Why there is no code"),
    ),
    responses(
        (status = 200, description = "The session's tokens.", body = TokensView),
        (status = 303, description = "The session is in cookies, and the provider's configuration says where it is used.", headers(("Location" = String), ("Set-Cookie" = String))),
        (status = 401, description = "The login is not valid, or no longer, or the provider refused it."),
        (status = 403, description = "The account is suspended, or the provider does not vouch for an e-mail address."),
        (status = 404, description = "There is no such provider, or only passwords are used here."),
        (status = 409, description = "The account with that e-mail address has not verified it (rule `email_unverified`), or was changed at the same moment."),
    ),
    extensions(("x-permission" = json!("public")), ("x-throttle" = json!("auth")))
)]
pub(crate) async fn oidc_callback(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let provider = app.require_oidc()?.provider(&name)?;
    let answer = Returned::read(query.as_deref().unwrap_or_default())?;
    let now = visitor.info.now;
    let (seed, attempt) = resume(&app, &headers, provider, &answer, now).await?;
    let redirect = redirect_uri(&app, &name);
    let (redeemed, who) =
        in_time(identify(&app, provider, answer, (&seed, &attempt), &redirect, now)).await?;
    let user = match who {
        Visiting::Known(user) => user,
        Visiting::Stranger(profile, stale) => {
            let subject = &redeemed.claims.sub;
            account(&app, &visitor, Stranger { provider, subject, profile, stale }).await?
        }
    };
    let place = Place::find(app.edge.store(), &user, None, Some(attempt.session)).await?;
    let device = attempts::Attempt::new(&app.edge, &user.email, &visitor.info);
    let (until, authenticated_at) = (redeemed.claims.until(), redeemed.claims.authenticated_at(now));
    let login = Login::of(redeemed, seed.nonce);
    let origin = Origin::Provider { provider, login, until, authenticated_at };
    let session = login::begin(&app, &visitor.info, &user, origin, &device, place).await?;
    let mut response = landed(session, provider, attempt.session);
    response.headers_mut().append(header::SET_COOKIE, cookie::remove(COOKIE));
    Ok(response)
}

/// Sends a browser that has its session in cookies on to where it uses it.
fn landed(session: Response, provider: &Provider, kind: SessionKind) -> Response {
    let (SessionKind::Cookie, Some(landing)) = (kind, provider.landing()) else { return session };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, landing)]).into_response();
    for cookie in session.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// What the browser brings back (RFC 6749 §4.1.2). Providers add parameters of their own.
#[derive(Default)]
struct Returned {
    code: Option<String>,
    state: String,
    issuer: Option<String>,
    error: String,
}

impl Returned {
    /// # Errors
    /// [`Error::Invalid`] for a parameter that stands twice, or a missing state.
    fn read(query: &str) -> Result<Self, Error> {
        let mut returned = Self::default();
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if seen.contains(&name) {
                return Err(Error::invalid(name, "stands more than once"));
            }
            match &*name {
                "code" => returned.code = Some(value.into_owned()),
                "state" => returned.state = value.into_owned(),
                "iss" => returned.issuer = Some(value.into_owned()),
                "error" => returned.error = value.into_owned(),
                _ => continue,
            }
            seen.push(name);
        }
        if returned.state.is_empty() { Err(Error::invalid("state", "is required")) } else { Ok(returned) }
    }
}

/// The attempt that an answer belongs to, used up before anything is asked of the provider.
///
/// # Errors
/// [`Error::Unauthenticated`] when this browser began none, or another, or it was used, or its time is over.
async fn resume(
    app: &App,
    headers: &HeaderMap,
    provider: &Provider,
    answer: &Returned,
    now: Timestamp,
) -> Result<(Seed, Attempt), Error> {
    let text = cookie::read(headers, COOKIE).ok_or_else(|| refuse("no cookie"))?;
    let keys = app.roots.knowing(attempt::kid_of(text).as_ref()).await?;
    let seed = Seed::read(text, provider.name(), &keys).filter(|seed| seed.state == answer.state);
    let seed = seed.ok_or_else(|| refuse("the state is of another browser, or another provider"))?;
    let store = app.edge.store();
    let attempt: Option<Stored<Attempt>> = store.get_consistent(&Attempt::key_of(&seed.state)).await?;
    let attempt = attempt.ok_or_else(|| refuse("no such attempt"))?;
    let used = attempt.used(now).ok_or_else(|| refuse("the attempt was used, or is over"))?;
    let written = store.put_ephemeral(used, Some(&attempt)).await?;
    let used = written.ok_or_else(|| refuse("the attempt was used at the same moment"))?;
    Ok((seed, used.value))
}

/// Who has come from a provider.
enum Visiting {
    /// Somebody whose account is linked to who they are there.
    Known(Stored<User>),
    /// Somebody else, with what the provider tells of them, and the link to an account that was erased.
    Stranger(Profile, Option<Stored<Link>>),
}

/// Everything that may wait for the provider.
async fn identify(
    app: &App,
    provider: &Provider,
    answer: Returned,
    (seed, attempt): (&Seed, &Attempt),
    redirect: &str,
    now: Timestamp,
) -> Result<(Redeemed, Visiting), Error> {
    if !provider.is_own(answer.issuer.as_deref(), now).await? {
        return Err(refuse("the answer is of another provider"));
    }
    let code = answer.code.ok_or_else(|| refuse(format!("no code: {}", answer.error)))?;
    let redeemed = provider.redeem(&code, seed, redirect, now).await?;
    if let Some(since) = attempt.authenticated_since() {
        redeemed.claims.require_authentication(since, now).map_err(|refusal| refuse(refusal.to_string()))?;
    }
    let store = app.edge.store();
    let link: Option<Stored<Link>> =
        store.get_consistent(&Link::key_of(provider.issuer(), &redeemed.claims.sub)).await?;
    let user = match &link {
        Some(link) => store.get_consistent(&User::key_of(link.user_id)).await?,
        None => None,
    };
    let who = match user {
        Some(user) => Visiting::Known(user),
        None => Visiting::Stranger(provider.profile(&redeemed, now).await?, link),
    };
    Ok((redeemed, who))
}

/// Somebody who has shown who they are at a provider, and has no account that is linked to that.
struct Stranger<'a> {
    provider: &'a Provider,
    subject: &'a str,
    profile: Profile,
    /// A link to an account that was erased.
    stale: Option<Stored<Link>>,
}

/// The account of a stranger: linked, or made.
async fn account(app: &App, visitor: &Visitor, stranger: Stranger<'_>) -> Result<Stored<User>, Error> {
    let Stranger { provider, subject, profile, stale } = stranger;
    let store = app.edge.store();
    let now = visitor.info.now;
    let same_email = match link::verified_email(&profile) {
        Some(email) => user::store::find_by_email(store, &email).await?,
        None => None,
    };
    let (user, change) = match (link::decide(&profile, same_email.as_deref())?, same_email) {
        (Decision::Adopt, Some(user)) => {
            let change = Change::new("user.link", "user", user.id).in_tenant(user.personal_tenant_id);
            (user.value.clone(), change.require(&user))
        }
        (Decision::Adopt, None) => {
            return Err(Error::internal("find an account", "the decision is about none"));
        }
        (Decision::Create(email), _) => {
            let user = newcomer(app, &profile, email, now).await?;
            let change = Change::new("user.register", "user", user.id).in_tenant(user.personal_tenant_id);
            (user.clone(), create_with_tenant(change, &user)?)
        }
    };
    let link = Link {
        issuer: provider.issuer().to_owned(),
        subject: subject.to_owned(),
        user_id: user.id,
        created_at: now,
    };
    let change = match &stale {
        Some(stale) => change.replace(stale, &link),
        None => change.create(&link, store::changed_meanwhile()),
    };
    store.commit(&visitor.actor, change).await?;
    user::store::require(store, user.id).await
}

/// A new account. Its password is one that nobody knows: whoever wants one has it reset by mail.
async fn newcomer(app: &App, profile: &Profile, email: Email, now: Timestamp) -> Result<User, Error> {
    let password = app.hasher.hash(crate::password::NewPassword::unknown(ids::random())).await?;
    let username = link::username(profile, &email, ids::random());
    let user = new_user(email, username, password, now);
    Ok(User { email_verified_at: Some(now), ..user })
}
