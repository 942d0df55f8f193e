use serde_json::json;

use super::*;

/// RFC 8037 appendix A.2.
fn okp() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// RFC 7515 appendix A.3.1.
fn ec() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })
}

/// RFC 7638 §3.1.
fn rsa() -> Value {
    json!({"kty": "RSA", "e": "AQAB", "n": concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3",
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
        "kEgU8awapJzKnqDKgw"
    )})
}

fn with(mut jwk: Value, member: &str, value: Value) -> Map<String, Value> {
    jwk[member] = value;
    jwk.as_object().unwrap().clone()
}

#[test]
fn keys_are_read_and_know_their_algorithm() {
    let cases = [
        (okp(), Algorithm::EdDSA, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (ec(), Algorithm::ES256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"),
        (rsa(), Algorithm::RS256, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    ];
    for (jwk, algorithm, thumbprint) in cases {
        let key = PublicKey::read(jwk.as_object().unwrap()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.thumbprint(), thumbprint, "{jwk}");
        let stored = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&stored).unwrap(), key);
        for name in key.algorithm_names() {
            let said = with(with(jwk.clone(), "alg", json!(name)).into(), "use", json!("sig"));
            assert_eq!(PublicKey::read(&with(said.into(), "key_ops", json!(["verify"]))), Ok(key.clone()));
        }
    }
}

#[test]
fn what_is_no_public_key_for_signatures_is_refused_by_name() {
    let short = text(&[0xff; 255]);
    let long = text(&[0xff; 1025]);
    let cases: [(&str, Map<String, Value>, &str); 25] = [
        ("a private Ed25519 key", with(okp(), "d", json!("AA")), "d"),
        ("a private EC key", with(ec(), "d", json!("AA")), "d"),
        ("a private RSA key", with(rsa(), "p", json!("AA")), "p"),
        ("private, but null", with(rsa(), "qi", Value::Null), "qi"),
        ("a shared secret", with(okp(), "k", json!("AA")), "k"),
        ("a symmetric key", with(okp(), "kty", json!("oct")), "kty"),
        ("no kty", with(okp(), "kty", Value::Null), "kty"),
        ("X25519", with(okp(), "crv", json!("X25519")), "crv"),
        ("P-384", with(ec(), "crv", json!("P-384")), "crv"),
        ("no curve", with(ec(), "crv", Value::Null), "crv"),
        ("a short x", with(okp(), "x", json!("AAAA")), "x"),
        ("padding", with(okp(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")), "x"),
        ("plain base64", with(okp(), "x", json!("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")), "x"),
        ("a number for x", with(okp(), "x", json!(7)), "x"),
        ("a point beside the curve", with(ec(), "y", ec()["x"].clone()), "y"),
        ("a short modulus", with(rsa(), "n", json!(short)), "n"),
        ("a modulus that is too long", with(rsa(), "n", json!(long)), "n"),
        ("a leading zero", with(rsa(), "n", json!(text(&[&[0], &[0xff; 256][..]].concat()))), "n"),
        ("an empty modulus", with(rsa(), "n", json!("")), "n"),
        ("exponent 3", with(rsa(), "e", json!("Aw")), "e"),
        ("an even exponent", with(rsa(), "e", json!("AQAC")), "e"),
        ("another algorithm", with(rsa(), "alg", json!("PS256")), "alg"),
        ("HS256 over a public key", with(rsa(), "alg", json!("HS256")), "alg"),
        ("a key to encrypt with", with(ec(), "use", json!("enc")), "use"),
        ("a key to sign with", with(ec(), "key_ops", json!(["sign"])), "key_ops"),
    ];
    for (case, jwk, member) in cases {
        let wrong = PublicKey::read(&jwk).unwrap_err();
        assert!(wrong.iter().any(|wrong| wrong.member == member), "{case}: {wrong:?}");
        assert_eq!(wrong.len(), 1, "{case}: {wrong:?}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let jwk = json!({"kty": "RSA", "n": "AQ", "e": "Aw", "d": "AA", "alg": "none", "use": "enc"});
    let wrong = PublicKey::read(jwk.as_object().unwrap()).unwrap_err();
    let members: Vec<_> = wrong.iter().map(|wrong| wrong.member).collect();
    assert_eq!(members, ["d", "n", "e", "alg", "use"]);
}
