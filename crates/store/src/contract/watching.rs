//! Cases of the contract: what changed, in order, whole, and once.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;

use super::{Fixture, as_map, batch, commit, deleted, key, number, put, text};
use crate::{Batch, Change, Prefix, Revision, StoreError, Txn};

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
