//! Whatever changes something leaves its entry in the audit log, wherever it is cut off.

use std::fmt::Write as _;

use testkit::trail::actions_of;

use crate::{units::Desk, walk::operations};

/// A read that begins a session.
const CALLBACK: &str = "GET /api/v1/auth/oidc/{provider}/callback";

#[tokio::test(start_paused = true)]
async fn every_change_has_its_entry_and_every_entry_its_change() {
    let mut trail = String::new();
    for operation in operations() {
        let name = operation.name();
        if operation.method == "GET" && name != CALLBACK {
            continue;
        }
        let prepare = async || {
            let desk = Desk::new().await;
            (desk.lab().clone(), desk.call(&operation).await)
        };
        let actions: Vec<String> = actions_of(&name, "identity", prepare).await.into_iter().collect();
        assert!(!actions.is_empty(), "{name} changes nothing, or leaves no entry");
        writeln!(trail, "{name}: {}", actions.join(", ")).unwrap();
    }
    insta::assert_snapshot!(trail);
}
