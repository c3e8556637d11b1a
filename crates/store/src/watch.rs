//! Following a store: what changed, in order, one transaction at a time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{BoxStream, Stream, StreamExt};

use crate::{Document, Key, Revision, StoreError};

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has a new value.
    Put(Document),
    /// It was removed.
    Deleted,
}

/// One key's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The key.
    pub key: Key,
    /// What happened to it.
    pub change: Change,
}

/// The changes of one transaction, in the order of its writes, as far as they are within the watched prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The revision of the transaction.
    pub revision: Revision,
    /// Never empty.
    pub events: Vec<Event>,
}

/// A stream of batches in order of revision. It ends when the store is closed, and after an error: then list again and
/// watch from there. A watcher that is not polled costs nothing and misses nothing until history is compacted.
pub struct Watch(BoxStream<'static, Result<Batch, StoreError>>);

impl Watch {
    /// Wraps what an implementation produces.
    pub fn new(batches: impl Stream<Item = Result<Batch, StoreError>> + Send + 'static) -> Self {
        Self(batches.boxed())
    }

    /// The next batch, waiting for it; `None` when the store is closed. Safe to cancel: a batch is not lost.
    pub async fn next(&mut self) -> Option<Result<Batch, StoreError>> {
        self.0.next().await
    }
}

impl Stream for Watch {
    type Item = Result<Batch, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
