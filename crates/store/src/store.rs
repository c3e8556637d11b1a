//! The contract itself.

use futures::future::BoxFuture;

use crate::{Key, Outcome, Prefix, Revision, StoreError, Txn, Versioned, Watch};

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

/// A key-value store with revisions and watch. See the crate's documentation for the rules. Made to be used behind
/// `Arc<dyn Store>`.
pub trait Store: Send + Sync + 'static {
    /// Reads one key; `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot be read.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>>;

    /// Reads all keys of a prefix at one moment.
    ///
    /// # Errors
    /// [`StoreError`] if the storage cannot be read.
    fn list<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Snapshot, StoreError>>;

    /// Runs a transaction. Dropping the future does not undo it: it may still be committed.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was written as far as any reader can see. After [`StoreError::Io`] alone, a crash that
    /// follows at once may leave the transaction committed, so whoever tries again has to state conditions.
    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>>;

    /// Follows the changes after a revision.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] if they are no longer all kept, [`StoreError::FutureRevision`] if the store has not
    /// got there yet (it is another store, or was restored from a backup). The stream may fail with the former later,
    /// when its reader is too slow.
    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>>;

    /// Finishes what is queued and lets go of the storage. Then everything answers [`StoreError::Closed`] and watches
    /// end. Returns when another process may open the same storage. Calling it again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
