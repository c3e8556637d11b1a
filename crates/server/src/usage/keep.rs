//! Keeping usage evidence: written to the store once a minute and at the end, read at the start.
//!
//! It is evidence, not a record: what was counted within the last minute before a crash is lost, and a store that does
//! not take it is only a line in the log. No request waits for it.
//!
//! A server alone keeps its parts below `usage/CLUSTER`, each of several below `usage/CLUSTER/SERVER`, and takes up what
//! the others keep: what one of them counted is used, whichever is asked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::cluster_name::ClusterName;
use doorward_store::{Document, Key, Prefix, Store, StoreError, Txn};
use jiff::Timestamp;
use tokio::sync::watch;

use super::UsageRecord;
use super::record::SCHEMA;
use crate::engine::Engine;
use crate::view::View;

const ROOT: &str = "usage";
const INTERVAL: Duration = Duration::from_secs(60);
/// Writes what was counted, and knows what it wrote last.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    /// This server's name among several; none if it is alone.
    server: Option<String>,
    written: BTreeMap<ClusterName, Vec<UsageRecord>>,
}

impl Keeper {
    /// Goes on from what was kept before the server was started. What cannot be read is as good as not kept.
    pub(crate) async fn restore(engine: &Engine, server: Option<String>, now: Timestamp) -> Self {
        let mut keeper = Self { server, written: BTreeMap::new() };
        match keeper.read(engine.store()).await {
            Ok(Parts { own, .. }) => keeper.written = own,
            Err(error) => tracing::warn!(%error, "usage evidence was not read, counting begins anew"),
        }
        for cluster in engine.view_owned().clusters() {
            let name = &cluster.record.name;
            let mut kept = UsageRecord::default();
            keeper.written.get(name).into_iter().flatten().for_each(|part| kept.extend(part.clone()));
            engine.observe(name, |cluster| cluster.usage.restore(&cluster.world, &kept, now));
        }
        // The order of the keys is that of their text and not of the parts: all are written once, and then known.
        keeper.written.values_mut().flatten().for_each(|part| *part = UsageRecord::default());
        keeper
    }

    async fn read(&self, store: &dyn Store) -> Result<Parts, KeepError> {
        let mut parts = Parts::default();
        for item in store.list(&Prefix::below(&Key::new(ROOT)?)).await?.items {
            let segments: Vec<Cow<'_, str>> = item.key.segments().collect();
            let (name, server) = match segments.as_slice() {
                [_, name, _] => (name, None),
                [_, name, server, _] => (name, Some(server.as_ref())),
                _ => continue,
            };
            let Ok(name) = name.parse::<ClusterName>() else { continue };
            let document = &item.value.document;
            let part: Option<UsageRecord> = if document.schema() == SCHEMA { document.decode().ok() } else { None };
            if server == self.server.as_deref() {
                parts.own.entry(name).or_default().push(part.unwrap_or_default());
            } else if let Some(part) = part {
                parts.of_others.entry(name).or_default().add(part);
            }
        }
        Ok(parts)
    }

    /// Takes up what other servers counted.
    async fn hear_others(&self, engine: &Engine) -> Result<(), KeepError> {
        if self.server.is_none() {
            return Ok(());
        }
        let Parts { mut of_others, .. } = self.read(engine.store()).await?;
        for cluster in engine.view_owned().clusters() {
            let others = of_others.remove(&cluster.record.name).unwrap_or_default();
            if **cluster.usage.others() != others {
                let others = Arc::new(others);
                engine.observe(&cluster.record.name, |cluster| cluster.usage.put_others(Arc::clone(&others)));
            }
        }
        Ok(())
    }

    /// Writes once a minute until `stop` becomes true, and then once more.
    pub(crate) async fn run(mut self, engine: &Engine, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.hear_others(engine).await {
                tracing::warn!(%error, "what other servers counted was not read, it is tried again in a minute");
            }
            let stopped = tokio::select! {
                _ = stop.wait_for(|&stop| stop) => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            if let Err(error) = self.flush(&engine.view_owned(), engine.store()).await {
                tracing::warn!(%error, "usage evidence was not written, it is tried again in a minute");
            }
            if stopped {
                return;
            }
        }
    }

    /// Writes what changed since the last time.
    pub(crate) async fn flush(&mut self, view: &View, store: &dyn Store) -> Result<(), KeepError> {
        let gone: Vec<_> = self.written.keys().filter(|name| view.cluster(name.as_str()).is_none()).cloned().collect();
        for name in gone {
            self.write(store, &name, Vec::new()).await?;
            self.written.remove(&name);
        }
        for cluster in view.clusters() {
            cluster.usage.forget_deleted(&cluster.world);
            self.write(store, &cluster.record.name, cluster.usage.kept().parts()).await?;
        }
        Ok(())
    }

    async fn write(&mut self, store: &dyn Store, name: &ClusterName, parts: Vec<UsageRecord>) -> Result<(), KeepError> {
        let Self { server, written } = self;
        let written = written.entry(name.clone()).or_default();
        let changed: Vec<usize> =
            (0..parts.len().max(written.len())).filter(|&at| parts.get(at) != written.get(at)).collect();
        // One transaction each: the store keeps the changes of a number of transactions, so these must be small.
        for at in changed {
            let at_text = at.to_string();
            let key = Key::of([ROOT, name.as_str()].into_iter().chain(server.as_deref()).chain([at_text.as_str()]))?;
            let txn = match parts.get(at) {
                Some(part) => Txn::new().put(key, Document::encode(SCHEMA, part)?),
                None => Txn::new().delete(key),
            };
            // It has no conditions, so it is committed.
            store.txn(txn).await.map(|_| ())?;
        }
        *written = parts;
        Ok(())
    }
}

/// What the store holds.
#[derive(Debug, Default)]
struct Parts {
    own: BTreeMap<ClusterName, Vec<UsageRecord>>,
    of_others: BTreeMap<ClusterName, UsageRecord>,
}

/// Why evidence was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name.
    #[error(transparent)]
    Key(#[from] doorward_store::KeyError),
    /// A document.
    #[error(transparent)]
    Document(#[from] doorward_store::DocumentError),
}
