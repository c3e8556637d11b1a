//! What can go wrong while opening a store, and while using it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::{Key, Revision, TxnError};

/// Why a store cannot serve a call. Clone, since one failure may answer several queued transactions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// There is no space left on the disk, or the size limit is reached. The store goes on when there is.
    #[error("no space left to store the change; free space on the disk of the data folder and try again")]
    Full,
    /// Another program holds the database locked, for longer than a write can wait.
    #[error("the database is locked by another program, e.g. an open sqlite3 transaction; try again once it is done")]
    Busy,
    /// The disk does not do what it is told.
    #[error("reading or writing the database failed, check the disk of the data folder: {0}")]
    Io(String),
    /// The database became read-only while it was open.
    #[error("the database can no longer be written; make the data folder writable and restart")]
    ReadOnly,
    /// What was read is not what was written.
    #[error("the database is damaged, restore it from a backup: {0}")]
    Damaged(String),
    /// A value that is a secret cannot be sealed or opened.
    #[error(
        "the value of `{key}` cannot be read or written: {problem}; start with the key file that belongs to the store"
    )]
    Sealed {
        /// Whose value.
        key: Key,
        /// What is wrong.
        problem: String,
    },
    /// The storage is elsewhere and does not answer, or has no majority. Nothing was written.
    #[error("the store cannot be reached: {0}; try again, and check that a majority of etcd's members run")]
    Unavailable(String),
    /// The write was sent and no answer came back: it may or may not have been committed. Whoever tries again has to
    /// state conditions, or read first.
    #[error("the change was sent and not confirmed, it may or may not have been stored: {0}; look before trying again")]
    Unknown(String),
    /// The storage does not let us in, or not do this.
    #[error("etcd refuses: {0}; check the addresses, the certificates, the user and what its role may do")]
    Refused(String),
    /// The transaction breaks a rule of the contract.
    #[error(transparent)]
    InvalidTxn(#[from] TxnError),
    /// Changes from this revision on are no longer all kept. List, and watch from there.
    #[error("changes after revision {after} are no longer kept, the oldest kept are those after {oldest}")]
    Compacted {
        /// What was asked for.
        after: Revision,
        /// The least revision that could be asked for.
        oldest: Revision,
    },
    /// The store has not got to this revision.
    #[error("revision {after} is ahead of the store, which is at {current}")]
    FutureRevision {
        /// What was asked for.
        after: Revision,
        /// The store's revision.
        current: Revision,
    },
    /// [`crate::Store::close`] was called, or the store was dropped.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the same call may succeed later without anything being repaired. After [`StoreError::Unknown`] it may
    /// have succeeded already.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::Busy | Self::Io(_) | Self::Unavailable(_) | Self::Unknown(_))
    }
}

/// Why a database cannot be opened. Each says where, why and what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data folder cannot be made, or is not a folder.
    #[error("cannot use `{folder}` as data folder: {source}; choose another folder or remove what is in the way")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder or the file is there, and may not be written.
    #[error("cannot write `{path}`; make it writable for this user, or choose another data folder")]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
    },
    /// Another process has the database open.
    #[error(
        "`{path}` is in use by another doorward server{}; stop that one, or choose another data folder",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The database.
        path: PathBuf,
        /// The process that has it open, if it left its number.
        holder: Option<u32>,
    },
    /// The file is no SQLite database.
    #[error("`{path}` is not a database; if it should be one, restore it from a backup, otherwise choose another file")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another program.
    #[error("`{path}` is a SQLite database of another program; choose another data folder")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later release.
    #[error("`{path}` has format {found}, this release reads up to {supported}; upgrade doorward, or restore a backup")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The latest version that this release knows.
        supported: i64,
    },
    /// The file is a database of ours, and broken.
    #[error("`{path}` is damaged ({detail}); restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// Any other failure of the disk, or of another program that holds the file locked.
    #[error("cannot open `{path}`: {detail}; check the disk, and whether another program has the file open")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite said.
        detail: String,
    },
}
