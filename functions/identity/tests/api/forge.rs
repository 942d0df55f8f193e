//! Tokens that nobody should accept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::signing::KeyState;
use platform::keys::KeyAlgorithm;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use testkit::{App, START};

use crate::{cast::Cast, vault::vault, walk::claims};

/// The true key, and the claims of a true token.
pub(crate) struct Forge {
    key: Ed25519KeyPair,
    kid: String,
    claims: Value,
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

impl Forge {
    /// Steals the key that signs, to make tokens like this one.
    pub(crate) async fn new(app: &App, token: &str) -> Self {
        let (_, set) = vault(app.lab()).current().await.unwrap().unwrap();
        let active = set.one(KeyAlgorithm::EdDSA, KeyState::Active).unwrap();
        let pkcs8 = URL_SAFE_NO_PAD.decode(active.private.as_ref().unwrap().expose()).unwrap();
        Self {
            key: Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap(),
            kid: active.public.kid.clone(),
            claims: claims(token),
        }
    }

    fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid})
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        sign_with(&self.key, header, claims)
    }

    /// A true token but for some header fields; `null` removes one.
    fn with_header(&self, changes: &Value) -> String {
        self.signed(&changed(self.header(), changes), &self.claims)
    }

    /// A true token but for some claims.
    fn with_claims(&self, changes: &Value) -> String {
        self.signed(&self.header(), &changed(self.claims.clone(), changes))
    }

    /// A true token that was narrowed to nothing.
    pub(crate) fn narrowed(&self) -> String {
        self.with_claims(&json!({"scope": ""}))
    }

    /// It was good until this second.
    pub(crate) fn expired(&self) -> String {
        self.with_claims(&json!({"iat": START.seconds() - 900, "exp": START.seconds()}))
    }

    /// `alg: none` (RFC 7519 §6).
    pub(crate) fn unsigned(&self) -> String {
        let header = changed(self.header(), &json!({"alg": "none"}));
        format!("{}.{}.", encode(&header), encode(&self.claims))
    }

    /// Signed by somebody else, under the name of the true key.
    pub(crate) fn foreign(&self) -> String {
        sign_with(&other_key(), &self.header(), &self.claims)
    }

    /// `alg: HS256` with something public as the secret (RFC 8725 §2.1).
    fn keyed(&self, secret: &[u8]) -> String {
        let header = changed(self.header(), &json!({"alg": "HS256"}));
        let text = format!("{}.{}", encode(&header), encode(&self.claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Wrong about who signed it, and how.
    fn wrongly_signed(&self) -> Vec<(&'static str, String)> {
        let public = self.key.public_key().as_ref();
        let own = other_key();
        let own_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(own.public_key())});
        let own_header = changed(self.header(), &json!({"jwk": own_jwk}));
        let public_text = URL_SAFE_NO_PAD.encode(public);
        vec![
            ("another key", self.foreign()),
            ("its own key in the header", sign_with(&own, &own_header, &self.claims)),
            ("no algorithm", self.unsigned()),
            ("HS256 with the public key", self.keyed(public)),
            ("HS256 with its text", self.keyed(public_text.as_bytes())),
            ("HS256 with nothing", self.keyed(b"")),
        ]
    }

    /// Signed by the true key, with a header that no token of ours has.
    fn wrongly_headed(&self) -> Vec<(&'static str, String)> {
        [
            ("RS256 in the header", json!({"alg": "RS256"})),
            ("ES256 in the header", json!({"alg": "ES256"})),
            ("an unknown algorithm", json!({"alg": "eddsa"})),
            ("no alg", json!({"alg": null})),
            ("an unknown kid", json!({"kid": "nobody"})),
            ("no kid", json!({"kid": null})),
            ("a critical extension", json!({"crit": ["x"], "x": 1})),
            ("an empty list of them", json!({"crit": []})),
            ("typ JWT", json!({"typ": "JWT"})),
            ("no typ", json!({"typ": null})),
        ]
        .map(|(case, changes)| (case, self.with_header(&changes)))
        .to_vec()
    }

    /// Signed by the true key, and wrong in what it says.
    fn wrongly_claimed(&self) -> Vec<(&'static str, String)> {
        let now = START.seconds();
        [
            ("another audience", json!({"aud": "another-api"})),
            ("no audience", json!({"aud": null})),
            ("another issuer", json!({"iss": "https://elsewhere.example"})),
            ("expired", json!({"iat": now - 900, "exp": now})),
            ("no expiry", json!({"exp": null})),
            ("issued in the future", json!({"iat": now + 31, "exp": now + 900})),
            ("a long life", json!({"iat": now, "exp": now + 901})),
            ("an unknown role", json!({"role": "root"})),
            ("a subject that is no id", json!({"sub": "olga"})),
        ]
        .map(|(case, changes)| (case, self.with_claims(&changes)))
        .to_vec()
    }

    /// Texts that are no token, or not the one that was signed.
    fn misshapen(&self) -> Vec<(&'static str, String)> {
        let whole = self.with_claims(&json!({}));
        let parts: Vec<&str> = whole.split('.').collect();
        let promoted = encode(&changed(self.claims.clone(), &json!({"role": "operator"})));
        vec![
            ("other claims", format!("{}.{promoted}.{}", parts[0], parts[2])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("four parts", format!("{whole}.{}", parts[2])),
            ("padding", format!("{whole}=")),
            ("claims that are no JSON", format!("{}.e30x.{}", parts[0], parts[2])),
            ("a long text", "a".repeat(16_000)),
            ("nothing", String::new()),
        ]
    }
}

fn other_key() -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
}

fn sign_with(key: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The object with other fields; `null` removes one.
fn changed(mut object: Value, changes: &Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    object
}

#[tokio::test]
async fn forged_tokens_are_refused_and_all_alike() {
    let cast = Cast::new().await;
    let me = async |token: &str| cast.app.get("/api/v1/me").bearer(token).await;
    let forge = Forge::new(&cast.app, &cast.outsider.access).await;
    // What the forger makes is good but for the one thing that is wrong with it.
    me(&forge.with_claims(&json!({}))).await.expect(200);
    me(&forge.with_header(&json!({"typ": "AT+JWT"}))).await.expect(200);
    let edge = START.seconds() + 30;
    me(&forge.with_claims(&json!({"iat": edge, "exp": edge + 900}))).await.expect(200);
    let forged = [forge.wrongly_signed(), forge.wrongly_headed(), forge.wrongly_claimed(), forge.misshapen()];
    for (case, token) in forged.concat() {
        let answer = me(&token).await;
        assert_eq!(answer.status, 401, "{case}");
        let problem = answer.problem(401);
        let detail = "the access token is not valid, or no longer; refresh it or log in again";
        assert_eq!(problem["detail"], detail, "{case}");
    }
}

#[tokio::test]
async fn an_unknown_kid_costs_one_read_of_the_keys_per_cool_down() {
    let cast = Cast::new().await;
    let forge = Forge::new(&cast.app, &cast.outsider.access).await;
    let token = forge.with_header(&json!({"kid": "nobody"}));
    let reads = || cast.app.lab().cloud().calls().get("secretsmanager:GetSecretValue").copied();
    cast.app.lab().advance(std::time::Duration::from_secs(6));
    let before = reads().expect("secrets were read");
    for _ in 0..20 {
        cast.app.get("/api/v1/me").bearer(&token).await.problem(401);
    }
    assert_eq!(reads(), Some(before + 1));
}
