//! Every route × everybody: nobody gets further than the permission that the route names.

use std::collections::BTreeSet;

use kernel::Role;
use serde_json::json;

use testkit::rows::{assert_same, rows};

use crate::{
    cast::Cast,
    forge::Forge,
    people::register,
    walk::{self, Operation, operations},
};

/// A call that changes nothing even when it is let through: a body that is refused, or things that do not exist.
fn harmless(cast: &Cast, operation: &Operation) -> testkit::Call {
    let call = cast.app.call(&operation.method, operation.path_about_nothing());
    match operation.body {
        Some(_) => call.json(&json!({"no_such_field": true})),
        None => call,
    }
}

#[tokio::test]
async fn each_role_gets_as_far_as_the_permission_says() {
    let cast = Cast::new().await;
    for operation in operations() {
        for role in Role::ALL {
            let token = &cast.who(role).access;
            let answer = harmless(&cast, &operation).bearer(token).await;
            let status = operation.check(role.name(), &answer);
            let is_through = !matches!(status, 401 | 403);
            assert_eq!(is_through, operation.is_granted_to(role), "{} by {role}: {status}", operation.name());
            if is_through && operation.body.is_some() {
                assert_eq!(status, 422, "{} by {role}: the body is read", operation.name());
            }
        }
    }
}

