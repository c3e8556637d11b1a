//! Cases of the contract: values, conditions, and what happens together.

use std::sync::Arc;

use futures::future::join_all;

use super::{Fixture, batch, commit, increment, key, names, number, put, text};
use crate::{
    Batch, Document, Expect, Key, MAX_DOCUMENT_BYTES, MAX_TXN_OPS, Outcome, Prefix, Revision, StoreError, Txn, TxnError,
};

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
