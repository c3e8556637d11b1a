//! Writes that are stored together, that fail, and that come from several servers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_identity::directory::NewUser;
use doorward_identity::random::OsRandom;
use doorward_store::{
    Document, Key, Outcome, Prefix, Revision, Scan, SqliteOptions, SqliteStore, Store, StoreError, Txn, Versioned,
    Watch,
};
use futures::future::{BoxFuture, FutureExt as _, join_all};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::desk::Verdict;
use super::{Engine, Event, GENERATION, pieces};
use crate::change::Change;
use crate::error::WriteError;
use crate::view::{Limits, UnknownPrincipals, View};

/// A real store that can be held up, that can fail, and that several engines share.
struct Shared {
    /// What it says may become another's, as after a restore.
    store: ArcSwap<SqliteStore>,
    /// A permit a transaction.
    permits: Semaphore,
    /// What happens to the next transaction.
    refuses: AtomicBool,
    /// What is answered to the next transaction instead of its outcome, although it is stored.
    instead: Mutex<Option<StoreError>>,
    transactions: AtomicUsize,
}

impl Shared {
    fn open(folder: &std::path::Path) -> Arc<Self> {
        Arc::new(Self {
            store: ArcSwap::from_pointee(SqliteStore::open(&folder.join("db"), SqliteOptions::default()).unwrap()),
            permits: Semaphore::new(1_000_000),
            refuses: AtomicBool::new(false),
            instead: Mutex::new(None),
            transactions: AtomicUsize::new(0),
        })
    }

    /// Lets transactions and single reads wait until [`go_on`](Self::go_on).
    async fn hold_up(&self) {
        self.permits.acquire_many(1_000_000).await.unwrap().forget();
    }

    fn go_on(&self) {
        self.permits.add_permits(1_000_000);
    }
}

impl Store for Shared {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        async move {
            let _permit = self.permits.acquire().await.unwrap();
            self.store.load_full().get(key).await
        }
        .boxed()
    }

    fn scan<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Scan, StoreError>> {
        async move { self.store.load_full().scan(prefix).await }.boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        async move {
            let _permit = self.permits.acquire().await.unwrap();
            self.transactions.fetch_add(1, Ordering::SeqCst);
            if self.refuses.swap(false, Ordering::SeqCst) {
                return Err(StoreError::Full);
            }
            let outcome = self.store.load_full().txn(txn).await;
            self.instead.lock().unwrap().take().map_or(outcome, Err)
        }
        .boxed()
    }

    fn announce<'a>(
        &'a self,
        key: &'a Key,
        document: Document,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Revision, StoreError>> {
        async move { self.store.load_full().announce(key, document, ttl).await }.boxed()
    }

    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>> {
        async move { self.store.load_full().watch(prefix, after).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move { self.store.load_full().close().await }.boxed()
    }
}

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn event() -> Event {
    let request_id = crate::bootstrap::random_id().unwrap();
    let (by, access_key_id, action) = ("test".to_owned(), String::new(), "test".to_owned());
    Event { by, access_key_id, action, request_id, at: Timestamp::now() }
}

async fn engine(store: &Arc<Shared>) -> Arc<Engine> {
    let store: Arc<dyn Store> = Arc::<Shared>::clone(store);
    Arc::new(Engine::open(store, Limits::default(), UnknownPrincipals::default()).await.unwrap())
}

/// An engine of a store in which there is an account.
async fn first_engine(store: &Arc<Shared>) -> Arc<Engine> {
    let engine = engine(store).await;
    let account = |view: &View| view.directory.create_account(account(), Partition::Aws, Timestamp::now()).unwrap().0;
    let plan = |view: &View| Ok::<_, WriteError>(((), vec![Change::Directory(account(view))]));
    engine.write(event(), plan).await.unwrap();
    engine
}

#[derive(Debug)]
enum Refused {
    Exists,
    Store,
}

impl From<WriteError> for Refused {
    fn from(_: WriteError) -> Self {
        Self::Store
    }
}

