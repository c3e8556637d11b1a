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

mod lifetime;
mod reading;
mod transactions;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::{Batch, Change, Document, Event, Expect, Key, Outcome, Revision, Snapshot, Store, Txn, Watch};
pub use lifetime::*;
pub use reading::*;
pub use transactions::*;
pub use watching::*;

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
