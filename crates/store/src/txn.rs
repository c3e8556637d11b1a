//! Transactions: conditions on keys, and writes that happen together if all of them hold.

use std::collections::HashSet;
use std::fmt;

use thiserror::Error;

use crate::{Document, Key};

/// Most conditions, and most writes, in one transaction (etcd's default limit).
pub const MAX_TXN_OPS: usize = 128;

/// The number of a committed transaction. Greater means later; numbers may be skipped. Zero is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What must hold for a key when the transaction commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The key does not exist.
    Absent,
    /// The key exists, whatever its value.
    Present,
    /// The key exists and was last written at this revision.
    Revision(Revision),
}

impl Expect {
    /// Whether the condition holds for a key last written at `actual` (`None`: it does not exist).
    #[must_use]
    pub fn holds(self, actual: Option<Revision>) -> bool {
        match self {
            Self::Absent => actual.is_none(),
            Self::Present => actual.is_some(),
            Self::Revision(expected) => actual == Some(expected),
        }
    }
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces the value.
    Put(Key, Document),
    /// Removes the key. Removing a key that does not exist changes nothing.
    Delete(Key),
}

impl Write {
    /// The key that is written.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Why a transaction cannot be run at all, whatever the store holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxnError {
    /// More than [`MAX_TXN_OPS`] conditions or writes.
    #[error("a transaction of {0} conditions or writes is larger than {MAX_TXN_OPS}")]
    TooManyOps(usize),
    /// A value for a key that goes away by itself, or an announcement of one that does not.
    #[error("key `{0}` is written in the wrong way: those below `live` are announced, all others are not")]
    Announced(Key),
    /// More bytes than the storage takes at once. etcd's limit is its flag `--max-request-bytes`.
    #[error("the transaction has more bytes than etcd takes at once; raise its flag --max-request-bytes")]
    TooLarge,
    /// Two writes of one transaction name the same key.
    #[error("key `{0}` is written twice in one transaction")]
    WrittenTwice(Key),
}

/// Conditions and writes. The writes happen if all conditions hold, all of them or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Txn {
    compares: Vec<(Key, Expect)>,
    writes: Vec<Write>,
}

impl Txn {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    pub fn when(mut self, key: Key, expect: Expect) -> Self {
        self.compares.push((key, expect));
        self
    }

    /// Adds a value to write. Not below `live`, where [`crate::Store::announce`] writes.
    pub fn put(mut self, key: Key, document: Document) -> Self {
        self.writes.push(Write::Put(key, document));
        self
    }

    /// Adds a key to remove.
    pub fn delete(mut self, key: Key) -> Self {
        self.writes.push(Write::Delete(key));
        self
    }

    /// The conditions, in the order in which they were added. The first that does not hold is the one reported.
    #[must_use]
    pub fn compares(&self) -> &[(Key, Expect)] {
        &self.compares
    }

    /// The writes, in the order in which they were added.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The conditions and the writes.
    #[must_use]
    pub fn into_parts(self) -> (Vec<(Key, Expect)>, Vec<Write>) {
        (self.compares, self.writes)
    }

    /// Checks what every implementation demands of a transaction.
    ///
    /// # Errors
    /// [`TxnError`].
    pub fn check(&self) -> Result<(), TxnError> {
        let ops = self.compares.len().max(self.writes.len());
        if ops > MAX_TXN_OPS {
            return Err(TxnError::TooManyOps(ops));
        }
        if let Some(key) = self.writes.iter().find_map(|write| match write {
            Write::Put(key, _) => key.is_live().then(|| key.clone()),
            Write::Delete(_) => None,
        }) {
            return Err(TxnError::Announced(key));
        }
        let mut written = HashSet::new();
        match self.writes.iter().map(Write::key).find(|key| !written.insert(*key)) {
            Some(key) => Err(TxnError::WrittenTwice(key.clone())),
            None => Ok(()),
        }
    }
}

/// What became of a transaction that could be run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// All conditions held and the writes are durable. The revision is that of this transaction; if it changed
    /// nothing, that of the store.
    Committed(Revision),
    /// A condition did not hold; nothing was written.
    Conflict {
        /// The first key whose condition did not hold.
        key: Key,
        /// When that key was last written; `None` if it does not exist.
        actual: Option<Revision>,
    },
}