/// Makes a user, as a request of a client would.
async fn make(engine: &Engine, name: &str) -> Result<(), Refused> {
    make_at(engine, name, Timestamp::now()).await
}

/// The same, of a request that came at some time.
async fn make_at(engine: &Engine, name: &str, at: Timestamp) -> Result<(), Refused> {
    let plan = |view: &View| {
        let new = NewUser { account: account(), path: "/", name, tags: &[], is_administrator: false };
        let made = view.directory.create_user(&new, Timestamp::now(), &mut OsRandom).map_err(|_| Refused::Exists)?;
        Ok(((), vec![Change::Directory(made.0)]))
    };
    engine.write(Event { at, ..event() }, plan).await
}

fn has(view: &View, name: &str) -> bool {
    view.directory.user(account(), name).is_some()
}

fn spawn_make(engine: &Arc<Engine>, name: &str) -> tokio::task::JoinHandle<Result<(), Refused>> {
    let (engine, name) = (Arc::clone(engine), name.to_owned());
    tokio::spawn(async move { make(&engine, &name).await })
}

/// Lets an engine follow the store until what is answered is dropped.
fn follow(engine: &Arc<Engine>) -> watch::Sender<bool> {
    let (stop, stopped) = watch::channel(false);
    let engine = Arc::clone(engine);
    tokio::spawn(async move { engine.follow(stopped).await });
    stop
}

/// Waits until so many writes wait at the desk.
async fn until_waiting(engine: &Engine, count: usize) {
    while engine.shared.desk().waiting() < count {
        tokio::task::yield_now().await;
    }
}

/// Waits until a transaction was handed to the store.
async fn until_under_way(engine: &Engine) {
    while !engine.shared.desk().is_under_way() {
        tokio::task::yield_now().await;
    }
}

async fn until_known(engine: &Engine, name: &str) {
    let mut known = engine.shared.known.subscribe();
    while !has(&engine.view(), name) {
        known.changed().await.unwrap();
    }
}

#[tokio::test]
async fn writes_that_wait_for_the_same_commit_are_stored_together_and_each_is_in_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    store.hold_up().await;
    let before = store.transactions.load(Ordering::SeqCst);
    let first = spawn_make(&engine, "user-0");
    until_under_way(&engine).await;
    let others: Vec<_> = (1..=30).map(|number| spawn_make(&engine, &format!("user-{number}"))).collect();
    until_waiting(&engine, 30).await;
    assert!(!has(&engine.view(), "user-0"), "it is known before it is stored");
    store.go_on();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(store.transactions.load(Ordering::SeqCst) - before, 2);
    assert!((0..=30).all(|number| has(&engine.view(), &format!("user-{number}"))));
    let history = store.list(&Prefix::below(&Key::new("history").unwrap())).await.unwrap();
    assert_eq!(history.items.len(), 32, "one of the account, one a user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_in_the_order_of_what_happened_whatever_the_clocks_of_servers_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let hour = SignedDuration::from_hours(1);
    let (ahead, behind) = (first_engine(&store).await, engine(&store).await);
    let _following = follow(&behind);
    make_at(&ahead, "user-0", Timestamp::now() + hour).await.unwrap();
    // Requests of one server come to their turn in another order than they came.
    make_at(&ahead, "user-1", Timestamp::now() - hour).await.unwrap();
    until_known(&behind, "user-1").await;
    make_at(&behind, "user-2", Timestamp::now() - hour).await.unwrap();
    make_at(&*engine(&store).await, "user-3", Timestamp::now() - hour).await.unwrap();
    let history = store.list(&Prefix::below(&Key::new("history").unwrap())).await.unwrap();
    let revisions: Vec<Revision> = history.items.iter().map(|item| item.value.revision).collect();
    assert!(revisions.is_sorted() && revisions.len() == 5, "{history:?}");
}

