//! What other servers write to the same store.

use std::sync::Arc;
use std::time::Duration;

use doorward_store::{Batch, Change as KeyChange, Item, Prefix, Revision, StoreError, Versioned};
use tokio::sync::watch;
use tokio::time::Instant;

use super::commit::Generation;
use super::load::{load, read};
use super::{Engine, GENERATION, Shared};
use crate::change::Change;
use crate::error::ServerError;
use crate::view::View;

/// How long to wait before the store is asked again, after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// How often it is looked whether a record that could not be read was written again.
const MENDING: Duration = Duration::from_secs(3);

/// How long to wait before everything is read anew although nobody wrote: somebody may have mended it by hand.
const BY_HAND: Duration = Duration::from_secs(60);

/// Puts a transaction into a View that nobody else sees.
pub(super) fn take_up(view: &mut View, batch: &Batch) -> Result<(), ServerError> {
    if let Some(generation) = generation(batch) {
        changes(batch)?.iter().for_each(|change| view.apply(change));
        view.last_event = view.last_event.max(generation.map_or(0, |last| last.last_event));
        view.generation = Some(batch.revision).max(view.generation);
    }
    Ok(())
}

impl Engine {
    /// Publishes what other servers write until `stop` becomes true. Does nothing if nobody else can.
    ///
    /// While the store cannot be read, what is known stays in force.
    pub(crate) async fn follow(&self, mut stop: watch::Receiver<bool>) {
        if self.shared.store.is_shared() {
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => {}
                () = self.shared.follow() => {}
            }
        }
    }
}

impl Shared {
    async fn follow(&self) {
        let mut after = self.loaded_at;
        loop {
            let followed = tokio::select! {
                followed = self.follow_until_it_fails(&mut after) => followed,
                () = self.lag.forgotten() => Err(Interrupted::Behind("it forgot what is known here".to_owned())),
            };
            let failed = match followed {
                Ok(()) | Err(Interrupted::Failed(ServerError::Store(StoreError::Closed))) => return,
                Err(Interrupted::Behind(why)) => {
                    tracing::warn!(why, "reading the store anew");
                    self.reload().await.map(|revision| after = revision).err()
                }
                Err(Interrupted::Failed(error)) => Some(error),
            };
            match failed {
                Some(error) if is_unreadable(&error) => after = self.reload_once_it_can_be_read(error).await,
                Some(error) => tracing::warn!(%error, "the store cannot be followed; going on with what is known"),
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Goes on with what is known, and says so, for as long as the store holds what this server does not read; gives the
    /// revision up to which everything is known then.
    ///
    /// No part of what was written since then is taken up: a World of which one entry is missing is one that nobody made.
    async fn reload_once_it_can_be_read(&self, mut why: ServerError) -> Revision {
        tracing::error!(
            error = %why,
            "another server writes what this one does not read: not ready, writes are refused, answers go on with what \
             was known before"
        );
        let mut tried = None;
        loop {
            self.lag.reads(Some(why.to_string()));
            tokio::time::sleep(MENDING).await;
            let Ok(written) = self.last_write().await else { continue };
            // A store may be large.
            if tried.is_some_and(|(last, at): (_, Instant)| last == written && at.elapsed() < BY_HAND) {
                continue;
            }
            match self.reload().await {
                Ok(revision) => {
                    self.lag.reads(None);
                    tracing::info!("everything in the store can be read again");
                    return revision;
                }
                Err(error) if is_unreadable(&error) => (why, tried) = (error, Some((written, Instant::now()))),
                Err(error) => tracing::debug!(%error, "the store cannot be read now"),
            }
        }
    }

    /// Everything up to `after` is known, also when this fails.
    async fn follow_until_it_fails(&self, after: &mut Revision) -> Result<(), Interrupted> {
        let mut watch = self.store.watch(&Prefix::all(), *after).await?;
        while let Some(batch) = watch.next().await {
            let batch = batch?;
            self.take(&batch)?;
            *after = batch.revision;
        }
        Ok(())
    }

    fn take(&self, batch: &Batch) -> Result<(), ServerError> {
        let Some(generation) = generation(batch) else {
            self.take_presence(batch);
            return Ok(());
        };
        let is_own = generation
            .as_ref()
            .is_some_and(|last| last.writer == self.writer && self.publish_own(last.batch, batch.revision));
        if is_own {
            return Ok(());
        }
        // Nearly always this server's own, published when the store answered: not read a second time.
        if self.view.load().generation >= Some(batch.revision) {
            return Ok(());
        }
        let changes = changes(batch)?;
        let mut desk = self.desk();
        if self.view.load().generation < Some(batch.revision) {
            self.publish(&changes, batch.revision, generation.map_or(0, |last| last.last_event));
            desk.start_over(self.view.load_full());
        }
        Ok(())
    }

    /// Reads everything anew, and keeps what is not stored but was observed. What changed after the revision is not known.
    async fn reload(&self) -> Result<Revision, ServerError> {
        let before = self.view.load_full();
        let empty = View::new(before.limits, before.unknown_principals);
        let (loaded, revision) = load(self.store.as_ref(), empty).await?;
        let mut desk = self.desk();
        let current = self.view.load_full();
        // A store that knows less than was known before it was asked was restored from a backup: whoever did that wants
        // it to be in force. One that knows more than is known now is later; else this server wrote meanwhile.
        if loaded.generation < before.generation || current.generation < loaded.generation {
            let generation = loaded.generation;
            // Whoever was proved by the directory as it was has to be proved again.
            let mut loaded = loaded.with_observations_of(&current);
            loaded.directory_version = current.directory_version + 1;
            self.view.store(Arc::new(loaded));
            desk.start_over(self.view.load_full());
            self.known.send_replace(generation);
            self.clusters_changed.send_replace(());
        }
        Ok(revision)
    }
}

/// Why the store is not followed any further.
enum Interrupted {
    /// What is known is not what the store goes on from.
    Behind(String),
    Failed(ServerError),
}

impl From<ServerError> for Interrupted {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Store(StoreError::Compacted { .. } | StoreError::FutureRevision { .. }) => {
                Self::Behind(error.to_string())
            }
            error => Self::Failed(error),
        }
    }
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        ServerError::Store(error).into()
    }
}

/// Whether what is stored cannot be understood, however often it is read.
fn is_unreadable(error: &ServerError) -> bool {
    matches!(error, ServerError::Record { .. } | ServerError::Store(StoreError::Sealed { .. } | StoreError::Damaged(_)))
}

/// Whose write a transaction was; `None` if it is none that the View follows, `Some(None)` if that cannot be read.
fn generation(batch: &Batch) -> Option<Option<Generation>> {
    batch.events.iter().find(|event| event.key.as_str() == GENERATION).map(|event| match &event.change {
        KeyChange::Put(document) => Generation::read(document),
        KeyChange::Deleted => None,
    })
}

fn changes(batch: &Batch) -> Result<Vec<Change>, ServerError> {
    let mut changes = Vec::with_capacity(batch.events.len());
    for event in &batch.events {
        let change = match &event.change {
            KeyChange::Put(document) => {
                let value = Versioned { document: document.clone(), revision: batch.revision };
                read(&Item { key: event.key.clone(), value })?
            }
            KeyChange::Deleted => Change::from_removed(&event.key)
                .map_err(|problem| ServerError::Record { key: event.key.to_string(), problem })?,
        };
        changes.extend(change);
    }
    // A cluster comes before what belongs to it; a transaction may name them in any order.
    changes.sort_by_key(|change| !matches!(change, Change::PutCluster(_)));
    Ok(changes)
}
