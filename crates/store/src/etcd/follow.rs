//! Following changes over one member after the other, without a gap and without a duplicate.
//!
//! Where to go on is known at every moment: after the last revision that was seen whole. etcd sends the changes of a
//! revision together, but may cut a response in fragments anywhere, and a connection may end between them; so a
//! revision is handed on when the next one begins or the response is complete, and parts are forgotten with their
//! connection.
//!
//! A watch asks for the revision that it has already, too, and drops it. etcd refuses to begin before the revision that
//! it was compacted at and may have forgotten what was removed in that very revision, so this way what is accepted
//! is complete.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{WatchOptions, WatchResponse, WatchStream};
use futures::stream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::codec::{Keyspace, decode_value, number, revision};
use super::members::{Call, Members};
use super::{MAX_MESSAGE_BYTES, current_revision, read_error};
use crate::{Batch, Change, Event, Prefix, Revision, StoreError, Watch};

/// Pauses between tries to get a connection back: from the first to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// etcd's number for a removal, in an event.
const DELETE: i32 = 1;

struct Follower {
    members: Arc<Members>,
    keyspace: Keyspace,
    prefix: Prefix,
    /// The last revision that is in `ready` or was handed on, or that etcd says is passed.
    after: Revision,
    connection: Option<Connection>,
    /// The revision of which not all may have come.
    partial: Option<Batch>,
    ready: VecDeque<Batch>,
    closed: watch::Receiver<bool>,
}

struct Connection {
    stream: WatchStream,
    /// The member that it goes to.
    at: usize,
}

/// Returns once etcd has taken the watch, so that an impossible one is refused here.
pub(super) async fn watch(
    members: &Arc<Members>,
    keyspace: &Keyspace,
    prefix: &Prefix,
    after: Revision,
    closed: watch::Receiver<bool>,
) -> Result<Watch, StoreError> {
    let mut follower = Follower {
        members: Arc::clone(members),
        keyspace: keyspace.clone(),
        prefix: prefix.clone(),
        after,
        connection: None,
        partial: None,
        ready: VecDeque::new(),
        closed,
    };
    follower.connect().await?;
    Ok(Watch::new(stream::try_unfold(follower, |mut follower| async move {
        let mut closed = follower.closed.clone();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Ok(None),
            batch = follower.next() => Ok(Some((batch?, follower))),
        }
    })))
}

impl Follower {
    async fn next(&mut self) -> Result<Batch, StoreError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(batch);
            }
            let Some(connection) = &mut self.connection else {
                self.reconnect().await?;
                continue;
            };
            let at = connection.at;
            let message = tokio::select! {
                biased;
                message = connection.stream.message() => message,
                // A member that hangs says nothing, and its connection takes long to be found dead. Whoever asked it
                // something meanwhile knows better.
                () = self.members.left(at) => {
                    self.lost("its member is not asked any more");
                    continue;
                }
            };
            match message {
                Ok(Some(response)) => self.take(response)?,
                Ok(None) => self.lost("etcd ended the watch"),
                Err(error) => self.lost(&error.to_string()),
            }
        }
    }

    fn take(&mut self, response: WatchResponse) -> Result<(), StoreError> {
        if response.compact_revision() > 0 {
            return Err(StoreError::Compacted { after: self.after, oldest: revision(response.compact_revision()) });
        }
        if response.canceled() {
            let reason = response.cancel_reason();
            if reason.contains("permission denied") {
                return Err(StoreError::Refused(reason.to_owned()));
            }
            self.lost(reason);
            return Ok(());
        }
        for event in response.events() {
            self.add(&event.0)?;
        }
        if !response.0.fragment {
            self.complete();
            if response.events().is_empty() && !response.created() {
                // A mark of progress: all up to here was sent, there was nothing of ours in it.
                let passed = response.header().map(|header| revision(header.revision())).unwrap_or_default();
                self.after = self.after.max(passed);
            }
        }
        Ok(())
    }

    fn add(&mut self, event: &etcd_client::proto::PbEvent) -> Result<(), StoreError> {
        let Some(pair) = &event.kv else {
            return Err(StoreError::Damaged("etcd sent a change without a key".to_owned()));
        };
        let written = revision(pair.mod_revision);
        if written <= self.after {
            return Ok(());
        }
        if self.partial.as_ref().is_some_and(|batch| batch.revision != written) {
            self.complete();
        }
        let key = self.keyspace.decode(&pair.key)?;
        let change =
            if event.r#type == DELETE { Change::Deleted } else { Change::Put(decode_value(&key, &pair.value)?) };
        let batch = self.partial.get_or_insert_with(|| Batch { revision: written, events: Vec::new() });
        batch.events.push(Event { key, change });
        Ok(())
    }

    fn complete(&mut self) {
        if let Some(batch) = self.partial.take() {
            self.after = batch.revision;
            self.ready.push_back(batch);
        }
    }

    fn lost(&mut self, why: &str) {
        if let Some(connection) = self.connection.take() {
            tracing::info!(after = %self.after, why, "the watch on etcd was interrupted and goes on elsewhere");
            self.members.leave(connection.at);
        }
        self.partial = None;
    }

    /// Tries until it works: a follower without etcd has nothing better to do, and its reader goes on with what it has.
    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let mut pause = PAUSE;
        loop {
            match self.connect().await {
                Err(error) if error.is_retryable() => tracing::warn!(%error, "the watch on etcd cannot go on yet"),
                done => return done,
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        // etcd would wait for the future, which after a restore from a backup is another one.
        let current = current_revision(&self.members, &self.keyspace).await?;
        if self.after > current {
            return Err(StoreError::FutureRevision { after: self.after, current });
        }
        let (start, end) = self.keyspace.range(&self.prefix);
        let options = WatchOptions::new()
            .with_range(end)
            // Zero would mean from now on.
            .with_start_revision(number(self.after).max(1))
            .with_progress_notify()
            .with_fragment();
        let open = |client: etcd_client::Client| {
            let (start, options) = (start.clone(), options.clone());
            async move {
                let mut watches = client.watch_client().max_decoding_message_size(MAX_MESSAGE_BYTES);
                let mut stream = watches.watch(start, Some(options)).await?;
                let first = stream.message().await?;
                Ok((stream, first))
            }
        };
        let (stream, first) = self.members.call(Call::Read, open).await.map_err(read_error)?;
        self.connection = Some(Connection { stream, at: self.members.current() });
        match first {
            Some(first) => self.take(first),
            None => {
                self.lost("etcd ended the watch");
                Err(StoreError::Unavailable("etcd ended the watch as it began".to_owned()))
            }
        }
    }
}
