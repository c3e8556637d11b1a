//! The contract as a test-suite, for every implementation: [`crate::store_contract`] makes one test of each function
//! here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a suite of tests: they fail by panicking, and their names say what they prove"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use crate::{
    Batch, Change, Document, Event, Expect, Key, MAX_DOCUMENT_BYTES, MAX_TXN_OPS, Outcome, Prefix, Revision, Snapshot,
    Store, StoreError, Txn, TxnError, Watch,
};

/// One storage that the suite may open, fill, close and open again. Each test gets a fresh one.
pub trait Fixture: Send + Sync {
    /// Opens the storage, which no one else has open.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>>;

    /// Forgets the history up to a revision of the storage that was opened last.
    fn compact(&self, up_to: Revision) -> BoxFuture<'_, ()>;
}

/// Makes a `#[tokio::test]` of every case of the contract. Takes an expression that makes a fresh [`Fixture`]. With `in
/// turn on STORAGE`, it is a function of that storage, and one test runs all cases one after the other: for one that is
/// too dear to be started for each.
#[macro_export]
macro_rules! store_contract {
    (in turn on $storage:expr, $fixture:expr) => { $crate::store_contract! { @cases turn ($storage, $fixture) } };
    ($fixture:expr) => { $crate::store_contract! { @cases each ($fixture) } };
    (@cases $how:ident $fixture:tt) => {
        $crate::store_contract! { @ $how $fixture;
            a_key_that_was_never_written_is_absent
            a_value_is_read_as_it_was_written
            a_write_is_seen_by_every_later_read
            revisions_grow_with_every_change_and_only_then
            conditions_look_at_the_key_as_it_is
            the_first_condition_that_fails_is_named
            a_transaction_happens_as_a_whole_or_not_at_all
            a_key_that_was_removed_and_made_again_is_another_one
            removing_what_is_absent_changes_nothing
            a_transaction_has_a_largest_size_and_writes_a_key_once
            a_list_is_sorted_and_ends_at_a_segment
            a_list_of_nothing_has_a_revision
            a_list_is_of_one_moment
            a_scan_in_parts_is_the_list
            a_scan_that_is_dropped_lets_others_read_and_the_store_close
            one_of_many_creators_wins
            concurrent_increments_are_all_counted
            a_watch_brings_each_transaction_once_and_whole
            a_watch_brings_only_its_prefix
            a_watch_passes_over_much_that_is_not_its_own
            a_watch_starts_after_its_revision
            a_wait_that_is_given_up_loses_nothing
            a_list_and_its_watch_have_no_gap_under_concurrent_writers
            forgotten_history_is_an_explicit_error
            a_revision_of_the_future_is_refused
            what_is_announced_goes_away_by_itself_unless_it_is_repeated
            what_is_announced_can_be_removed_at_once
            only_keys_below_live_are_announced
            everything_is_there_after_reopening
            a_closed_store_says_so
        }
    };
    (@ turn ($storage:expr, $fixture:expr); $($case:ident)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn every_case_of_the_contract_holds() {
            let storage = $storage;
            let mut broken = Vec::new();
            $(
                let fixture = $fixture(&storage);
                println!(stringify!($case));
                if $crate::contract::outcome($crate::contract::$case(&fixture)).await.is_err() {
                    broken.push(stringify!($case));
                }
            )*
            assert!(broken.is_empty(), "broken: {broken:?}");
        }
    };
    (@ each ($fixture:expr); $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::contract::$case(&$fixture).await;
            }
        )*
    };
}

/// A case that fails does not keep the others from running.
pub async fn outcome(case: impl Future<Output = ()>) -> std::thread::Result<()> {
    std::panic::AssertUnwindSafe(case).catch_unwind().await
}

pub async fn a_key_that_was_never_written_is_absent(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    commit(&store, Txn::new().put(key("a/b/c"), text("x"))).await;
    for absent in ["a", "a/b", "a/b/c/d", "a/b/cc", "A/b/c"] {
        assert_eq!(store.get(&key(absent)).await, Ok(None), "{absent}");
    }
}

