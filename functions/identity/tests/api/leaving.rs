//! Leaving a tenant.

use std::time::Duration;

use kernel::Role;
use serde_json::json;

use testkit::rows::{assert_same, rows, table};

use crate::cast::{Cast, text};

#[tokio::test]
async fn whoever_belongs_to_a_tenant_can_leave_it() {
    let cast = Cast::new().await;
    let path = format!("/api/v1/me/tenants/{}", cast.tenant_id);
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        let someone = cast.who(role);
        let before = table(&rows(cast.app.lab()).await, "audit").len();
        cast.call(role, "DELETE", &*path).await.expect(204);
        assert_eq!(table(&rows(cast.app.lab()).await, "audit").len(), before + 1);
        // What was made for the tenant is over: at once to refresh, within 5 s to use.
        let refresh = cast.app.post("/api/v1/auth/refresh");
        let refused = refresh.json(&json!({"refresh_token": someone.refresh})).await.status;
        assert!(refused.is_client_error(), "{role}: {refused}");
        cast.app.lab().advance(Duration::from_secs(5));
        cast.call(role, "GET", "/api/v1/me").await.problem(401);
        let member = cast.call(Role::Owner, "GET", cast.members(&someone.id)).await;
        member.problem(404);
    }
}

#[tokio::test]
async fn it_needs_no_token_of_that_tenant() {
    let cast = Cast::new().await;
    let zoe = crate::people::person(&cast.app, "zoe").await;
    cast.add("yuri", Role::Viewer).await;
    let add = cast.call(Role::Owner, "POST", cast.members(""));
    add.json(&json!({"email": zoe.email(), "role": "owner"})).await.expect(201);
    // Her token acts in her own tenant. She is not the only owner, so she may go.
    let leave = || cast.app.delete(format!("/api/v1/me/tenants/{}", cast.tenant_id)).bearer(&zoe.access);
    leave().await.expect(204);
    leave().await.problem(404);
    let mine = cast.app.get("/api/v1/tenants").bearer(&zoe.access).await.expect(200).json();
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_owner_and_the_founder_stay() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let eve = &cast.outsider;
    let last = cast.call(Role::Owner, "DELETE", format!("/api/v1/me/tenants/{}", cast.tenant_id)).await;
    assert!(text(&last.problem(409)["detail"]).contains("last_owner"));
    let founder = cast.app.delete(format!("/api/v1/me/tenants/{}", eve.tenant_id)).bearer(&eve.access).await;
    assert!(text(&founder.problem(409)["detail"]).contains("founder"));
    // A tenant that one does not belong to does not exist, for operators either.
    cast.app.delete(format!("/api/v1/me/tenants/{}", cast.tenant_id)).bearer(&eve.access).await.problem(404);
    cast.call(Role::Operator, "DELETE", format!("/api/v1/me/tenants/{}", eve.tenant_id)).await.problem(404);
    assert_same("being refused", &before, &rows(cast.app.lab()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_last_owners_that_leave_at_once_one_stays() {
    let cast = Cast::new().await;
    let zoe = cast.add("zoe", Role::Owner).await;
    let olga = cast.who(Role::Owner);
    let leave = |token: &str| {
        let call = cast.app.delete(format!("/api/v1/me/tenants/{}", cast.tenant_id)).bearer(token);
        tokio::spawn(call.into_future())
    };
    let answers = futures_util::future::join(leave(&zoe.access), leave(&olga.access)).await;
    let mut statuses = [answers.0, answers.1].map(|answer| answer.unwrap().status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}
