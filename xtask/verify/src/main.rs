//! Verifies one token over and over, and its signature alone with ring, in turns; prints
//! `{"ring_ns", "whole_ns", "token", "jwk"}`: the median of each, and what another can be measured with.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks through its output")]
#![allow(clippy::disallowed_methods, reason = "it measures time; nothing here runs on Lambda")]

use std::{error::Error, hint::black_box, time::Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{
    Role, Timestamp,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims, Expected, Holder},
    id::{Id as _, SessionId, TenantId, TokenId, UserId},
};
use platform::{
    jwt::KeyPair,
    keys::{Jwks, KeyAlgorithm, KeyMaterial, VerificationKeys},
};
use ring::signature::{ED25519, UnparsedPublicKey};
use uuid::Uuid;

/// Turns of each, and verifications in one.
const TURNS: usize = 60;
const IN_ONE: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let pair = KeyPair::from_pkcs8(KeyAlgorithm::EdDSA, &KeyPair::generate_ed25519()?)?;
    let jwk = pair.jwk();
    let token = pair.token(ACCESS_TOKEN_TYPE, &jwk.kid, &claims())?;
    let keys = VerificationKeys::new(&Jwks { keys: vec![jwk.clone()] })?;
    let expected = Expected { issuer: claims().iss, audience: claims().aud };
    let now = Timestamp::from_seconds(claims().iat);

    let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let KeyMaterial::Okp { x, .. } = &jwk.material else { return Err("no Ed25519 key".into()) };
    let public = UnparsedPublicKey::new(&ED25519, URL_SAFE_NO_PAD.decode(x)?);

    let (mut ring, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ring.push(nanoseconds(|| {
            public.verify(black_box(message.as_bytes()), &signature).expect("it is signed");
        }));
        whole.push(nanoseconds(|| {
            black_box(keys.verify(black_box(&token), &expected, now)).expect("it is good");
        }));
    }
    let told = serde_json::json!({
        "ring_ns": median(&mut ring), "whole_ns": median(&mut whole), "token": token, "jwk": jwk,
    });
    println!("{told}");
    Ok(())
}

/// The mean time of one call.
fn nanoseconds(mut call: impl FnMut()) -> u128 {
    let started = Instant::now();
    for _ in 0..IN_ONE {
        call();
    }
    started.elapsed().as_nanos() / u128::from(IN_ONE)
}

fn median(times: &mut [u128]) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Those of a token as it is issued.
fn claims() -> AccessClaims {
    AccessClaims {
        iss: "https://api.example.com".to_owned(),
        aud: "groundwork-api".to_owned(),
        holder: Holder::User(UserId::from_uuid(Uuid::from_u128(1)), SessionId::from_uuid(Uuid::from_u128(3))),
        jti: TokenId::from_uuid(Uuid::from_u128(2)),
        iat: 1_767_225_600,
        exp: 1_767_225_600 + 900,
        tid: TenantId::from_uuid(Uuid::from_u128(4)),
        role: Role::Member,
        scope: "full".to_owned(),
    }
}
