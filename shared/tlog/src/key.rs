//! The keys of notes: Ed25519, each with a name and an id (C2SP signed-note, verifier keys).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest::{Context, SHA256},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

/// What a key signs. The same key pair has another id for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Notes, as their text stands (signature type 0x01).
    Note,
    /// Checkpoints of others, with the time at which they were seen (signature type 0x04, C2SP tlog-cosignature).
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// The key or its name is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name stands in lines, between spaces and plus signs.
    #[error("a key's name must not be empty nor hold spaces, plus signs or control characters")]
    Name,
    /// The seed is not 32 bytes.
    #[error("an Ed25519 seed has 32 bytes")]
    Seed,
    /// The text has not the three parts of a verifier key.
    #[error("must be a verifier key: its name, its id and the key, like example.com/log+530d903a+AekyeR…")]
    Form,
    /// The id does not belong to name and key.
    #[error("the verifier key's id is not that of its name and key, which is {0:08x}")]
    Id(u32),
    /// It is of a type that is not known here.
    #[error("the verifier key is no Ed25519 key for notes (type 1) or cosignatures (type 4)")]
    Kind,
}

/// A public key with its name. Written as `name+id+key` (C2SP signed-note, verifier keys).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: u32,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// A key with the id that C2SP signed-note recommends.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, KeyError> {
        // ASCII's control characters are refused in notes as a whole; the others have no place in a name either.
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(KeyError::Name);
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, kind, &public), kind, public })
    }

    /// Its name, for a log's key the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells keys of one name apart. Not a secure hash: only the key itself can be trusted.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The bare Ed25519 key (RFC 8032 §5.1.5).
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether this key made the Ed25519 signature over the message.
    pub(crate) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = [self.kind.byte(); 33];
        key[1..].copy_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // base64 has plus signs, too.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (kind, public) = bytes.split_first().ok_or(KeyError::Form)?;
        let kind = [KeyKind::Note, KeyKind::Cosignature].into_iter().find(|known| known.byte() == *kind);
        let key =
            Self::new(name, kind.ok_or(KeyError::Kind)?, public.try_into().map_err(|_| KeyError::Form)?)?;
        if format!("{:08x}", key.id) == id { Ok(key) } else { Err(KeyError::Id(key.id)) }
    }
}

/// The first four bytes of SHA-256(name ‖ newline ‖ type ‖ key), C2SP signed-note, signatures.
fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> u32 {
    let mut context = Context::new(&SHA256);
    context.update(name.as_bytes());
    context.update(&[b'\n', kind.byte()]);
    context.update(public);
    let digest = context.finish();
    digest.as_ref().iter().take(4).fold(0, |id, byte| id << 8 | u32::from(*byte))
}

/// A private key with its name. It is nowhere written, not even in a debug message.
pub(crate) struct PrivateKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl PrivateKey {
    pub(crate) fn new(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Seed)?;
        Ok(Self { pair, verifier: VerifierKey::new(name, kind, public)? })
    }

    pub(crate) const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }
}

/// A key that signs notes (signature type 0x01). Its `Debug` shows the name and the public key only.
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// From a name and an Ed25519 seed, which is the private key of RFC 8032 §5.1.5.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        PrivateKey::new(name, KeyKind::Note, seed).map(Self)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.verifier.name()
    }

    /// What others need to check its signatures.
    pub const fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    /// The Ed25519 signature over a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOO: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_key_of_the_specification_is_read_and_written() {
        let key: VerifierKey = FOO.parse().unwrap();
        assert_eq!((key.name(), key.id(), key.kind()), ("example.com/foo", 0x530d_903a, KeyKind::Note));
        assert_eq!(key.to_string(), FOO);
    }

    #[test]
    fn a_seed_makes_a_key_for_each_kind() {
        // RFC 8032 §7.1, test 1.
        let seed = b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\
                     \x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
        let key = SigningKey::new("example.com/log", seed).unwrap();
        assert_eq!(key.verifier().public()[..4], [0xd7, 0x5a, 0x98, 0x01]);
        let cosigner = PrivateKey::new("example.com/log", KeyKind::Cosignature, seed).unwrap();
        assert_eq!(key.verifier().public(), cosigner.verifier().public());
        assert_ne!(key.verifier().id(), cosigner.verifier().id());
        for key in [key.verifier(), cosigner.verifier()] {
            assert_eq!(&key.to_string().parse::<VerifierKey>().unwrap(), key);
        }
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.verifier()));
    }

    #[test]
    fn wrong_keys_are_told_apart() {
        let wrong = |text: &str| text.parse::<VerifierKey>().unwrap_err();
        assert_eq!(wrong(""), KeyError::Form);
        assert_eq!(wrong("example.com/foo+530d903a"), KeyError::Form);
        assert_eq!(wrong(&FOO[..FOO.len() - 1]), KeyError::Form);
        assert_eq!(wrong(&FOO.replace("foo", "bar")), KeyError::Id(0xc6fb_2e3e));
        assert_eq!(wrong(&FOO.replace("530d903a", "530D903A")), KeyError::Id(0x530d_903a));
        assert_eq!(wrong(&FOO.replace("+AekyeR", "+AekyeS")), KeyError::Id(0x7184_a5aa));
        assert_eq!(wrong(&FOO.replace("+Aeky", "+Buky")), KeyError::Kind);
        assert_eq!(wrong(&FOO.replace("example.com/foo", "")), KeyError::Name);
        for name in ["a b", "a\u{2003}b", "a\nb", "a\u{1}b"] {
            assert_eq!(SigningKey::new(name, &[1; 32]).unwrap_err(), KeyError::Name, "{name:?}");
        }
        assert_eq!(SigningKey::new("a+b", &[1; 32]).unwrap_err(), KeyError::Name);
    }
}
