//! The contract on etcd, for several servers: every key of ours below one prefix, revisions are etcd's own.
//!
//! A transaction is one transaction of etcd; a list is read page by page at one revision; a watch goes on over another
//! member when its own goes away. Whatever a member answers before it proposes a write to the others, or when a
//! connection was never made, is tried with the next member. A write that was sent and not answered is not tried again:
//! it may have happened, and [`StoreError::Unknown`] says so.

mod codec;
mod failure;
mod follow;
mod members;
mod options;
mod scan;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Compare, CompareOp, GetOptions, PutOptions, TxnOp, TxnOpResponse};
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{RwLock, watch};

use crate::{
    Document, Expect, Key, Outcome, Prefix, Revision, Scan, Store, StoreError, Txn, TxnError, Versioned, Watch, Write,
};
use codec::{Keyspace, decode_value, encode_value, number, revision};
use failure::Failure;
use members::{Call, Members};
pub use options::{EtcdOptions, EtcdTls};

/// Largest answer that is taken from etcd. Far more than a page or a fragment should have.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// A store in an etcd cluster. See the module documentation of the crate for its promises.
#[derive(Debug)]
pub struct EtcdStore {
    members: Arc<Members>,
    keyspace: Keyspace,
    closed: watch::Sender<bool>,
    /// Read by every transaction that runs, written by [`Store::close`], which thereby waits for them.
    running: RwLock<()>,
}

impl EtcdStore {
    /// Connects, and asks etcd for its revision to see that it answers and lets us in.
    ///
    /// # Errors
    /// [`StoreError`], among them [`StoreError::Refused`] for what trying again does not mend.
    pub async fn open(options: &EtcdOptions) -> Result<Self, StoreError> {
        let keyspace = Keyspace::new(&options.prefix);
        let members = Arc::new(Members::new(options));
        current_revision(&members, &keyspace).await?;
        Ok(Self { members, keyspace, closed: watch::Sender::new(false), running: RwLock::new(()) })
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if *self.closed.borrow() { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// A lease for each announcement: the one before holds nothing any more and ends by itself.
    async fn announce(&self, key: &Key, document: &Document, ttl: Duration) -> Result<Revision, StoreError> {
        // Rounded up: less than was asked for would end between two announcements.
        let seconds = i64::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1);
        let grant = |client: etcd_client::Client| async move { client.lease_client().grant(seconds, None).await };
        // A lease that nobody knows of does no harm, so the grant may be tried again as a read may.
        let lease = self.members.call(Call::Read, grant).await.map_err(read_error)?.id();
        let (name, value) = (self.keyspace.encode(key), encode_value(document));
        let put = |client: etcd_client::Client| {
            let (name, value) = (name.clone(), value.clone());
            async move { client.kv_client().put(name, value, Some(PutOptions::new().with_lease(lease))).await }
        };
        let response = self.members.call(Call::Write, put).await.map_err(write_error)?;
        Ok(response.header().map(|header| revision(header.revision())).unwrap_or_default())
    }

    async fn commit(&self, txn: &Txn) -> Result<Outcome, StoreError> {
        let (request, asked) = (self.request(txn), self.questions(txn));
        let changes = !txn.writes().is_empty();
        let run = |client: etcd_client::Client| {
            let request = request.clone();
            async move { client.kv_client().txn(request).await }
        };
        let answer = self.members.call(if changes { Call::Write } else { Call::Read }, run).await;
        let response = answer.map_err(if changes { write_error } else { read_error })?;
        let moment = response.header().map(|header| revision(header.revision())).unwrap_or_default();
        if response.succeeded() {
            return Ok(Outcome::Committed(moment));
        }
        let odd = || StoreError::Damaged("etcd refused a transaction whose conditions hold".to_owned());
        if response.0.responses.iter().any(|answer| answer.response.is_none()) {
            return Err(odd());
        }
        let mut actual = HashMap::new();
        for (key, answer) in asked.into_iter().zip(response.op_responses()) {
            let TxnOpResponse::Get(read) = answer else { return Err(odd()) };
            actual.insert(key, read.kvs().first().map(|pair| revision(pair.mod_revision())));
        }
        let failed = txn.compares().iter().find_map(|(key, expect)| {
            let actual = actual.get(key).copied().flatten();
            (!expect.holds(actual)).then(|| Outcome::Conflict { key: key.clone(), actual })
        });
        failed.ok_or_else(odd)
    }

    /// Compares and writes, and for the case that a condition fails, a look at each key that has one.
    fn request(&self, txn: &Txn) -> etcd_client::Txn {
        let compares = txn.compares().iter().map(|(key, expect)| compare(self.keyspace.encode(key), *expect));
        let writes = txn.writes().iter().map(|write| match write {
            Write::Put(key, document) => TxnOp::put(self.keyspace.encode(key), encode_value(document), None),
            Write::Delete(key) => TxnOp::delete(self.keyspace.encode(key), None),
        });
        let looks = self.questions(txn).into_iter().map(|key| {
            let revision_only = GetOptions::new().with_keys_only();
            TxnOp::get(self.keyspace.encode(key), Some(revision_only))
        });
        etcd_client::Txn::new()
            .when(compares.collect::<Vec<_>>())
            .and_then(writes.collect::<Vec<_>>())
            .or_else(looks.collect::<Vec<_>>())
    }

    /// The keys with conditions, each once, in order.
    fn questions<'a>(&self, txn: &'a Txn) -> Vec<&'a Key> {
        let mut seen = HashSet::new();
        txn.compares().iter().map(|(key, _)| key).filter(|key| seen.insert(*key)).collect()
    }
}

