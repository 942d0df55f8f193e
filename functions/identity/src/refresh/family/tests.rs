use kernel::id::Id as _;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::refresh::tests::app_keys;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn keys(current: &str) -> RefreshKeys {
    RefreshKeys::from(&app_keys(current))
}

fn begin(keys: &RefreshKeys) -> (RefreshToken, Family) {
    let id = SessionId::from_uuid(Uuid::from_u128(42));
    Family::begin(id, [7; 32], keys, "s1", START)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The text of what is handed out and whether the family moved on.
fn outcome(decision: &Decision) -> (&'static str, Option<String>) {
    match decision {
        Decision::Rotate { successor, .. } => ("rotate", Some(successor.text().expose().clone())),
        Decision::Replay { successor } => ("replay", Some(successor.text().expose().clone())),
        Decision::Reuse => ("reuse", None),
        Decision::Refused(_) => ("refused", None),
    }
}

fn rotated(
    family: &Family,
    token: &RefreshToken,
    keys: &RefreshKeys,
    now: Timestamp,
) -> (RefreshToken, Family) {
    match rotate(family, token, keys, "s2", now) {
        Decision::Rotate { successor, next } => (successor, *next),
        other => panic!("expected a rotation, got {other:?}"),
    }
}

#[test]
fn a_rotation_moves_everything_on() {
    let keys = keys("k1");
    let (token, family) = begin(&keys);
    let now = START + millis(5_000);
    let (successor, next) = rotated(&family, &token, &keys, now);
    assert_eq!(successor.generation(), 1);
    let expected = Family {
        generation: 1,
        token_hash: successor.hash(),
        signing_kid: "s2".into(),
        rotated_at: now,
        expires_at: now + TOKEN_LIFETIME,
        ..family
    };
    assert_eq!(next, expected);
    assert_ne!(next.token_hash, token.hash());
}

#[test]
fn nothing_stored_is_secret() {
    let (token, family) = begin(&keys("k1"));
    let json = serde_json::to_string(&family).unwrap();
    assert!(!json.contains(&token.text().expose()["gw_rt_".len()..]));
    assert!(!format!("{family:?}{json}").contains("gw_rt_"));
    assert_eq!(serde_json::from_str::<Family>(&json).unwrap(), family);
}

#[test]
fn each_presentation_has_its_decision() {
    let keys = keys("k1");
    let (t0, f0) = begin(&keys);
    let (t1, f1) = rotated(&f0, &t0, &keys, START);
    let (t2, f2) = rotated(&f1, &t1, &keys, START);
    let revoked = f1.clone().revoked(START);
    let elsewhere = Family { id: SessionId::from_uuid(Uuid::from_u128(1)), ..f1.clone() };
    let swapped = Family { token_hash: f0.token_hash, ..f1.clone() };
    let lost = Family { hash_kid: "k9".parse().unwrap(), ..f1.clone() };
    let at_last = |family: &Family| family.expires_at - millis(1);
    let cases = [
        ("alive", &f1, &t1, START, "rotate"),
        ("alive to the last moment", &f1, &t1, at_last(&f1), "rotate"),
        ("parent at once", &f1, &t0, START, "replay"),
        ("parent, clock behind", &f1, &t0, START - millis(60_000), "replay"),
        ("parent at ten seconds", &f1, &t0, START + millis(10_000), "replay"),
        ("parent after ten seconds", &f1, &t0, START + millis(10_001), "reuse"),
        ("grandparent at once", &f2, &t0, START, "reuse"),
        ("parent of another successor", &swapped, &t0, START, "reuse"),
        ("expired", &f1, &t1, f1.expires_at, "refused"),
        ("old and expired", &f1, &t0, f1.expires_at, "refused"),
        ("revoked", &revoked, &t1, START, "refused"),
        ("old and revoked", &revoked, &t0, START, "refused"),
        ("of another family", &elsewhere, &t1, START, "refused"),
        ("another token is stored", &swapped, &t1, START, "refused"),
        ("from the future", &f1, &t2, START, "refused"),
        ("successor's key is gone", &lost, &t0, START, "refused"),
    ];
    for (name, family, token, now, expected) in cases {
        let decision = rotate(family, token, &keys, "s2", now);
        assert_eq!(outcome(&decision).0, expected, "{name}: {decision:?}");
        if expected == "replay" {
            assert_eq!(outcome(&decision).1.as_ref(), Some(t1.text().expose()), "{name}");
        }
    }
    assert!(f1.is_alive(at_last(&f1)) && !f1.is_alive(f1.expires_at) && !revoked.is_alive(START));
    assert_eq!(revoked.clone().revoked(START + millis(9)).revoked_at, Some(START));
}

#[test]
fn a_new_application_key_takes_over_at_the_next_rotation() {
    let (before, after) = (keys("k1"), keys("k2"));
    let (t0, f0) = begin(&before);
    let (t1, f1) = rotated(&f0, &t0, &before, START);
    // The current key changes between a rotation and its replay: the successor stays the one handed out.
    let replayed = rotate(&f1, &t0, &after, "s2", START + millis(1));
    assert_eq!(outcome(&replayed), ("replay", Some(t1.text().expose().clone())));
    let (t2, f2) = rotated(&f1, &t1, &after, START + millis(2));
    assert_eq!(f2.hash_kid.as_str(), "k2");
    // A function that has not seen the change yet replays the very same.
    let behind = rotate(&f2, &t1, &before, "s2", START + millis(3));
    assert_eq!(outcome(&behind), ("replay", Some(t2.text().expose().clone())));
    assert!(after.parse(t2.text().expose()).is_ok());
}

#[test]
fn the_last_generation_has_no_successor() {
    let keys = keys("k1");
    let (_, family) = begin(&keys);
    let token = RefreshToken::issue(&keys.current, family.id, u32::MAX, [1; 32]);
    let family = Family { generation: u32::MAX, token_hash: token.hash(), ..family };
    let decision = rotate(&family, &token, &keys, "s2", START);
    assert!(matches!(decision, Decision::Refused(Refusal::NoSuccessor)), "{decision:?}");
}

/// What happens to a family: time passes, somebody presents one of the tokens handed out so far.
#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Present(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let wait = prop_oneof![0..3_000_u64, 9_990..10_010_u64, Just(31 * 24 * 3_600_000)];
    let event = prop_oneof![
        2 => wait.prop_map(Event::Wait),
        // Mostly the newest few: old ones end the family at once.
        5 => any::<prop::sample::Index>().prop_map(Event::Present),
    ];
    prop::collection::vec(event, 1..40)
}

