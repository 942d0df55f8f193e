//! Sessions that began at a provider go on as long as it vouches for them.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, App, Lab, rows::rows, server::SILENCE};

use crate::{
    cast::{operator, text},
    mailbox::Post,
    people::{PASSWORD, email, person},
    provider::{Begun, Provider},
};

const QUARTER: Duration = Duration::from_mins(15);

async fn start() -> (App, Provider) {
    let lab = Lab::new();
    let provider = Provider::start(&lab).await;
    (provider.function(&lab).await, provider)
}

/// A login of somebody for whom the provider says this.
async fn log_in(app: &App, provider: &Provider, claims: &Value) -> Value {
    provider.log_in(app, claims).await.expect(200).json()
}

async fn refresh(app: &App, tokens: &Value) -> Answer {
    app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": tokens["refresh_token"]})).await
}

async fn me(app: &App, tokens: &Value) -> Answer {
    app.get("/api/v1/me").bearer(&text(&tokens["access_token"])).await
}

/// How often the provider was asked for tokens.
fn asked(provider: &Provider) -> usize {
    provider.state().calls["/token"]
}

/// The rows that hold what the provider gave.
async fn grants(app: &App) -> Vec<String> {
    let rows = rows(app.lab()).await;
    rows.into_values().flatten().filter(|row| row.contains("\"oidc_grant\"")).collect()
}

#[tokio::test]
async fn the_id_token_is_renewed_silently_before_it_ends_and_its_refresh_token_rotates() {
    let (app, provider) = start().await;
    let mut tokens = log_in(&app, &provider, &json!({})).await;
    assert_eq!(tokens["expires_in"], 900);
    for round in 1_usize..=8 {
        app.lab().advance(QUARTER);
        tokens = refresh(&app, &tokens).await.expect(200).json();
        assert_eq!(tokens["expires_in"], 900);
        me(&app, &tokens).await.expect(200);
        // With 15 of its 30 minutes left it holds as long as the access token; with none it does not.
        assert_eq!(asked(&provider), 1 + round / 2, "round {round}");
        assert_eq!(provider.state().refresh_tokens.len(), 1, "the others are used up");
    }
    let [kept] = &grants(&app).await[..] else { panic!("one login is kept") };
    assert!(!kept.contains("a-providers-refresh-token") && !kept.contains("eyJ"), "it is sealed: {kept}");
    for (name, rows) in rows(app.lab()).await {
        assert!(
            rows.iter().all(|row| !row.contains("a-providers-refresh-token")),
            "{name} tells the refresh token"
        );
    }
}

#[tokio::test]
async fn no_access_token_outlives_the_id_token() {
    let (app, provider) = start().await;
    let now = app.lab().clock().now().seconds();
    let tokens = log_in(&app, &provider, &json!({"exp": now + 300})).await;
    assert_eq!(tokens["expires_in"], 300);
    app.lab().advance(Duration::from_secs(299));
    me(&app, &tokens).await.expect(200);
    app.lab().advance(Duration::from_secs(32));
    me(&app, &tokens).await.problem(401);
    provider.state().claims = json!({"exp": now + 600});
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 600 - 331);
    me(&app, &tokens).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_when_its_provider_ends_it() {
    for (case, claims) in [
        ("it takes the refresh token no more", None),
        ("somebody else's ID token", Some(json!({"sub": "another"}))),
        ("another login's ID token", Some(json!({"nonce": "another"}))),
        ("another client's ID token", Some(json!({"aud": "another"}))),
        ("an ID token that is over", Some(json!({"exp": 1}))),
    ] {
        let (app, provider) = start().await;
        let tokens = log_in(&app, &provider, &json!({})).await;
        app.lab().advance(QUARTER + Duration::from_secs(1));
        let Some(claims) = claims else {
            provider.state().refresh_tokens.clear();
            assert_ended(case, &app, &tokens).await;
            continue;
        };
        provider.state().claims = claims;
        assert_ended(case, &app, &tokens).await;
    }
}

async fn assert_ended(case: &str, app: &App, tokens: &Value) {
    for _ in 0..2 {
        assert_eq!(refresh(app, tokens).await.status, 401, "{case}");
    }
    assert!(grants(app).await.is_empty(), "{case}: what was sealed is deleted");
}

#[tokio::test]
async fn what_the_provider_says_of_us_ends_no_session() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(Duration::from_mins(31));
    for error in ["invalid_client", "unauthorized_client", "invalid_request", "temporarily_unavailable"] {
        provider.state().denial = Some(error);
        refresh(&app, &tokens).await.problem(503);
    }
    provider.state().denial = None;
    refresh(&app, &tokens).await.expect(200);
}

