//! What each route costs: `docs/request-units.md`.

use aws_sdk_dynamodb::types::AttributeValue;
use testkit::units::{Bill, counting};

use crate::{
    archive::{AUDIT, Archive},
    exporting::export,
};

#[tokio::test]
async fn request_units_are_those_of_the_page() {
    let document = serde_json::to_value(audit::openapi()).unwrap();
    let mut archive = Archive::new().await;
    archive.commit("note.create", 0..300).await;
    archive.sequence().await.unwrap();
    export(&archive).await.unwrap();
    let lab = archive.lab.clone();
    archive.app = lab.http("audit", async |boot| audit::function(counting(boot)).await).await;
    let page = archive.ask("/entries?limit=1").await.expect(200).json();
    let id = page["items"][0]["id"].as_str().unwrap();
    // One of each number of parts. A log has no such tiles so soon; what they hold costs nothing.
    for far in ["tile/0/x001/000.p/5", "tile/0/x001/x002/003.p/5"] {
        archive.put_object(far, vec![0; 5 * 32]).await;
    }
    let places = [
        ("/entries/{id}", format!("/entries/{id}")),
        ("/consistency", "/consistency?old_size=7".to_owned()),
        ("/tile/{level}/{a}", "/tile/0/000".to_owned()),
        ("/tile/{level}/{a}/{b}", "/tile/0/001.p/45".to_owned()),
        ("/tile/{level}/{a}/{b}/{c}", "/tile/0/x001/000.p/5".to_owned()),
        ("/tile/{level}/{a}/{b}/{c}/{d}", "/tile/0/x001/x002/003.p/5".to_owned()),
    ];
    let token = archive.issuer.token(kernel::Role::Operator, archive.tenant_id);
    let mut bill = Bill::of("audit");
    let mut paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    // The farther tiles last: they want another head.
    paths.sort_by_key(|path| path.contains("{c}"));
    for path in paths {
        if path.contains("{c}") {
            archive.alter_item("head", "head", "size", AttributeValue::N("999999999".to_owned())).await;
        }
        let short = path.strip_prefix(AUDIT).unwrap();
        let place = places.iter().find(|(name, _)| *name == short).map_or(short, |(_, place)| place.as_str());
        let call = || archive.app.get(format!("{AUDIT}{place}")).bearer(&token);
        call().await;
        bill.note("GET", path, &call().await);
    }
    bill.check(&document);
}
