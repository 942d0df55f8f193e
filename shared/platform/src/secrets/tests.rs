//! A Secrets Manager that says nothing, or says no.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::{
    kept::Kept,
    keyring::{AppKeys, KEY_BYTES},
};

const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// What Secrets Manager does.
#[derive(Clone, Debug)]
enum Mood {
    Silent,
    Failing,
    Telling(String),
}

/// Secrets Manager, its clock, and how often it was called.
#[derive(Clone, Debug)]
struct Manager {
    mood: Arc<Mutex<Mood>>,
    calls: Arc<AtomicU32>,
    clock: Clock,
}

impl HttpConnector for Manager {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (status, body) = match self.mood.lock().unwrap().clone() {
            Mood::Silent => return HttpConnectorFuture::new(std::future::pending()),
            Mood::Failing => (400, serde_json::json!({"__type": "AccessDeniedException"})),
            Mood::Telling(text) => (200, serde_json::json!({"SecretString": text})),
        };
        let body = SdkBody::from(body.to_string());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
    }
}

impl Manager {
    fn new(mood: Mood) -> Self {
        let mood = Arc::new(Mutex::new(mood));
        Self { mood, calls: Arc::default(), clock: Clock::manual(START) }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn secrets(&self) -> Secrets {
        let manager = self.clone();
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new("key", "secret", None, None, "test"),
            ))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(manager.clone())))
            .build();
        Secrets::new(&config, self.clock.clone())
    }

    /// How often it was called since the last time.
    fn calls(&self) -> u32 {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

/// Time passes only while everybody waits.
#[tokio::test(start_paused = true)]
async fn silence_is_given_up_after_three_seconds() {
    let manager = Manager::new(Mood::Silent);
    let secrets = manager.secrets();
    let read = tokio::time::timeout(Duration::from_millis(3100), secrets.get("s")).await;
    assert!(matches!(read.unwrap(), Err(Error::Unavailable { .. })));
    assert!(manager.calls() > 1, "one attempt takes a second");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_the_cool_down() {
    for trouble in [Mood::Silent, Mood::Failing] {
        let manager = Manager::new(Mood::Telling("old".to_owned()));
        let secrets = manager.secrets();
        secrets.get("s").await.unwrap();
        assert_eq!(manager.calls(), 1);

        manager.set(trouble.clone());
        manager.clock.advance(KEPT);
        assert_eq!(secrets.get("s").await.unwrap().expose(), "old");
        assert!(manager.calls() > 0, "{trouble:?}: it was asked");

        manager.set(Mood::Telling("new".to_owned()));
        manager.clock.advance(Duration::from_millis(4_999));
        for read in [secrets.get("s").await, secrets.refresh("s").await] {
            assert_eq!(read.unwrap().expose(), "old", "{trouble:?}");
        }
        assert_eq!(manager.calls(), 0, "{trouble:?}: it is left alone");

        manager.clock.advance(Duration::from_millis(1));
        assert_eq!(secrets.get("s").await.unwrap().expose(), "new", "{trouble:?}");
        assert_eq!(manager.calls(), 1);
    }
}

/// A secret with keys of these names, of which the last is current.
fn keys(kids: &[&str]) -> Mood {
    let named: HashMap<&str, String> = kids.iter().map(|kid| (*kid, kid.repeat(KEY_BYTES))).collect();
    Mood::Telling(serde_json::json!({"current": kids.last(), "keys": named}).to_string())
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_anew_for_one_that_is_missing() {
    let manager = Manager::new(keys(&["k1"]));
    let kept: Kept<AppKeys> = Kept::new(&manager.secrets(), "s");
    let current = async |kid: Option<&str>| {
        let kid = kid.map(|kid| kid.parse().unwrap());
        kept.knowing(kid.as_ref()).await.unwrap().current().to_string()
    };
    assert_eq!(manager.calls(), 0, "nobody has wanted them yet");
    assert_eq!((current(None).await.as_str(), manager.calls()), ("k1", 1));
    manager.set(keys(&["k1", "k2"]));

    manager.clock.advance(COOL_DOWN);
    for known in [None, Some("k1")] {
        assert_eq!((current(known).await.as_str(), manager.calls()), ("k1", 0), "{known:?}");
    }
    assert_eq!((current(Some("k2")).await.as_str(), manager.calls()), ("k2", 1));
    assert_eq!(kept.latest().await.unwrap().current().as_str(), "k2");
    for _ in 0..3 {
        assert_eq!((current(Some("k9")).await.as_str(), manager.calls()), ("k2", 0), "it was read just now");
    }

    for broken in [Mood::Failing, Mood::Silent, Mood::Telling("{}".to_owned())] {
        manager.set(broken);
        manager.clock.advance(COOL_DOWN);
        assert_eq!(current(Some("k9")).await, "k2", "what is known stays");
    }
}
