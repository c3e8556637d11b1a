//! A full disk, a bounded history, slow watchers, and many writers at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorward_store::{Document, Key, Outcome, Prefix, Revision, SqliteOptions, SqliteStore, Store, StoreError, Txn};
use futures::future::join_all;
use rusqlite::Connection;

/// A limit on the size makes SQLite answer as a full disk does.
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    let (folder, store) = opened(SqliteOptions { max_bytes: Some(256 * 1024), ..SqliteOptions::default() });
    let mut written = Vec::new();
    let full = loop {
        let n = written.len();
        // One small and one larger value, so that the space ends between the two some time.
        let txn =
            Txn::new().put(key(&format!("small/{n:04}")), text(10)).put(key(&format!("large/{n:04}")), text(3000));
        match store.txn(txn).await {
            Ok(Outcome::Committed(revision)) => written.push(revision),
            Ok(conflict) => panic!("{conflict:?}"),
            Err(error) => break error,
        }
        assert!(written.len() < 1000, "the limit does not hold");
    };
    assert_eq!(full, StoreError::Full);
    assert!(full.is_retryable());
    assert!(written.len() > 10);

    // Reads and watches go on, and see nothing of what was refused.
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    assert_eq!(snapshot.items.len(), 2 * written.len());
    assert_eq!(snapshot.revision, *written.last().unwrap());
    let mut watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
    for revision in &written {
        assert_eq!(watch.next().await.unwrap().unwrap().revision, *revision);
    }
    // Still full, and still whole.
    let large = Txn::new().put(key("more"), text(100_000));
    assert_eq!(store.txn(large.clone()).await, Err(StoreError::Full));
    assert_eq!(store.list(&Prefix::all()).await.unwrap(), snapshot);

    // Space is back, without reopening.
    store.limit_size(None).await.unwrap();
    let Ok(Outcome::Committed(revision)) = store.txn(large).await else { panic!("not committed") };
    assert!(revision > snapshot.revision);
    assert_eq!(watch.next().await.unwrap().unwrap().revision, revision);
    store.close().await;
    let check: String = Connection::open(folder.path().join("doorward.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

/// Transactions that are committed together do not share one's failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_is_too_large_does_not_take_others_with_it() {
    let (_folder, store) = opened(SqliteOptions { max_bytes: Some(1_800_000), ..SqliteOptions::default() });
    let store = Arc::new(store);
    let tasks = (0..200).map(|n| {
        let store = Arc::clone(&store);
        let size = if n % 10 == 0 { 1_000_000 } else { 10 };
        tokio::spawn(async move { (size, store.txn(Txn::new().put(key(&format!("n/{n}")), text(size))).await) })
    });
    let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let large = outcomes.iter().filter(|(size, outcome)| *size > 10 && *outcome == Err(StoreError::Full)).count();
    assert_eq!(large, 20, "each is stored twice, as value and as event, and there is no room for that");
    assert!(outcomes.iter().filter(|(size, _)| *size == 10).all(|(_, outcome)| outcome.is_ok()));
    assert_eq!(store.list(&Prefix::all()).await.unwrap().items.len(), 180);
}

#[tokio::test]
async fn history_is_bounded() {
    let (folder, store) = opened(SqliteOptions { keep_revisions: 80, ..SqliteOptions::default() });
    let mut last = Revision(0);
    for n in 0..1000 {
        let Ok(Outcome::Committed(revision)) = store.txn(Txn::new().put(key("k"), text(n % 50))).await else {
            panic!("not committed")
        };
        last = revision;
    }
    let connection = Connection::open(folder.path().join("doorward.db")).unwrap();
    let kept: u64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert!((80..=90).contains(&kept), "{kept} events are kept");
    let refused = store.watch(&Prefix::all(), Revision(1)).await.unwrap_err();
    assert_eq!(refused, StoreError::Compacted { after: Revision(1), oldest: Revision(last.0 - kept) });
    assert!(store.watch(&Prefix::all(), Revision(last.0 - 80)).await.is_ok());
}

#[tokio::test]
async fn a_watcher_that_is_too_slow_is_told() {
    let (_folder, store) = opened(SqliteOptions { keep_revisions: 8, ..SqliteOptions::default() });
    let mut watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
    for _ in 0..100 {
        assert!(store.txn(Txn::new().put(key("k"), text(1))).await.is_ok());
    }
    let told = watch.next().await.unwrap().unwrap_err();
    assert!(matches!(told, StoreError::Compacted { after: Revision(0), .. }), "{told}");
    assert_eq!(watch.next().await, None);
    // Listing and watching from there is the way back.
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    let mut watch = store.watch(&Prefix::all(), snapshot.revision).await.unwrap();
    assert!(store.txn(Txn::new().put(key("k"), text(2))).await.is_ok());
    assert!(watch.next().await.unwrap().is_ok());
}

/// Forgetting runs beside reading. A watcher that it overtakes is told; none goes on as if nothing were missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watcher_that_races_with_forgetting_misses_nothing_silently() {
    let (_folder, store) = opened(SqliteOptions { keep_revisions: 1, ..SqliteOptions::default() });
    let store = Arc::new(store);
    let end = Revision(2000);
    let watchers = (0..4).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut last = store.list(&Prefix::all()).await.unwrap().revision;
            while last < end {
                let Ok(mut watch) = store.watch(&Prefix::all(), last).await else {
                    last = store.list(&Prefix::all()).await.unwrap().revision;
                    continue;
                };
                while last < end
                    && let Ok(batch) = watch.next().await.unwrap()
                {
                    assert_eq!(batch.revision, Revision(last.0 + 1), "a transaction is missing");
                    last = batch.revision;
                }
                last = store.list(&Prefix::all()).await.unwrap().revision;
            }
        })
    });
    let watchers: Vec<_> = watchers.collect();
    for n in 0..end.0 {
        assert_eq!(store.txn(Txn::new().put(key("k"), text(1))).await, Ok(Outcome::Committed(Revision(n + 1))));
    }
    join_all(watchers).await.into_iter().for_each(Result::unwrap);
}

