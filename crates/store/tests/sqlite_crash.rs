//! A process that is killed in the middle of its writes loses nothing that it has acknowledged, and leaves no half of a
//! transaction.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use common::write_and_kill;
use doorward_store::{Change, Document, Key, Outcome, Prefix, Revision, SqliteOptions, SqliteStore, Store, Txn};

/// Kills it after each of these numbers of acknowledgements, on the same database one after the other.
const KILLS: [usize; 6] = [1, 10, 100, 333, 700, 50];

/// The killed process is this very test again, with a database in its environment: then it is the writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_process_loses_no_acknowledged_write() {
    if let Some(path) = std::env::var_os("DOORWARD_TEST_DATABASE") {
        return write_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let mut acknowledged = BTreeSet::new();
    for (round, acknowledgements) in KILLS.into_iter().enumerate() {
        acknowledged.extend(write_and_kill(
            "a_killed_process_loses_no_acknowledged_write",
            &[("DOORWARD_TEST_DATABASE", path.as_os_str()), ("DOORWARD_TEST_ROUND", OsStr::new(&round.to_string()))],
            acknowledgements,
        ));
        check(&path, &acknowledged).await;
    }
    assert!(acknowledged.len() >= KILLS.iter().sum());
}

async fn check(path: &Path, acknowledged: &BTreeSet<String>) {
    let store =
        SqliteStore::open(path, SqliteOptions { keep_revisions: u64::MAX, ..SqliteOptions::default() }).unwrap();
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    let keys: BTreeSet<&str> = snapshot.items.iter().map(|item| item.key.as_str()).collect();
    for name in acknowledged {
        assert!(keys.contains(format!("left/{name}").as_str()), "{name} was acknowledged and is lost");
    }
    for name in keys.iter().filter_map(|key| key.strip_prefix("left/")) {
        assert!(keys.contains(format!("right/{name}").as_str()), "{name} has a left half only");
    }
    assert_eq!(keys.len() % 2, 0, "there is a right half only");

    // History says the same: a replay from the beginning ends where the list is.
    let mut watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
    let mut replayed = 0;
    let mut last = Revision(0);
    while last < snapshot.revision {
        let batch = watch.next().await.unwrap().unwrap();
        assert_eq!(batch.events.len(), 2);
        assert!(batch.events.iter().all(|event| matches!(event.change, Change::Put(_))));
        assert!(batch.revision > last);
        (replayed, last) = (replayed + 2, batch.revision);
    }
    assert_eq!(replayed, keys.len());
    store.close().await;
}

async fn write_until_killed(path: &Path) {
    let round = std::env::var("DOORWARD_TEST_ROUND").unwrap();
    let options = SqliteOptions { keep_revisions: u64::MAX, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open(path, options).unwrap());
    let writers = (0..8).map(|writer| {
        let (store, round) = (Arc::clone(&store), round.clone());
        tokio::spawn(async move {
            for n in 0_u64.. {
                let name = format!("{round}-{writer}-{n}");
                let side = |side: &str| Key::new(&format!("{side}/{name}")).unwrap();
                let value = Document::encode(1, &"x".repeat(300)).unwrap();
                let txn = Txn::new().put(side("left"), value.clone()).put(side("right"), value);
                match store.txn(txn).await {
                    Ok(Outcome::Committed(_)) => {}
                    other => panic!("{other:?}"),
                }
                // When the parent is gone, so is the pipe, and this process ends.
                writeln!(std::io::stdout().lock(), "ACK {name}.").unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
