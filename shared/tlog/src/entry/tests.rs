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
    let wrong = |from: &str, to: &str| {
        assert!(leaf.contains(from), "{from}");
        Leaf::parse(leaf.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(wrong("{", ""), LeafError { at: 0, wanted: "{\"v\":1,\"id\":\"" });
    assert_eq!(wrong("\"v\":1", "\"v\":2").at, 0);
    assert_eq!(wrong("\"v\":1,", "\"v\": 1,").at, 0);
    assert_eq!(wrong("7c3d-9a51", "7C3D-9A51"), LeafError { at: 13, wanted: "the entry's id" });
    for time in ["20.1230Z", "20.12Z", "20.123+00:00", "20.123z"] {
        assert_eq!(wrong("20.123Z", time).wanted, "a time in UTC with three decimals");
    }
    assert_eq!(wrong("22:13:20.123Z", "23:13:20.123+01:00").at, 57);
    for text in ["user\\u002eupdate", "user\nupdate", "user\\/update", "user\\x", "\\ud800"] {
        assert_eq!(wrong("user.update", text).wanted, "text as JSON has it", "{text}");
    }
    assert_eq!(wrong("user.update\",", "user.update\",\"more\":1,").wanted, ",\"target\":");
    assert_eq!(wrong("\"client\":\"02", "\"client\":\"0A").wanted, "a commitment");
    assert_eq!(wrong("\"before\":\"\"", "\"before\":null").wanted, ",\"before\":\"");
    assert_eq!(wrong("\"before\":\"\"", "\"before\":\"0\"").wanted, "a commitment or nothing");
    let last = LeafError { at: leaf.len(), wanted: "its end" };
    assert_eq!(Leaf::parse(format!("{leaf}\n").as_bytes()), Err(last));
    for end in 0..leaf.len() {
        assert!(Leaf::parse(&leaf.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn what_is_read_is_what_would_be_written() {
    let mut entry = example();
    entry.action = "a \"b\" \\ – \u{1}\u{7f}\u{2028}\n".into();
    let leaf = entry.leaf(Hash::ZERO);
    for at in 0..leaf.len() {
        for bit in 0..8 {
            let mut altered = leaf.clone();
            altered[at] ^= 1 << bit;
            if let Ok(read) = Leaf::parse(&altered) {
                assert_eq!(read.entry.leaf(read.prev), altered, "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_leaf_is_json() {
    let json: serde_json::Value = serde_json::from_slice(&example().leaf(Hash::ZERO)).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 12);
    assert_eq!(json["actor"]["kind"], "user");
}
