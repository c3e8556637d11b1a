//! Cases of the contract: lists and scans, each of one moment.

use std::sync::Arc;

use futures::future::join_all;

use super::{Fixture, batch, commit, key, names, number, text};
use crate::{Prefix, Revision, Txn};

pub async fn a_list_is_sorted_and_ends_at_a_segment(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let keys =
        ["a/b", "a/b/c", "a/bc", "a/b/c/d", "a/b-c/d", "a/b0", "a", "b/a", "ü/x", "Z", "a/b/%", "a/b/_/x", "a/b/é"];
    for name in keys {
        commit(&store, Txn::new().put(key(name), text(name))).await;
    }
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(names(&store.list(&Prefix::all()).await.unwrap()), sorted);
    for (prefix, below) in [
        ("a/b", vec!["a/b/%", "a/b/_/x", "a/b/c", "a/b/c/d", "a/b/é"]),
        ("a/b/c", vec!["a/b/c/d"]),
        ("a/b/%", vec![]),
        ("a/b/_", vec!["a/b/_/x"]),
        ("a/bc", vec![]),
        ("ü", vec!["ü/x"]),
        ("none", vec![]),
    ] {
        let snapshot = store.list(&Prefix::below(&key(prefix))).await.unwrap();
        assert_eq!(names(&snapshot), below, "below {prefix}");
        assert!(snapshot.items.iter().all(|item| item.value.document == text(item.key.as_str())));
    }
}

pub async fn a_list_of_nothing_has_a_revision(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let empty = store.list(&Prefix::all()).await.unwrap();
    assert!(empty.items.is_empty());
    let mut watch = store.watch(&Prefix::all(), empty.revision).await.unwrap();
    let first = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    assert_eq!(batch(&mut watch).await.revision, first);
    let elsewhere = store.list(&Prefix::below(&key("k"))).await.unwrap();
    assert_eq!((elsewhere.items.len(), elsewhere.revision), (0, first));
}

/// Every transaction writes both keys, so a list shows both as of its own revision, or it mixes two moments.
pub async fn a_list_is_of_one_moment(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let both = |n| Txn::new().put(key("k/left"), number(n)).put(key("k/right"), number(n));
    commit(&store, both(0)).await;
    let writers = (0..2).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..200 {
                commit(&store, both(n)).await;
            }
        })
    });
    let writing = tokio::spawn(join_all(writers.collect::<Vec<_>>()));
    while !writing.is_finished() {
        let snapshot = store.list(&Prefix::below(&key("k"))).await.unwrap();
        let revisions: Vec<Revision> = snapshot.items.iter().map(|item| item.value.revision).collect();
        assert_eq!(revisions, [snapshot.revision; 2]);
    }
    writing.await.unwrap().into_iter().for_each(Result::unwrap);
}

pub async fn a_scan_in_parts_is_the_list(fixture: &dyn Fixture) {
    const KEYS: usize = 5_000;
    let store = fixture.open().await;
    for from in (0..KEYS).step_by(100) {
        let puts = (from..from + 100).fold(Txn::new(), |txn, n| txn.put(key(&format!("k/{n:06}")), number(n)));
        commit(&store, puts).await;
    }
    let mut scan = store.scan(&Prefix::below(&key("k"))).await.unwrap();
    // What is written from now on is not part of it, however slowly it is read.
    commit(&store, Txn::new().put(key("k/000000"), number(9)).put(key("k/999999"), number(9)).delete(key("k/004999")))
        .await;
    let (mut parts, mut items) = (0, Vec::new());
    while let Some(part) = scan.next().await {
        parts += 1;
        items.extend(part.unwrap());
    }
    assert!(parts > 1, "it came as a whole");
    let names: Vec<String> = items.iter().map(|item| item.key.to_string()).collect();
    assert_eq!(names, (0..KEYS).map(|n| format!("k/{n:06}")).collect::<Vec<_>>());
    assert!(items.iter().all(|item| item.value.revision <= scan.revision));
}

pub async fn a_scan_that_is_dropped_lets_others_read_and_the_store_close(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for from in (0..20_000).step_by(100) {
        let puts = (from..from + 100).fold(Txn::new(), |txn, n| txn.put(key(&format!("k/{n:06}")), number(n)));
        commit(&store, puts).await;
    }
    for _ in 0..16 {
        let mut scan = store.scan(&Prefix::all()).await.unwrap();
        scan.next().await.unwrap().unwrap();
    }
    assert!(store.get(&key("k/000001")).await.unwrap().is_some());
    store.close().await;
}
