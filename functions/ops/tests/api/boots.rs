//! Clouds and functions to test with.

use platform::{Boot, config::Vars, secrets::Secrets};
use testkit::{App, Lab};

/// What the function is configured by.
const VARS: [&str; 8] = [
    "IDENTITY_TABLE",
    "ACCESS_TABLE",
    "EPHEMERAL_TABLE",
    "AUDIT_TABLE",
    "OUTBOX_TABLE",
    "VERIFICATION_KEYS_SECRET",
    "APP_KEYS_SECRET",
    "PUBLIC_URL",
];

/// The function on a cloud in which identity has made its keys.
pub(crate) async fn ready_app() -> App {
    let lab = Lab::new();
    make_keys(&lab).await;
    lab.http("ops", ops::function).await
}

/// What identity does at its first start.
pub(crate) async fn make_keys(lab: &Lab) {
    let secrets = Secrets::new(&lab.cloud().sdk_config(), lab.clock().clone());
    let secret = lab.boot("ops").vars.get("VERIFICATION_KEYS_SECRET").unwrap().to_owned();
    let version = uuid::Uuid::from_u128(1);
    secrets.put(&secret, version, r#"{"keys":[]}"#).await.unwrap();
}

/// The same boot with a variable set otherwise.
pub(crate) fn with(boot: Boot, name: &str, value: &str) -> Boot {
    let given = VARS.iter().filter_map(|name| Some(((*name).to_owned(), boot.vars.get(name)?.to_owned())));
    let vars: Vars = given.chain([(name.to_owned(), value.to_owned())]).collect();
    Boot { vars, ..boot }
}