pub async fn a_value_is_read_as_it_was_written(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let largest = Document::encode(7, &"x".repeat(MAX_DOCUMENT_BYTES - 2)).unwrap();
    let odd = Document::from_json(u32::MAX, " {\"b\":1.50, \"a\":\"ü\\u0000\\n\", \"b\":null} ").unwrap();
    let arn = Key::of(["clusters", "d mo", "arn:aws:iam::111122223333:role/team/dev+ops=x,y.z@w_1-a", "ü"]).unwrap();
    for (key, document) in [(key("a"), largest), (key("b"), odd), (arn, text(""))] {
        let revision = commit(&store, Txn::new().put(key.clone(), document.clone())).await;
        let read = store.get(&key).await.unwrap().unwrap();
        assert_eq!((read.document.schema(), read.document.json()), (document.schema(), document.json()));
        assert_eq!(read.revision, revision);
    }
}

pub async fn a_write_is_seen_by_every_later_read(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for round in 0..50 {
        let revision = commit(&store, Txn::new().put(key("k"), number(round))).await;
        assert_eq!(store.get(&key("k")).await.unwrap().unwrap().document, number(round));
        let snapshot = store.list(&Prefix::all()).await.unwrap();
        assert_eq!(snapshot.items[0].value.document, number(round));
        assert!(snapshot.revision >= revision);
    }
}

pub async fn revisions_grow_with_every_change_and_only_then(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let first = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    let second = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    assert!(Revision(0) < first && first < second);
    assert_eq!(commit(&store, Txn::new()).await, second);
    assert_eq!(commit(&store, Txn::new().when(key("k"), Expect::Present)).await, second);
    let conflict = store.txn(Txn::new().when(key("k"), Expect::Absent).put(key("l"), text("y"))).await.unwrap();
    assert!(matches!(conflict, Outcome::Conflict { .. }));
    assert_eq!(store.list(&Prefix::all()).await.unwrap().revision, second);
    let third = commit(&store, Txn::new().delete(key("k"))).await;
    assert!(third > second);
}

pub async fn conditions_look_at_the_key_as_it_is(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let old = commit(&store, Txn::new().put(key("k"), text("1"))).await;
    let new = commit(&store, Txn::new().put(key("k"), text("2"))).await;
    for (name, expect, holds, actual) in [
        ("k", Expect::Present, true, Some(new)),
        ("k", Expect::Revision(new), true, Some(new)),
        ("k", Expect::Revision(old), false, Some(new)),
        ("k", Expect::Revision(Revision(new.0 + 1)), false, Some(new)),
        ("k", Expect::Absent, false, Some(new)),
        ("none", Expect::Absent, true, None),
        ("none", Expect::Present, false, None),
        ("none", Expect::Revision(new), false, None),
        ("none", Expect::Revision(Revision(0)), false, None),
    ] {
        let outcome = store.txn(Txn::new().when(key(name), expect)).await.unwrap();
        let conflict = Outcome::Conflict { key: key(name), actual };
        assert_eq!(outcome, if holds { Outcome::Committed(new) } else { conflict }, "{name} {expect:?}");
    }
}

pub async fn the_first_condition_that_fails_is_named(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let revision = commit(&store, Txn::new().put(key("there"), text("x"))).await;
    let txn = Txn::new()
        .when(key("there"), Expect::Present)
        .when(key("b"), Expect::Present)
        .when(key("a"), Expect::Present)
        .when(key("there"), Expect::Absent);
    assert_eq!(store.txn(txn).await, Ok(Outcome::Conflict { key: key("b"), actual: None }));
    let txn = Txn::new().when(key("there"), Expect::Absent).when(key("b"), Expect::Present);
    assert_eq!(store.txn(txn).await, Ok(Outcome::Conflict { key: key("there"), actual: Some(revision) }));
}

