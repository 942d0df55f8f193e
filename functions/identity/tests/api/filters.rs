//! Lists of some.

use kernel::Role;
use serde_json::{Value, json};

use crate::{
    cast::{Cast, text},
    people::{email, login},
};

/// Every item of a list, page by page, and how many pages there were.
async fn all(cast: &Cast, role: Role, path: &str) -> (Vec<Value>, usize) {
    let (mut items, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = cast.call(role, "GET", format!("{path}{cursor}")).await.expect(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, pages),
        }
    }
}

#[tokio::test]
async fn accounts_by_status() {
    let cast = Cast::new().await;
    let vera = &cast.who(Role::Viewer).id;
    let suspend = cast.call(Role::Operator, "PATCH", format!("/api/v1/users/{vera}"));
    suspend.json(&json!({"status": "suspended"})).await.expect(200);
    for role in [Role::Operator, Role::Admin] {
        let (suspended, _) = all(&cast, role, "/api/v1/users?limit=1&status=suspended").await;
        let ids: Vec<String> = suspended.iter().map(|user| text(&user["id"])).collect();
        assert!(ids.iter().eq([vera]), "{role}: {ids:?}");
        let (active, _) = all(&cast, role, "/api/v1/users?status=active").await;
        let (everybody, _) = all(&cast, role, "/api/v1/users?sort=created_at").await;
        assert_eq!(active.len() + 1, everybody.len(), "{role}");
        assert!(active.iter().all(|user| user["status"] == "active"));
        // A cursor belongs to its filter.
        let page = cast.call(role, "GET", "/api/v1/users?limit=1&status=active").await.expect(200).json();
        let cursor = text(&page["next_cursor"]);
        for other in ["", "&status=suspended"] {
            let path = format!("/api/v1/users?cursor={cursor}{other}");
            cast.call(role, "GET", path).await.problem(422);
        }
        cast.call(role, "GET", "/api/v1/users?status=gone").await.problem(422);
    }
}

#[tokio::test]
async fn members_by_role() {
    let cast = Cast::new().await;
    for role in [Role::Viewer, Role::Member, Role::Admin, Role::Owner] {
        let path = format!("{}?limit=2&role={role}", cast.members(""));
        let (found, _) = all(&cast, Role::Viewer, &path).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(text(&found[0]["user_id"]), cast.who(role).id);
    }
    let path = format!("{}?role=operator", cast.members(""));
    cast.call(Role::Viewer, "GET", path).await.problem(422);
}

#[tokio::test]
async fn logins_by_outcome() {
    let cast = Cast::new().await;
    for _ in 0..2 {
        let wrong = json!({"email": email("vera"), "password": "not the right one"});
        cast.app.post("/api/v1/auth/login").json(&wrong).await.problem(401);
        cast.app.lab().advance(std::time::Duration::from_secs(1));
        login(&cast.app, "vera").await.expect(200);
        cast.app.lab().advance(std::time::Duration::from_secs(1));
    }
    for (outcome, count) in [("failure", 2), ("success", 3), ("refused", 0)] {
        let path = format!("/api/v1/me/login-events?limit=2&outcome={outcome}");
        let (found, _) = all(&cast, Role::Viewer, &path).await;
        assert_eq!(found.len(), count, "{outcome}");
        assert!(found.iter().all(|event| event["outcome"] == outcome));
    }
    // A page is filled from several reads.
    let page = cast.call(Role::Viewer, "GET", "/api/v1/me/login-events?limit=2&outcome=failure").await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
}
