//! What a deployment says about its keys.

use std::time::Duration;

use kernel::{
    claims::{ACCESS_TOKEN_LIFETIME, CLOCK_SKEW},
    input::Whole,
};
use platform::{config::Reader, keys::KeyAlgorithm, secrets::KEPT};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

/// The variables that a policy is read from.
pub const SETTINGS: [&str; 4] = [
    "AUTH_JWKS_MAX_AGE_SECONDS",
    "AUTH_DUAL_SIGNING_ENABLED",
    "AUTH_DUAL_SIGNING_OVERLAP_MINUTES",
    "AUTH_DUAL_SIGNING_CANARY_PERCENT",
];

/// How far what others see may be behind what was written: our own functions keep a secret for [`KEPT`], and clocks
/// differ.
pub const SKEW: Duration = Duration::from_secs(KEPT.as_secs() + CLOCK_SKEW.as_secs());

/// The times and shares of a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `AUTH_JWKS_MAX_AGE_SECONDS`: how long others use the key set without asking again, 300 unless told.
    pub max_age: Duration,
    /// Two algorithms at once.
    pub dual: DualSigning,
}

/// Signing with RS256 and `EdDSA` while clients move from the one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DualSigning {
    /// `AUTH_DUAL_SIGNING_ENABLED`: whether an imported RS256 key signs beside the `EdDSA` one; not unless told.
    pub is_enabled: bool,
    /// `AUTH_DUAL_SIGNING_OVERLAP_MINUTES`: how long an RS256 key stays published after it signed last, 60 unless
    /// told; never shorter than its tokens live.
    pub overlap: Duration,
    /// `AUTH_DUAL_SIGNING_CANARY_PERCENT`: the share of sessions whose tokens `EdDSA` signs, 0 to 100; 0 unless told.
    pub canary_percent: u8,
}

impl Policy {
    /// Reads the configuration; `None` notes a fault.
    pub fn read(env: &mut Reader<'_>) -> Option<Self> {
        let max_age: Option<Whole<0, 86_400>> = env.or("AUTH_JWKS_MAX_AGE_SECONDS", "300");
        let is_enabled: Option<bool> = env.or("AUTH_DUAL_SIGNING_ENABLED", "false");
        let overlap: Option<Whole<0, 43_200>> = env.or("AUTH_DUAL_SIGNING_OVERLAP_MINUTES", "60");
        let percent: Option<Whole<0, 100>> = env.or("AUTH_DUAL_SIGNING_CANARY_PERCENT", "0");
        Some(Self {
            // A compromised key must be forgotten by others within a day at the latest.
            max_age: Duration::from_secs(max_age?.get().into()),
            dual: DualSigning {
                is_enabled: is_enabled?,
                overlap: Duration::from_secs(60 * u64::from(overlap?.get())),
                canary_percent: u8::try_from(percent?.get()).unwrap_or(100),
            },
        })
    }

    /// How long a key must have been published before it signs: then whoever asks once in `max_age` has it.
    pub fn announced_for(&self) -> Duration {
        self.max_age + SKEW
    }

    /// How long after a key was replaced no token it signed can be alive.
    pub fn outlived_by(&self, algorithm: KeyAlgorithm) -> Duration {
        let tokens = ACCESS_TOKEN_LIFETIME + SKEW;
        match algorithm {
            KeyAlgorithm::EdDSA => tokens,
            KeyAlgorithm::RS256 => tokens.max(self.dual.overlap),
        }
    }
}

impl DualSigning {
    /// Whether `EdDSA` signs the tokens of a session. All of a session's are signed alike, and a session that is moved
    /// at one share stays moved at every higher one.
    pub fn moves(&self, session: Uuid) -> bool {
        let hash = digest(&SHA256, session.as_bytes());
        let [a, b, ..] = *hash.as_ref() else { return false };
        // 65,536 places over 100 shares: each is right to within 1 in 655.
        u32::from(u16::from_be_bytes([a, b])) * 100 < u32::from(self.canary_percent) * (1 << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_grow_by_whole_sessions() {
        let sessions: Vec<Uuid> = (0..20_000_u128).map(|n| Uuid::from_u128(n << 64 | n)).collect();
        let mut before = Vec::new();
        for percent in [0_u8, 1, 10, 50, 99, 100] {
            let dual = DualSigning { is_enabled: true, overlap: Duration::ZERO, canary_percent: percent };
            let moved: Vec<Uuid> = sessions.iter().copied().filter(|session| dual.moves(*session)).collect();
            let share = moved.len() * 100;
            let wanted = usize::from(percent) * sessions.len();
            assert!(share.abs_diff(wanted) <= sessions.len(), "{percent} %: {} of 20,000", moved.len());
            assert!(before.iter().all(|session| moved.contains(session)), "{percent} %: somebody moved back");
            before = moved;
        }
        assert_eq!(before.len(), sessions.len());
    }

    #[test]
    fn an_rs256_key_stays_for_the_overlap_but_never_shorter_than_its_tokens() {
        let with = |minutes| Policy {
            max_age: Duration::from_mins(5),
            dual: DualSigning { is_enabled: true, overlap: Duration::from_mins(minutes), canary_percent: 0 },
        };
        let tokens = Duration::from_secs(900 + 80);
        for (minutes, rs256) in [(0, tokens), (16, tokens), (60, Duration::from_hours(1))] {
            assert_eq!(with(minutes).outlived_by(KeyAlgorithm::RS256), rs256, "{minutes}");
            assert_eq!(with(minutes).outlived_by(KeyAlgorithm::EdDSA), tokens, "{minutes}");
        }
        assert_eq!(with(0).announced_for(), Duration::from_secs(380));
    }
}
