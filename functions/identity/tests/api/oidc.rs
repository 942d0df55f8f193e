//! Login by an OpenID provider, against one that speaks the protocol over loopback and signs with real keys.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, App, Lab};

use testkit::rows::{assert_same, rows, table};

use crate::{
    cast::text,
    mailbox::Post,
    people::{PASSWORD, email, register},
    provider::{Begun, Provider},
};

async fn start() -> (App, Provider) {
    let lab = Lab::new();
    let provider = Provider::start(&lab).await;
    (provider.function(&lab).await, provider)
}

async fn me(app: &App, tokens: &Value) -> Value {
    app.get("/api/v1/me").bearer(&text(&tokens["access_token"])).await.expect(200).json()
}

#[tokio::test]
async fn somebody_new_gets_an_account_and_is_known_from_then_on() {
    let (app, provider) = start().await;
    let begun = app.get("/api/v1/auth/oidc/acme/login").await.expect(302);
    let cookie = begun.header("set-cookie");
    assert!(cookie.starts_with("__Host-gw_oidc=gw_ol_") && cookie.contains("; HttpOnly; Secure"), "{cookie}");
    let begun = Begun::read("acme", &begun);
    let public_url = &app.lab().environment("identity")["PUBLIC_URL"];
    assert_eq!(begun.sent["redirect_uri"], format!("{public_url}/api/v1/auth/oidc/acme/callback"));
    assert_eq!((&*begun.sent["scope"], &*begun.sent["prompt"]), ("openid email profile", "login"));
    let code = provider.authorize(&begun);
    // Providers add parameters of their own.
    let tokens = begun.back(&app, &format!("code={code}&session_state=x")).await.expect(200);
    assert_eq!(
        tokens.header("set-cookie"),
        "__Host-gw_oidc=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
    );
    let tokens = tokens.json();
    let ann = me(&app, &tokens).await;
    assert_eq!((&ann["email"], &ann["email_verified"]), (&json!("ann@example.com"), &json!(true)));
    assert!(text(&ann["username"]).starts_with("ann-"), "{ann}");
    let refresh = app.post("/api/v1/auth/refresh").json(&json!({"refresh_token": tokens["refresh_token"]}));
    refresh.await.expect(200);

    // The address is somebody else's by now, and nobody's any more: they are known by their subject.
    let later = json!({"email": "lee@example.com", "email_verified": false});
    let again = provider.log_in(&app, &later).await.expect(200).json();
    assert_eq!(me(&app, &again).await["id"], ann["id"]);
    let events = app.get("/api/v1/me/login-events").bearer(&text(&again["access_token"])).await;
    assert_eq!(events.expect(200).json()["items"].as_array().unwrap().len(), 2);
    let rows = rows(app.lab()).await;
    for (name, rows) in rows {
        assert!(rows.iter().all(|row| !row.contains(&begun.cookie[15..])), "{name} holds the seed");
    }
}

#[tokio::test]
async fn cookies_for_those_who_ask_for_them() {
    let (app, provider) = start().await;
    let begun = app.get("/api/v1/auth/oidc/acme/login?session=cookie").await.expect(302);
    let begun = Begun::read("acme", &begun);
    let code = provider.authorize(&begun);
    let answer = begun.back(&app, &format!("code={code}")).await.expect(200);
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    assert!(answer.json()["access_token"].is_null() && answer.json()["csrf_token"].is_string());
    app.get("/api/v1/auth/oidc/acme/login?session=x").await.problem(422);
}