#[tokio::test]
async fn a_key_that_nobody_could_look_for_ends_no_session() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(Duration::from_mins(31));
    provider.rotate("two", false, true);
    provider.state().failing = Some(("/jwks", 500));
    // The second one falls into the cool-down of the first.
    for _ in 0..2 {
        refresh(&app, &tokens).await.problem(503);
        let nonce = provider.state().spent.clone();
        provider.state().refresh_tokens.extend(nonce);
    }
    provider.state().failing = None;
    app.lab().advance(Duration::from_secs(30));
    refresh(&app, &tokens).await.expect(200);
}

#[tokio::test]
async fn a_renewal_without_an_id_token_keeps_the_last_one_s_end() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    provider.state().tokens = json!({"id_token": null});
    app.lab().advance(Duration::from_mins(20));
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!((&tokens["expires_in"], asked(&provider)), (&json!(600), 2));
    provider.state().tokens = json!({});
    app.lab().advance(Duration::from_mins(1));
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 900, "the refresh token that came without one was kept");
    provider.state().tokens = json!({"id_token": null});
    app.lab().advance(Duration::from_mins(31));
    assert_ended("nobody vouches any more", &app, &tokens).await;
}

#[tokio::test]
async fn what_one_provider_gave_is_shown_to_no_other_of_its_name() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    let other = Provider::start(app.lab()).await;
    let moved = other.function(app.lab()).await;
    app.lab().advance(Duration::from_mins(20));
    let tokens = refresh(&moved, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 600, "the last word holds");
    assert!(other.state().calls.is_empty());
    app.lab().advance(Duration::from_mins(11));
    assert_ended("another provider has the name", &moved, &tokens).await;
    assert!(other.state().calls.is_empty());
}

#[tokio::test]
async fn ending_every_session_deletes_what_was_sealed_behind_them() {
    let (app, provider) = start().await;
    log_in(&app, &provider, &json!({})).await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    assert_eq!(grants(&app).await.len(), 2);
    app.delete("/api/v1/me/sessions").bearer(&text(&tokens["access_token"])).await.expect(204);
    assert!(grants(&app).await.is_empty());

    let tokens = log_in(&app, &provider, &json!({})).await;
    let id = text(&me(&app, &tokens).await.json()["id"]);
    let suspend = app.patch(format!("/api/v1/users/{id}")).bearer(&operator(&app).await.access);
    suspend.json(&json!({"status": "suspended"})).await.expect(200);
    assert!(grants(&app).await.is_empty());
}

#[tokio::test]
async fn a_new_password_deletes_what_was_sealed_behind_the_sessions_that_it_ends() {
    let (app, provider) = start().await;
    person(&app, "ann").await;
    let token = Post::new(&app).await.token(&email("ann")).await;
    app.post("/api/v1/auth/email/verify").json(&json!({"token": token})).await.expect(204);
    log_in(&app, &provider, &json!({})).await;
    let kept = log_in(&app, &provider, &json!({})).await;
    let other = PASSWORD.to_uppercase();
    let change = json!({"current_password": PASSWORD, "new_password": other});
    let changed = app.post("/api/v1/me/password").bearer(&text(&kept["access_token"])).json(&change);
    changed.await.expect(204);
    assert_eq!(grants(&app).await.len(), 1, "the session that asked goes on");
    // A mail from before the last password would be worth nothing.
    app.lab().advance(Duration::from_secs(1));
    app.post("/api/v1/auth/password/forgot").json(&json!({"email": email("ann")})).await.expect(202);
    let token = Post::new(&app).await.token(&email("ann")).await;
    let reset = json!({"token": token, "password": PASSWORD});
    app.post("/api/v1/auth/password/reset").json(&reset).await.expect(204);
    assert!(grants(&app).await.is_empty());
}

#[tokio::test]
async fn a_renewed_id_token_may_leave_the_nonce_out() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(QUARTER + Duration::from_secs(1));
    provider.state().claims = json!({"nonce": null});
    refresh(&app, &tokens).await.expect(200);
    assert_eq!(asked(&provider), 2);
}

#[tokio::test]
async fn a_provider_that_is_down_is_waited_for_and_its_last_word_holds() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(Duration::from_mins(20));
    provider.state().failing = Some(("/token", 500));
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 600, "the ID token has ten minutes left");
    app.lab().advance(Duration::from_mins(10));
    for _ in 0..2 {
        let answer = refresh(&app, &tokens).await;
        assert!(!answer.header("retry-after").is_empty());
        answer.problem(503);
    }
    provider.state().failing = None;
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 900);
    me(&app, &tokens).await.expect(200);
}

