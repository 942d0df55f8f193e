use super::*;
use crate::hash;

fn example() -> Entry {
    let id = |byte| Commitment::from_bytes([byte; 32]);
    Entry {
        id: "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17".parse().expect("it is an id"),
        at: Timestamp::from_millis(1_700_000_000_123),
        tenant_id: "01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18".parse().expect("it is an id"),
        actor: Party { kind: "user".into(), id: id(1) },
        client: id(2),
        request_id: id(3),
        action: "user.update".into(),
        target: Party { kind: "user".into(), id: id(4) },
        before: None,
        after: Some(id(5)),
    }
}

#[test]
fn the_form_is_fixed() {
    let leaf = example().leaf(Hash::ZERO);
    let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(|byte| format!("0{byte}").repeat(32));
    let expected = format!(
        "{{\"v\":1,\"id\":\"01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e17\",\"at\":\"2023-11-14T22:13:20.123Z\",\
         \"tenant_id\":\"01981f9a-2e4b-7c3d-9a51-3f6d2b8c0e18\",\"actor\":{{\"kind\":\"user\",\"id\":\"{one}\"}},\
         \"client\":\"{two}\",\"request_id\":\"{three}\",\"action\":\"user.update\",\
         \"target\":{{\"kind\":\"user\",\"id\":\"{four}\"}},\"before\":\"\",\"after\":\"{five}\",\"prev\":\"{}\"}}",
        "0".repeat(64)
    );
    assert_eq!(String::from_utf8(leaf).unwrap(), expected);
}

#[test]
fn a_leaf_is_read_as_it_was_written() {
    let mut entry = example();
    entry.action = "a \"quoted\" \\ name – with\u{1}everything\n".into();
    let prev = hash::empty();
    let leaf = entry.leaf(prev);
    let read = Leaf::parse(&leaf).unwrap();
    assert_eq!(read, Leaf { entry, prev });
    assert_eq!(read.entry.leaf(read.prev), leaf);
}

#[test]
fn every_other_spelling_is_refused() {
    let leaf = String::from_utf8(example().leaf(Hash::ZERO)).unwrap();
    let spelling = |text: String| matches!(Leaf::parse(text.as_bytes()), Err(LeafError::Spelling));
    assert!(spelling(format!("{leaf}\n")));
    assert!(spelling(leaf.replace("\"v\":1,", "\"v\": 1,")));
    assert!(spelling(leaf.replace("20.123Z", "20.1230Z")));
    assert!(spelling(leaf.replace("22:13:20.123Z", "23:13:20.123+01:00")));
    assert!(spelling(leaf.replace("user.update", "user\\u002eupdate")));
    let (before, after) = leaf.split_once("\"action\":\"user.update\",").unwrap();
    assert!(spelling(format!(
        "{before}{}",
        after.replace("\"before\"", "\"action\":\"user.update\",\"before\"")
    )));
    let json = |text: String| matches!(Leaf::parse(text.as_bytes()), Err(LeafError::Json(_)));
    assert!(json(String::new()));
    assert!(json(format!("{leaf}{leaf}")));
    assert!(json(leaf.replace("\"v\":1,", "")));
    assert!(json(leaf.replace("\"v\":1,", "\"v\":1,\"w\":1,")));
    assert!(json(leaf.replace("\"v\":1,", "\"v\":1,\"v\":1,")));
    assert!(json(leaf.replace("\"client\":\"02", "\"client\":\"0G")));
    assert!(json(leaf.replace("7c3d-9a51-3f6d2b8c0e17", "7C3D-9A51-3F6D2B8C0E17")));
    assert!(json(leaf.replace("\"before\":\"\"", "\"before\":null")));
    assert!(matches!(Leaf::parse(leaf.replace("\"v\":1", "\"v\":2").as_bytes()), Err(LeafError::Version(2))));
}
