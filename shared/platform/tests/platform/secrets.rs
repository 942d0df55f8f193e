//! Secrets, when Secrets Manager is not itself.

use std::time::Duration;

use kernel::Error;
use platform::{Boot, secrets::Secrets};
use testkit::Lab;
use uuid::Uuid;

use crate::{failing::Failing, ground, token};

const ID: &str = "AppKeysSecret";

#[tokio::test]
async fn the_last_secret_known_is_served_while_secrets_manager_fails() {
    let (lab, failing) = (Lab::new(), Failing::default());
    let boot = lab.boot("identity");
    let id = boot.vars.get("VERIFICATION_KEYS_SECRET").unwrap();
    let secrets = Secrets::new(&failing.over(&boot.aws), lab.clock().clone());
    secrets.put(id, Uuid::from_u128(1), "first").await.unwrap();
    assert_eq!(secrets.get(id).await.unwrap().expose(), "first");
    // What another instance writes is seen when the cached value is old enough.
    let other = Secrets::new(&boot.aws, lab.clock().clone());
    other.put(id, Uuid::from_u128(2), "second").await.unwrap();
    failing.set(true);
    lab.advance(Duration::from_mins(2));
    assert_eq!(secrets.get(id).await.unwrap().expose(), "first");
    assert!(matches!(secrets.get(ID).await, Err(Error::Unavailable { .. })), "it was never read");
    failing.set(false);
    assert_eq!(secrets.get(id).await.unwrap().expose(), "first", "it asks again after a pause only");
    lab.advance(Duration::from_secs(5));
    assert_eq!(secrets.get(id).await.unwrap().expose(), "second");
}

#[tokio::test]
async fn a_function_goes_on_verifying_tokens_meanwhile() {
    let (lab, failing) = (Lab::new(), Failing::default());
    let token = token::issue(&lab, "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f").await;
    let build = async |boot: Boot| {
        let aws = failing.over(&boot.aws);
        ground::function(Boot { aws, ..boot }).await
    };
    let app = lab.http("identity", build).await;
    app.get("/mine").bearer(&token).await.expect(200);
    failing.set(true);
    lab.advance(Duration::from_mins(5));
    app.get("/mine").bearer(&token).await.expect(200);
}
