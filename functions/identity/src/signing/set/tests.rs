use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_seconds(1_767_225_600);
const ANNOUNCED: Duration = Duration::from_secs(300 + 80);
const TOKENS: Duration = Duration::from_secs(900 + 80);

fn policy(is_dual: bool) -> Policy {
    let dual = DualSigning { is_enabled: is_dual, overlap: Duration::from_hours(2), canary_percent: 50 };
    Policy { max_age: Duration::from_mins(5), dual }
}

/// A world: a key set in use, what is published of it, and the time.
#[derive(Clone, Debug)]
struct World {
    set: KeySet,
    seen: Publication,
    policy: Policy,
    now: Timestamp,
}

impl World {
    fn new(is_dual: bool) -> Self {
        let (set, policy) = (KeySet::first(START).unwrap(), policy(is_dual));
        Self { seen: Publication::of(&set, None, &policy, START), set, policy, now: START }
    }

    fn put_in_use(&mut self, set: KeySet) {
        self.seen = Publication::of(&set, Some(&self.seen), &self.policy, self.now);
        self.set = set;
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn rotate(&mut self) -> Result<(), Refusal> {
        let fresh = SigningKey::generate(self.now).unwrap();
        let set = self.set.rotate(&self.seen, &self.policy, fresh, self.now)?;
        self.put_in_use(set);
        Ok(())
    }

    fn revoke(&mut self, kid: &str) {
        let fresh = SigningKey::generate(self.now).unwrap();
        if let Some(set) = self.set.revoke(kid, fresh, self.now).unwrap() {
            self.put_in_use(set);
        }
    }

    fn kid(&self, algorithm: KeyAlgorithm, state: KeyState) -> Option<String> {
        self.set.one(algorithm, state).map(|key| key.kid().to_owned())
    }

    fn eddsa(&self, state: KeyState) -> String {
        self.kid(KeyAlgorithm::EdDSA, state).unwrap()
    }

    fn import_rsa(&mut self) -> String {
        let pkcs8 = include_bytes!("../../../tests/fixtures/rsa-2048-test-only.pk8");
        let key = SigningKey::from_pkcs8(KeyAlgorithm::RS256, pkcs8, self.now).unwrap();
        let kid = key.kid().to_owned();
        self.put_in_use(self.set.import(key, self.now).unwrap());
        kid
    }
}

#[test]
fn a_key_goes_through_its_life() {
    let mut world = World::new(false);
    let kid = world.eddsa(KeyState::Next);
    for (wait, state, is_shown) in [
        (ANNOUNCED, KeyState::Active, true),
        (ANNOUNCED, KeyState::Retiring, true),
        (ANNOUNCED, KeyState::Retiring, true),
        (TOKENS, KeyState::Retired, false),
    ] {
        world.wait(wait);
        world.rotate().unwrap();
        let key = world.set.find(&kid).unwrap();
        assert_eq!(key.state, state);
        assert_eq!(key.private.is_some(), is_shown, "{state:?}");
        assert_eq!(world.seen.has(&kid), is_shown, "{state:?}");
        assert!(world.seen.covers(&world.set));
    }
    world.wait(LISTED_FOR);
    world.rotate().unwrap();
    assert!(world.set.find(&kid).is_none(), "it is listed for 30 days");
}

#[test]
fn promotion_too_early_is_refused_and_changes_nothing() {
    let mut world = World::new(false);
    let kid = world.eddsa(KeyState::Next);
    let ready_at = START + ANNOUNCED;
    for wait in [Duration::ZERO, ANNOUNCED.saturating_sub(Duration::from_millis(1))] {
        world.now = START + wait;
        assert_eq!(world.rotate(), Err(Refusal::TooEarly { kid: kid.clone(), ready_at }));
        assert_eq!(
            world.set.require_ready(&world.seen, &world.policy, world.now).unwrap_err().rule(),
            "key_published_too_briefly"
        );
    }
    world.now = ready_at;
    world.set.require_ready(&world.seen, &world.policy, world.now).unwrap();
    world.rotate().unwrap();

    let unseen = KeySet { keys: vec![SigningKey::generate(START).unwrap()], ..world.set.clone() };
    let refused = unseen.rotate(&world.seen, &world.policy, SigningKey::generate(START).unwrap(), ready_at);
    assert_eq!(refused.unwrap_err().rule(), "key_unpublished");
}

#[test]
fn a_retiring_key_stays_until_its_last_token_is_dead_and_then_goes_by_itself() {
    let mut world = World::new(false);
    let kid = world.eddsa(KeyState::Active);
    world.wait(ANNOUNCED);
    world.rotate().unwrap();
    let (replaced_at, known) = (world.now, world.seen.modified_at(world.now));
    let is_shown = |now| world.seen.jwks_at(now).keys.iter().any(|key| key.kid == kid);
    let dead_at = replaced_at + TOKENS;
    assert!(is_shown(dead_at - Duration::from_millis(1)));
    assert_eq!(world.seen.modified_at(dead_at - Duration::from_millis(1)), known);
    assert!(!is_shown(dead_at), "no rotation is needed for that");
    assert_eq!(world.seen.modified_at(dead_at), dead_at);
}

#[test]
fn the_next_key_takes_over_from_a_revoked_one_at_once() {
    let mut world = World::new(false);
    let (active, next) = (world.eddsa(KeyState::Active), world.eddsa(KeyState::Next));
    world.revoke(&active);
    assert_eq!(world.eddsa(KeyState::Active), next);
    assert_ne!(world.eddsa(KeyState::Next), next);
    let gone = world.set.find(&active).unwrap().clone();
    assert!(gone.private.is_none() && gone.revoked_at == Some(START));
    assert!(!world.seen.has(&active) && world.seen.covers(&world.set));
    let fresh = || SigningKey::generate(START).unwrap();
    assert!(world.set.revoke(&active, fresh(), START).unwrap().is_none(), "once is enough");
    assert_eq!(world.set.revoke("nobody", fresh(), START).unwrap_err().rule(), "key_unknown");
    // It is remembered for good, so that it is not imported again.
    world.wait(LISTED_FOR * 2);
    world.rotate().unwrap();
    let again = SigningKey { public: gone.public, ..fresh() };
    assert_eq!(world.set.import(again, START).unwrap_err().rule(), "key_known");
}

#[test]
fn there_is_a_key_that_signs_whatever_is_revoked() {
    for state in [KeyState::Next, KeyState::Active] {
        let mut world = World::new(false);
        for _ in 0..5 {
            world.revoke(&world.eddsa(state));
            assert!(world.set.signer(&world.policy.dual, Uuid::nil()).is_some());
            assert!(world.kid(KeyAlgorithm::EdDSA, KeyState::Next).is_some(), "{state:?}");
        }
    }
    let mut world = World::new(false);
    world.set.keys.retain(|key| key.state == KeyState::Active);
    world.revoke(&world.eddsa(KeyState::Active));
    assert!(world.set.signer(&world.policy.dual, Uuid::nil()).is_some(), "the new one signs");
}

#[test]
fn rs256_comes_in_beside_eddsa_and_goes() {
    let mut world = World::new(true);
    let rsa = world.import_rsa();
    let signs = |world: &World| {
        let sessions = (0..200_u128).map(Uuid::from_u128);
        let mut kids: Vec<String> = sessions
            .map(|session| world.set.signer(&world.policy.dual, session).unwrap().kid().to_owned())
            .collect();
        kids.sort();
        kids.dedup();
        kids
    };
    assert_eq!(signs(&world), [world.eddsa(KeyState::Active)], "it is only next");
    world.wait(ANNOUNCED);
    world.rotate().unwrap();
    assert_eq!(world.set.find(&rsa).unwrap().state, KeyState::Active);
    let mut both = vec![rsa.clone(), world.eddsa(KeyState::Active)];
    both.sort();
    assert_eq!(signs(&world), both);

    world.policy.dual.canary_percent = 100;
    assert_eq!(signs(&world), [world.eddsa(KeyState::Active)]);
    world.policy.dual.canary_percent = 0;
    assert_eq!(signs(&world), std::slice::from_ref(&rsa));
    world.policy.dual.is_enabled = false;
    assert_eq!(signs(&world), [world.eddsa(KeyState::Active)], "at once, before any rotation");

    world.wait(ANNOUNCED);
    world.rotate().unwrap();
    let (ended_at, overlap) = (world.now, world.policy.dual.overlap);
    assert_eq!(world.set.find(&rsa).unwrap().state, KeyState::Retiring);
    assert!(!world.seen.is_outlived(&rsa, ended_at + overlap - Duration::from_millis(1)));
    world.wait(overlap);
    world.rotate().unwrap();
    assert_eq!(world.set.find(&rsa).unwrap().state, KeyState::Retired);
}

/// What may happen to a stack.
#[derive(Clone, Debug)]
enum Happening {
    Wait(u64),
    Rotate,
    Revoke(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => (0_u64..1_200).prop_map(Happening::Wait),
        4 => Just(Happening::Rotate),
        1 => (0_usize..6).prop_map(Happening::Revoke),
    ];
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: one key signs, it is published, and unless its predecessor was revoked it has been for long
    /// enough; what a live token may be signed with is published; what is revoked is not, ever.
    #[test]
    fn no_token_is_ever_signed_that_a_polling_client_refuses(happenings in happenings()) {
        let mut world = World::new(false);
        let mut signed: Vec<(String, Timestamp)> = vec![(world.eddsa(KeyState::Active), START)];
        let mut revoked = Vec::new();
        for happening in happenings {
            let before = world.eddsa(KeyState::Active);
            match happening {
                Happening::Wait(seconds) => world.wait(Duration::from_secs(seconds)),
                Happening::Rotate => drop(world.rotate()),
                Happening::Revoke(place) => {
                    let kid = world.set.keys[place % world.set.keys.len()].kid().to_owned();
                    world.revoke(&kid);
                    revoked.push(kid);
                }
            }
            let active = world.eddsa(KeyState::Active);
            prop_assert_eq!(world.set.keys.iter().filter(|key| key.state == KeyState::Active).count(), 1);
            if active != before && !revoked.contains(&before) {
                let published_at = world.seen.published_at(&active).unwrap();
                prop_assert!(world.now.since(published_at) >= ANNOUNCED);
            }
            signed.push((active, world.now));
            let shown = world.seen.jwks_at(world.now);
            for (kid, at) in &signed {
                let is_alive = world.now.since(*at) < Duration::from_mins(15);
                let is_shown = shown.keys.iter().any(|key| key.kid == *kid);
                prop_assert!(!is_alive || is_shown || revoked.contains(kid), "{} is missing", kid);
            }
            prop_assert!(revoked.iter().all(|kid| !world.seen.has(kid)));
            prop_assert!(world.seen.covers(&world.set));
        }
    }
}
