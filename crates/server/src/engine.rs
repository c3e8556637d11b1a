//! The one place where what the server knows changes.
//!
//! A write is planned on the current [`View`], committed to the store together with its event in the history, and only
//! then published; the next request on this server sees it. Reads take the View that is current and never wait.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use doorward_core::cluster_name::ClusterName;
use doorward_identity::directory::Change as DirectoryChange;
use doorward_store::{Document, Key, Outcome, Prefix, Store, StoreError, Txn};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};

use crate::change::Change;
use crate::error::{ServerError, WriteError};
use crate::view::{ClusterView, Limits, UnknownPrincipals, View};

/// Holds the current View and the way to the store.
pub struct Engine {
    store: Arc<dyn Store>,
    view: Arc<ArcSwap<View>>,
    /// One write at a time: each is planned on the outcome of the one before.
    writer: Arc<Mutex<()>>,
    /// Ticks when a cluster was registered, changed or removed.
    clusters_changed: watch::Sender<()>,
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
        let mut view = View::new(limits, unknown_principals);
        // Clusters come before what belongs to them, because keys are sorted.
        for root in ["iam", "clusters"] {
            let root = Key::new(root).map_err(WriteError::from)?;
            for item in store.list(&Prefix::below(&root)).await?.items {
                let change = Change::from_stored(&item)
                    .map_err(|problem| ServerError::Record { key: item.key.to_string(), problem })?;
                if let Some(change) = change {
                    view = view.after(&change);
                }
            }
        }
        Ok(Self {
            store,
            view: Arc::new(ArcSwap::from_pointee(view)),
            writer: Arc::default(),
            clusters_changed: watch::Sender::new(()),
        })
    }

    /// The way to the store, for what is neither planned nor in the history.
    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// What is known now.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// What is known now, to be kept longer than a request's decision takes.
    pub fn view_owned(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Ticks when the set of clusters changed.
    pub fn clusters_changed(&self) -> watch::Receiver<()> {
        self.clusters_changed.subscribe()
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// The store's own, if it does not.
    pub async fn store_health(&self) -> Result<(), StoreError> {
        let probe = Key::new("meta/probe").map_err(|_| StoreError::Closed)?;
        self.store.get(&probe).await.map(|_| ())
    }

    /// Plans a change on the current View, commits it and publishes it.
    ///
    /// The outcome is that of the plan; nothing happens if the plan gives an error or no changes. Once the commit has
    /// begun it is finished and published even if the caller goes away.
    ///
    /// # Errors
    /// The plan's own, or the store's: then nothing was changed.
    pub async fn write<T, E>(
        &self,
        event: Event,
        plan: impl FnOnce(&View) -> Result<(T, Vec<Change>), E>,
    ) -> Result<T, E>
    where
        E: From<WriteError>,
    {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let before = self.view.load_full();
        let (outcome, changes) = plan(&before)?;
        // A store takes so many writes in one transaction. Only the removal of a cluster has more, and it removes the
        // cluster last, so that nothing of it is left behind whenever it is cut off.
        let mut transactions = Vec::new();
        for (number, part) in changes.chunks(MAX_CHANGES).enumerate() {
            transactions.push((transaction(&before, &event, number, part)?, part.to_vec()));
        }
        let (store, view, clusters_changed) =
            (Arc::clone(&self.store), Arc::clone(&self.view), self.clusters_changed.clone());
        let committed = tokio::spawn(async move {
            let _turn = turn;
            for (txn, changes) in transactions {
                match store.txn(txn).await? {
                    Outcome::Committed(_) => publish(&view, &changes),
                    Outcome::Conflict { key, .. } => return Err(WriteError::Conflict(key)),
                }
                if changes.iter().any(|change| matches!(change, Change::PutCluster(_) | Change::DeleteCluster(_))) {
                    clusters_changed.send_replace(());
                }
            }
            Ok(())
        });
        committed.await.map_err(|_| WriteError::Store(StoreError::Closed))??;
        Ok(outcome)
    }

    /// Changes something of one cluster that is not stored, such as its aws-auth.
    pub fn observe(&self, cluster: &ClusterName, change: impl Fn(&mut ClusterView)) {
        self.view.rcu(|view| View::clone(view).with_cluster(cluster, &change));
    }
}

/// Below what every store takes in one transaction, with room for the event.
const MAX_CHANGES: usize = 100;

fn publish(view: &ArcSwap<View>, changes: &[Change]) {
    view.rcu(|view| changes.iter().fold(View::clone(view), |view, change| view.after(change)));
}

/// Some changes and their event, as one transaction.
fn transaction(before: &View, event: &Event, number: usize, changes: &[Change]) -> Result<Txn, WriteError> {
    let mut txn = Txn::new();
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        let key = change.key()?;
        rows.push(json!({
            "key": key.as_str(),
            "before": current(before, change).map_or(Value::Null, |change| change.for_history()),
            "after": change.for_history(),
        }));
        txn = match change.document()? {
            Some(document) => txn.put(key, document),
            None => txn.delete(key),
        };
    }
    let history = json!({
        "at": event.at.to_string(),
        "by": event.by,
        "accessKeyId": event.access_key_id,
        "action": event.action,
        "requestId": event.request_id,
        "changes": rows,
    });
    // Sorted by time, and unique by the request's id.
    let name = format!("{:020}-{}-{number}", event.at.as_microsecond().max(0), event.request_id);
    Ok(txn.put(Key::of(["history", &name])?, Document::encode(1, &history)?))
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
        Change::PutUpdate(..) | Change::DeleteUpdate(..) => None,
    }
}

fn current_entry(
    view: &View,
    cluster: &ClusterName,
    principal: &doorward_core::principal::PrincipalArn,
) -> Option<Change> {
    let entry = view.cluster(cluster.as_str())?.world.entry(principal)?;
    Some(Change::PutEntry(cluster.clone(), Box::new(entry.as_ref().clone())))
}
