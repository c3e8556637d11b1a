//! Cases of the contract: what goes away by itself, what stays, and the end.

use std::time::Duration;

use super::{Fixture, batch, commit, deleted, key, names, number, put, text};
use crate::{Batch, Expect, Prefix, StoreError, Txn, TxnError};

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
