//! Identifiers: `UUIDv7` (RFC 9562 §5.7), one type per noun, so that one noun's id never passes for another's.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::Timestamp;

/// The text is no UUID in the canonical form.
#[derive(Debug, thiserror::Error)]
#[error("must be a UUID")]
pub struct ParseIdError;

/// Makes a `UUIDv7` from a time and random bits. Ids made later sort later, to the millisecond.
pub fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.millis()).unwrap_or(0), &random).into_uuid()
}

/// The time a `UUIDv7` was made, in its first 48 bits.
pub fn made_at(id: Uuid) -> Timestamp {
    let bytes = id.as_bytes();
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&bytes[..6]);
    Timestamp::from_millis(i64::from_be_bytes(millis))
}

/// Reads the canonical, lower-case, hyphenated form and nothing else: ids are compared as text in keys.
fn parse(text: &str) -> Result<Uuid, ParseIdError> {
    let id = Uuid::try_parse(text).map_err(|_| ParseIdError)?;
    if id.hyphenated().to_string() == text { Ok(id) } else { Err(ParseIdError) }
}

/// An identifier type over [`Uuid`].
pub trait Id: Copy + fmt::Display + FromStr<Err = ParseIdError> {
    /// Wraps the bare UUID.
    fn from_uuid(id: Uuid) -> Self;
    /// The bare UUID.
    fn uuid(self) -> Uuid;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid", example = "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17")]
        pub struct $name(Uuid);

        impl Id for $name {
            fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        $crate::text_input!($name);
    )*};
}

ids! {
    /// A person's account.
    UserId,
    /// A tenant: the boundary of all data.
    TenantId,
    /// A login session, which is one refresh-token family.
    SessionId,
    /// A service account.
    ServiceAccountId,
    /// A service account's secret.
    ClientSecretId,
    /// An API key.
    ApiKeyId,
    /// One access token (`jti`).
    TokenId,
    /// A mail-borne token (e-mail verification, password reset).
    MailTokenId,
    /// One audit entry.
    AuditId,
    /// One outbox message.
    MessageId,
    /// One job.
    JobId,
    /// What could not be delivered, or failed for good.
    DeadLetterId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_their_time_and_sort_by_it() {
        let early = UserId::from_uuid(uuid_v7(Timestamp::from_millis(1_700_000_000_001), [255; 10]));
        let late = UserId::from_uuid(uuid_v7(Timestamp::from_millis(1_700_000_000_002), [0; 10]));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(made_at(early.uuid()).millis(), 1_700_000_000_001);
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let id = "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17";
        assert_eq!(id.parse::<TenantId>().unwrap().to_string(), id);
        for wrong in ["", "x", "01981F9A-2E4B-7C3D-9A51-3F6D2B8C0E17", "01981f9a2e4b7c3d9a513f6d2b8c0e17"] {
            assert!(wrong.parse::<TenantId>().is_err(), "{wrong}");
        }
    }
}
