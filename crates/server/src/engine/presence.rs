//! That this server is there, and which others are.

use std::sync::Arc;
use std::time::Duration;

use doorward_store::{Batch, Revision, Txn};
use tokio::sync::watch;

use super::{Engine, Shared};
use crate::replica::{self, AnnouncementError, Replica};

/// How often a server says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// For how long it counts as there without saying so: until then a write that waits for all waits for it.
const TTL: Duration = Duration::from_secs(15);

/// How long a server waits for more before it announces what it learned, where others may wait for that: a burst of
/// writes is announced once.
const GATHER: Duration = Duration::from_millis(50);

impl Engine {
    /// Announces this server by a name until `stop` becomes true, and then that it goes. Does nothing where no other
    /// server can be.
    pub(crate) async fn announce(&self, name: &str, api: &str, mut stop: watch::Receiver<bool>) {
        if !self.shared.store.is_shared() {
            return;
        }
        let mut known = self.shared.known.subscribe();
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => {}
            () = self.shared.announce_for_ever(name, api, &mut known) => {}
        }
        if let Ok(key) = replica::key(name) {
            // Without this it goes by itself, a little later.
            let _ = self.shared.store.txn(Txn::new().delete(key)).await;
        }
    }
}

impl Shared {
    async fn announce_for_ever(&self, name: &str, api: &str, known: &mut watch::Receiver<Option<Revision>>) {
        loop {
            let knows = *known.borrow_and_update();
            let replica = Replica {
                knows: knows.map(|revision| revision.0),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                api: api.to_owned(),
            };
            if let Err(error) = self.announce(name, &replica).await {
                tracing::warn!(%error, "this server cannot announce itself; who waits for all servers does not wait for it");
            }
            let is_alone = || self.view.load().replicas.len() < 2;
            let learned = async {
                while known.changed().await.is_ok() && is_alone() {}
                tokio::time::sleep(GATHER).await;
            };
            // Either way it is time for the next.
            let _ = tokio::time::timeout(HEARTBEAT, learned).await;
        }
    }

    async fn announce(&self, name: &str, replica: &Replica) -> Result<(), AnnouncementError> {
        let (key, document) = replica.announcement(name)?;
        self.store.announce(&key, document, TTL).await?;
        Ok(())
    }

    /// Takes up which servers are there.
    pub(super) fn take_presence(&self, batch: &Batch) {
        let mut replicas = self.view.load().replicas.as_ref().clone();
        let changed = batch.events.iter().filter(|event| replica::take_up(&mut replicas, event)).count();
        if changed > 0 {
            let replicas = Arc::new(replicas);
            self.observe(|mut view| {
                view.replicas = Arc::clone(&replicas);
                view
            });
        }
    }
}