#[tokio::test]
async fn without_a_refresh_token_a_session_lasts_as_long_as_its_id_token() {
    let (app, provider) = start().await;
    provider.state().tokens = json!({"refresh_token": null});
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(Duration::from_mins(25));
    let tokens = refresh(&app, &tokens).await.expect(200).json();
    assert_eq!(tokens["expires_in"], 300);
    app.lab().advance(Duration::from_mins(5));
    assert_ended("half an hour is over", &app, &tokens).await;
    assert_eq!(asked(&provider), 1, "there was nothing to ask with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_refreshes_at_once_one_asks_the_provider() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    app.lab().advance(Duration::from_mins(31));
    let calls = (0..20).map(|_| {
        let (app, tokens) = (app.clone(), tokens.clone());
        tokio::spawn(async move { refresh(&app, &tokens).await })
    });
    let answers = futures_util::future::join_all(calls).await;
    let answers: Vec<Value> = answers.into_iter().map(|answer| answer.unwrap().expect(200).json()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(asked(&provider), 2, "the login, and one renewal");
}

#[tokio::test]
async fn what_was_sealed_goes_with_the_session_and_with_the_account() {
    let (app, provider) = start().await;
    let tokens = log_in(&app, &provider, &json!({})).await;
    assert_eq!(grants(&app).await.len(), 1);
    let logout = app.post("/api/v1/auth/logout").json(&json!({"refresh_token": tokens["refresh_token"]}));
    logout.await.expect(204);
    assert!(grants(&app).await.is_empty());

    let tokens = provider.log_in_again(&app, &json!({})).await.expect(200).json();
    let erase = app.delete("/api/v1/me").bearer(&text(&tokens["access_token"])).json(&json!({}));
    erase.await.expect(204);
    assert!(grants(&app).await.is_empty());
}

#[tokio::test]
async fn whoever_has_a_password_gives_it() {
    let (app, _) = start().await;
    let ann = person(&app, "ann").await;
    let erase = |body: Value| app.delete("/api/v1/me").bearer(&ann.access).json(&body);
    erase(json!({})).await.problem(422);
    erase(json!({"password": null})).await.problem(422);
    erase(json!({"password": PASSWORD})).await.expect(204);
}

#[tokio::test]
async fn a_browser_goes_on_to_where_the_provider_s_configuration_says() {
    let (app, provider) = start().await;
    let begun = app.get("/api/v1/auth/oidc/second/login?session=cookie").await.expect(302);
    let begun = Begun::read("second", &begun);
    let code = provider.authorize(&begun);
    let answer = begun.back(&app, &format!("code={code}")).await.expect(303);
    assert_eq!(answer.header("location"), "https://app.example.com/in");
    assert!(answer.body.is_empty());
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    let access = cookies.iter().find_map(|cookie| cookie.strip_prefix("__Host-gw_access=")).unwrap();
    let session = format!("__Host-gw_access={}", access.split(';').next().unwrap());
    app.get("/api/v1/me").header("cookie", session).await.expect(200);

    let begun = Begun::new(&app, "second").await;
    let code = provider.authorize(&begun);
    let answer = begun.back(&app, &format!("code={code}")).await.expect(200);
    assert!(answer.json()["access_token"].is_string(), "tokens travel in the body, and nowhere else");
}

#[tokio::test]
async fn a_provider_may_take_our_secret_in_the_form() {
    let (app, provider) = start().await;
    provider.state().discovery = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    log_in(&app, &provider, &json!({})).await;
}

#[tokio::test]
async fn a_silent_provider_is_a_503() {
    let (app, provider) = start().await;
    for silent in ["/token", "/jwks"] {
        let begun = Begun::new(&app, "acme").await;
        let code = provider.authorize(&begun);
        provider.state().failing = Some((silent, SILENCE));
        tokio::time::pause();
        let answer = begun.back(&app, &format!("code={code}")).await;
        tokio::time::resume();
        assert!(!answer.header("retry-after").is_empty(), "{silent}");
        answer.problem(503);
        provider.state().failing = None;
    }
    log_in(&app, &provider, &json!({})).await;
}

#[tokio::test]
async fn a_provider_alone_must_be_there() {
    let boot = Lab::new().boot("identity");
    let vars = boot.vars.clone().with("AUTH_IDP_MODE", "oidc");
    let Err(error) = identity::function(platform::Boot { vars, ..boot }).await else {
        panic!("nobody could log in")
    };
    assert_eq!(error.exit_code(), 78);
    assert!(error.to_string().contains("AUTH_OIDC_PROVIDERS: must name a provider"), "{error}");
}