impl Store for EtcdStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        async move {
            self.check_open()?;
            let name = self.keyspace.encode(key);
            let read = |client: etcd_client::Client| {
                let name = name.clone();
                async move { client.kv_client().max_decoding_message_size(MAX_MESSAGE_BYTES).get(name, None).await }
            };
            let response = self.members.call(Call::Read, read).await.map_err(read_error)?;
            let Some(pair) = response.kvs().first() else { return Ok(None) };
            let document = decode_value(key, pair.value())?;
            Ok(Some(Versioned { document, revision: revision(pair.mod_revision()) }))
        }
        .boxed()
    }

    fn scan<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Scan, StoreError>> {
        async move {
            self.check_open()?;
            scan::scan(&self.members, &self.keyspace, prefix).await
        }
        .boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        async move {
            txn.check()?;
            let _running = self.running.read().await;
            self.check_open()?;
            self.commit(&txn).await
        }
        .boxed()
    }

    fn announce<'a>(
        &'a self,
        key: &'a Key,
        document: Document,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Revision, StoreError>> {
        async move {
            if !key.is_live() {
                return Err(TxnError::Announced(key.clone()).into());
            }
            let _running = self.running.read().await;
            self.check_open()?;
            self.announce(key, &document, ttl).await
        }
        .boxed()
    }

    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>> {
        async move {
            self.check_open()?;
            follow::watch(&self.members, &self.keyspace, prefix, after, self.closed.subscribe()).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            self.closed.send_replace(true);
            drop(self.running.write().await);
        }
        .boxed()
    }
}

/// etcd's numbers of a key that does not exist are zero.
fn compare(key: String, expect: Expect) -> Compare {
    match expect {
        Expect::Absent => Compare::create_revision(key, CompareOp::Equal, 0),
        Expect::Present => Compare::create_revision(key, CompareOp::Greater, 0),
        // No key was written at zero; etcd would take an absent one for it.
        Expect::Revision(Revision(0)) => Compare::create_revision(key, CompareOp::Less, 0),
        Expect::Revision(revision) => Compare::mod_revision(key, CompareOp::Equal, number(revision)),
    }
}

/// The revision that the cluster has agreed on.
async fn current_revision(members: &Members, keyspace: &Keyspace) -> Result<Revision, StoreError> {
    let ask = |client: etcd_client::Client| {
        let nothing = keyspace.nothing().to_owned();
        async move { client.kv_client().get(nothing, Some(GetOptions::new().with_count_only())).await }
    };
    let response = members.call(Call::Read, ask).await.map_err(read_error)?;
    Ok(response.header().map(|header| revision(header.revision())).unwrap_or_default())
}

fn read_error(failure: Failure) -> StoreError {
    match failure {
        Failure::NotDone(error) | Failure::Final(error) => error,
        Failure::Lost(text) => StoreError::Unavailable(text),
        Failure::Compacted => StoreError::Unavailable("etcd was compacted meanwhile".to_owned()),
        Failure::TooLarge => StoreError::Damaged(format!("etcd's answer is larger than {MAX_MESSAGE_BYTES} bytes")),
        Failure::StaleToken => StoreError::Unavailable("etcd wants the user to be authenticated again".to_owned()),
    }
}

fn write_error(failure: Failure) -> StoreError {
    match failure {
        Failure::Lost(text) => StoreError::Unknown(text),
        other => read_error(other),
    }
}