#[tokio::test]
async fn nobody_is_answered_by_what_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    store.hold_up().await;
    store.refuses.store(true, Ordering::SeqCst);
    let first = spawn_make(&engine, "user");
    until_under_way(&engine).await;
    // Planned on the first, it would be refused: there is such a user. But then the first is not stored.
    let second = spawn_make(&engine, "user");
    until_waiting(&engine, 1).await;
    store.go_on();
    assert!(matches!(first.await.unwrap(), Err(Refused::Store)));
    second.await.unwrap().unwrap();
    assert!(matches!(make(&engine, "user").await, Err(Refused::Exists)));
    assert!(has(&engine.view(), "user"));
}

#[tokio::test]
async fn a_refusal_that_rests_on_a_write_before_it_waits_for_that_to_be_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    store.hold_up().await;
    let first = spawn_make(&engine, "user");
    until_under_way(&engine).await;
    let second = spawn_make(&engine, "user");
    until_waiting(&engine, 1).await;
    assert!(!second.is_finished());
    store.go_on();
    first.await.unwrap().unwrap();
    assert!(matches!(second.await.unwrap(), Err(Refused::Exists)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_make_the_same_thing_one_is_refused_by_what_the_other_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engines = [first_engine(&store).await, engine(&store).await];
    let _following = engines.each_ref().map(follow);
    let tries = (0..100).flat_map(|number| {
        engines.iter().map(move |engine| spawn_make(engine, &format!("user-{number}"))).collect::<Vec<_>>()
    });
    let outcomes: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Refused::Exists))).count();
    assert_eq!((made, refused), (100, 100));
    // Each knows what the other stored, with the same unique ids.
    make(&engines[0], "last").await.unwrap();
    until_known(&engines[1], "last").await;
    let ids = |engine: &Engine| -> BTreeSet<String> {
        let view = engine.view_owned();
        (0..100)
            .map(|number| view.directory.user(account(), &format!("user-{number}")).unwrap().id.to_string())
            .collect()
    };
    assert_eq!(ids(&engines[0]), ids(&engines[1]));
    let reopened = engine(&store).await;
    assert_eq!(ids(&engines[0]), ids(&reopened));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_behind_refuses_nothing_by_what_is_no_longer_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let ahead = first_engine(&store).await;
    make(&ahead, "user").await.unwrap();
    let behind = engine(&store).await;
    let remove = |view: &View| {
        let change = view.directory.delete_user(account(), "user").map_err(|_| Refused::Exists)?;
        Ok::<_, Refused>(((), vec![Change::Directory(change)]))
    };
    ahead.write(event(), remove).await.unwrap();
    assert!(has(&behind.view(), "user"), "it does not follow yet");
    let made = spawn_make(&behind, "user");
    until_under_way(&behind).await;
    let _following = follow(&behind);
    made.await.unwrap().unwrap();
    assert!(matches!(make(&behind, "user").await, Err(Refused::Exists)));
}

