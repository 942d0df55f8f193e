//! The four steps of a rotation, each as often and in whatever order a crash leaves them.

use std::time::Duration;

use identity::signing::{KeySet, KeyState, SigningKey, Vault};
use kernel::{Error, Result};
use testkit::{App, Lab, trail::entries_of};

use crate::{
    people::{app, person},
    vault::{Manager, STEPS, vault},
};

/// After this long the next key may sign: max-age, the time a secret is kept, and what clocks may differ.
pub(crate) const ANNOUNCED: Duration = Duration::from_secs(300 + 50 + 30);

/// A stack whose next key may sign.
async fn ripe() -> (App, Manager, Vault) {
    let app = app().await;
    person(&app, "ann").await;
    app.lab().advance(ANNOUNCED);
    let (manager, vault) = (Manager::new(app.lab()).await, vault(app.lab()));
    (app, manager, vault)
}

async fn set(vault: &Vault) -> KeySet {
    vault.current().await.unwrap().unwrap().1
}

/// The ids in one state.
fn kids(set: &KeySet, state: KeyState) -> Vec<&str> {
    set.keys.iter().filter(|key| key.state == state).map(SigningKey::kid).collect()
}

fn rule(outcome: Result<()>) -> &'static str {
    match outcome {
        Err(Error::Conflict { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_rotated_once(before: &KeySet, after: &KeySet) {
    assert_eq!(kids(after, KeyState::Active), kids(before, KeyState::Next));
    assert_eq!(kids(after, KeyState::Retiring), kids(before, KeyState::Active));
    assert_eq!(kids(after, KeyState::Next).len(), 1);
    assert!(before.find(kids(after, KeyState::Next)[0]).is_none(), "a new key is next");
}

#[tokio::test]
async fn a_rotation_moves_every_key_one_step_and_publishes_all() {
    let (app, manager, vault) = ripe().await;
    let before = set(&vault).await;
    manager.rotate().await.unwrap();
    for action in ["signing_keys.create", "signing_keys.rotate"] {
        assert_eq!(entries_of(app.lab(), action).await, 1, "{action}");
    }
    let after = set(&vault).await;
    assert_rotated_once(&before, &after);
    assert!(vault.publication().await.unwrap().unwrap().covers(&after));
    let described = manager.client.describe_secret().secret_id(&manager.secret).send().await.unwrap();
    assert!(described.last_rotated_date.is_some() && described.rotation_enabled == Some(true));
    assert!(described.rotation_lambda_arn.unwrap().ends_with("IdentityKeyRotationFunction"));
    let unused = app.lab().unused("identity-key-rotation");
    assert!(unused.is_empty(), "take it out of NEEDS and of the role in template.yaml: {unused:#?}");
}

#[tokio::test]
async fn every_step_may_come_twice() {
    let (_app, manager, vault) = ripe().await;
    let before = set(&vault).await;
    let token = manager.begin().await;
    for step in STEPS {
        manager.step(step, &token).await.unwrap();
        let (once, told) = (vault.prepared(&token).await.unwrap(), vault.publication().await.unwrap());
        manager.step(step, &token).await.unwrap();
        let again = (vault.prepared(&token).await.unwrap(), vault.publication().await.unwrap());
        let text = |set| serde_json::to_string(&set).unwrap();
        assert_eq!(text(again.0), text(once), "{step}");
        assert_eq!(again.1, told, "{step}");
    }
    assert_rotated_once(&before, &set(&vault).await);
}

#[tokio::test]
async fn after_a_crash_it_begins_again_and_rotates_once() {
    for crash in 0..=STEPS.len() {
        let (app, manager, vault) = ripe().await;
        let before = set(&vault).await;
        let token = manager.begin().await;
        for step in &STEPS[..crash] {
            manager.step(step, &token).await.unwrap();
        }
        app.lab().advance(Duration::from_hours(1));
        for step in STEPS {
            manager.step(step, &token).await.unwrap();
        }
        let after = set(&vault).await;
        assert_rotated_once(&before, &after);
        let told = vault.publication().await.unwrap().unwrap();
        let next = told.record(kids(&after, KeyState::Next)[0]).unwrap();
        // What counts is when it was told, not when it was decided.
        let is_told_late = crash < 2;
        assert_eq!(next.published_at == vault.now(), is_told_late, "crash after {crash}");
        let retiring = told.record(kids(&after, KeyState::Retiring)[0]).unwrap();
        assert_eq!(retiring.since == vault.now(), crash < 4, "crash after {crash}");
    }
}

#[tokio::test]
async fn a_key_that_was_published_too_briefly_does_not_sign() {
    let (app, manager, vault) = ripe().await;
    manager.rotate().await.unwrap();
    let before = set(&vault).await;
    let moment = Duration::from_millis(1);
    for (waited, refused) in [(ANNOUNCED.saturating_sub(moment), true), (moment, false)] {
        app.lab().advance(waited);
        let token = manager.begin().await;
        let outcome = manager.step("createSecret", &token).await;
        if refused {
            assert_eq!(rule(outcome), "key_published_too_briefly");
            assert!(vault.prepared(&token).await.unwrap().is_none());
            vault.give_up(&token).await.unwrap();
        } else {
            outcome.unwrap();
            let after = vault.prepared(&token).await.unwrap().unwrap();
            assert_eq!(kids(&after, KeyState::Active), kids(&before, KeyState::Next));
        }
    }
}

#[tokio::test]
async fn a_change_by_somebody_else_wins() {
    for steps in 1..STEPS.len() {
        a_change_wins_over_a_rotation_after(steps).await;
    }
}

async fn a_change_wins_over_a_rotation_after(steps: usize) {
    let (app, manager, vault) = ripe().await;
    let token = manager.begin().await;
    for step in &STEPS[..steps] {
        manager.step(step, &token).await.unwrap();
    }
    let (version, current) = vault.current().await.unwrap().unwrap();
    let kid = kids(&current, KeyState::Active)[0].to_owned();
    let fresh = SigningKey::generate(vault.now()).unwrap();
    let revoked = current.revoke(&kid, fresh, vault.now()).unwrap().unwrap();
    vault.replace("signing_keys.revoke", &version, &revoked).await.unwrap();
    // Nor does the rest of the rotation publish the revoked key again.
    for step in &STEPS[steps..STEPS.len() - 1] {
        let _ = manager.step(step, &token).await;
        assert!(!vault.publication().await.unwrap().unwrap().has(&kid), "{step} after {steps} steps");
    }

    for _ in 0..2 {
        assert_eq!(rule(manager.step("finishSecret", &token).await), "keys_changed");
        assert!(set(&vault).await.find(&kid).unwrap().revoked_at.is_some());
        assert!(!vault.publication().await.unwrap().unwrap().has(&kid));
    }
    // And whoever read the set before that changes nothing either.
    assert_eq!(rule(vault.replace("signing_keys.revoke", &version, &current).await), "secret_changed");
    assert_eq!(entries_of(app.lab(), "signing_keys.rotate").await, 0, "nothing was rotated");
    assert_eq!(entries_of(app.lab(), "signing_keys.revoke").await, 1, "and one was revoked once");
    // The next rotation is not in the way of the one that was given up.
    assert_eq!(rule(manager.rotate().await), "key_published_too_briefly");
}

#[tokio::test]
async fn it_can_be_tried_and_can_begin_before_there_are_keys() {
    let lab = Lab::new();
    let manager = Manager::new(&lab).await;
    let token = manager.begin().await;
    manager.step("testSecret", &token).await.unwrap();
    for step in ["setSecret", "finishSecret"] {
        assert_eq!(rule(manager.step(step, &token).await), "keys_unprepared");
    }
    for step in STEPS {
        manager.step(step, &token).await.unwrap();
    }
    let made = set(&vault(&lab)).await;
    let app = lab.http("identity", identity::function).await;
    person(&app, "ann").await;
    let now = set(&vault(&lab)).await;
    assert_eq!(kids(&made, KeyState::Active), kids(&now, KeyState::Active), "identity takes what is there");
}

#[tokio::test]
async fn what_is_no_step_of_ours_is_refused() {
    let lab = Lab::new();
    let manager = Manager::new(&lab).await;
    let token = manager.begin().await;
    assert!(matches!(manager.step("breakSecret", &token).await, Err(Error::Malformed(_))));
    let another = Manager { secret: lab.environment("identity")["PEPPER_SECRET"].clone(), ..manager };
    assert_eq!(rule(another.step("createSecret", &token).await), "another_secret");
    assert!(vault(&lab).current().await.unwrap().is_none());
}

#[tokio::test]
async fn the_event_is_one_that_secrets_manager_sends() {
    let lab = Lab::new();
    let event = include_str!("../../../../events/identity-key-rotation.json");
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let manager = Manager::new(&lab).await;
    assert_eq!(event["SecretId"], *manager.secret);
    let token = event["ClientRequestToken"].as_str().unwrap();
    let begun = manager.client.rotate_secret().secret_id(&manager.secret).client_request_token(token);
    begun.send().await.unwrap();
    // A `testSecret` of its own is what comes when rotation is switched on.
    assert_eq!(event["Step"], "testSecret");
    manager.step("testSecret", token).await.unwrap();
    assert!(vault(&lab).prepared(token).await.unwrap().is_none());
}
