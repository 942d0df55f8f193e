//! Who belongs to a tenant.

use std::time::Duration;

use kernel::Role;
use serde_json::{Value, json};

use testkit::rows::{rows, table};

use crate::{
    cast::{Cast, in_tenant, text},
    people::{app, email, login, person, register},
};

#[track_caller]
fn assert_rule(problem: &Value, rule: &str) {
    let detail = text(&problem["detail"]);
    assert!(detail.contains(&format!("(rule: {rule})")), "{detail}");
}

#[tokio::test]
async fn a_member_comes_changes_and_goes() {
    let cast = Cast::new().await;
    let bob = text(&register(&cast.app, "bob").await.expect(201).json()["id"]);
    let before = table(&rows(cast.app.lab()).await, "audit").len();
    let add = || {
        let call = cast.call(Role::Admin, "POST", cast.members(""));
        call.json(&json!({"email": "BOB@example.com", "role": "viewer"}))
    };
    let added = add().await.expect(201);
    assert_eq!(added.header("location"), cast.members(&bob));
    assert_eq!(added.json()["role"], "viewer");
    assert_rule(&add().await.problem(409), "already_member");

    let list = cast.call(Role::Viewer, "GET", cast.members("")).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
    let seen = cast.call(Role::Viewer, "GET", cast.members(&bob)).await.expect(200);
    assert_eq!(seen.header("etag"), added.header("etag"));
    let known = cast.call(Role::Viewer, "GET", cast.members(&bob));
    known.header("if-none-match", seen.header("etag")).await.expect(304);

    let change = |role: &str| {
        let call = cast.call(Role::Admin, "PATCH", cast.members(&bob));
        call.header("if-match", seen.header("etag")).json(&json!({"role": role}))
    };
    let changed = change("member").await.expect(200);
    assert_eq!(changed.json()["role"], "member");
    change("viewer").await.problem(412);
    let remove = |tag: &str| cast.call(Role::Admin, "DELETE", cast.members(&bob)).header("if-match", tag);
    remove(seen.header("etag")).await.problem(412);
    remove(changed.header("etag")).await.expect(204);
    cast.call(Role::Admin, "GET", cast.members(&bob)).await.problem(404);
    cast.call(Role::Admin, "DELETE", cast.members(&bob)).await.problem(404);
    let entries = table(&rows(cast.app.lab()).await, "audit").len() - before;
    assert_eq!(entries, 3, "add, change, remove");
    add().await.expect(201);
}

#[tokio::test]
async fn only_accounts_are_added_and_only_to_roles_of_the_tenant() {
    let cast = Cast::new().await;
    let add = |role, email: &str, given: &str| {
        let call = cast.call(role, "POST", cast.members(""));
        call.json(&json!({"email": email, "role": given}))
    };
    let unknown = add(Role::Admin, "nobody@example.com", "viewer").await.problem(422);
    assert_eq!(unknown["errors"][0]["pointer"], "/email");
    for role in ["operator", "root", "Owner", ""] {
        let refused = add(Role::Operator, &cast.outsider.email(), role).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "/role", "{role}");
    }
    let vera = cast.members(&cast.who(Role::Viewer).id);
    let raised = cast.call(Role::Operator, "PATCH", vera);
    raised.json(&json!({"role": "operator"})).await.problem(422);

    add(Role::Admin, &cast.outsider.email(), "owner").await.problem(403);
    add(Role::Owner, &cast.outsider.email(), "owner").await.expect(201);
}

#[tokio::test]
async fn admins_do_not_touch_owners_nor_make_them() {
    let cast = Cast::new().await;
    let olga = cast.members(&cast.who(Role::Owner).id);
    let adam = cast.members(&cast.who(Role::Admin).id);
    let change = |path: &str, role: &str| {
        let call = cast.call(Role::Admin, "PATCH", path);
        call.json(&json!({"role": role}))
    };
    change(&olga, "member").await.problem(403);
    change(&adam, "owner").await.problem(403);
    cast.call(Role::Admin, "DELETE", &*olga).await.problem(403);
    // An operator may, but not leave the tenant without one.
    assert_rule(&cast.call(Role::Operator, "DELETE", &*olga).await.problem(409), "last_owner");
    let demotion = cast.call(Role::Owner, "PATCH", &*olga).json(&json!({"role": "admin"}));
    assert_rule(&demotion.await.problem(409), "last_owner");
    let promotion = cast.call(Role::Operator, "PATCH", &*adam).json(&json!({"role": "owner"}));
    promotion.await.expect(200);
    cast.call(Role::Owner, "DELETE", &*olga).await.expect(204);
}

#[tokio::test]
async fn the_account_that_a_tenant_was_made_with_stays_its_owner() {
    let cast = Cast::new().await;
    let eve = &cast.outsider;
    let members = format!("/api/v1/tenants/{}/members", eve.tenant_id);
    let add = cast.app.post(&*members).bearer(&eve.access);
    add.json(&json!({"email": email("adam"), "role": "owner"})).await.expect(201);
    let adam = in_tenant(&cast.app, cast.who(Role::Admin), &eve.tenant_id).await;
    let founder = format!("{members}/{}", eve.id);
    assert_rule(&cast.app.delete(&*founder).bearer(&adam.access).await.problem(409), "founder");
    let demotion = cast.app.patch(&*founder).bearer(&adam.access).json(&json!({"role": "admin"}));
    assert_rule(&demotion.await.problem(409), "founder");
    let guest = cast.app.delete(format!("{members}/{}", adam.id)).bearer(&eve.access);
    guest.await.expect(204);
    login(&cast.app, "eve").await.expect(200);
}

