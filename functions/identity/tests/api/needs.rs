//! What the function needs is what it uses: the other direction, that it uses nothing else, holds in every test, since
//! the embedded cloud denies what a role does not allow.

use std::time::Duration;

use kernel::{Role, api_key::ApiKeyText};
use serde_json::json;

use crate::{
    account, captcha,
    cast::Cast,
    mailbox::Post,
    people::{PASSWORD, email, login, person},
    provider::Provider,
};

#[tokio::test]
async fn every_permission_is_used() {
    let cast = Cast::new().await;
    let app = &cast.app;
    let owner = cast.who(Role::Owner);
    // Lists, with what belongs to each row; the index of sessions.
    cast.call(Role::Owner, "GET", cast.members("")).await.expect(200);
    cast.call(Role::Operator, "GET", "/api/v1/users").await.expect(200);
    cast.call(Role::Owner, "GET", "/api/v1/me/sessions").await.expect(200);
    let mona = &cast.who(Role::Member).id;
    cast.call(Role::Owner, "DELETE", cast.members(mona)).await.expect(204);
    // A failure that is counted, and forgotten when the right password comes.
    let wrong = json!({"email": email("vera"), "password": "not her password at all"});
    app.post("/api/v1/auth/login").json(&wrong).await.expect(401);
    app.lab().advance(Duration::from_mins(1));
    login(app, "vera").await.expect(200);
    // A recorded answer, and a claim that is given back.
    for (name, status) in [("Forge", 201), ("", 422)] {
        let create = app.post("/api/v1/tenants").bearer(&owner.access).header("idempotency-key", "k-1");
        create
            .header("x-request-id", name.len().to_string().as_str())
            .json(&json!({"name": name}))
            .await
            .expect(status);
    }
    // A mail that is asked for.
    app.post("/api/v1/auth/password/forgot").json(&json!({"email": email("vera")})).await.expect(202);
    let token = Post::new(app).await.token(&email("vera")).await;
    let reset = json!({"token": token, "password": PASSWORD.to_uppercase()});
    app.post("/api/v1/auth/password/reset").json(&reset).await.expect(204);

    // A request that is counted, and an API key that is looked up.
    let limited = app.lab().clone().limited().http("identity", identity::function).await;
    limited.get("/api/v1/me").bearer(&owner.access).await.expect(200);
    let key = ApiKeyText::new("01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().unwrap(), [7; 32]);
    limited.get("/api/v1/me").api_key(key.expose()).await.expect(401);
    // A login by a provider, at which we have a secret.
    let provider = Provider::start(app.lab()).await;
    let by_provider = provider.function(app.lab()).await;
    provider.log_in(&by_provider, &json!({})).await.expect(200);

    // A challenge after failures.
    let challenging = captcha::with(app.lab(), "https://challenges.example.com/siteverify").await;
    captcha::fail(&challenging, "vera").await;
    captcha::login(&challenging, "vera", PASSWORD, Some("a-response")).await.expect(503);

    // A tenant that goes with its keys.
    let zoe = person(app, "zoe").await;
    account::make_key(app, &zoe.tenant_id).await;
    account::erase(app, &zoe, PASSWORD).await.expect(204);

    let unused = app.lab().unused("identity");
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
    // Its triggers' permissions are taken by Lambda.
    let unused = app.lab().unused("identity-mailer");
    assert!(unused.iter().all(|permission| permission.starts_with("sqs:")), "{unused:#?}");
}
