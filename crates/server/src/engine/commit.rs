//! Storing what was planned: from changes to a transaction, and from its outcome to what is published and answered.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::cluster_name::ClusterName;
use doorward_identity::directory::Change as DirectoryChange;
use doorward_store::{Document, DocumentError, Expect, Key, Outcome, Revision, StoreError, Txn, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::desk::{Batch, Piece, Verdict};
use super::{Event, GENERATION, Shared};
use crate::change::Change;
use crate::error::WriteError;
use crate::update_record::UpdateRecord;
use crate::view::View;

/// Changes in one piece: below what every store takes in one transaction, with room for the event.
const MAX_CHANGES: usize = 100;

/// How long another server's write may take to come by the watch once the store has refused ours because of it.
const CATCH_UP: Duration = Duration::from_secs(5);

/// How long a transaction is sent again whose end is not known. The last try may take as long as the store lets it.
const SETTLE: Duration = Duration::from_secs(5);

/// Before each of these tries.
const PAUSE: Duration = Duration::from_millis(50);

/// What is stored at [`GENERATION`]: whose write was the last.
#[derive(Serialize, Deserialize)]
pub(super) struct Generation {
    /// The server.
    pub(super) writer: String,
    /// Its batch.
    pub(super) batch: u64,
    /// The [`View::last_event`] with it. Earlier versions did not say.
    #[serde(default)]
    pub(super) last_event: u64,
}

impl Generation {
    const SCHEMA: u32 = 1;

    /// Reads what another server wrote; it may be of another version.
    pub(super) fn read(document: &Document) -> Option<Self> {
        document.decode().ok().filter(|_| document.schema() == Self::SCHEMA)
    }
}

impl Shared {
    /// Stores what waits at the desk, unless that is being done already.
    pub(super) fn commit_what_waits(self: Arc<Self>) {
        if self.desk().begin_to_serve() {
            // On its own, since whoever waits for the answer may go away.
            tokio::spawn(async move {
                while let Some((batch, rests_on)) = self.next_batch() {
                    self.commit(batch, rests_on).await;
                }
            });
        }
    }

    /// The next batch, and the revision of the View that it was planned on.
    ///
    /// Both while the desk is held. From then on the watch may publish what others wrote: a batch that was planned without
    /// that has to be refused by the store, and would not be if it stated the later revision.
    pub(super) fn next_batch(&self) -> Option<(Batch, Option<Revision>)> {
        let mut desk = self.desk();
        let batch = desk.next_batch()?;
        Some((batch, self.view.load().generation))
    }

    pub(super) async fn commit(&self, batch: Batch, rests_on: Option<Revision>) {
        let Batch { number, last_event, writes, answers } = batch;
        let changes = !writes.is_empty();
        let outcome = if changes || self.store.is_shared() {
            match self.transaction(number, last_event, rests_on, writes) {
                Ok(txn) => {
                    let began = Instant::now();
                    let outcome = self.settle(txn).await;
                    self.commits.add(began.elapsed());
                    outcome.map(Some).map_err(WriteError::Store)
                }
                Err(error) => Err(error),
            }
        } else {
            Ok(None)
        };
        if let (true, Ok(Some(Outcome::Committed(revision)))) = (changes, &outcome) {
            self.publish_own(number, *revision);
        }
        let verdict = match outcome {
            Ok(None | Some(Outcome::Committed(_))) => {
                let mut desk = self.desk();
                desk.end_flight();
                desk.rest_on(&self.view.load_full());
                Verdict::Stored
            }
            Ok(Some(Outcome::Conflict { actual, .. })) => {
                let caught_up = self.catch_up(actual).await;
                let mut desk = self.desk();
                // What was in the way may have been this very batch, sent before and not confirmed: the watch brought it.
                let is_stored = desk.end_flight();
                desk.start_over(self.view.load_full());
                match (is_stored, caught_up) {
                    (true, _) => Verdict::Stored,
                    (false, true) => Verdict::Again,
                    (false, false) => Verdict::Failed(WriteError::Behind),
                }
            }
            Err(error) => {
                let mut desk = self.desk();
                // The watch may know better than whoever waited for the answer.
                if desk.end_flight() {
                    desk.rest_on(&self.view.load_full());
                    Verdict::Stored
                } else {
                    desk.start_over(self.view.load_full());
                    Verdict::Failed(error)
                }
            }
        };
        for answer in answers {
            // Whoever gave up waiting does not hear the answer.
            let _ = answer.send(match &verdict {
                Verdict::Stored => Verdict::Stored,
                Verdict::Again => Verdict::Again,
                Verdict::Failed(error) => Verdict::Failed(error.clone()),
            });
        }
    }

    /// Stores a transaction, and sends it again where the store does not say what became of it. Since it states whose
    /// write was the last, it is made once, however often it is sent: refused because of itself, it is stored.
    ///
    /// A client would be told to look for itself otherwise, for no more than a leader of etcd that moved.
    async fn settle(&self, txn: Txn) -> Result<Outcome, StoreError> {
        if !self.store.is_shared() {
            return self.store.txn(txn).await;
        }
        let began = Instant::now();
        let outcome = self.store.txn(txn.clone()).await;
        if !matches!(outcome, Err(StoreError::Unknown(_))) {
            return outcome;
        }
        while began.elapsed() < SETTLE {
            tokio::time::sleep(PAUSE).await;
            // Whatever else it says of another try, the end of the first is as unknown as before.
            if let Ok(settled) = self.store.txn(txn.clone()).await {
                return Ok(settled);
            }
        }
        outcome
    }

    /// What stores a batch if nobody wrote since what it rests on. Where nothing is to be stored, it only asks whether
    /// somebody did.
    fn transaction(
        &self,
        batch: u64,
        last_event: u64,
        rests_on: Option<Revision>,
        writes: Vec<Write>,
    ) -> Result<Txn, WriteError> {
        let key = Key::new(GENERATION)?;
        let expect = rests_on.map_or(Expect::Absent, Expect::Revision);
        let condition = Txn::new().when(key.clone(), expect);
        if writes.is_empty() {
            return Ok(condition);
        }
        let generation = Generation { writer: self.writer.clone(), batch, last_event };
        let generation = Document::encode(Generation::SCHEMA, &generation)?;
        Ok(writes.into_iter().fold(condition.put(key, generation), |txn, write| match write {
            Write::Put(key, document) => txn.put(key, document),
            Write::Delete(key) => txn.delete(key),
        }))
    }

    /// Publishes a batch of this server's that is stored, unless that was done.
    pub(super) fn publish_own(&self, number: u64, revision: Revision) -> bool {
        let mut desk = self.desk();
        let Some((changes, last_event)) = desk.publish_in_flight(number) else { return false };
        if self.view.load().generation < Some(revision) {
            self.publish(&changes, revision, last_event);
        }
        true
    }

    /// The next View. To be called with the desk held: there is one publisher at a time.
    pub(super) fn publish(&self, changes: &[Change], revision: Revision, last_event: u64) {
        let mut view = self.view.load().after(changes);
        view.generation = Some(revision);
        view.last_event = view.last_event.max(last_event);
        self.view.store(Arc::new(view));
        if changes.iter().any(|change| matches!(change, Change::PutCluster(_) | Change::DeleteCluster(_))) {
            self.clusters_changed.send_replace(());
        }
        self.known.send_replace(Some(revision));
    }

    /// Waits until what others wrote is known up to the write that was in the way.
    pub(super) async fn catch_up(&self, until: Option<Revision>) -> bool {
        let mut known = self.known.subscribe();
        let reached = known.wait_for(|known| *known >= until);
        matches!(tokio::time::timeout(CATCH_UP, reached).await, Ok(Ok(_)))
    }
}

/// A write as pieces that a transaction takes, each with its event. Nearly always one.
///
/// An event is named by its time, or, where the clock is not ahead of what is known to have happened, by the moment after
/// that: servers whose clocks differ, and requests that wait for each other, still make names in the order of events.
pub(super) fn pieces(
    before: &View,
    event: &Event,
    attempt: usize,
    changes: Vec<Change>,
) -> Result<Vec<Piece>, WriteError> {
    let mut pieces = Vec::with_capacity(1);
    let mut time = event.at.as_microsecond().max(0).unsigned_abs().max(before.last_event.saturating_add(1));
    let mut parts: Vec<Vec<Change>> = changes.chunks(MAX_CHANGES).rev().map(<[Change]>::to_vec).collect();
    while let Some(mut changes) = parts.pop() {
        let name = format!("{time:020}-{}-{attempt}.{}", event.request_id, pieces.len());
        match writes(before, event, &name, &changes) {
            Ok(writes) => {
                pieces.push(Piece { time, changes, writes });
                time += 1;
            }
            // The event holds all of them before and after, and may be too large where each is not.
            Err(WriteError::Document(DocumentError::TooLarge(_))) if changes.len() > 1 => {
                let rest = changes.split_off(changes.len() / 2);
                parts.extend([rest, changes]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(pieces)
}

fn writes(before: &View, event: &Event, name: &str, changes: &[Change]) -> Result<Vec<Write>, WriteError> {
    let mut rows = Vec::with_capacity(changes.len());
    let mut writes = Vec::with_capacity(changes.len() + 1);
    for change in changes {
        let key = change.key()?;
        rows.push(json!({
            "key": key.as_str(),
            "before": current(before, change).map_or(Value::Null, |change| change.for_history()),
            "after": change.for_history(),
        }));
        writes.push(match change.document()? {
            Some(document) => Write::Put(key, document),
            None => Write::Delete(key),
        });
    }
    let history = json!({
        "at": event.at.to_string(),
        "by": event.by,
        "accessKeyId": event.access_key_id,
        "action": event.action,
        "requestId": event.request_id,
        "changes": rows,
    });
    writes.push(Write::Put(Key::of(["history", name])?, Document::encode(1, &history)?));
    Ok(writes)
}

/// The object as it is before the change.
fn current(view: &View, change: &Change) -> Option<Change> {
    match change {
        Change::PutCluster(record) => {
            view.cluster(record.name.as_str()).map(|cluster| Change::PutCluster(Box::new(cluster.record.clone())))
        }
        Change::DeleteCluster(name) => {
            view.cluster(name.as_str()).map(|cluster| Change::PutCluster(Box::new(cluster.record.clone())))
        }
        Change::PutEntry(name, entry) => current_entry(view, name, &entry.principal_arn),
        Change::DeleteEntry(name, principal) => current_entry(view, name, principal),
        Change::Directory(change) => {
            view.directory.object(&change.key()).map(|object| Change::Directory(DirectoryChange::Put(object)))
        }
        Change::PutUpdate(name, UpdateRecord { id, .. }) | Change::DeleteUpdate(name, id) => {
            let update = view.cluster(name.as_str())?.updates.get(id)?;
            Some(Change::PutUpdate(name.clone(), update.clone()))
        }
    }
}

fn current_entry(
    view: &View,
    cluster: &ClusterName,
    principal: &doorward_core::principal::PrincipalArn,
) -> Option<Change> {
    let entry = view.cluster(cluster.as_str())?.world.entry(principal)?;
    Some(Change::PutEntry(cluster.clone(), Arc::clone(entry)))
}
