use jsonwebtoken::{EncodingKey, Header};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    public_key::PublicKey,
    service_account::{credential::UploadedKey, tests::account},
};

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const ISSUER: &str = "https://api.example.com";

fn audiences() -> [String; 2] {
    [ISSUER.to_owned(), format!("{ISSUER}/api/v1/auth/token")]
}

/// A key pair of the client.
struct Pair {
    pkcs8: Vec<u8>,
    public: PublicKey,
}

impl Pair {
    fn new() -> Self {
        platform::jwt::install();
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        Self { pkcs8: document.as_ref().to_vec(), public: PublicKey::Ed25519 { x } }
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }

    fn known_as(&self, kid: &str) -> ClientKey {
        let public = self.public.clone();
        ClientKey { id: public.thumbprint(), kid: kid.to_owned(), public, created_at: NOW }
    }
}

fn header(kid: Option<&str>) -> Header {
    Header { kid: kid.map(str::to_owned), ..Header::new(jsonwebtoken::Algorithm::EdDSA) }
}

/// A right assertion's claims but for these; `null` removes one.
fn claims(changes: &Value) -> Value {
    let (id, now) = (account().id.to_string(), NOW.seconds());
    let mut claims = json!({"iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 300, "jti": "one"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn verify(text: &str, account: &ServiceAccount) -> Result<UsedAssertion, Refusal> {
    Assertion::read(text)?.verify(account, &audiences(), NOW)
}

#[test]
fn each_claim_is_held() {
    let pair = Pair::new();
    let account = ServiceAccount { keys: vec![pair.known_as("k")], ..account() };
    let now = NOW.seconds();
    let endpoint = &audiences()[1];
    let long = "j".repeat(257);
    let cases: [(&str, Value, &str); 24] = [
        ("right", json!({}), ""),
        ("the endpoint as audience", json!({"aud": endpoint}), ""),
        ("both as audience", json!({"aud": [ISSUER, endpoint]}), ""),
        ("a clock that is ahead", json!({"iat": now + 30, "exp": now + 330, "nbf": now + 30}), ""),
        ("its last second", json!({"iat": now - 299, "exp": now + 1}), ""),
        ("unknown claims", json!({"azp": "x"}), ""),
        ("another issuer", json!({"iss": "https://elsewhere.example"}), "own"),
        ("no issuer", json!({"iss": null}), "verify"),
        ("another audience", json!({"aud": "https://elsewhere.example"}), "somebody else"),
        ("another audience as well", json!({"aud": [ISSUER, "https://elsewhere.example"]}), "somebody else"),
        ("no audience", json!({"aud": []}), "somebody else"),
        ("not even a list", json!({"aud": null}), "verify"),
        ("expired", json!({"iat": now - 300, "exp": now}), "expired"),
        ("no expiry", json!({"exp": null}), "verify"),
        ("from the future", json!({"iat": now + 31, "exp": now + 300}), "expired"),
        ("no age", json!({"iat": null}), "verify"),
        ("not yet", json!({"nbf": now + 31}), "expired"),
        ("a long life", json!({"exp": now + 301}), "too long"),
        ("an eternal one", json!({"exp": i64::MAX, "iat": i64::MIN}), "too long"),
        ("no jti", json!({"jti": null}), "verify"),
        ("an empty jti", json!({"jti": ""}), "length"),
        ("a long jti", json!({"jti": long}), "length"),
        ("a subject that is no id", json!({"sub": "import"}), "malformed"),
        ("times that are no numbers", json!({"exp": "soon"}), "verify"),
    ];
    for (case, changes, expected) in cases {
        let told = match verify(&pair.sign(&header(Some("k")), &claims(&changes)), &account) {
            Ok(used) => {
                assert_eq!(used.account_id, account.id, "{case}");
                String::new()
            }
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(told.is_empty(), expected.is_empty(), "{case}: {told}");
        assert!(told.contains(expected), "{case}: {told}");
    }
}

#[test]
fn the_key_decides_and_not_the_header() {
    let (pair, other) = (Pair::new(), Pair::new());
    let one = ServiceAccount { keys: vec![pair.known_as("k")], ..account() };
    let two = ServiceAccount { keys: vec![pair.known_as("k"), other.known_as("l")], ..account() };
    let right = claims(&json!({}));
    let own = |kid| pair.sign(&header(kid), &right);
    let typed = |typ: &str| pair.sign(&Header { typ: Some(typ.to_owned()), ..header(Some("k")) }, &right);
    let forged = |header: &Value| {
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(right.to_string())
        );
        let PublicKey::Ed25519 { x } = &pair.public else { panic!("an Ed25519 key") };
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(x).unwrap());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, text.as_bytes())))
    };
    for (case, text, account, expected) in [
        ("named", own(Some("k")), &one, true),
        ("the only key", own(None), &one, true),
        ("one of two", own(Some("k")), &two, true),
        ("a type of its own", typed("client-authentication+jwt"), &one, true),
        ("unnamed among two", own(None), &two, false),
        ("the other's name", own(Some("l")), &two, false),
        ("an unknown name", own(Some("x")), &one, false),
        ("no keys", own(Some("k")), &account(), false),
        ("an access token", typed("at+jwt"), &one, false),
        ("another's signature", other.sign(&header(Some("k")), &right), &one, false),
        ("HS256 with the public key", forged(&json!({"alg": "HS256", "kid": "k"})), &one, false),
        ("no algorithm", forged(&json!({"alg": "none", "kid": "k"})), &one, false),
        ("another algorithm", forged(&json!({"alg": "RS256", "kid": "k"})), &one, false),
        ("a critical extension", forged(&json!({"alg": "EdDSA", "kid": "k", "crit": ["b64"]})), &one, false),
        ("a long text", format!("{}{}", own(Some("k")), "A".repeat(4096)), &one, false),
        ("no token", "x".to_owned(), &one, false),
        ("nothing", String::new(), &one, false),
    ] {
        assert_eq!(verify(&text, account).is_ok(), expected, "{case}");
    }
}

/// What `tests/interop/assertions.py` and `tests/interop/assertions.mjs` have written: nothing of ours made them.
const FOREIGN: [&str; 2] = [
    include_str!("../../../tests/fixtures/assertions-pyjwt.json"),
    include_str!("../../../tests/fixtures/assertions-jose.json"),
];

#[test]
fn assertions_of_other_libraries_are_accepted() {
    platform::jwt::install();
    let made: Vec<Value> = FOREIGN
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Value>>(text).expect("a list of keys and assertions"))
        .collect();
    assert_eq!(made.len(), 6, "three algorithms of two libraries");
    for Made { key, text } in made.iter().map(Made::read) {
        let account = ServiceAccount { keys: vec![key], ..account() };
        let used = verify(&text, &account).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
        assert_eq!(used.expires_at, NOW + LIFETIME_MAX);
        // The signature covers every byte: of the claims here.
        let at = text.find('.').unwrap() + 10;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(verify(&altered, &account).is_err(), "{altered}");
    }
}

/// A key as it was uploaded, and an assertion signed with it.
struct Made {
    key: ClientKey,
    text: String,
}

impl Made {
    fn read(made: &Value) -> Self {
        let body = json!({"jwk": made["jwk"]});
        let upload: Upload = kernel::input::parse(&body).unwrap_or_else(|error| panic!("{body}: {error:?}"));
        Self { key: upload.jwk.adopt(NOW), text: made["assertion"].as_str().unwrap().to_owned() }
    }
}

kernel::input! {
    struct Upload {
        jwk: UploadedKey,
    }
}
