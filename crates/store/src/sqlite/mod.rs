//! The contract on one SQLite file, for one server.
//!
//! One thread writes, and commits all transactions that are waiting as one, so that many writers share one `fsync`.
//! Reads run on connections of their own; thanks to the write-ahead log they wait for nobody. Watches read the events
//! table, woken by the writer: a slow watcher holds up nothing and keeps nothing in memory.

mod check;
mod open;
mod readers;
mod scan;
mod schema;
mod tail;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use rusqlite::ErrorCode;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Document, Expect, Key, OpenError, Outcome, Prefix, Revision, Scan, Store, StoreError, Txn, TxnError, Versioned,
    Watch,
};
use check::Check;
use readers::Readers;
use writer::{Control, Job, Pending, Writer};

/// Transactions that may wait for the writer before callers wait to queue theirs.
const QUEUE: usize = 1024;

/// How a database is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// For how many revisions back changes are kept for watches, at least. Some more may be, for a while.
    pub keep_revisions: u64,
    /// Largest size of the database in bytes, rounded down to whole pages; `None`: as large as the disk. Beyond it,
    /// writes are refused with [`StoreError::Full`].
    pub max_bytes: Option<u64>,
    /// Files up to this size, in bytes, are checked as a whole before they are used; larger ones while they are, and
    /// what is found then ends all writing with [`StoreError::Damaged`].
    pub check_up_to: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { keep_revisions: 10_000, max_bytes: None, check_up_to: 64 * 1024 * 1024 }
    }
}

/// A store in one SQLite file. See the module documentation of the crate for its promises.
#[derive(Debug)]
pub struct SqliteStore {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
    check: Arc<Check>,
    /// The latest committed revision, told by the writer after every commit.
    head: watch::Receiver<Revision>,
}

impl SqliteStore {
    /// Opens a database, making it (mode 0600) and its folder (mode 0700) where they are missing. Blocks, also to check
    /// a file that is not large ([`SqliteOptions::check_up_to`]): for use at the start of a program. Reads and watches
    /// need a Tokio runtime.
    ///
    /// A lock file beside the database (`….lock`) keeps a second server out. It is released by [`Store::close`], or
    /// shortly after the store is dropped, or by the end of the process, however it ends.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let opened = open::open(path, options.check_up_to)?;
        let is_checked = opened.is_checked;
        let io_error = |detail: String| OpenError::Io { path: path.to_owned(), detail };
        let (jobs, queue) = mpsc::channel(QUEUE);
        let state = schema::state(&opened.connection).map_err(|error| io_error(error.to_string()))?;
        let (head_sender, head) = watch::channel(state.head);
        let mut writer = Writer::new(opened, head_sender, options.keep_revisions);
        writer.limit_size(options.max_bytes).map_err(|error| io_error(error.to_string()))?;
        match writer.remove_announced() {
            Ok(()) => {}
            // Nothing can be written, and reads go on.
            Err(StoreError::Full) => tracing::warn!("no space to remove what an earlier process had announced"),
            Err(error) => return Err(io_error(error.to_string())),
        }
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(move || writer.run(queue)).map_err(|error| io_error(error.to_string()))?;
        let check = if is_checked { Check::done() } else { Check::due(path) };
        Ok(Self { jobs, readers: Arc::new(Readers::new(path.to_owned())), check: Arc::new(check), head })
    }

    /// Forgets the changes up to a revision, before their time.
    ///
    /// # Errors
    /// As [`Store::txn`].
    pub async fn compact(&self, up_to: Revision) -> Result<(), StoreError> {
        self.ask(|answer| Job::Control(Control::Compact { up_to, answer })).await
    }

    /// Changes [`SqliteOptions::max_bytes`]. A database that is larger stays as large.
    ///
    /// # Errors
    /// As [`Store::txn`].
    pub async fn limit_size(&self, max_bytes: Option<u64>) -> Result<(), StoreError> {
        self.ask(|answer| Job::Control(Control::LimitSize { max_bytes, answer })).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        let (key, check) = (key.clone(), Arc::clone(&self.check));
        let read = self.readers.read(move |connection| Ok(schema::get(connection, &key)?));
        async move {
            check.sound()?;
            read.await
        }
        .boxed()
    }

    fn scan<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Scan, StoreError>> {
        scan::scan(&self.readers, prefix.clone()).boxed()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        async move {
            txn.check()?;
            self.check.begin()?;
            self.check.sound()?;
            self.ask(|answer| Job::Txn(Pending { txn, answer })).await
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
            let txn = Txn::new().put(key.clone(), document);
            match self.ask(|answer| Job::Txn(Pending { txn, answer })).await? {
                Outcome::Committed(revision) => {
                    tokio::spawn(expire(self.jobs.downgrade(), key.clone(), revision, ttl));
                    Ok(revision)
                }
                Outcome::Conflict { .. } => Err(StoreError::Damaged("there was no condition".to_owned())),
            }
        }
        .boxed()
    }

    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>> {
        tail::watch(Arc::clone(&self.readers), self.head.clone(), prefix.clone(), after).boxed()
    }

    fn settle(&self) {
        if let Err(error) = self.check.begin() {
            tracing::error!(%error, "the database cannot be checked, and is not written before it is");
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            let check = Arc::clone(&self.check);
            // An error means that the runtime ends, and with it everything.
            let _ = tokio::task::spawn_blocking(move || check.stop()).await;
            // Readers first: the last connection to close folds the write-ahead log into the file, and only the
            // writer's may.
            self.readers.close().await;
            let (answer, answered) = oneshot::channel();
            if self.jobs.send(Job::Control(Control::Close { answer })).await.is_ok() {
                // An error means that another call of `close` was faster.
                let _ = answered.await;
            }
        }
        .boxed()
    }
}

/// Removes what was announced at a revision once its time is over, unless it was announced again. Whoever is stopped
/// before has the next one to open the database remove it.
async fn expire(jobs: mpsc::WeakSender<Job>, key: Key, revision: Revision, ttl: Duration) {
    loop {
        tokio::time::sleep(ttl).await;
        let Some(jobs) = jobs.upgrade() else { return };
        let txn = Txn::new().when(key.clone(), Expect::Revision(revision)).delete(key.clone());
        let (answer, answered) = oneshot::channel();
        if jobs.send(Job::Txn(Pending { txn, answer })).await.is_err() {
            return;
        }
        match answered.await {
            Ok(Err(error)) if error.is_retryable() => {}
            _ => return,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(_) => Self::Io(error.to_string()),
            // Not SQLite's word, but that of whoever found a column with something else than was put there.
            None => Self::Damaged(error.to_string()),
        }
    }
}