#[tokio::test]
async fn tokens_with_the_old_role_die_within_five_seconds() {
    let cast = Cast::new().await;
    let adam = cast.who(Role::Admin);
    let path = cast.members(&adam.id);
    let me = async |token: &str| cast.app.get("/api/v1/me").bearer(token).await;
    let refresh = |token: &str| {
        let call = cast.app.post("/api/v1/auth/refresh");
        call.json(&json!({"refresh_token": token}))
    };
    let at_home = login(&cast.app, "adam").await.expect(200).json();
    me(&adam.access).await.expect(200);

    cast.app.lab().advance(Duration::from_millis(1));
    let demotion = cast.call(Role::Owner, "PATCH", &*path).json(&json!({"role": "viewer"}));
    demotion.await.expect(200);
    cast.app.lab().advance(Duration::from_secs(5));
    me(&adam.access).await.problem(401);
    let tokens = refresh(&adam.refresh).await.expect(200).json();
    let fresh = text(&tokens["access_token"]);
    assert_eq!(me(&fresh).await.expect(200).json()["role"], "viewer");

    cast.app.lab().advance(Duration::from_millis(1));
    cast.call(Role::Owner, "DELETE", &*path).await.expect(204);
    cast.app.lab().advance(Duration::from_secs(5));
    me(&fresh).await.problem(401);
    refresh(&text(&tokens["refresh_token"])).await.problem(401);
    // What it has elsewhere is not touched.
    me(&text(&at_home["access_token"])).await.expect(200);
}

/// Who owns the tenant, as its rows say.
async fn owners(cast: &Cast) -> (Vec<String>, u64) {
    let list = cast.call(Role::Operator, "GET", cast.members("")).await.expect(200).json();
    let members = list["items"].as_array().unwrap();
    let owners = members.iter().filter(|member| member["role"] == "owner");
    let rows = rows(cast.app.lab()).await;
    let tenant = table(&rows, "identity").iter().find(|row| {
        row.contains(&format!("pk: S(\"tenant#{}\")", cast.tenant_id)) && row.contains(", sk: S(\"tenant\")")
    });
    let counted = tenant.and_then(|row| row.split_once("owners: N(\"")).unwrap().1;
    let counted = counted.split('"').next().unwrap().parse().unwrap();
    (owners.map(|owner| text(&owner["user_id"])).collect(), counted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_owners_who_demote_each_other_leave_one() {
    for round in 0..5 {
        let cast = Cast::new().await;
        let olga = cast.who(Role::Owner).clone();
        let paul = cast.add("paul", Role::Owner).await;
        let demote = |by: &str, whom: &str| {
            let call = cast.app.patch(cast.members(whom)).bearer(by);
            tokio::spawn(call.json(&json!({"role": "member"})).into_future())
        };
        let (one, other) = tokio::join!(demote(&olga.access, &paul.id), demote(&paul.access, &olga.id));
        let mut statuses = [one.unwrap().status.as_u16(), other.unwrap().status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}");
        let (owners, counted) = owners(&cast).await;
        assert_eq!((owners.len(), counted), (1, 1), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_owners_who_all_leave_at_once_leave_one() {
    let cast = Cast::new().await;
    let mut owners_then = vec![cast.who(Role::Owner).clone()];
    for n in 0..7 {
        owners_then.push(cast.add(&format!("owner{n}"), Role::Owner).await);
    }
    assert_eq!(owners(&cast).await.1, 8);
    loop {
        let calls = owners_then.iter().map(|owner| {
            let call = cast.app.delete(cast.members(&owner.id)).bearer(&owner.access);
            tokio::spawn(call.into_future())
        });
        for answer in futures_util::future::join_all(calls).await {
            let status = answer.unwrap().status.as_u16();
            assert!(matches!(status, 204 | 404 | 409), "{status}");
        }
        let (now, counted) = owners(&cast).await;
        assert_eq!(now.len() as u64, counted, "the count is right");
        assert!(counted >= 1, "somebody remains");
        if counted == 1 {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_additions_of_one_account_make_one_member() {
    let cast = Cast::new().await;
    let calls = (0..20).map(|n| {
        let role = ["viewer", "owner"][n % 2];
        let call = cast.call(Role::Owner, "POST", cast.members(""));
        tokio::spawn(call.json(&json!({"email": email("eve"), "role": role})).into_future())
    });
    let answers = futures_util::future::join_all(calls).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    let (now, counted) = owners(&cast).await;
    assert_eq!(now.len() as u64, counted);
}

#[tokio::test]
async fn members_go_by_the_names_that_their_accounts_have_now() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    app.patch("/api/v1/me").bearer(&ann.access).json(&json!({"username": "anna"})).await.expect(200);
    let path = format!("/api/v1/tenants/{}/members", ann.tenant_id);
    let list = app.get(&path).bearer(&ann.access).await.expect(200).json();
    assert_eq!(list["items"][0]["username"], "anna");
    let member = app.get(format!("{path}/{}", ann.id)).bearer(&ann.access).await.expect(200).json();
    assert_eq!(member["username"], "anna");
}
