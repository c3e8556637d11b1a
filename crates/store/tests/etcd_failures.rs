//! etcd on a bad day: members that die, leaders that move, a majority that is gone, history that is compacted, a writer
//! that is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::write_and_kill;
use doorward_store::etcd_cluster::EtcdCluster;
use doorward_store::{
    Change, Document, EtcdOptions, EtcdStore, Key, Outcome, Prefix, Revision, Store, StoreError, Txn, Watch,
};
use etcd_client::{Client, CompactionOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_that_die_one_after_the_other_lose_no_write_and_no_change() {
    let mut cluster = EtcdCluster::start(3);
    let writer = Writer::start(open(&cluster.endpoints()).await, 4);
    let start = Revision(0);
    let watches = [cluster.endpoints(), reversed(cluster.endpoints())];
    let mut followers = Vec::new();
    for endpoints in watches {
        let store = open(&endpoints).await;
        let watch = store.watch(&Prefix::all(), start).await.unwrap();
        followers.push((store, watch));
    }
    for at in 0..3 {
        writer.more(30).await;
        cluster.kill(at);
        // Two of three go on.
        writer.more(30).await;
        cluster.restart(at);
        cluster.wait_healthy(at);
    }
    let written = writer.stop().await;
    agree(&open(&cluster.endpoints()).await, followers, &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_that_moves_loses_no_write_and_no_change() {
    let cluster = EtcdCluster::start(3);
    let writer = Writer::start(open(&cluster.endpoints()).await, 4);
    let store = open(&cluster.endpoints()).await;
    let watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
    for round in 0..6 {
        writer.more(20).await;
        move_leader(&cluster, round).await;
    }
    writer.more(20).await;
    let written = writer.stop().await;
    agree(&open(&cluster.endpoints()).await, vec![(store, watch)], &written).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_majority_nothing_is_written_and_afterwards_all_goes_on() {
    let mut cluster = EtcdCluster::start(3);
    let store = open(&cluster.endpoints()).await;
    let first = put(&store, "k", 1).await.unwrap();
    let mut watch = store.watch(&Prefix::all(), first).await.unwrap();
    cluster.kill(0);
    cluster.kill(1);
    for n in 0..3 {
        let error = put(&store, "k", 100 + n).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_)), "{error:?}");
        assert!(error.is_retryable());
    }
    let error = store.get(&key("k")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");

    cluster.restart(0);
    cluster.restart(1);
    (0..3).for_each(|at| cluster.wait_healthy(at));
    // A write of which it was said that nobody knows may have happened; one more says where the end is.
    let last = loop {
        match put(&store, "k", 2).await {
            Ok(revision) => break revision,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    };
    let mut seen = Revision(0);
    while seen < last {
        let batch = watch.next().await.unwrap().unwrap();
        assert!(batch.revision > seen);
        seen = batch.revision;
    }
    assert_eq!(seen, last);
    assert_eq!(store.get(&key("k")).await.unwrap().unwrap().revision, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watch_leaves_a_member_that_hangs_as_soon_as_a_write_finds_it_silent() {
    let cluster = EtcdCluster::start(3);
    let store = open(&cluster.endpoints()).await;
    let first = put(&store, "k", 0).await.unwrap();
    let mut watch = store.watch(&Prefix::all(), first).await.unwrap();
    // The first that is asked, until it fails.
    signal(&cluster, 0, "STOP");
    let error = put(&store, "k", 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    let (asked, last) = loop {
        let asked = Instant::now();
        match put(&store, "k", 2).await {
            Ok(revision) => break (asked, revision),
            // The others may have to choose a leader first.
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    };
    while watch.next().await.unwrap().unwrap().revision < last {}
    // That the connection itself is found dead takes 15 seconds.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    signal(&cluster, 0, "CONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_that_is_away_altogether_is_an_error_that_says_to_try_again() {
    let mut cluster = EtcdCluster::start(1);
    let store = open(&cluster.endpoints()).await;
    cluster.kill(0);
    // The first may have gone out over the connection that is about to break.
    let error = put(&store, "k", 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_)), "{error:?}");
    // Never sent, so it is known not to have happened.
    let error = put(&store, "k", 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(matches!(store.list(&Prefix::all()).await, Err(StoreError::Unavailable(_))));
    cluster.restart(0);
    cluster.wait_healthy(0);
    put(&store, "k", 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watcher_that_compaction_overtook_is_told_so_and_lists_again() {
    let mut cluster = EtcdCluster::start(1);
    let store = open(&cluster.endpoints()).await;
    let first = put(&store, "k", 0).await.unwrap();
    let mut watch = store.watch(&Prefix::all(), first).await.unwrap();
    // More than connections hold, so that the watcher has not got all of it yet when history is forgotten.
    let mut last = first;
    for _ in 0..100 {
        let large = Document::encode(1, &"x".repeat(100_000)).unwrap();
        let Ok(Outcome::Committed(revision)) = store.txn(Txn::new().put(key("k"), large)).await else { panic!() };
        last = revision;
    }
    let mut seen = watch.next().await.unwrap().unwrap().revision;
    cluster.restart(0);
    cluster.wait_healthy(0);
    let mut client = Client::connect(cluster.endpoints(), None).await.unwrap();
    let physical = CompactionOptions::new().with_physical();
    client.compact(i64::try_from(last.0).unwrap(), Some(physical)).await.unwrap();
    let error = loop {
        match watch.next().await.unwrap() {
            // What had come already.
            Ok(batch) => {
                assert!(batch.revision > seen);
                seen = batch.revision;
            }
            Err(error) => break error,
        }
        assert!(seen < last, "all of it had come already");
    };
    assert_eq!(error, StoreError::Compacted { after: seen, oldest: last });
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    let mut watch = store.watch(&Prefix::all(), snapshot.revision).await.unwrap();
    let next = put(&store, "k", 99).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().revision, next);
}

/// The killed process is this very test again, with a cluster in its environment: then it is the writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_writer_loses_no_acknowledged_write() {
    if let Ok(endpoints) = std::env::var("DOORWARD_TEST_ETCD") {
        return write_until_killed(endpoints.split(',').map(str::to_owned).collect()).await;
    }
    let cluster = EtcdCluster::start(3);
    let mut acknowledged = BTreeMap::new();
    for (round, count) in [1, 10, 60, 25].into_iter().enumerate() {
        for name in write_and_kill(
            "a_killed_writer_loses_no_acknowledged_write",
            &[
                ("DOORWARD_TEST_ETCD", OsStr::new(&cluster.endpoints().join(","))),
                ("DOORWARD_TEST_ROUND", OsStr::new(&round.to_string())),
            ],
            count,
        ) {
            acknowledged.insert(name, ());
        }
    }
    let store = open(&cluster.endpoints()).await;
    let snapshot = store.list(&Prefix::all()).await.unwrap();
    let there: BTreeMap<&str, Revision> =
        snapshot.items.iter().map(|item| (item.key.as_str(), item.value.revision)).collect();
    for name in acknowledged.keys() {
        assert!(there.contains_key(format!("left/{name}").as_str()), "{name} was acknowledged and is lost");
    }
    let mut watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
    let mut replayed = 0;
    let mut last = Revision(0);
    while last < snapshot.items.iter().map(|item| item.value.revision).max().unwrap() {
        let batch = watch.next().await.unwrap().unwrap();
        assert_eq!(batch.events.len(), 2, "a transaction came in parts");
        assert!(batch.revision > last);
        (replayed, last) = (replayed + 2, batch.revision);
    }
    assert_eq!(replayed, there.len());
}

async fn write_until_killed(endpoints: Vec<String>) {
    let round = std::env::var("DOORWARD_TEST_ROUND").unwrap();
    let store = open(&endpoints).await;
    let writers = (0..4).map(|writer| {
        let (store, round) = (Arc::clone(&store), round.clone());
        tokio::spawn(async move {
            for n in 0_u64.. {
                let name = format!("{round}-{writer}-{n}");
                let side = |side: &str| key(&format!("{side}/{name}"));
                let txn = Txn::new().put(side("left"), number(n)).put(side("right"), number(n));
                assert!(matches!(store.txn(txn).await, Ok(Outcome::Committed(_))));
                // When the parent is gone, so is the pipe, and this process ends.
                writeln!(std::io::stdout().lock(), "ACK {name}.").unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Tasks that each write their own counter, one after the other, and remember what was acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    progress: tokio::sync::watch::Receiver<u64>,
    tasks: Vec<tokio::task::JoinHandle<(Key, Last)>>,
}

/// The last value of a counter that was acknowledged, and one that may have been written after it.
struct Last {
    acknowledged: u64,
    unknown: Option<u64>,
}

impl Writer {
    fn start(store: Arc<dyn Store>, tasks: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (count, progress) = tokio::sync::watch::channel(0);
        let count = Arc::new(count);
        let start = |task| {
            let (store, stop, count) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&count));
            tokio::spawn(async move {
                let key = key(&format!("counter/{task}"));
                let mut last = Last { acknowledged: 0, unknown: None };
                for n in 1.. {
                    match store.txn(Txn::new().put(key.clone(), number(n))).await {
                        Ok(Outcome::Committed(_)) => {
                            last = Last { acknowledged: n, unknown: None };
                            count.send_modify(|count| *count += 1);
                        }
                        Ok(conflict @ Outcome::Conflict { .. }) => panic!("{conflict:?}"),
                        Err(StoreError::Unknown(_)) => last.unknown = Some(n),
                        Err(error) => assert!(error.is_retryable(), "{error:?}"),
                    }
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                (key, last)
            })
        };
        let tasks = (0..tasks).map(start).collect();
        Self { stop, progress, tasks }
    }

    /// Waits for so many more acknowledged writes.
    async fn more(&self, writes: u64) {
        let mut progress = self.progress.clone();
        let goal = *progress.borrow() + writes;
        let waited = tokio::time::timeout(Duration::from_secs(120), progress.wait_for(|count| *count >= goal)).await;
        waited.expect("nothing is written any more").unwrap();
    }

    async fn stop(self) -> BTreeMap<Key, Last> {
        self.stop.store(true, Ordering::Relaxed);
        let mut written = BTreeMap::new();
        for task in self.tasks {
            let (key, last) = task.await.unwrap();
            written.insert(key, last);
        }
        written
    }
}

/// What is there is what was acknowledged, and what followers made of the changes is what is there.
async fn agree(store: &Arc<dyn Store>, followers: Vec<(Arc<dyn Store>, Watch)>, written: &BTreeMap<Key, Last>) {
    let end = put(store, "end", 0).await.unwrap();
    let snapshot = store.list(&Prefix::below(&key("counter"))).await.unwrap();
    let truth: BTreeMap<Key, u64> =
        snapshot.items.iter().map(|item| (item.key.clone(), item.value.document.decode().unwrap())).collect();
    for (key, last) in written {
        let value = truth[key];
        assert!(
            value == last.acknowledged
                || last.unknown.is_some_and(|unknown| value > last.acknowledged && value <= unknown),
            "{key} is {value}, acknowledged was {}, unknown {:?}",
            last.acknowledged,
            last.unknown
        );
    }
    for (_store, mut watch) in followers {
        let mut seen: BTreeMap<Key, u64> = BTreeMap::new();
        let mut last = Revision(0);
        while last < end {
            let batch = watch.next().await.unwrap().unwrap();
            assert!(batch.revision > last, "{} after {last}", batch.revision);
            last = batch.revision;
            for event in batch.events {
                let Change::Put(document) = event.change else { panic!("nothing is removed") };
                let value = document.decode().unwrap();
                // Each counter only grows: what comes twice or out of order does not.
                let before = seen.insert(event.key, value);
                assert!(before.is_none_or(|before| before < value));
            }
        }
        seen.remove(&key("end"));
        assert_eq!(seen, truth);
    }
}

async fn move_leader(cluster: &EtcdCluster, round: usize) {
    let endpoints = cluster.endpoints();
    let mut client = Client::connect([&endpoints[0]], None).await.unwrap();
    let leader = client.status().await.unwrap().leader();
    let members = client.member_list().await.unwrap();
    let others: Vec<u64> = members.members().iter().map(|member| member.id()).filter(|id| *id != leader).collect();
    let at = members.members().iter().find(|member| member.id() == leader).unwrap().client_urls()[0].clone();
    // Only the leader itself gives its place away; it may have lost it meanwhile.
    let mut leader = Client::connect([at], None).await.unwrap();
    let _ = leader.move_leader(others[round % others.len()]).await;
}

fn signal(cluster: &EtcdCluster, at: usize, name: &str) {
    let id = cluster.id(at).unwrap().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

async fn open(endpoints: &[String]) -> Arc<dyn Store> {
    let options = EtcdOptions { request_timeout: Duration::from_secs(3), ..EtcdOptions::new(endpoints.to_vec()) };
    Arc::new(EtcdStore::open(&options).await.unwrap())
}

async fn put(store: &Arc<dyn Store>, name: &str, value: u64) -> Result<Revision, StoreError> {
    match store.txn(Txn::new().put(key(name), number(value))).await? {
        Outcome::Committed(revision) => Ok(revision),
        conflict @ Outcome::Conflict { .. } => panic!("{conflict:?}"),
    }
}

fn reversed(mut endpoints: Vec<String>) -> Vec<String> {
    endpoints.reverse();
    endpoints
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn number(number: u64) -> Document {
    Document::encode(1, &number).unwrap()
}
