//! Watching: reading the events table from where the watcher stands, whenever the writer says that there is more.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream;
use tokio::sync::watch;

use super::readers::Readers;
use super::schema;
use crate::{Batch, Prefix, Revision, StoreError, Watch};

/// Revisions that are read at once. Bounds the memory of a watcher that is far behind.
const STRIDE: u64 = 256;

/// Where one watcher stands.
struct Tail {
    readers: Arc<Readers>,
    head: watch::Receiver<Revision>,
    prefix: Prefix,
    /// Everything up to here was read.
    after: Revision,
    /// Read, and not yet taken.
    ready: VecDeque<Batch>,
}

pub(super) async fn watch(
    readers: Arc<Readers>,
    head: watch::Receiver<Revision>,
    prefix: Prefix,
    after: Revision,
) -> Result<Watch, StoreError> {
    let state = readers.read(|connection| Ok(schema::state(connection)?)).await?;
    if after > state.head {
        return Err(StoreError::FutureRevision { after, current: state.head });
    }
    if after < state.compacted {
        return Err(StoreError::Compacted { after, oldest: state.compacted });
    }
    let tail = Tail { readers, head, prefix, after, ready: VecDeque::new() };
    Ok(Watch::new(stream::try_unfold(tail, |mut tail| async move {
        match tail.next().await {
            Ok(batch) => Ok(Some((batch, tail))),
            Err(StoreError::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    })))
}

impl Tail {
    async fn next(&mut self) -> Result<Batch, StoreError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(batch);
            }
            let head = *self.head.borrow_and_update();
            if self.after < head {
                self.read().await?;
            } else {
                // The writer ends when the store is closed, and with it this channel.
                self.head.changed().await.map_err(|_| StoreError::Closed)?;
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let (prefix, after) = (self.prefix.clone(), self.after);
        let read = self.readers.read(move |connection| {
            // One transaction: events must not be forgotten between the two statements.
            let transaction = connection.unchecked_transaction()?;
            let state = schema::state(&transaction)?;
            if after < state.compacted {
                return Err(StoreError::Compacted { after, oldest: state.compacted });
            }
            let through = state.head.min(Revision(after.0.saturating_add(STRIDE)));
            Ok((schema::batches(&transaction, &prefix, after, through)?, through))
        });
        let (batches, through) = read.await?;
        self.ready.extend(batches);
        self.after = through;
        Ok(())
    }
}
