//! The life of a key, as a table.

use serde::{Deserialize, Serialize};

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, so that verifiers know it before it signs.
    Next,
    /// Signs.
    Active,
    /// Signs no more; tokens it signed may still be alive.
    Retiring,
    /// No token it signed can be alive, or it is in wrong hands. Its private half is gone.
    Retired,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// It has been published for long enough: it signs.
    Promote,
    /// Another signs in its place.
    Replace,
    /// The last token it signed has died.
    Expire,
    /// It is in wrong hands.
    Revoke,
}

/// Every step there is. What is not here is refused.
pub const STEPS: [(KeyState, KeyEvent, KeyState); 6] = [
    (KeyState::Next, KeyEvent::Promote, KeyState::Active),
    (KeyState::Active, KeyEvent::Replace, KeyState::Retiring),
    (KeyState::Retiring, KeyEvent::Expire, KeyState::Retired),
    (KeyState::Next, KeyEvent::Revoke, KeyState::Retired),
    (KeyState::Active, KeyEvent::Revoke, KeyState::Retired),
    (KeyState::Retiring, KeyEvent::Revoke, KeyState::Retired),
];

impl KeyState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retiring, Self::Retired];

    /// The state after an event; `None` when it cannot happen in this one.
    pub fn after(self, event: KeyEvent) -> Option<Self> {
        STEPS.iter().find(|(from, by, _)| (*from, *by) == (self, event)).map(|(_, _, to)| *to)
    }

    /// Whether verifiers should know the key.
    pub const fn is_published(self) -> bool {
        match self {
            Self::Next | Self::Active | Self::Retiring => true,
            Self::Retired => false,
        }
    }

    /// Its name, as it is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [KeyEvent; 4] = [KeyEvent::Promote, KeyEvent::Replace, KeyEvent::Expire, KeyEvent::Revoke];

    #[test]
    fn a_life_goes_one_way_and_ends() {
        for (place, from) in KeyState::ALL.into_iter().enumerate() {
            for event in EVENTS {
                let Some(to) = from.after(event) else { continue };
                let after = KeyState::ALL.iter().position(|state| *state == to).unwrap();
                assert!(after > place, "{from:?} {event:?}");
            }
            let ways = EVENTS.iter().filter(|event| from.after(**event).is_some()).count();
            assert_eq!(ways == 0, from == KeyState::Retired, "{from:?}");
        }
    }

    #[test]
    fn a_key_in_wrong_hands_is_published_no_more_whatever_it_was() {
        for state in KeyState::ALL.into_iter().filter(|state| state.is_published()) {
            assert_eq!(state.after(KeyEvent::Revoke), Some(KeyState::Retired), "{state:?}");
        }
        assert!(!KeyState::Retired.is_published());
    }

    #[test]
    fn names_are_those_that_are_stored() {
        for state in KeyState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn the_runbook_draws_this_table() {
        let drawn = include_str!("../../../../docs/runbooks/keys.md");
        let drawn: Vec<&str> = drawn.lines().filter(|line| line.contains("-->")).map(str::trim).collect();
        let steps = STEPS.map(|(from, event, to)| {
            format!("{} --> {}: {}", from.name(), to.name(), format!("{event:?}").to_lowercase())
        });
        assert_eq!(drawn, steps);
    }
}