#[tokio::test]
async fn an_account_is_linked_only_when_both_sides_have_verified_its_address() {
    let (app, provider) = start().await;
    register(&app, "ann").await.expect(201);
    let problem = provider.log_in(&app, &json!({})).await.problem(409);
    assert!(text(&problem["detail"]).contains("email_unverified"), "{problem}");
    let token = Post::new(&app).await.token(&email("ann")).await;
    app.post("/api/v1/auth/email/verify").json(&json!({"token": token})).await.expect(204);
    provider.log_in(&app, &json!({"email_verified": false})).await.problem(403);
    provider.log_in(&app, &json!({"email": null})).await.problem(403);
    let tokens = provider.log_in(&app, &json!({})).await.expect(200).json();
    assert_eq!(me(&app, &tokens).await["username"], "ann");

    // With the account goes the link; who comes again is new.
    let erase = app.delete("/api/v1/me").bearer(&text(&tokens["access_token"]));
    erase.json(&json!({"password": PASSWORD})).await.expect(204);
    assert!(table(&rows(app.lab()).await, "identity").iter().all(|row| !row.contains("somebody")));
    let tokens = provider.log_in(&app, &json!({})).await.expect(200).json();
    assert_ne!(me(&app, &tokens).await["username"], "ann");
}

#[tokio::test]
async fn an_address_that_the_id_token_does_not_tell_is_asked_for() {
    let (app, provider) = start().await;
    let url = provider.url.clone();
    provider.state().discovery = json!({"userinfo_endpoint": format!("{url}/me")});
    let silent = json!({"email": null, "email_verified": null});
    provider.state().told = json!({"sub": "another", "email": "eve@example.com", "email_verified": true});
    assert_refused("somebody else", provider.log_in(&app, &silent).await);
    provider.state().told = json!({"sub": "somebody", "email": "ann@example.com", "email_verified": "false"});
    provider.log_in(&app, &silent).await.problem(403);
    for broken in [json!({}), json!([]), json!({"sub": "somebody", "email": 7})] {
        provider.state().told = broken;
        provider.log_in(&app, &silent).await.problem(503);
    }
    provider.state().told = json!({"sub": "somebody", "email": "ann@example.com", "email_verified": "true"});
    let tokens = provider.log_in(&app, &silent).await.expect(200).json();
    assert_eq!(me(&app, &tokens).await["email"], "ann@example.com");
    let asked = provider.state().calls["/me"];
    provider.log_in(&app, &json!({})).await.expect(200);
    assert_eq!(provider.state().calls["/me"], asked, "what the ID token tells is not asked for");
}

#[track_caller]
fn assert_refused(case: &str, answer: Answer) {
    assert_eq!(answer.status, 401, "{case}: {}", String::from_utf8_lossy(&answer.body));
    let detail = text(&answer.problem(401)["detail"]);
    assert_eq!(detail, "the login at the provider is not valid, or no longer; begin again", "{case}");
}

