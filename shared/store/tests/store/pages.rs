//! Lists: complete, in order, stable while others insert.

use kernel::{Error, Limit, Page, Sort};
use proptest::prelude::*;
use store::{Change, Index, Query, Store, Stored};

use crate::note::{Note, actor, store};

async fn add(store: &Store, name: &str) {
    let change = Change::new("note.create", "note", name)
        .create(&Note::new(name, ""), Error::conflict("exists", "it exists"));
    store.commit(&actor(), change).await.unwrap();
}

fn limit(n: u8) -> Limit {
    n.to_string().parse().unwrap()
}

#[tokio::test]
async fn a_cursor_of_another_query_is_refused() {
    let (store, _cloud) = store();
    for n in 0..3 {
        add(&store, &format!("{n}")).await;
    }
    let page = store.page(&Note::all(), limit(1), None).await.unwrap();
    let cursor = page.next_cursor.unwrap();
    for other in [
        Note::all().newest_first(),
        Query::table("board#c", "note#"),
        Query::table("board#b", "note#1"),
        Note::all().only("text", &""),
        Note::all().narrowed("more"),
        Note::all().sorted(Sort::CreatedDescending),
    ] {
        let refused = store.page(&other, limit(1), Some(&cursor)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{other:?}");
    }
}

#[tokio::test]
async fn the_last_page_says_that_it_is_the_last() {
    let (store, _cloud) = store();
    for n in 0..6 {
        add(&store, &format!("{n}")).await;
    }
    let by_name = Query::index(Index("gsi1"), "notes", "");
    let [oldest, newest] = [Sort::Created, Sort::CreatedDescending];
    for query in [
        Note::all().sorted(oldest),
        Note::all().sorted(newest),
        by_name.clone().sorted(oldest),
        by_name.sorted(newest),
    ] {
        for (size, pages) in [(1, 6), (2, 3), (3, 2), (4, 2), (5, 2), (6, 1), (7, 1)] {
            let (mut found, mut cursor, mut seen) = (0, None, Vec::new());
            loop {
                let page = store.page(&query, limit(size), cursor.as_deref()).await.unwrap();
                found += 1;
                seen.extend(page.items.into_iter().map(|note| note.name));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!((found, seen.len()), (pages, 6), "{query:?} by {size}");
            seen.dedup();
            assert_eq!(seen.len(), 6, "{query:?} by {size}");
        }
    }
}

#[tokio::test]
async fn each_item_of_a_page_is_joined_with_its_own() {
    let (store, _cloud) = store();
    for name in ["c", "a"] {
        add(&store, name).await;
    }
    let page = Page { items: vec!["a", "b", "c"], next_cursor: Some("next".to_owned()) };
    let joined: Page<(&str, Stored<Note>)> = store.join(page, |name| Note::key_of(name)).await.unwrap();
    let names: Vec<(&str, &str)> = joined.items.iter().map(|(item, note)| (*item, &*note.name)).collect();
    assert_eq!(names, [("a", "a"), ("c", "c")], "what does not exist is left out");
    assert_eq!(joined.next_cursor.as_deref(), Some("next"));
    let none: Page<(&str, Stored<Note>)> = store
        .join(Page { items: Vec::new(), next_cursor: None }, |name: &&str| Note::key_of(name))
        .await
        .unwrap();
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn a_filter_reads_on_until_the_page_is_full_or_it_has_read_enough() {
    let (store, _cloud) = store();
    for n in 0..80 {
        let text = if n % 20 == 19 { "odd" } else { "even" };
        let note = Note::new(&format!("{n:02}"), text);
        let change =
            Change::new("note.create", "note", n).create(&note, Error::conflict("exists", "it exists"));
        store.commit(&actor(), change).await.unwrap();
    }
    let (odd, none) = (Note::all().only("text", &"odd"), Note::all().only("text", &"none"));
    let names = |page: kernel::Page<Note>| page.items.into_iter().map(|note| note.name).collect::<Vec<_>>();
    let page = store.page(&odd, limit(4), None).await.unwrap();
    // A read is no larger than the room that is left and one: eight of them do not come to the second.
    let cursor = page.next_cursor.clone();
    let mut seen = names(page);
    assert_eq!(seen, ["19"]);
    let rest = store.page(&odd, limit(100), cursor.as_deref()).await.unwrap();
    assert!(rest.next_cursor.is_none());
    seen.extend(names(rest));
    assert_eq!(seen, ["19", "39", "59", "79"]);

    let page = store.page(&none, limit(1), None).await.unwrap();
    assert!(page.items.is_empty() && page.next_cursor.is_some(), "sixteen of eighty were read");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is inserted while somebody pages through: what was there before is seen exactly once, in order.
    #[test]
    fn every_item_is_seen_once_under_inserts(
        names in proptest::collection::btree_set("[a-z]{1,3}", 1..12),
        inserts in proptest::collection::btree_set("[A-Z]{1,3}|[a-z]{4}", 0..6),
        size in 1_u8..5,
        is_newest_first in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _cloud) = store();
            for name in &names {
                add(&store, name).await;
            }
            let query = if is_newest_first { Note::all().newest_first() } else { Note::all() };
            let (mut seen, mut cursor, mut inserts) = (Vec::new(), None, inserts.iter());
            loop {
                let page = store.page(&query, limit(size), cursor.as_deref()).await.unwrap();
                assert!(page.items.len() <= usize::from(size));
                seen.extend(page.items.into_iter().map(|note| note.name));
                if let Some(name) = inserts.next() {
                    add(&store, name).await;
                }
                match page.next_cursor {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
            let mut expected: Vec<String> = names.iter().cloned().collect();
            if is_newest_first {
                expected.reverse();
            }
            seen.retain(|name| names.contains(name));
            assert_eq!(seen, expected);
        });
    }
}
