use platform::keyring::AppKeys;
use uuid::Uuid;

use super::*;
use crate::public_key::PublicKey;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// An account without credentials.
pub(crate) fn account() -> ServiceAccount {
    ServiceAccount {
        id: ServiceAccountId::from_uuid(Uuid::from_u128(1)),
        tenant_id: TenantId::from_uuid(Uuid::from_u128(2)),
        name: "Import".parse().unwrap(),
        role: Role::Admin,
        scopes: Scopes::Only(vec![Permission::MembersRead, Permission::UsersRead]),
        secrets: Vec::new(),
        keys: Vec::new(),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Two application keys, of which this one is current.
fn app_keys(current: &str) -> AppKeys {
    let text =
        format!(r#"{{"current": "{current}", "k1": "{}", "k2": "{}"}}"#, "x".repeat(40), "y".repeat(40));
    AppKeys::from_json(&text).unwrap()
}

fn by(role: Role, scopes: Scopes) -> Principal {
    Principal { role, ..account().principal(scopes) }
}

/// What it is, the role and the scopes, who gives them, and what is said against it.
type Case<'a> = (&'a str, Role, &'a [Permission], Principal, Result<(), &'a str>);

#[test]
fn nobody_hands_out_more_than_they_have() {
    use Permission::{MembersRead, MembersWrite, ServiceAccountsWrite, UsersRead, UsersWrite};
    let machine = Scopes::Only(vec![ServiceAccountsWrite, MembersRead]);
    let cases: [Case<'_>; 11] = [
        ("what the role grants", Role::Viewer, &[MembersRead], by(Role::Admin, Scopes::Full), Ok(())),
        ("one's own role", Role::Admin, &[MembersWrite], by(Role::Admin, Scopes::Full), Ok(())),
        ("an operator's", Role::Owner, &[UsersRead], by(Role::Operator, Scopes::Full), Ok(())),
        ("a machine's own scope", Role::Member, &[MembersRead], by(Role::Admin, machine.clone()), Ok(())),
        ("a higher role", Role::Owner, &[MembersRead], by(Role::Admin, Scopes::Full), Err("no higher role")),
        ("beyond the role", Role::Viewer, &[MembersWrite], by(Role::Owner, Scopes::Full), Err("/scopes/0")),
        (
            "an operator's power",
            Role::Owner,
            &[UsersWrite],
            by(Role::Operator, Scopes::Full),
            Err("/scopes/0"),
        ),
        ("nothing", Role::Viewer, &[], by(Role::Admin, Scopes::Full), Err("/scopes")),
        ("twice", Role::Viewer, &[MembersRead, MembersRead], by(Role::Admin, Scopes::Full), Err("/scopes/1")),
        (
            "beyond a machine's scopes",
            Role::Admin,
            &[MembersWrite],
            by(Role::Admin, machine.clone()),
            Err("members:write"),
        ),
        (
            "and in second place",
            Role::Admin,
            &[MembersRead, UsersRead],
            by(Role::Admin, machine),
            Err("users:read"),
        ),
    ];
    for (case, role, scopes, by, expected) in cases {
        match (grant(role, scopes, &by), expected) {
            (Ok(granted), Ok(())) => assert_eq!(granted, Scopes::Only(scopes.to_vec()), "{case}"),
            (Err(error), Err(part)) => {
                let told = format!("{error} {error:?}");
                assert!(told.contains(part), "{case}: {told}");
            }
            (granted, _) => panic!("{case}: {granted:?}"),
        }
    }
}

#[test]
fn a_token_is_narrowed_to_what_the_account_has() {
    let account = account();
    for (wanted, narrowed) in [
        (None, Some("members:read users:read")),
        (Some("users:read"), Some("users:read")),
        (Some("users:read members:read"), Some("users:read members:read")),
        (Some("users:read users:read"), Some("users:read")),
        (Some("members:write"), None),
        (Some("members:read members:write"), None),
        (Some("full"), None),
        (Some(""), None),
        (Some(" members:read"), None),
        (Some("members:read  users:read"), None),
        (Some("MEMBERS:READ"), None),
    ] {
        let scopes = account.narrow(wanted);
        match narrowed {
            Some(narrowed) => assert_eq!(String::from(scopes.unwrap()), narrowed, "{wanted:?}"),
            None => assert!(
                matches!(scopes, Err(Error::OAuth { code: oauth::Code::InvalidScope, .. })),
                "{wanted:?}: {scopes:?}"
            ),
        }
    }
}

#[test]
fn a_secret_opens_its_own_account_for_as_long_as_its_root_is_known() {
    let (id, other) = (account().id, ServiceAccountId::from_uuid(Uuid::from_u128(9)));
    let keys = app_keys("k1");
    let secret_id = ClientSecretId::from_uuid(Uuid::from_u128(3));
    let (text, secret) = ClientSecret::issue(secret_id, [7; 32], id, &keys, NOW);
    let text = text.expose();
    assert!(text.starts_with("gw_cs_") && text.len() == 6 + 43);
    assert!(secret.matches(text, id, &keys));
    assert!(!secret.matches(text, other, &keys), "a row that was moved");
    let (changed, _) = ClientSecret::issue(secret_id, [8; 32], id, &keys, NOW);
    for wrong in [changed.expose().as_str(), "", "gw_cs_", &text[6..], &text[..48], &format!("{text}A")] {
        assert!(!secret.matches(wrong, id, &keys), "{wrong}");
    }
    assert_eq!(secret.rehashed(text, id, &keys), None, "it is under the current root");
    let later = app_keys("k2");
    assert!(secret.matches(text, id, &later), "the old root is listed");
    let rehashed = secret.rehashed(text, id, &later).unwrap();
    assert!(rehashed.matches(text, id, &later) && rehashed.hash != secret.hash);
    let only = AppKeys::from_json(&format!(r#"{{"current": "k2", "k2": "{}"}}"#, "y".repeat(40))).unwrap();
    assert!(rehashed.matches(text, id, &only) && !secret.matches(text, id, &only));
}

fn key(n: u8, kid: &str) -> ClientKey {
    let public = PublicKey::Ed25519 { x: format!("key {n}") };
    ClientKey { id: format!("id {n}"), kid: kid.to_owned(), public, created_at: NOW }
}

#[track_caller]
fn assert_rule<T: std::fmt::Debug>(outcome: Result<T>, expected: &str) {
    match outcome {
        Err(Error::Conflict { rule, .. }) => assert_eq!(rule, expected),
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn credentials_come_and_go_and_are_few() {
    let keys = app_keys("k1");
    let secret = |n: u8| {
        let id = ClientSecretId::from_uuid(Uuid::from_u128(n.into()));
        ClientSecret::issue(id, [n; 32], account().id, &keys, NOW).1
    };
    let ids = |account: &ServiceAccount| account.secrets.iter().map(|secret| secret.id).collect::<Vec<_>>();
    let two =
        account().with_secret(secret(1), false, NOW).unwrap().with_secret(secret(2), false, NOW).unwrap();
    assert_eq!(ids(&two), [secret(1).id, secret(2).id]);
    assert_rule(two.with_secret(secret(3), false, NOW), "too_many_secrets");
    assert_eq!(ids(&two.with_secret(secret(3), true, NOW).unwrap()), [secret(3).id]);
    assert_eq!(ids(&two.without_secret(secret(1).id, NOW).unwrap()), [secret(2).id]);
    assert!(matches!(two.without_secret(secret(3).id, NOW), Err(Error::NotFound("secret"))));

    let mut full = account();
    for n in 0..10 {
        full = full.with_key(key(n, &format!("kid {n}")), NOW).unwrap();
    }
    assert_rule(full.with_key(key(10, "kid 10"), NOW), "too_many_keys");
    assert_rule(full.with_key(key(3, "another"), NOW), "key_exists");
    assert_rule(full.with_key(key(10, "kid 3"), NOW), "key_exists");
    let nine = full.without_key("id 3", NOW).unwrap();
    assert!(nine.keys.len() == 9 && matches!(nine.find_key("id 3"), Err(Error::NotFound("key"))));
    assert!(matches!(nine.without_key("id 3", NOW), Err(Error::NotFound("key"))));
    nine.with_key(key(3, "kid 3"), NOW).unwrap();
}