pub async fn a_transaction_happens_as_a_whole_or_not_at_all(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    commit(&store, Txn::new().put(key("old"), text("x"))).await;
    let before = store.list(&Prefix::all()).await.unwrap();
    let writes = Txn::new().put(key("new"), text("y")).delete(key("old")).put(key("other"), text("z"));
    let refused = store.txn(writes.clone().when(key("new"), Expect::Present)).await.unwrap();
    assert_eq!(refused, Outcome::Conflict { key: key("new"), actual: None });
    assert_eq!(store.list(&Prefix::all()).await.unwrap(), before);

    let revision = commit(&store, writes.when(key("new"), Expect::Absent)).await;
    let after = store.list(&Prefix::all()).await.unwrap();
    assert_eq!(names(&after), ["new", "other"]);
    assert!(after.items.iter().all(|item| item.value.revision == revision));
    assert_eq!(after.revision, revision);
}

/// Or a change meant for the first could hit the second.
pub async fn a_key_that_was_removed_and_made_again_is_another_one(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let first = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    commit(&store, Txn::new().delete(key("k"))).await;
    assert_eq!(store.get(&key("k")).await, Ok(None));
    let second = commit(&store, Txn::new().when(key("k"), Expect::Absent).put(key("k"), text("x"))).await;
    let outcome = store.txn(Txn::new().when(key("k"), Expect::Revision(first)).delete(key("k"))).await.unwrap();
    assert_eq!(outcome, Outcome::Conflict { key: key("k"), actual: Some(second) });
}

pub async fn removing_what_is_absent_changes_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let revision = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    assert_eq!(commit(&store, Txn::new().delete(key("none"))).await, revision);
    let mut watch = store.watch(&Prefix::all(), revision).await.unwrap();
    let next = commit(&store, Txn::new().delete(key("none")).put(key("l"), text("y"))).await;
    assert_eq!(batch(&mut watch).await, Batch { revision: next, events: vec![put("l", text("y"))] });
}

pub async fn a_transaction_has_a_largest_size_and_writes_a_key_once(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let fill = |count: usize| (0..count).fold(Txn::new(), |txn, n| txn.put(key(&format!("n/{n:03}")), number(n)));
    let too_many = store.txn(fill(MAX_TXN_OPS + 1)).await;
    assert_eq!(too_many, Err(StoreError::InvalidTxn(TxnError::TooManyOps(MAX_TXN_OPS + 1))));
    let twice = store.txn(Txn::new().put(key("k"), text("x")).delete(key("k"))).await;
    assert_eq!(twice, Err(StoreError::InvalidTxn(TxnError::WrittenTwice(key("k")))));
    assert!(store.list(&Prefix::all()).await.unwrap().items.is_empty());
    commit(&store, fill(MAX_TXN_OPS)).await;
    assert_eq!(store.list(&Prefix::all()).await.unwrap().items.len(), MAX_TXN_OPS);
}

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

pub async fn one_of_many_creators_wins(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let tries = (0..32).map(|creator| {
        let store = Arc::clone(&store);
        let txn = Txn::new().when(key("k"), Expect::Absent).put(key("k"), number(creator));
        tokio::spawn(async move { (creator, store.txn(txn).await.unwrap()) })
    });
    let outcomes: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let value = store.get(&key("k")).await.unwrap().unwrap();
    for (creator, outcome) in &outcomes {
        if value.document == number(*creator) {
            assert_eq!(*outcome, Outcome::Committed(value.revision));
        } else {
            assert_eq!(*outcome, Outcome::Conflict { key: key("k"), actual: Some(value.revision) });
        }
    }
}

