//! Access tokens for groups that are tested without identity.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use kernel::{
    Error, Role, Timestamp,
    claims::{ACCESS_TOKEN_LIFETIME, ACCESS_TOKEN_TYPE, AccessClaims, Holder},
    id::{SessionId, TenantId, TokenId, UserId},
};
use platform::{
    edge::AUDIENCE,
    ids,
    keys::{Jwk, Jwks, KeyAlgorithm, KeyMaterial},
    secrets::Secrets,
    tenancy::Tenant,
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};

use store::Change;

use crate::Lab;

/// Signs what identity would, with a key that the lab's functions take for its own.
pub struct Issuer {
    lab: Lab,
    public_url: String,
    key: EncodingKey,
}

/// The key's name.
const KID: &str = "testkit";

impl Issuer {
    /// Publishes a new key in the lab; for the function whose binary has this name, and all that share its secrets.
    ///
    /// # Panics
    /// When the function verifies no tokens, or the lab has keys already.
    pub async fn new(lab: &Lab, binary: &str) -> Self {
        platform::jwt::install();
        let boot = lab.boot(binary);
        let var = |name: &str| boot.vars.get(name).expect("a function that verifies tokens").to_owned();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key pair");
        let material =
            KeyMaterial::Okp { crv: "Ed25519".to_owned(), x: URL_SAFE_NO_PAD.encode(pair.public_key()) };
        let key = Jwk { kid: KID.to_owned(), alg: KeyAlgorithm::EdDSA, usage: "sig".to_owned(), material };
        let jwks = serde_json::to_string(&Jwks { keys: vec![key] }).expect("JSON");
        let secrets = Secrets::new(&lab.cloud().sdk_config(), boot.clock.clone());
        let id = var("VERIFICATION_KEYS_SECRET");
        secrets.put(&id, uuid::Uuid::nil(), &jwks).await.expect("a lab without keys");
        Self {
            lab: lab.clone(),
            public_url: var("PUBLIC_URL"),
            key: EncodingKey::from_ed_der(pkcs8.as_ref()),
        }
    }

    /// A token of somebody new with this role in this tenant, good from now on.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn token(&self, role: Role, tenant_id: TenantId) -> String {
        self.token_of(ids::new(self.lab.clock().now()), role, tenant_id)
    }

    /// A token of this person.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn token_of(&self, person: UserId, role: Role, tenant_id: TenantId) -> String {
        let session: SessionId = ids::new(self.lab.clock().now());
        self.sign(Holder::User(person, session), role, tenant_id)
    }

    /// A token of a new service account with this role in this tenant.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn machine_token(&self, role: Role, tenant_id: TenantId) -> String {
        self.sign(Holder::ServiceAccount(ids::new(self.lab.clock().now())), role, tenant_id)
    }

    fn sign(&self, holder: Holder, role: Role, tenant_id: TenantId) -> String {
        let now: Timestamp = self.lab.clock().now();
        let claims = AccessClaims {
            iss: self.public_url.clone(),
            aud: AUDIENCE.to_owned(),
            holder,
            jti: ids::new::<TokenId>(now),
            iat: now.seconds(),
            exp: (now + ACCESS_TOKEN_LIFETIME).seconds(),
            tid: tenant_id,
            role,
            scope: "full".to_owned(),
        };
        let mut header = Header::new(KeyAlgorithm::EdDSA.jwt());
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(KID.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a signed token")
    }

    /// A tenant that nobody else has.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn tenant(&self) -> TenantId {
        let id: TenantId = ids::new(self.lab.clock().now());
        let exists = Error::internal("make a tenant", "it exists");
        self.lab.commit(Change::new("tenant.create", "tenant", id).create(&Tenant::new(id), exists)).await;
        id
    }
}
