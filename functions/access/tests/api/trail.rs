//! Whatever changes something leaves its entry in the audit log, wherever it is cut off.

use std::fmt::Write as _;

use testkit::{
    trail::{actions_of, changing},
    units::counting,
};

use crate::{office::Office, units::call};

#[tokio::test(start_paused = true)]
async fn every_change_has_its_entry_and_every_entry_its_change() {
    let mut trail = String::new();
    for (method, path) in changing(&serde_json::to_value(access::openapi()).unwrap()) {
        let name = format!("{method} {path}");
        let prepare = async || {
            let mut office = Office::new().await;
            let lab = office.app.lab().clone();
            office.app = lab.http("access", async |boot| access::function(counting(boot)).await).await;
            let call = call(&office, &method, &path).await;
            (lab, call)
        };
        let actions: Vec<String> = actions_of(&name, "access", prepare).await.into_iter().collect();
        assert!(!actions.is_empty(), "{name} changes nothing, or leaves no entry");
        writeln!(trail, "{name}: {}", actions.join(", ")).unwrap();
    }
    insta::assert_snapshot!(trail);
}