#[tokio::test]
async fn an_id_token_that_is_not_right_begins_no_session() {
    let (app, provider) = start().await;
    provider.log_in(&app, &json!({})).await.expect(200);
    let before = table(&rows(app.lab()).await, "identity").clone();
    let now = app.lab().clock().now().seconds();
    for (case, claims) in [
        ("another nonce", json!({"nonce": "x"})),
        ("no nonce", json!({"nonce": null})),
        ("another audience", json!({"aud": "them"})),
        ("another audience as well", json!({"aud": ["groundwork", "them"]})),
        ("another party", json!({"azp": "them"})),
        ("another issuer", json!({"iss": "https://elsewhere.example"})),
        ("expired", json!({"exp": now, "iat": now - 60})),
        ("older than half an hour", json!({"iat": now - 1800})),
        ("from the future", json!({"iat": now + 31})),
        ("another access token", json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
        ("no subject", json!({"sub": null})),
    ] {
        assert_refused(case, provider.log_in(&app, &claims).await);
    }
    for (case, header) in [
        ("no algorithm", json!({"alg": "none"})),
        ("HS256", json!({"alg": "HS256"})),
        ("RS256 over an Ed25519 key", json!({"alg": "RS256"})),
        ("an access token", json!({"typ": "at+jwt"})),
        ("a critical extension", json!({"crit": ["b64"]})),
    ] {
        provider.state().header = header;
        assert_refused(case, provider.log_in(&app, &json!({})).await);
    }
    provider.state().header = json!({});
    // Signed by somebody else under the published name.
    provider.rotate("one", false, false);
    assert_refused("another key", provider.log_in(&app, &json!({})).await);
    assert_eq!(*table(&rows(app.lab()).await, "identity"), before, "neither a session nor an account");
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_per_cool_down() {
    let (app, provider) = start().await;
    provider.log_in(&app, &json!({})).await.expect(200);
    let reads = || provider.state().calls["/jwks"];
    assert_eq!(reads(), 1);
    provider.log_in(&app, &json!({})).await.expect(200);
    assert_eq!(reads(), 1, "keys are kept");
    app.lab().advance(Duration::from_secs(31));
    provider.rotate("two", true, true);
    provider.log_in(&app, &json!({})).await.expect(200);
    assert_eq!(reads(), 2, "a key that was not known is looked for, and is of another algorithm");
    provider.rotate("three", false, false);
    for _ in 0..5 {
        assert_refused("an unpublished key", provider.log_in(&app, &json!({})).await);
    }
    assert_eq!(reads(), 2, "not again at once");
    app.lab().advance(Duration::from_secs(30));
    for _ in 0..5 {
        assert_refused("an unpublished key", provider.log_in(&app, &json!({})).await);
    }
    assert_eq!(reads(), 3);
}

#[tokio::test]
async fn an_answer_is_taken_once_in_time_and_from_the_browser_that_began() {
    let (app, provider) = start().await;
    let ready = async || {
        let begun = Begun::new(&app, "acme").await;
        let code = provider.authorize(&begun);
        (begun, format!("code={code}"))
    };
    let (begun, code) = ready().await;
    begun.back(&app, &code).await.expect(200);
    let asked = provider.state().calls["/token"];
    assert_refused("a replayed state", begun.back(&app, &code).await);
    assert_refused("a replayed state with a new code", begun.back(&app, "code=other").await);

    let (victim, code) = ready().await;
    let (attacker, attackers_code) = ready().await;
    let other_browser = Begun { cookie: victim.cookie.clone(), ..attacker.clone() };
    assert_refused("an answer of another browser's login", other_browser.back(&app, &attackers_code).await);
    let no_cookie = Begun { cookie: "a=b".to_owned(), ..victim.clone() };
    assert_refused("no cookie", no_cookie.back(&app, &code).await);
    let broken = Begun { cookie: format!("{}x", victim.cookie), ..victim.clone() };
    assert_refused("a broken cookie", broken.back(&app, &code).await);
    let elsewhere =
        app.get(format!("/api/v1/auth/oidc/second/callback?{code}&state={}", victim.sent["state"]));
    assert_refused("an answer at another provider's path", elsewhere.header("cookie", &*victim.cookie).await);
    let mixed_up = format!("{code}&state={}&iss=https%3A%2F%2Felsewhere.example", victim.sent["state"]);
    assert_refused("a mixed-up issuer", victim.come(&app, &mixed_up).await);
    let (nameless, code) = ready().await;
    let query = format!("{code}&state={}", nameless.sent["state"]);
    assert_refused("no issuer, of a provider that names itself", nameless.come(&app, &query).await);
    let (denied, _) = ready().await;
    assert_refused("a person who said no", denied.back(&app, "error=access_denied").await);
    let (late, code) = ready().await;
    app.lab().advance(Duration::from_mins(10));
    assert_refused("ten minutes later", late.back(&app, &code).await);
    assert_eq!(provider.state().calls["/token"], asked, "none of them reached the provider");

    let (begun, code) = ready().await;
    for query in ["", "code=x", "state=", &format!("{code}&{code}&state=x")] {
        begun.come(&app, query).await.problem(422);
    }
    begun.back(&app, &code).await.expect(200);
    let (begun, _) = ready().await;
    assert_refused("a code that the provider does not know", begun.back(&app, "code=unknown").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_answers_at_once_one_begins_a_session() {
    let (app, provider) = start().await;
    let begun = Begun::new(&app, "acme").await;
    let code = provider.authorize(&begun);
    let calls = (0..10).map(|_| tokio::spawn(begun.back(&app, &format!("code={code}")).into_future()));
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 401)), "{statuses:?}");
}

#[tokio::test]
async fn a_provider_that_fails_is_a_503_and_leaves_no_session() {
    let (app, provider) = start().await;
    let login = || app.get("/api/v1/auth/oidc/acme/login");
    for discovery in [
        json!({"issuer": "https://elsewhere.example"}),
        json!({"token_endpoint": null}),
        json!({"jwks_uri": "http://elsewhere.example/jwks"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"code_challenge_methods_supported": ["plain"]}),
    ] {
        provider.state().discovery = discovery;
        login().await.problem(503);
    }
    provider.state().discovery = json!({});
    for status in [404, 500, 302] {
        provider.state().failing = Some(("/.well-known/openid-configuration", status));
        login().await.problem(503);
    }
    let before = table(&rows(app.lab()).await, "identity").clone();
    for failing in ["/token", "/jwks"] {
        provider.state().failing = None;
        let begun = Begun::new(&app, "acme").await;
        let code = provider.authorize(&begun);
        provider.state().failing = Some((failing, 500));
        let problem = begun.back(&app, &format!("code={code}")).await;
        assert!(!problem.header("retry-after").is_empty());
        problem.problem(503);
    }
    provider.state().failing = None;
    provider.state().tokens = json!({"id_token": null});
    provider.log_in(&app, &json!({})).await.problem(503);
    assert_eq!(*table(&rows(app.lab()).await, "identity"), before, "neither a session nor an account");
    provider.state().tokens = json!({});
    provider.log_in(&app, &json!({})).await.expect(200);
}

#[tokio::test]
async fn only_configured_providers_are_there_and_only_where_they_are_used() {
    let (app, provider) = start().await;
    app.get("/api/v1/auth/oidc/nobody/login").await.problem(404);
    app.get("/api/v1/auth/oidc/nobody/callback?state=x").await.problem(404);
    let before = rows(app.lab()).await;
    let internal = app.lab().http("identity", identity::function).await;
    internal.get("/api/v1/auth/oidc/acme/login").await.problem(404);
    internal.get("/api/v1/auth/oidc/acme/callback?state=x").await.problem(404);
    assert_same("a provider that is not there", &before, &rows(app.lab()).await);
    assert!(provider.state().calls.is_empty(), "nobody was asked");
    let build = async |boot: platform::Boot| {
        let vars = boot.vars.clone().with("AUTH_OIDC_PROVIDERS", "[{\"name\": \"a\"}]");
        identity::function(platform::Boot { vars, ..boot }).await
    };
    let Err(error) = build(app.lab().boot("identity")).await else {
        panic!("it must not start");
    };
    assert!(error.to_string().contains("AUTH_OIDC_PROVIDERS"), "{error}");
    assert_eq!(error.exit_code(), 78);
}

#[tokio::test]
async fn a_line_that_tells_what_a_provider_shares_with_us_fails_the_test() {
    let (app, provider) = start().await;
    provider.log_in(&app, &json!({})).await.expect(200);
    let shared = provider.state().shared.clone();
    let mut kinds: Vec<&str> = shared.values().copied().collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["a code", "a refresh token", "an ID token", "an access token", "our secret"]);
    for (secret, what) in shared {
        tracing::info!("somebody was careless with {secret}");
        let is_told = tokio::spawn(app.get("/api/v1/auth/oidc/acme/login").into_future()).await.is_err();
        // An ID token looks like one: its line is masked before anybody could read it.
        assert_eq!(is_told, what != "an ID token", "{what}");
    }
}
