//! An OpenID provider for tests: a server of its own on loopback, with real keys, that can be told to misbehave.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_secretsmanager::Client;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use platform::Boot;
use ring::{
    digest::{SHA256, SHA512, digest},
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use testkit::{Answer, App, Call, Lab, server};

const CLIENT: &str = "groundwork";
const SECRET: &str = "s3cret:with&odd=characters";

/// The access token of everybody there.
const ACCESS_TOKEN: &str = "a-providers-access-token";

/// A key pair that protects nothing.
const RSA: &[u8] = include_bytes!("../fixtures/rsa-2048-test-only.pk8");

/// A provider that runs.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    lab: Lab,
}

/// What it knows and how it behaves.
pub(crate) struct State {
    signer: Signer,
    /// What its JWKS has.
    pub(crate) published: Vec<Value>,
    codes: HashMap<String, HashMap<String, String>>,
    /// The refresh tokens in force, with the nonce of their login. Each is used once.
    pub(crate) refresh_tokens: HashMap<String, String>,
    /// The one that was used last.
    pub(crate) spent: Option<(String, String)>,
    /// What the token endpoint says in place of tokens, with a 400.
    pub(crate) denial: Option<&'static str>,
    /// Changes of the documents and tokens it hands out.
    pub(crate) discovery: Value,
    pub(crate) claims: Value,
    pub(crate) header: Value,
    pub(crate) tokens: Value,
    /// What it tells about somebody whose access token it is shown.
    pub(crate) told: Value,
    /// The path that answers this status and nothing else.
    pub(crate) failing: Option<(&'static str, u16)>,
    /// How often each path was asked.
    pub(crate) calls: HashMap<String, usize>,
    /// What it has in common with us or a browser and nobody else may learn, and what each is.
    pub(crate) shared: BTreeMap<String, &'static str>,
}

/// The key that it signs with.
enum Signer {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn new_ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed25519(pair) => {
                json!({"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kid": kid, "kty": "RSA", "n": text(&public.n), "e": text(&public.e), "use": "sig"})
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    fn at_hash(&self, token: &str) -> String {
        let digest = match self {
            Self::Ed25519(_) => digest(&SHA512, token.as_bytes()),
            Self::Rsa(_) => digest(&SHA256, token.as_bytes()),
        };
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = match self {
            Self::Ed25519(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The object with other fields; `null` removes one.
fn changed(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

impl Provider {
    /// Starts one that lives as long as the test, and deposits our secret at it.
    pub(crate) async fn start(lab: &Lab) -> Self {
        let (listener, url) = server::bind().await;
        let signer = Signer::new_ed25519();
        let none = || json!({});
        let state = State {
            published: vec![signer.jwk("one")],
            signer,
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
            spent: None,
            denial: None,
            discovery: none(),
            claims: none(),
            header: none(),
            tokens: none(),
            told: none(),
            failing: None,
            calls: HashMap::new(),
            shared: BTreeMap::new(),
        };
        let provider = Self { url, state: Arc::new(Mutex::new(state)), lab: lab.clone() };
        provider.hide(&mut provider.state(), "our secret", SECRET);
        let answering = provider.clone();
        server::serve(listener, move |asked| {
            let (status, document) = answering.answer(&asked.path, &asked.authorization, &asked.form());
            (status, document.to_string())
        });
        let secrets = Client::new(&lab.cloud().sdk_config());
        let id = &lab.environment("identity")["OIDC_CLIENTS_SECRET"];
        let text = json!({"acme": SECRET, "second": SECRET}).to_string();
        secrets.put_secret_value().secret_id(id).secret_string(text).send().await.unwrap();
        provider
    }

    /// The function, configured with this provider under two names.
    pub(crate) async fn function(&self, lab: &Lab) -> App {
        lab.http("identity", async |boot| identity::function(self.configure(boot)).await).await
    }

    /// The same boot for a function that has this provider under two names.
    pub(crate) fn configure(&self, boot: Boot) -> Boot {
        let providers = json!([
            {"name": "acme", "issuer": self.url, "client_id": CLIENT},
            {"name": "second", "issuer": self.url, "client_id": CLIENT, "landing": "https://app.example.com/in"},
        ]);
        let vars = boot.vars.clone().with("AUTH_IDP_MODE", "both");
        Boot { vars: vars.with("AUTH_OIDC_PROVIDERS", &providers.to_string()), ..boot }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// No line of the log may hold this from now on.
    fn hide(&self, state: &mut State, what: &'static str, secret: &str) {
        self.lab.hide(secret);
        state.shared.insert(secret.to_owned(), what);
    }

    /// Signs with another key from now on, which it publishes or not.
    pub(crate) fn rotate(&self, kid: &str, is_rsa: bool, is_published: bool) {
        let mut state = self.state();
        let rsa = || Signer::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap());
        state.signer = if is_rsa { rsa() } else { Signer::new_ed25519() };
        if is_published {
            let jwk = state.signer.jwk(kid);
            state.published.push(jwk);
        }
        state.header = json!({"kid": kid});
    }

    /// What a person does there: logs in, and is sent back with a code.
    pub(crate) fn authorize(&self, begun: &Begun) -> String {
        let mut state = self.state();
        let code = format!("a-providers-code-{}", state.codes.len());
        self.hide(&mut state, "a code", &code);
        state.codes.insert(code.clone(), begun.sent.clone());
        code
    }

    /// A whole login of somebody with these claims.
    pub(crate) async fn log_in(&self, app: &App, claims: &Value) -> Answer {
        self.come_back(app, claims, Begun::new(app, "acme").await).await
    }

    /// The same of somebody whom the provider is told to ask again who they are.
    pub(crate) async fn log_in_again(&self, app: &App, claims: &Value) -> Answer {
        let begun = app.get("/api/v1/auth/oidc/acme/login?reauthenticate=true").await.expect(302);
        self.come_back(app, claims, Begun::read("acme", &begun)).await
    }

    async fn come_back(&self, app: &App, claims: &Value, begun: Begun) -> Answer {
        self.state().claims = claims.clone();
        let code = self.authorize(&begun);
        begun.back(app, &format!("code={code}")).await
    }

    fn answer(&self, path: &str, authorization: &str, form: &HashMap<String, String>) -> (u16, Value) {
        let mut state = self.state();
        *state.calls.entry(path.to_owned()).or_default() += 1;
        if let Some((failing, status)) = state.failing
            && failing == path
        {
            return (status, json!({"error": "server_error"}));
        }
        match path {
            "/.well-known/openid-configuration" => (200, changed(self.document(), &state.discovery)),
            "/jwks" => (200, json!({"keys": state.published})),
            "/token" => self.token(&mut state, authorization, form),
            "/me" if authorization == format!("Bearer {ACCESS_TOKEN}") => (200, state.told.clone()),
            _ => (404, json!({})),
        }
    }

    fn document(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url, "authorization_endpoint": format!("{url}/auth?prompt=login"),
            "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/jwks"),
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true
        })
    }

    /// Checks what a provider checks, and uses the code, or the refresh token, up.
    fn token(&self, state: &mut State, authorization: &str, form: &HashMap<String, String>) -> (u16, Value) {
        if !Self::knows_client(state, authorization, form) {
            return (401, json!({"error": "invalid_client"}));
        }
        if let Some(error) = state.denial {
            return (400, json!({"error": error}));
        }
        let sent = match &*form["grant_type"] {
            "authorization_code" => state.codes.remove(&form["code"]).filter(|sent| {
                self.lab.hide(&form["code_verifier"]);
                let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
                challenge == sent["code_challenge"]
                    && sent["code_challenge_method"] == "S256"
                    && form["redirect_uri"] == sent["redirect_uri"]
            }),
            "refresh_token" => {
                state.spent = state.refresh_tokens.remove_entry(&form["refresh_token"]);
                state.spent.clone().map(|(_, nonce)| HashMap::from([("nonce".to_owned(), nonce)]))
            }
            _ => None,
        };
        let Some(sent) = sent else {
            return (400, json!({"error": "invalid_grant"}));
        };
        let nonce = sent["nonce"].clone();
        let now = self.lab.clock().now().seconds();
        // Somebody has been here before and is let in silently, unless that is asked to be a while ago at most.
        let auth_time = sent.get("max_age").map(|_| now);
        let claims = json!({
            "iss": self.url, "sub": "somebody", "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": nonce, "auth_time": auth_time,
            "at_hash": state.signer.at_hash(ACCESS_TOKEN), "email": "ann@example.com", "email_verified": true
        });
        let header = json!({"alg": state.signer.algorithm(), "kid": "one"});
        let id_token = state.signer.sign(&changed(header, &state.header), &changed(claims, &state.claims));
        let refresh_token = format!("a-providers-refresh-token-{}", state.calls["/token"]);
        self.hide(state, "an access token", ACCESS_TOKEN);
        self.hide(state, "an ID token", &id_token);
        self.hide(state, "a refresh token", &refresh_token);
        state.refresh_tokens.insert(refresh_token.clone(), nonce);
        let tokens = json!({
            "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token, "refresh_token": refresh_token
        });
        (200, changed(tokens, &state.tokens))
    }

    /// Whether our secret came, and in the way that the provider says it takes.
    fn knows_client(state: &State, authorization: &str, form: &HashMap<String, String>) -> bool {
        if state.discovery["token_endpoint_auth_methods_supported"] == json!(["client_secret_post"]) {
            return authorization.is_empty()
                && form["client_id"] == CLIENT
                && form["client_secret"] == SECRET;
        }
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
        authorization == format!("Basic {basic}") && !form.contains_key("client_secret")
    }
}

/// A login that was begun by a browser.
#[derive(Clone)]
pub(crate) struct Begun {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) cookie: String,
    /// What the browser takes to the provider.
    pub(crate) sent: HashMap<String, String>,
}

impl Begun {
    /// Begins one.
    pub(crate) async fn new(app: &App, provider: &str) -> Self {
        let path = format!("/api/v1/auth/oidc/{provider}/login");
        Self::read(provider, &app.get(path).await.expect(302))
    }

    /// What the browser was given.
    pub(crate) fn read(provider: &str, answer: &Answer) -> Self {
        let (issuer, query) = answer.header("location").split_once("/auth?").unwrap();
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let sent = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { provider: provider.to_owned(), issuer: issuer.to_owned(), cookie, sent }
    }

    /// The browser comes back with its state and this.
    pub(crate) fn back(&self, app: &App, query: &str) -> Call {
        self.come(app, &format!("{query}&state={}&iss={}", self.sent["state"], self.issuer))
    }

    /// The browser comes back with this alone.
    pub(crate) fn come(&self, app: &App, query: &str) -> Call {
        let path = format!("/api/v1/auth/oidc/{}/callback?{query}", self.provider);
        app.get(path).header("cookie", &*self.cookie)
    }
}
