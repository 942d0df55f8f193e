//! A revocation by one instance of a function, at another.

use std::time::Duration;

use testkit::Lab;

use crate::{ground::instance, token};

#[tokio::test]
async fn a_revoked_token_is_refused_everywhere_within_five_seconds_at_one_read_in_five() {
    let lab = Lab::new();
    let token = token::issue(&lab, "01981f9a-2e4b-7d10-8b7e-5f0c9a1d2e3f").await;
    let (here, there) = (instance(&lab).await, instance(&lab).await);
    let reads = || lab.cloud().calls().get("dynamodb:Query").copied().unwrap_or_default();
    let ask = async |status: u16| {
        there.get("/mine").bearer(&token).await.expect(status);
    };
    ask(200).await;
    here.post("/revoke").bearer(&token).await.expect(204);
    let before = reads();
    for _ in 0..20 {
        lab.advance(Duration::from_millis(200));
        ask(200).await;
    }
    assert_eq!(reads(), before, "4 s after the first read it is not repeated");
    lab.advance(Duration::from_secs(1));
    for _ in 0..20 {
        ask(401).await;
        lab.advance(Duration::from_millis(200));
    }
    assert_eq!(reads(), before + 1);
    // The instance that revoked reads again by itself: it has no other way to know than everybody.
    here.get("/mine").bearer(&token).await.expect(401);
}