/// It would overwrite what the other wrote; and what is planned next, without it, would overwrite it in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_taken_before_another_servers_write_became_known_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let (one, two) = (first_engine(&store).await, engine(&store).await);
    // What a request does, but nobody stores it yet.
    let planned = {
        let mut desk = one.shared.desk();
        let new = NewUser { account: account(), path: "/", name: "planned", tags: &[], is_administrator: false };
        let (change, _) = desk.draft().directory.create_user(&new, Timestamp::now(), &mut OsRandom).unwrap();
        let mut pieces = pieces(desk.draft(), &event(), 0, vec![Change::Directory(change)]).unwrap();
        desk.add(pieces.pop().unwrap())
    };
    let (batch, rests_on) = one.shared.next_batch().unwrap();
    make(&two, "other").await.unwrap();
    let _following = follow(&one);
    until_known(&one, "other").await;
    one.shared.commit(batch, rests_on).await;
    assert!(matches!(planned.await.unwrap(), Verdict::Again));
    let stored = engine(&store).await;
    assert!(has(&stored.view(), "other") && !has(&stored.view(), "planned"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_is_known_as_soon_as_the_watch_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    *store.instead.lock().unwrap() = Some(StoreError::Busy);
    assert!(matches!(make(&engine, "user").await, Err(Refused::Store)));
    let _following = follow(&engine);
    until_known(&engine, "user").await;
    assert!(matches!(make(&engine, "user").await, Err(Refused::Exists)));
    make(&engine, "another").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_the_store_did_not_confirm_is_sent_again_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    let _following = follow(&engine);
    let before = store.transactions.load(Ordering::SeqCst);
    *store.instead.lock().unwrap() = Some(StoreError::Unknown("no answer".to_owned()));
    // Planned again, it would be refused because it exists.
    make(&engine, "user").await.unwrap();
    assert_eq!(store.transactions.load(Ordering::SeqCst), before + 2);
    assert!(has(&engine.view(), "user"));
    make(&engine, "another").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fell_behind_what_the_store_keeps_reads_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let (ahead, behind) = (first_engine(&store).await, engine(&store).await);
    make(&ahead, "user").await.unwrap();
    store.store.load_full().compact(Revision(u64::MAX)).await.unwrap();
    let _following = follow(&behind);
    until_known(&behind, "user").await;
    make(&behind, "another").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_forgot_all_but_what_nobody_follows_is_followed_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let (ahead, behind) = (first_engine(&store).await, engine(&store).await);
    // Not a write of the View's: its generation stays at what is forgotten.
    let usage = Txn::new().put(Key::new("usage/demo/0").unwrap(), Document::encode(1, "x").unwrap());
    assert!(matches!(store.txn(usage).await.unwrap(), Outcome::Committed(_)));
    store.store.load_full().compact(Revision(u64::MAX)).await.unwrap();
    let _following = follow(&behind);
    make(&ahead, "user").await.unwrap();
    until_known(&behind, "user").await;
}

/// An engine that knows more than the store, which was restored from a backup.
async fn engine_of_restored_store() -> ([tempfile::TempDir; 2], Arc<Shared>, Arc<Engine>) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [store, backup] = folders.each_ref().map(|folder| Shared::open(folder.path()));
    let first = first_engine(&store).await;
    for name in ["user", "taken-back"] {
        make(&first, name).await.unwrap();
    }
    let engine = engine(&store).await;
    make(&*first_engine(&backup).await, "user").await.unwrap();
    store.store.store(backup.store.load_full());
    (folders, store, engine)
}

async fn goes_by_the_backup(engine: &Engine) {
    let mut known = engine.shared.known.subscribe();
    while has(&engine.view(), "taken-back") {
        known.changed().await.unwrap();
    }
    assert!(has(&engine.view(), "user"));
    while engine.store_signs().unreadable.is_some() {
        tokio::task::yield_now().await;
    }
    make(engine, "another").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_store_was_restored_from_a_backup_goes_by_the_backup() {
    let (_folders, _store, engine) = engine_of_restored_store().await;
    let version = engine.view().directory_version;
    let _following = follow(&engine);
    goes_by_the_backup(&engine).await;
    assert!(engine.view().directory_version > version, "nobody's proof by the directory as it was counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_that_has_got_further_than_it_was_is_noticed_too() {
    let (_folders, store, engine) = engine_of_restored_store().await;
    for number in 0..10 {
        let key = Key::new(&format!("usage/demo/{number}")).unwrap();
        let outcome = store.txn(Txn::new().put(key, Document::encode(1, "x").unwrap())).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)));
    }
    let _following = follow(&engine);
    let before = engine.store_signs().confirmed;
    assert!(matches!(engine.caught_up().await, Err(WriteError::Store(_))), "it knows what the store does not");
    engine.shared.measure_lag(Duration::from_millis(50)).await;
    assert_eq!(engine.store_signs().confirmed, before);
    goes_by_the_backup(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_read_what_was_written_goes_by_the_backup_that_mends_it() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [store, backup] = folders.each_ref().map(|folder| Shared::open(folder.path()));
    let engine = first_engine(&store).await;
    for name in ["user", "taken-back"] {
        make(&engine, name).await.unwrap();
    }
    let _following = follow(&engine);
    write_of_another_version(&store, Some(2)).await;
    until_unreadable(&engine).await;
    make(&*first_engine(&backup).await, "user").await.unwrap();
    store.store.store(backup.store.load_full());
    goes_by_the_backup(&engine).await;
}