/// While another program holds the write lock, reads answer; and the write is done once it lets go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_does_not_wait_for_a_write() {
    let (folder, store) = opened(SqliteOptions::default());
    let store = Arc::new(store);
    assert!(store.txn(Txn::new().put(key("k"), text(1))).await.is_ok());
    let other = Connection::open(folder.path().join("doorward.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.txn(Txn::new().put(key("k"), text(2))).await }
    });
    for _ in 0..100 {
        assert_eq!(store.get(&key("k")).await.unwrap().unwrap().document, text(1));
        assert_eq!(store.list(&Prefix::all()).await.unwrap().items.len(), 1);
    }
    assert!(!writing.is_finished(), "the write got past a lock");
    other.execute_batch("COMMIT").unwrap();
    assert!(writing.await.unwrap().is_ok());
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap().document, text(2));
}

/// Waiting is bounded, and the error says what to look for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_let_go_is_said() {
    let (folder, store) = opened(SqliteOptions::default());
    let other = Connection::open(folder.path().join("doorward.db")).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.txn(Txn::new().put(key("k"), text(1))).await;
    assert_eq!(refused, Err(StoreError::Busy));
    other.execute_batch("COMMIT").unwrap();
    assert!(store.txn(Txn::new().put(key("k"), text(1))).await.is_ok());
}

/// Each transaction keeps a revision of its own although many share a commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_that_share_a_commit_have_their_own_revisions() {
    let (_folder, store) = opened(SqliteOptions::default());
    let store = Arc::new(store);
    let tasks = (0..500).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.txn(Txn::new().put(key(&format!("n/{n}")), text(n))).await.unwrap() })
    });
    let outcomes: Vec<Outcome> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let revisions: BTreeSet<u64> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Committed(revision) => revision.0,
            conflict @ Outcome::Conflict { .. } => panic!("{conflict:?}"),
        })
        .collect();
    assert_eq!(revisions, (1..=500).collect());
}

fn opened(options: SqliteOptions) -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("doorward.db"), options).unwrap();
    (folder, store)
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn text(size: usize) -> Document {
    Document::encode(1, &"x".repeat(size)).unwrap()
}