pub async fn concurrent_increments_are_all_counted(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    commit(&store, Txn::new().put(key("counter"), number(0))).await;
    let writers = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..25 {
                increment(&store, "counter").await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    assert_eq!(store.get(&key("counter")).await.unwrap().unwrap().document, number(200));
}

pub async fn a_watch_brings_each_transaction_once_and_whole(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = store.list(&Prefix::all()).await.unwrap().revision;
    let mut watch = store.watch(&Prefix::all(), start).await.unwrap();
    let mut expected = Vec::new();
    for (txn, events) in [
        (Txn::new().put(key("b"), text("1")).put(key("a"), text("2")), vec![put("b", text("1")), put("a", text("2"))]),
        (Txn::new().put(key("b"), text("3")), vec![put("b", text("3"))]),
        (Txn::new().delete(key("a")).put(key("c"), text("4")), vec![deleted("a"), put("c", text("4"))]),
        (Txn::new().put(key("a"), text("5")), vec![put("a", text("5"))]),
    ] {
        expected.push(Batch { revision: commit(&store, txn).await, events });
    }
    for batch_expected in &expected {
        assert_eq!(batch(&mut watch).await, *batch_expected);
    }
    // A second watch sees the same history, and nothing comes twice.
    let mut again = store.watch(&Prefix::all(), start).await.unwrap();
    for batch_expected in &expected {
        assert_eq!(batch(&mut again).await, *batch_expected);
    }
    let end = commit(&store, Txn::new().put(key("end"), text("end"))).await;
    for watch in [&mut watch, &mut again] {
        assert_eq!(batch(watch).await, Batch { revision: end, events: vec![put("end", text("end"))] });
    }
}

pub async fn a_watch_brings_only_its_prefix(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = store.list(&Prefix::all()).await.unwrap().revision;
    let mut watch = store.watch(&Prefix::below(&key("a/b")), start).await.unwrap();
    commit(&store, Txn::new().put(key("a/b"), text("x")).put(key("a/bc"), text("x"))).await;
    commit(&store, Txn::new().put(key("a/b0"), text("x"))).await;
    let mixed = Txn::new().put(key("z"), text("x")).put(key("a/b/c"), text("y")).delete(key("a/b"));
    let revision = commit(&store, mixed).await;
    assert_eq!(batch(&mut watch).await, Batch { revision, events: vec![put("a/b/c", text("y"))] });
    commit(&store, Txn::new().put(key("z"), text("x"))).await;
    let revision = commit(&store, Txn::new().delete(key("a/b/c"))).await;
    assert_eq!(batch(&mut watch).await, Batch { revision, events: vec![deleted("a/b/c")] });
}

pub async fn a_watch_passes_over_much_that_is_not_its_own(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = store.list(&Prefix::all()).await.unwrap().revision;
    for n in 0..600 {
        commit(&store, Txn::new().put(key("noise"), number(n))).await;
    }
    let mut watch = store.watch(&Prefix::below(&key("a")), start).await.unwrap();
    let revision = commit(&store, Txn::new().put(key("a/b"), text("x"))).await;
    assert_eq!(batch(&mut watch).await, Batch { revision, events: vec![put("a/b", text("x"))] });
}

pub async fn a_watch_starts_after_its_revision(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut revisions = Vec::new();
    for n in 0..600 {
        revisions.push(commit(&store, Txn::new().put(key("k"), number(n))).await);
    }
    for position in (0..600).step_by(97) {
        let mut watch = store.watch(&Prefix::all(), revisions[position]).await.unwrap();
        for (n, revision) in revisions.iter().enumerate().skip(position + 1) {
            let expected = Batch { revision: *revision, events: vec![put("k", number(n))] };
            assert_eq!(batch(&mut watch).await, expected);
        }
        revisions.push(commit(&store, Txn::new().put(key("k"), number(revisions.len()))).await);
        assert_eq!(batch(&mut watch).await.revision, revisions[revisions.len() - 1]);
    }
}

pub async fn a_wait_that_is_given_up_loses_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = store.list(&Prefix::all()).await.unwrap().revision;
    let mut watch = store.watch(&Prefix::all(), start).await.unwrap();
    for n in 0..50 {
        assert!(watch.next().now_or_never().is_none());
        let revision = commit(&store, Txn::new().put(key("k"), number(n))).await;
        // Given up at whatever point it has got to, and asked again until it is there.
        let received = loop {
            match watch.next().now_or_never() {
                Some(received) => break received.unwrap().unwrap(),
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(received, Batch { revision, events: vec![put("k", number(n))] });
    }
}

/// Followers list and watch while writers write; what each has made of it at the end is what is there.
pub async fn a_list_and_its_watch_have_no_gap_under_concurrent_writers(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let prefix = Prefix::below(&key("pairs"));
    let writers = (0..6).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..60 {
                // Two keys change together, one of them comes and goes, and other keys change in between.
                let (left, right) = (format!("pairs/{}/left", writer % 3), format!("pairs/{}/right", writer % 3));
                let txn = Txn::new().put(key(&left), number(writer * 1000 + n));
                let txn =
                    if n % 5 == 4 { txn.delete(key(&right)) } else { txn.put(key(&right), number(writer * 1000 + n)) };
                commit(&store, txn).await;
                commit(&store, Txn::new().put(key("noise"), number(n))).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let followers = (0..6).map(|follower| {
        let (store, prefix) = (Arc::clone(&store), prefix.clone());
        tokio::spawn(async move {
            for _ in 0..follower * 20 {
                commit(&store, Txn::new().put(key("noise"), number(follower))).await;
            }
            let snapshot = store.list(&prefix).await.unwrap();
            let watch = store.watch(&prefix, snapshot.revision).await.unwrap();
            (snapshot, watch)
        })
    });
    let followers: Vec<_> = join_all(followers).await.into_iter().map(Result::unwrap).collect();
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    let end = commit(&store, Txn::new().put(key("pairs/end"), text("end"))).await;
    let truth = as_map(&store.list(&prefix).await.unwrap());
    for (snapshot, mut watch) in followers {
        let mut seen = as_map(&snapshot);
        let mut last = snapshot.revision;
        while last < end {
            let batch = batch(&mut watch).await;
            assert!(batch.revision > last, "revision {} after {last}", batch.revision);
            let events = batch.events.len();
            assert!(
                events == 2
                    || batch.revision == end
                    || batch.events.iter().all(|event| event.key.as_str().ends_with("left")),
                "a transaction came in parts: {batch:?}"
            );
            last = batch.revision;
            for event in batch.events {
                match event.change {
                    Change::Put(document) => drop(seen.insert(event.key, (document, batch.revision))),
                    Change::Deleted => assert!(seen.remove(&event.key).is_some(), "{} was gone already", event.key),
                }
            }
        }
        assert_eq!(seen, truth);
    }
}

pub async fn forgotten_history_is_an_explicit_error(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let mut revisions = Vec::new();
    for n in 0..10 {
        revisions.push(commit(&store, Txn::new().put(key(&format!("n/{n}")), number(n))).await);
    }
    let before = store.list(&Prefix::all()).await.unwrap();
    fixture.compact(revisions[5]).await;
    for revision in &revisions[..5] {
        let error = match store.watch(&Prefix::all(), *revision).await {
            Ok(mut watch) => watch.next().await.unwrap().unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error, StoreError::Compacted { after: *revision, oldest: revisions[5] });
    }
    let mut watch = store.watch(&Prefix::all(), revisions[5]).await.unwrap();
    for n in 6..10 {
        assert_eq!(batch(&mut watch).await.events, [put(&format!("n/{n}"), number(n))]);
    }
    assert_eq!(store.list(&Prefix::all()).await.unwrap(), before);
}

pub async fn a_revision_of_the_future_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let current = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    let after = Revision(current.0 + 1_000_000);
    let refused = store.watch(&Prefix::all(), after).await.unwrap_err();
    assert_eq!(refused, StoreError::FutureRevision { after, current });
}

pub async fn what_is_announced_goes_away_by_itself_unless_it_is_repeated(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let short = Duration::from_secs(2);
    commit(&store, Txn::new().put(key("kept"), text("x"))).await;
    let start = store.announce(&key("live/repeated"), text("1"), short).await.unwrap();
    let mut watch = store.watch(&Prefix::live(), start).await.unwrap();
    let repeated = store.announce(&key("live/repeated"), text("2"), Duration::from_secs(600)).await.unwrap();
    assert!(repeated > start);
    assert_eq!(batch(&mut watch).await, Batch { revision: repeated, events: vec![put("live/repeated", text("2"))] });
    // This one ends after the first announcement of the other would have ended.
    let once = store.announce(&key("live/once"), text("3"), short).await.unwrap();
    assert_eq!(batch(&mut watch).await, Batch { revision: once, events: vec![put("live/once", text("3"))] });
    assert_eq!(batch(&mut watch).await.events, [deleted("live/once")]);
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    assert_eq!(names(&snapshot), ["kept", "live/repeated"]);
}

pub async fn what_is_announced_can_be_removed_at_once(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.announce(&key("live/a"), text("x"), Duration::from_secs(600)).await.unwrap();
    commit(&store, Txn::new().when(key("live/a"), Expect::Present).delete(key("live/a"))).await;
    assert_eq!(store.get(&key("live/a")).await, Ok(None));
}

pub async fn only_keys_below_live_are_announced(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for name in ["a", "live", "alive/a"] {
        let refused = store.announce(&key(name), text("x"), Duration::from_secs(600)).await;
        assert_eq!(refused, Err(StoreError::InvalidTxn(TxnError::Announced(key(name)))));
        commit(&store, Txn::new().put(key(name), text("x"))).await;
    }
    let refused = store.txn(Txn::new().put(key("a"), text("y")).put(key("live/a"), text("y"))).await;
    assert_eq!(refused, Err(StoreError::InvalidTxn(TxnError::Announced(key("live/a")))));
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().document, text("x"));
}

pub async fn everything_is_there_after_reopening(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = store.list(&Prefix::all()).await.unwrap().revision;
    let mut expected = Vec::new();
    for n in 0..20 {
        let name = format!("n/{}", n % 7);
        let revision = commit(&store, Txn::new().put(key(&name), number(n))).await;
        expected.push(Batch { revision, events: vec![put(&name, number(n))] });
    }
    let revision = commit(&store, Txn::new().delete(key("n/3"))).await;
    expected.push(Batch { revision, events: vec![deleted("n/3")] });
    let before = store.list(&Prefix::all()).await.unwrap();
    store.close().await;

    let store = fixture.open().await;
    assert_eq!(store.list(&Prefix::all()).await.unwrap(), before);
    let mut watch = store.watch(&Prefix::all(), start).await.unwrap();
    for batch_expected in expected {
        assert_eq!(batch(&mut watch).await, batch_expected);
    }
    assert!(commit(&store, Txn::new().put(key("k"), text("x"))).await > before.revision);
}

pub async fn a_closed_store_says_so(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let revision = commit(&store, Txn::new().put(key("k"), text("x"))).await;
    let mut watch = store.watch(&Prefix::all(), revision).await.unwrap();
    let waiting = tokio::spawn(async move { watch.next().await });
    store.close().await;
    store.close().await;
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(store.get(&key("k")).await, Err(StoreError::Closed));
    assert_eq!(store.list(&Prefix::all()).await, Err(StoreError::Closed));
    assert_eq!(store.txn(Txn::new().delete(key("k"))).await, Err(StoreError::Closed));
    assert_eq!(store.watch(&Prefix::all(), revision).await.unwrap_err(), StoreError::Closed);
}

async fn commit(store: &Arc<dyn Store>, txn: Txn) -> Revision {
    match store.txn(txn).await.unwrap() {
        Outcome::Committed(revision) => revision,
        conflict @ Outcome::Conflict { .. } => panic!("not committed: {conflict:?}"),
    }
}

async fn increment(store: &Arc<dyn Store>, name: &str) {
    loop {
        let read = store.get(&key(name)).await.unwrap().unwrap();
        let next = read.document.decode::<usize>().unwrap() + 1;
        let txn = Txn::new().when(key(name), Expect::Revision(read.revision)).put(key(name), number(next));
        if let Outcome::Committed(_) = store.txn(txn).await.unwrap() {
            return;
        }
    }
}

async fn batch(watch: &mut Watch) -> Batch {
    watch.next().await.expect("the watch ended").unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn text(text: &str) -> Document {
    Document::encode(1, text).unwrap()
}

fn number(number: usize) -> Document {
    Document::encode(1, &number).unwrap()
}

fn put(name: &str, document: Document) -> Event {
    Event { key: key(name), change: Change::Put(document) }
}

fn deleted(name: &str) -> Event {
    Event { key: key(name), change: Change::Deleted }
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.items.iter().map(|item| item.key.as_str()).collect()
}

fn as_map(snapshot: &Snapshot) -> BTreeMap<Key, (Document, Revision)> {
    let items = snapshot.items.iter();
    items.map(|item| (item.key.clone(), (item.value.document.clone(), item.value.revision))).collect()
}
