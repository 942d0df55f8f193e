//! `groundwork jwks` and `groundwork keys`.

use std::time::Duration;

use platform::{Function, function::RotationHandler};
use serde_json::{Value, json};
use testkit::{App, Lab, trail::entries_of};

use crate::{failed, groundwork};

/// After this long the next key may sign.
const ANNOUNCED: Duration = Duration::from_secs(380);

const RSA: &[u8] = include_bytes!("../../../functions/identity/tests/fixtures/rsa-2048-test-only.pk8");

async fn stack() -> (Lab, App) {
    let lab = Lab::new();
    let app = lab.http("identity", identity::function).await;
    (lab, app)
}

async fn printed(lab: &Lab, arguments: &[&str]) -> Value {
    let (printed, ended) = groundwork(lab, arguments).await;
    ended.unwrap();
    serde_json::from_str(&printed).unwrap()
}

/// The ids in a state.
fn kids<'a>(status: &'a Value, state: &str) -> Vec<&'a str> {
    let keys = status["keys"].as_array().unwrap().iter();
    keys.filter(|key| key["state"] == state).map(|key| key["kid"].as_str().unwrap()).collect()
}

/// Secrets Manager, calling the function until a rotation is over.
async fn secrets_manager(lab: &Lab) {
    let Ok(Function::Rotation(handler)) = identity::key_rotation(lab.boot("identity-key-rotation")).await
    else {
        panic!("it is behind Secrets Manager");
    };
    let handler: RotationHandler = handler;
    let secret = &lab.environment("identity")["SIGNING_KEYS_SECRET"];
    loop {
        if let Some(token) = lab.cloud().rotation_due(secret).unwrap() {
            for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
                let event = json!({"SecretId": secret, "ClientRequestToken": token, "Step": step});
                handler(serde_json::from_value(event).unwrap()).await.unwrap();
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn before_the_first_start_there_are_no_keys() {
    let lab = Lab::new();
    for arguments in
        [&["keys", "status"][..], &["keys", "rotate"], &["keys", "revoke", "k"], &["jwks", "print"]]
    {
        let (code, line) = failed(groundwork(&lab, arguments).await.1);
        assert_eq!(code, 1, "{arguments:?}");
        assert!(line.contains("keys"), "{line}");
    }
}

#[tokio::test]
async fn what_is_printed_is_what_is_published_and_holds_no_private_half() {
    let (lab, app) = stack().await;
    let jwks = printed(&lab, &["jwks", "print"]).await;
    assert_eq!(jwks, app.get("/.well-known/jwks.json").await.expect(200).json());
    let status = printed(&lab, &["keys", "status"]).await;
    assert_eq!((kids(&status, "active").len(), kids(&status, "next").len()), (1, 1));
    assert!(status["refused"].as_str().unwrap().contains("has not been published for long enough"));
    assert!(!status.to_string().contains("private"));
}

#[tokio::test]
async fn a_rotation_waits_until_it_is_over_and_is_refused_too_early() {
    let (lab, _app) = stack().await;
    let (code, line) = failed(groundwork(&lab, &["keys", "rotate"]).await.1);
    assert_eq!(code, 1);
    assert!(
        line.contains("has not been published for long enough; it may sign from 2026-01-01T00:06:20"),
        "{line}"
    );
    lab.advance(ANNOUNCED);
    let before = printed(&lab, &["keys", "status"]).await;
    assert!(before["refused"].is_null(), "{before}");
    let after = tokio::select! {
        after = printed(&lab, &["keys", "rotate"]) => after,
        () = secrets_manager(&lab) => unreachable!("it goes on"),
    };
    assert_eq!(kids(&after, "active"), kids(&before, "next"));
    assert_eq!(kids(&after, "retiring"), kids(&before, "active"));
}

#[tokio::test]
async fn a_revoked_key_is_gone_at_once_and_stays_gone() {
    let (lab, _app) = stack().await;
    let before = printed(&lab, &["keys", "status"]).await;
    let kid = kids(&before, "active")[0];
    for _ in 0..2 {
        let after = printed(&lab, &["keys", "revoke", kid]).await;
        assert_eq!(kids(&after, "retired"), [kid]);
        assert_eq!(kids(&after, "active"), kids(&before, "next"));
        assert!(!printed(&lab, &["jwks", "print"]).await.to_string().contains(kid));
    }
    assert_eq!(entries_of(&lab, "signing_keys.revoke").await, 1);
    let (code, line) = failed(groundwork(&lab, &["keys", "revoke", "nobody"]).await.1);
    assert_eq!((code, &*line), (1, "there is no key nobody"));
}

#[tokio::test]
async fn an_rsa_key_is_taken_in_once_as_pem_or_der() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    };
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(RSA));
    for path in [file("key.pem", pem.as_bytes()), file("key.der", RSA)] {
        let (lab, _app) = stack().await;
        let after = printed(&lab, &["keys", "import", &path]).await;
        let rsa = after["keys"].as_array().unwrap().iter().find(|key| key["alg"] == "RS256").unwrap();
        assert_eq!(rsa["state"], "next");
        assert!(printed(&lab, &["jwks", "print"]).await.to_string().contains("RSA"));
        let (code, line) = failed(groundwork(&lab, &["keys", "import", &path]).await.1);
        assert_eq!(code, 1);
        assert!(line.ends_with("already, as next"), "{line}");
        assert_eq!(entries_of(&lab, "signing_keys.import").await, 1);
    }
    let (lab, _app) = stack().await;
    for (name, content, code, said) in [
        ("text", &b"hello"[..], 64, "PKCS #8"),
        ("noise", &[0xff, 0, 1], 1, "no RSA key"),
        ("broken", b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", 64, "PKCS #8"),
    ] {
        let told = failed(groundwork(&lab, &["keys", "import", &file(name, content)]).await.1);
        assert!(told.0 == code && told.1.contains(said), "{name}: {told:?}");
    }
    assert_eq!(failed(groundwork(&lab, &["keys", "import", "/nowhere"]).await.1).0, 64);
}