/// What a server of another version writes: an object, or its removal, that every other server has to take up.
async fn write_of_another_version(store: &Shared, schema: Option<u32>) {
    let key = Key::new("clusters/demo").unwrap();
    let txn = match schema {
        Some(schema) => Txn::new().put(key, Document::encode(schema, "{}").unwrap()),
        None => Txn::new().delete(key),
    };
    let generation = Document::encode(1, "somebody").unwrap();
    let outcome = store.txn(txn.put(Key::new(GENERATION).unwrap(), generation)).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

async fn until_unreadable(engine: &Engine) -> String {
    loop {
        match engine.store_signs().unreadable {
            Some(told) => return told,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_meets_a_record_of_a_later_version_goes_on_with_what_it_knew_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let older = first_engine(&store).await;
    make(&older, "user").await.unwrap();
    let _following = follow(&older);
    write_of_another_version(&store, Some(2)).await;
    let told = until_unreadable(&older).await;
    assert!(told.contains("`clusters/demo`") && told.contains("schema is 2"), "{told}");
    assert!(has(&older.view(), "user"));
    let transactions = store.transactions.load(Ordering::SeqCst);
    assert!(matches!(make(&older, "another").await, Err(Refused::Store)));
    assert_eq!(store.transactions.load(Ordering::SeqCst), transactions, "it does not even try");
    assert!(matches!(older.caught_up().await, Err(WriteError::Unreadable(_))));
    assert!(
        Engine::open(Arc::<Shared>::clone(&store), Limits::default(), UnknownPrincipals::default()).await.is_err(),
        "one that starts would not know enough to answer"
    );

    write_of_another_version(&store, None).await;
    let restarted = Instant::now();
    while older.store_signs().unreadable.is_some() {
        assert!(restarted.elapsed() < Duration::from_secs(20), "it does not see that it is gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    make(&older, "another").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_how_far_it_is_behind_the_store_until_it_has_caught_up() {
    const NOW: Duration = Duration::from_millis(50);
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let (ahead, behind) = (first_engine(&store).await, engine(&store).await);
    let began = behind.store_signs().confirmed;
    tokio::time::sleep(Duration::from_millis(2)).await;
    behind.shared.measure_lag(NOW).await;
    let agreed = behind.store_signs();
    assert!(agreed.confirmed > began && agreed.revisions_behind == 0, "{agreed:?}");

    for name in ["a", "b"] {
        make(&ahead, name).await.unwrap();
    }
    behind.shared.measure_lag(NOW).await;
    let late = behind.store_signs();
    assert_eq!((late.confirmed, late.revisions_behind), (agreed.confirmed, 2), "it has not seen what was written");

    let _following = follow(&behind);
    behind.shared.measure_lag(Duration::from_secs(20)).await;
    let caught_up = behind.store_signs();
    assert!(caught_up.confirmed > agreed.confirmed && caught_up.revisions_behind == 0, "{caught_up:?}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_confirms_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    let before = engine.store_signs();
    store.close().await;
    engine.shared.measure_lag(Duration::from_secs(5)).await;
    let after = engine.store_signs();
    assert_eq!(after.confirmed, before.confirmed);
    assert!(after.failure.is_some_and(|failure| failure.contains("closed")), "the failure is told");
}

#[tokio::test]
async fn whether_a_store_is_there_that_does_not_answer_is_known_soon() {
    let folder = tempfile::tempdir().unwrap();
    let store = Shared::open(folder.path());
    let engine = first_engine(&store).await;
    assert_eq!(engine.store_health().await, Ok(()));
    store.hold_up().await;
    let asked = tokio::time::Instant::now();
    let error = engine.store_health().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(asked.elapsed() < std::time::Duration::from_secs(1), "{:?}", asked.elapsed());
}