proptest! {
    /// The model: only the last token handed out rotates; its parent within the window repeats it; anything
    /// older ends the family; after the end, and after 30 days, nothing does anything.
    #[test]
    fn at_most_one_token_is_alive(events in events()) {
        let keys = keys("k1");
        let (token, mut family) = begin(&keys);
        let (mut handed_out, mut now) = (vec![token], START);
        for event in events {
            let index = match event {
                Event::Wait(count) => { now = now + millis(count); continue; }
                Event::Present(index) => handed_out.len() - 1 - index.index(handed_out.len().min(3)),
            };
            let last = handed_out.len() - 1;
            let expected = if !family.is_alive(now) { "refused" }
                else if index == last { "rotate" }
                else if index + 1 == last && now.since(family.rotated_at) <= REPLAY_WINDOW { "replay" }
                else { "reuse" };
            let alive = handed_out.iter()
                .filter(|token| outcome(&rotate(&family, token, &keys, "s", now)).0 == "rotate").count();
            prop_assert_eq!(alive, usize::from(family.is_alive(now)));
            let decision = rotate(&family, &handed_out[index], &keys, "s", now);
            let (name, text) = outcome(&decision);
            prop_assert_eq!(name, expected);
            match decision {
                Decision::Rotate { successor, next } => { handed_out.push(successor); family = *next; }
                Decision::Replay { .. } => prop_assert_eq!(text, Some(handed_out[last].text().expose().clone())),
                Decision::Reuse => family = family.revoked(now),
                Decision::Refused(_) => {}
            }
        }
    }

    /// Parallel refreshes of one token, each deciding on the family it read and storing on the condition that
    /// it is unchanged: whatever the order, one successor and one access token id.
    #[test]
    fn parallel_refreshes_answer_alike(
        reads in prop::collection::vec((0..9_000_u64, any::<bool>()), 2..50),
    ) {
        let keys = keys("k1");
        let (token, first) = begin(&keys);
        let mut stored = first.clone();
        let mut answers = std::collections::BTreeSet::new();
        for (delay, read_before_the_first_store) in reads {
            let now = START + millis(delay);
            let read = if read_before_the_first_store { first.clone() } else { stored.clone() };
            let mut decision = rotate(&read, &token, &keys, "s2", now);
            if matches!(decision, Decision::Rotate { .. }) && stored.generation != read.generation {
                decision = rotate(&stored, &token, &keys, "s3", now);
            }
            let successor = match decision {
                Decision::Rotate { successor, next } => { stored = *next; successor }
                Decision::Replay { successor } => successor,
                other => panic!("{other:?}"),
            };
            let access_token_id = successor.access_token_id(stored.rotated_at);
            answers.insert((successor.text().expose().clone(), access_token_id, stored.signing_kid.clone()));
        }
        prop_assert_eq!(answers.len(), 1);
    }
}
