//! The contract itself.

use std::fmt;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, Stream, StreamExt as _};

use crate::{Document, Key, Outcome, Prefix, Revision, StoreError, Txn, Versioned, Watch};

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: Key,
    /// Its value and when it was written.
    pub value: Versioned,
}

/// The items of a prefix at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment: every transaction up to here is seen, none after. To be given to [`Store::watch`].
    pub revision: Revision,
    /// Sorted by key, byte by byte.
    pub items: Vec<Item>,
}

/// The items of a prefix at one moment, some at a time, so that a large store need not fit into memory twice.
pub struct Scan {
    /// As [`Snapshot::revision`].
    pub revision: Revision,
    parts: BoxStream<'static, Result<Vec<Item>, StoreError>>,
}

impl Scan {
    /// Wraps what an implementation reads: parts that are sorted by key, within and among each other.
    pub fn new(revision: Revision, parts: impl Stream<Item = Result<Vec<Item>, StoreError>> + Send + 'static) -> Self {
        Self { revision, parts: parts.boxed() }
    }

    /// The next part; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<Item>, StoreError>> {
        self.parts.next().await
    }

    /// The parts as a stream.
    pub fn into_parts(self) -> impl Stream<Item = Result<Vec<Item>, StoreError>> + Send + 'static {
        self.parts
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// A key-value store with revisions and watch. See the crate's documentation for the rules. Made to be used behind
/// `Arc<dyn Store>`.
pub trait Store: Send + Sync + 'static {
    /// Reads one key; `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot be read.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>>;

    /// Reads all keys of a prefix at one moment, some at a time. Dropping the answer ends the reading.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot be read; the stream may fail with it later.
    fn scan<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Scan, StoreError>>;

    /// Reads all keys of a prefix at one moment.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot be read.
    fn list<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Snapshot, StoreError>> {
        async move {
            let mut scan = self.scan(prefix).await?;
            let mut items = Vec::new();
            while let Some(part) = scan.next().await {
                items.append(&mut part?);
            }
            Ok(Snapshot { revision: scan.revision, items })
        }
        .boxed()
    }

    /// Whether others may write to the same storage while this is open: then their changes come by
    /// [`watch`](Self::watch) only.
    fn is_shared(&self) -> bool;

    /// Runs a transaction. Dropping the future does not undo it: it may still be committed.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written as far as any reader can see. After [`StoreError::Io`], a crash that
    /// follows at once may leave the transaction committed, so whoever tries again has to state conditions. After
    /// [`StoreError::Unknown`], it may have been committed already.
    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>>;

    /// Writes a value below `live` that is removed by itself unless it is announced again within `ttl`: whoever announces
    /// is there. It may last some seconds longer (etcd has a least time and whole seconds), and with the storage away
    /// until that is back. Nothing that must survive is written so, which is why the keys are told apart
    /// ([`Key::is_live`]); a transaction may delete one, to be gone at once.
    ///
    /// # Errors
    /// As [`Store::txn`].
    fn announce<'a>(
        &'a self,
        key: &'a Key,
        document: Document,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Revision, StoreError>>;

    /// Follows the changes after a revision.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] if they are no longer all kept, [`StoreError::FutureRevision`] if the store has not
    /// got there yet (it is another store, or was restored from a backup). The stream may fail with the former later,
    /// when its reader is too slow.
    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>>;

    /// To be called once whoever opened the storage has read what it needs to begin: what would have slowed that down is
    /// done now.
    fn settle(&self) {}

    /// Finishes what is queued and lets go of the storage. Then everything answers [`StoreError::Closed`] and watches
    /// end. Returns when another process may open the same storage. Calling it again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
