//! The one place where what the server knows changes.
//!
//! A write is planned, committed to the store together with its event in the history, and only then published and
//! answered; the next request on this server sees it. Reads take the [`View`] that is current and never wait.
//!
//! Writes that wait for the disk do not hold up the next: each is planned on the outcome of those before it (the
//! `desk`), and whatever was planned while one commit was under way goes into the next as one transaction. If a commit
//! fails, whatever was planned on its outcome is planned again.
//!
//! Several servers may share a store. Every transaction then states that nobody else wrote since the View that it was
//! planned on (`GENERATION`), so that a plan never decides on what is no longer so; what others wrote comes by a
//! watch (`follow`).

mod commit;
mod desk;
mod follow;
mod lag;
mod load;
mod presence;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use doorward_core::cluster_name::ClusterName;
use doorward_store::{Key, Revision, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::bootstrap::random_id;
use crate::change::Change;
use crate::error::{ServerError, WriteError};
use crate::metrics::Durations;
use crate::view::{ClusterView, Limits, UnknownPrincipals, View};
use commit::pieces;
use desk::{Desk, Verdict};
use lag::Lag;
pub use lag::StoreSigns;

/// How long the store may take to show that it is there. Whoever asks whether the server is ready waits for this, and a
/// load balancer takes a server away that does not answer in time, although it could answer everything else.
const HEALTH: Duration = Duration::from_millis(500);

/// The key that every write of what is planned touches. Its revision says which View a plan was made on.
const GENERATION: &str = "meta/writes";

/// How often a write is planned anew because of others before it is given up. Each time somebody else's was stored, so
/// that all servers together always get on.
const ATTEMPTS: usize = 32;

/// Holds the current View and the way to the store.
pub struct Engine {
    shared: Arc<Shared>,
}

/// What requests, the commit that is under way and the watch have in common.
struct Shared {
    store: Arc<dyn Store>,
    /// Where the watch begins.
    loaded_at: Revision,
    view: ArcSwap<View>,
    /// Held for as long as planning takes, never while anything is waited for.
    desk: Mutex<Desk>,
    /// Ticks when a cluster was registered, changed or removed.
    clusters_changed: watch::Sender<()>,
    /// The revision up to which the View knows the store.
    known: watch::Sender<Option<Revision>>,
    /// Tells this server's writes from those of others.
    writer: String,
    /// How far the View is behind the store.
    lag: Lag,
    /// How long commits took.
    commits: Arc<Durations>,
}

/// Who changes something, for the history.
#[derive(Clone, Debug)]
pub struct Event {
    /// The caller's ARN, or the server's own part that acts.
    pub by: String,
    /// The access key that signed; empty where nobody did.
    pub access_key_id: String,
    /// Such as `eks:CreateAccessEntry`.
    pub action: String,
    /// The request's id.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
}

impl Engine {
    /// Reads everything from the store.
    ///
    /// # Errors
    /// If the store cannot be read, or holds a record that this version does not understand: guessing could let
    /// somebody in.
    pub async fn open(
        store: Arc<dyn Store>,
        limits: Limits,
        unknown_principals: UnknownPrincipals,
    ) -> Result<Self, ServerError> {
        let began_at = Timestamp::now();
        let (view, loaded_at) = load::load(store.as_ref(), View::new(limits, unknown_principals)).await?;
        let view = Arc::new(view);
        let writer = random_id()?;
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                loaded_at,
                known: watch::Sender::new(view.generation),
                desk: Mutex::new(Desk::new(Arc::clone(&view))),
                view: ArcSwap::new(view),
                clusters_changed: watch::Sender::new(()),
                writer,
                lag: Lag::new(began_at),
                commits: Arc::default(),
            }),
        })
    }

    /// The way to the store, for what is neither planned nor in the history.
    pub(crate) fn store(&self) -> &dyn Store {
        self.shared.store.as_ref()
    }

    /// How long the store took to commit.
    pub(crate) fn commits(&self) -> Arc<Durations> {
        Arc::clone(&self.shared.commits)
    }

    /// What is known now.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.shared.view.load()
    }

    /// What is known now, to be kept longer than a request's decision takes.
    pub fn view_owned(&self) -> Arc<View> {
        self.shared.view.load_full()
    }

    /// Ticks when the set of clusters changed.
    pub fn clusters_changed(&self) -> watch::Receiver<()> {
        self.shared.clusters_changed.subscribe()
    }

    /// Whether the store answers, known within `HEALTH`.
    ///
    /// # Errors
    /// The store's own, if it does not.
    pub async fn store_health(&self) -> Result<(), StoreError> {
        let (store, probe) = (Arc::clone(&self.shared.store), Key::new("meta/probe").map_err(|_| StoreError::Closed)?);
        // Nobody waits for its end, but a store of several members learns by it which of them is silent.
        let asked = tokio::spawn(async move { store.get(&probe).await.map(|_| ()) });
        match tokio::time::timeout(HEALTH, asked).await {
            Ok(answer) => answer.unwrap_or(Err(StoreError::Closed)),
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {} ms", HEALTH.as_millis()))),
        }
    }

    /// Plans a change, commits it and publishes it.
    ///
    /// The outcome is that of the plan; nothing happens if the plan gives an error or no changes. The plan is made on
    /// what will be known once the writes before it are stored, and made again if they are not: it must not do anything
    /// but answer. No answer is given that rests on what is not stored, or, where several servers share a store, on what
    /// another has changed: a refusal too waits until the store says that nobody has. Once the commit has begun it is
    /// finished and published even if the caller goes away.
    ///
    /// # Errors
    /// The plan's own, or the store's: then nothing was changed. Of more changes than a transaction takes, a part may
    /// have been made; the removal of a cluster has that many, and it removes the cluster last.
    pub async fn write<T, E>(
        &self,
        event: Event,
        mut plan: impl FnMut(&View) -> Result<(T, Vec<Change>), E>,
    ) -> Result<T, E>
    where
        E: From<WriteError>,
    {
        for attempt in 0..ATTEMPTS {
            if let Some(record) = self.shared.lag.unreadable() {
                return Err(WriteError::Unreadable(record).into());
            }
            let (outcome, verdicts) = {
                let mut desk = self.shared.desk();
                let (outcome, changes) = match plan(desk.draft()) {
                    Ok((outcome, changes)) => (Ok(outcome), changes),
                    Err(error) => (Err(error), Vec::new()),
                };
                let verdicts = if !changes.is_empty() {
                    let pieces = pieces(desk.draft(), &event, attempt, changes)?;
                    pieces.into_iter().map(|piece| desk.add(piece)).collect()
                } else if desk.is_idle() && !self.shared.store.is_shared() {
                    return outcome;
                } else {
                    vec![desk.wait()]
                };
                (outcome, verdicts)
            };
            Arc::clone(&self.shared).commit_what_waits();
            match worst(verdicts).await {
                Verdict::Stored => return outcome,
                Verdict::Failed(error) => return Err(error.into()),
                Verdict::Again => {}
            }
        }
        Err(WriteError::Contended.into())
    }

    /// Changes something of one cluster that is not stored, such as its aws-auth.
    pub fn observe(&self, cluster: &ClusterName, change: impl Fn(&mut ClusterView)) {
        self.shared.observe(|view| view.with_cluster(cluster, &change));
    }
}

impl Shared {
    /// A plan that panicked has left the desk as it was.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes something that no plan changes, and puts it into the plans that are not stored yet.
    fn observe(&self, change: impl Fn(View) -> View) {
        let mut desk = self.desk();
        self.view.store(Arc::new(change(View::clone(&self.view.load()))));
        if desk.is_idle() {
            desk.start_over(self.view.load_full());
        } else {
            desk.observe(change);
        }
    }
}

/// What became of the pieces of one write, which are stored in order.
async fn worst(verdicts: Vec<oneshot::Receiver<Verdict>>) -> Verdict {
    for verdict in verdicts {
        match verdict.await {
            Ok(Verdict::Stored) => {}
            Ok(other) => return other,
            Err(_) => return Verdict::Failed(WriteError::Store(StoreError::Closed)),
        }
    }
    Verdict::Stored
}
