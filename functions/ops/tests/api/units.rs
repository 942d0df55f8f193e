//! What each route costs: `docs/request-units.md`.

use testkit::units::Bill;

use crate::boots::ready_app;

#[tokio::test]
async fn request_units_are_those_of_the_page() {
    let app = ready_app().await;
    let document = serde_json::to_value(ops::openapi()).unwrap();
    let mut bill = Bill::of("ops");
    for path in document["paths"].as_object().unwrap().keys() {
        let answer = app.get(path.replace("{file}", "docs.js")).await;
        bill.note("GET", path, &answer);
    }
    bill.check(&document);
}
