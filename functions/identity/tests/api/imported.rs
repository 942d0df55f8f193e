//! Accounts whose passwords were hashed elsewhere.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use testkit::App;

use crate::people::{PASSWORD, app, login, person};

/// The stored password of an account.
async fn stored(app: &App, id: &str) -> String {
    let client = Client::new(&app.lab().cloud().sdk_config());
    let row = client.get_item().table_name(table(app)).consistent_read(true).set_key(Some(key(id)));
    let row = row.send().await.unwrap().item.unwrap();
    row["password"].as_m().unwrap()["phc"].as_s().unwrap().clone()
}

/// Puts a hash in the place of an account's own, as an import does.
async fn import(app: &App, id: &str, phc: &str) {
    let client = Client::new(&app.lab().cloud().sdk_config());
    let update = client.update_item().table_name(table(app)).set_key(Some(key(id)));
    let update = update.update_expression("SET password.phc = :phc, password.pepper_kid = :none");
    let update = update.expression_attribute_values(":phc", AttributeValue::S(phc.to_owned()));
    update.expression_attribute_values(":none", AttributeValue::Null(true)).send().await.unwrap();
}

fn table(app: &App) -> String {
    app.lab().boot("identity").vars.get("IDENTITY_TABLE").unwrap().to_owned()
}

fn key(id: &str) -> std::collections::HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    [("pk".to_owned(), text(&format!("user#{id}"))), ("sk".to_owned(), text("user"))].into()
}

#[tokio::test]
async fn a_bcrypt_hash_is_replaced_at_the_next_login() {
    let app = app().await;
    let ann = person(&app, "ann").await;
    import(&app, &ann.id, &bcrypt::hash(PASSWORD, 4).unwrap()).await;
    assert!(stored(&app, &ann.id).await.starts_with("$2b$"));
    login(&app, "ann").await.expect(200);
    let written = stored(&app, &ann.id).await;
    assert!(written.starts_with("$argon2id$"), "{written}");
    login(&app, "ann").await.expect(200);
    assert_eq!(stored(&app, &ann.id).await, written, "it is rehashed once");
}