/// Two permissions that the same roles have would look alike to the walk above: the refusal names the one that the
/// handler's signature holds.
#[tokio::test]
async fn each_route_asks_for_the_permission_that_it_declares() {
    let cast = Cast::new().await;
    let forge = Forge::new(&cast.app, &cast.who(Role::Operator).access).await;
    let narrowed = forge.narrowed();
    for operation in operations() {
        let Some(permission) = operation.permission else { continue };
        let problem = harmless(&cast, &operation).bearer(&narrowed).await;
        let detail = problem.problem(403)["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail, format!("this needs {permission}"), "{}", operation.name());
    }
}

#[tokio::test]
async fn nobody_gets_further_without_a_good_token() {
    let cast = Cast::new().await;
    let forge = Forge::new(&cast.app, &cast.who(Role::Operator).access).await;
    let bad = [
        ("a garbage token", "garbage".to_owned()),
        ("an expired token", forge.expired()),
        ("an unsigned token", forge.unsigned()),
        ("a token of another key", forge.foreign()),
    ];
    let before = rows(cast.app.lab()).await;
    for operation in operations() {
        // Public reads succeed, public changes find the body wrong.
        let is_allowed = |status: u16| operation.permission.is_some() == (status == 401) && status != 403;
        let answer = harmless(&cast, &operation).await;
        let status = operation.check("no token", &answer);
        assert!(is_allowed(status), "{} without a token: {status}", operation.name());
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        for (case, token) in &bad {
            let answer = harmless(&cast, &operation).bearer(token).await;
            let status = operation.check(case, &answer);
            assert!(is_allowed(status), "{} with {case}: {status}", operation.name());
        }
    }
    assert_same("asking without a good token", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let cast = Cast::new().await;
    let mut walked = 0;
    for operation in operations().iter().filter(|operation| operation.method == "GET") {
        let owner = cast.who(Role::Owner);
        let path = operation.path_about(owner);
        let ask = |method| cast.app.call(method, &*path).bearer(&owner.access).header("x-request-id", "same");
        let (get, head) = (ask("GET").await, ask("HEAD").await);
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        for header in ["etag", "content-type", "cache-control", "x-request-id"] {
            assert_eq!(head.header(header), get.header(header), "{path}: {header}");
        }
        walked += 1;
    }
    assert!(walked >= 10, "{walked} were walked");
}

#[tokio::test]
async fn what_belongs_to_another_tenant_does_not_exist() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let outsider = &cast.outsider;
    let mut walked = 0;
    for operation in operations().iter().filter(|operation| operation.names_something()) {
        for (role, other) in [Role::Owner, Role::Viewer].map(|role| (role, cast.who(role))) {
            let call = cast.app.call(&operation.method, operation.path_about(other)).bearer(&outsider.access);
            let answer = match &operation.body {
                Some((_, example)) => call.json(example).await,
                None => call.await,
            };
            let status = operation.check("another tenant's ids", &answer);
            let expected = if operation.is_granted_to(Role::Owner) { 404 } else { 403 };
            assert_eq!(status, expected, "{} about the {role}", operation.name());
            walked += 1;
        }
    }
    assert!(walked >= 16, "{walked} were walked");
    assert_same("another tenant's owner", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let cast = Cast::new().await;
    let before = rows(cast.app.lab()).await;
    let mut walked = 0;
    for operation in operations() {
        if !operation.takes("If-Match") {
            assert_ne!(operation.method, "PATCH", "{} takes no If-Match", operation.path);
            continue;
        }
        for stale in [&b"\"stale\""[..], b"W/\"stale\"", b"\"\xff\"", b""] {
            let call = cast.app.call(&operation.method, operation.path_about(cast.who(Role::Viewer)));
            let call = call.bearer(&walk::caller(&cast).access).header("if-match", stale);
            let answer = match &operation.body {
                Some((_, example)) => call.json(example).await,
                None => call.await,
            };
            let status = operation.check("a stale If-Match", &answer);
            assert_eq!(status, 412, "{} with {stale:?}", operation.name());
            walked += 1;
        }
    }
    assert!(walked >= 16, "{walked} were walked");
    assert_same("a stale If-Match", &before, &rows(cast.app.lab()).await);
}

#[tokio::test]
async fn a_creation_sent_again_is_answered_with_the_first_answer() {
    let cast = Cast::new().await;
    // The example of a new member is somebody with an account.
    register(&cast.app, "bob").await.expect(201);
    let mut walked = 0;
    for operation in operations() {
        if !operation.takes("Idempotency-Key") {
            assert!(!operation.answers(201), "{} takes no Idempotency-Key", operation.name());
            continue;
        }
        let owner = cast.who(Role::Owner);
        let (_, example) = operation.body.as_ref().expect("a creation has a body");
        let send = || {
            let call = cast.app.call(&operation.method, operation.path_about(owner)).bearer(&owner.access);
            call.header("idempotency-key", format!("walk-{walked}")).json(example)
        };
        let first = send().await;
        assert_eq!(operation.check("a key", &first), 201, "{}", operation.name());
        let before = rows(cast.app.lab()).await;
        let again = send().await.expect(201);
        assert_eq!(again.header("idempotent-replayed"), "true", "{}", operation.name());
        assert_eq!(again.body, first.body, "{}", operation.name());
        for header in ["location", "etag", "content-type"] {
            assert!(!first.header(header).is_empty(), "{} answers without {header}", operation.name());
            assert_eq!(again.header(header), first.header(header), "{}", operation.name());
        }
        assert_same(&operation.name(), &before, &rows(cast.app.lab()).await);
        walked += 1;
    }
    assert!(walked >= 3, "{walked} were walked");
}

#[tokio::test]
async fn a_cursor_serves_only_the_list_that_it_came_from() {
    let cast = Cast::new().await;
    let cursor_of = async |path: &str, role| {
        let page = cast.call(role, "GET", format!("{path}?limit=1")).await.expect(200).json();
        page["next_cursor"].as_str().map(str::to_owned)
    };
    let users = cursor_of("/api/v1/users", Role::Operator).await.expect("more accounts");
    let members = cursor_of(&cast.members(""), Role::Owner).await.expect("more members");
    let mut walked = 0;
    for operation in operations().iter().filter(|operation| operation.takes("cursor")) {
        let path = operation.path_about(cast.who(Role::Owner));
        let foreign = if operation.path == "/api/v1/users" { &members } else { &users };
        let broken = format!("{users}x");
        for cursor in [foreign, "x", "", &broken] {
            let answer = cast.call(Role::Operator, "GET", format!("{path}?cursor={cursor}")).await;
            let status = operation.check("another list's cursor", &answer);
            assert_eq!(status, 422, "{} with {cursor}", operation.name());
            assert_eq!(answer.json()["errors"][0]["pointer"], "cursor");
        }
        for query in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "no_such=1", "sort=x", "sort="] {
            let answer = cast.call(Role::Operator, "GET", format!("{path}?{query}")).await;
            assert_eq!(operation.check(query, &answer), 422, "{} with {query}", operation.name());
        }
        walked += 1;
    }
    assert!(walked >= 3, "{walked} were walked");
    // The same list of another tenant is another list.
    let elsewhere = format!("/api/v1/tenants/{}/members", cast.outsider.tenant_id);
    let call = cast.app.get(format!("{elsewhere}?cursor={members}"));
    call.bearer(&cast.outsider.access).await.problem(422);
}

#[tokio::test]
async fn every_list_is_read_from_either_end() {
    let cast = Cast::new().await;
    let mut walked = 0;
    for operation in operations().iter().filter(|operation| operation.takes("cursor")) {
        let someone = cast.who(Role::Owner);
        let path = operation.path_about(someone);
        let order = if path.ends_with("/members") { "user_id" } else { "created_at" };
        let list = async |query: &str| {
            let page = cast.app.get(format!("{path}?{query}")).bearer(&someone.access).await;
            assert_eq!(operation.check(query, &page), 200, "{path}?{query}");
            page.json()
        };
        let up = list(&format!("sort={order}")).await["items"].as_array().unwrap().clone();
        let mut down = list(&format!("sort=-{order}")).await["items"].as_array().unwrap().clone();
        assert!(up.len() > 1, "{path} has an order to see");
        down.reverse();
        assert_eq!(up, down, "{path}");
        // A cursor goes on in its own order only.
        let first = list(&format!("limit=1&sort=-{order}")).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = list(&format!("limit=100&sort=-{order}&cursor={cursor}")).await;
        assert_eq!(rest["items"].as_array().unwrap().len(), up.len() - 1, "{path}");
        let other = cast.app.get(format!("{path}?sort={order}&cursor={cursor}")).bearer(&someone.access);
        other.await.problem(422);
        walked += 1;
    }
    assert!(walked >= 5, "{walked} were walked");
}

#[test]
fn the_public_routes_are_the_committed_ones() {
    let committed: Vec<&str> = include_str!("../../../../openapi/public-routes.txt").lines().collect();
    assert!(committed.is_sorted(), "openapi/public-routes.txt is sorted");
    let operations = operations();
    let paths: BTreeSet<&str> = operations.iter().map(|operation| &*operation.path).collect();
    let is_ours = |line: &&&str| line.split_once(' ').is_some_and(|(_, path)| paths.contains(path));
    let committed: BTreeSet<String> = committed.iter().filter(is_ours).map(ToString::to_string).collect();
    let public = operations.iter().filter(|operation| operation.permission.is_none());
    let public: BTreeSet<String> = public.map(Operation::name).collect();
    assert_eq!(public, committed, "openapi/public-routes.txt says who needs no token");
}
