//! All SQL in one place: the tables, and the statements on them.
//!
//! Operators may read the file with `sqlite3` while the server runs: keys and values are text.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::{Batch, Change, Document, Event, Item, Key, Prefix, Revision, StoreError, Versioned};

/// "Door" in ASCII: what `file` and `PRAGMA application_id` see.
pub(super) const APPLICATION_ID: i64 = 0x446f_6f72;

/// The version of the tables below, in `PRAGMA user_version`. Goes up by one with every change of them.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
    -- What is now.
    CREATE TABLE entries (
        key      TEXT    NOT NULL PRIMARY KEY,
        schema   INTEGER NOT NULL,
        value    TEXT    NOT NULL,
        revision INTEGER NOT NULL
    ) STRICT;
    -- What changed, for as long as it is kept. A deletion has no schema and no value.
    CREATE TABLE events (
        revision INTEGER NOT NULL,
        position INTEGER NOT NULL,
        key      TEXT    NOT NULL,
        schema   INTEGER,
        value    TEXT,
        PRIMARY KEY (revision, position)
    ) STRICT;
    -- One row: the latest revision, and the one up to which events are forgotten.
    CREATE TABLE state (
        id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        head      INTEGER NOT NULL,
        compacted INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state VALUES (1, 0, 0);
";

/// Whose database this is.
pub(super) struct Identity {
    pub(super) application_id: i64,
    pub(super) version: i64,
    objects: i64,
}

impl Identity {
    /// A file without content, as left by whoever made it and got no further.
    pub(super) fn is_blank(&self) -> bool {
        self.application_id == 0 && self.version == 0 && self.objects == 0
    }
}

pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    Ok(Identity {
        application_id: connection.query_row("PRAGMA application_id", [], |row| row.get(0))?,
        version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
        objects: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    })
}

/// Makes the tables and the marks of [`identity`] in one transaction, so that a file has all of them or is blank.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {TABLES} COMMIT;"
    ))
}

/// What SQLite finds wrong with the file, if anything.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(Some(found).filter(|found| found != "ok"))
}

/// A write-ahead log, so that reads and the writer do not wait for each other, and an `fsync` before every commit
/// returns. The limit keeps a log that grew in a burst from staying so large. `false` if the file system cannot have
/// such a log (it needs shared memory, which network file systems lack).
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;")?;
    Ok(mode == "wal")
}

/// Sets the largest size in bytes.
pub(super) fn limit_size(connection: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<()> {
    let page_size: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = max_bytes.map_or(MAX_PAGES, |bytes| (bytes / page_size.max(1)).clamp(1, MAX_PAGES));
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// The most pages SQLite can address.
const MAX_PAGES: u64 = 4_294_967_294;

/// Where the store stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// The latest revision.
    pub(super) head: Revision,
    /// Events up to and including this revision are forgotten.
    pub(super) compacted: Revision,
}

pub(super) fn state(connection: &Connection) -> rusqlite::Result<State> {
    let mut statement = connection.prepare_cached("SELECT head, compacted FROM state")?;
    statement.query_row([], |row| Ok(State { head: Revision(row.get(0)?), compacted: Revision(row.get(1)?) }))
}

pub(super) fn set_state(transaction: &Transaction<'_>, state: State) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("UPDATE state SET head = ?1, compacted = ?2")?;
    statement.execute(params![state.head.0, state.compacted.0]).map(drop)
}

pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Versioned>> {
    let mut statement = connection.prepare_cached("SELECT schema, value, revision FROM entries WHERE key = ?1")?;
    statement.query_row([key.as_str()], |row| versioned(row, 0)).optional()
}

pub(super) fn revision_of(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Revision>> {
    let mut statement = connection.prepare_cached("SELECT revision FROM entries WHERE key = ?1")?;
    statement.query_row([key.as_str()], |row| row.get(0).map(Revision)).optional()
}

/// Hands on the revision, and then the items so many at a time, all of one read transaction, so that they belong
/// together. Ends when `take` says that nobody wants more.
pub(super) fn scan(
    connection: &Connection,
    prefix: &Prefix,
    at_a_time: usize,
    begin: impl FnOnce(Revision),
    mut take: impl FnMut(Vec<Item>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    begin(state(&transaction)?.head);
    let mut statement = transaction.prepare_cached(
        "SELECT key, schema, value, revision FROM entries
         WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key",
    )?;
    let mut rows = statement.query(params![prefix.as_str(), prefix.end()])?;
    let mut items = Vec::with_capacity(at_a_time);
    while let Some(row) = rows.next()? {
        items.push(Item { key: key(row, 0)?, value: versioned(row, 1)? });
        if items.len() == at_a_time && take(std::mem::replace(&mut items, Vec::with_capacity(at_a_time))).is_break() {
            return Ok(());
        }
    }
    if !items.is_empty() {
        // Whether or not anybody wants it, this was the last.
        let _ = take(items);
    }
    Ok(())
}

/// The keys of a prefix, without their values.
pub(super) fn keys(connection: &Connection, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT key FROM entries WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key")?;
    let mut rows = statement.query(params![prefix.as_str(), prefix.end()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(key(row, 0)?);
    }
    Ok(keys)
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    key: &Key,
    document: &Document,
    revision: Revision,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO entries (key, schema, value, revision) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (key) DO UPDATE SET schema = ?2, value = ?3, revision = ?4",
    )?;
    statement.execute(params![key.as_str(), document.schema(), document.json(), revision.0]).map(drop)
}

/// Removes a key; `false` if it did not exist.
pub(super) fn delete(transaction: &Transaction<'_>, key: &Key) -> rusqlite::Result<bool> {
    let mut statement = transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?;
    statement.execute([key.as_str()]).map(|removed| removed > 0)
}

pub(super) fn add_event(
    transaction: &Transaction<'_>,
    revision: Revision,
    position: usize,
    key: &Key,
    document: Option<&Document>,
) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("INSERT INTO events (revision, position, key, schema, value) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let (schema, value) = (document.map(Document::schema), document.map(Document::json));
    statement.execute(params![revision.0, position, key.as_str(), schema, value]).map(drop)
}

/// The batches of the revisions `after < revision <= through`.
pub(super) fn batches(
    connection: &Connection,
    prefix: &Prefix,
    after: Revision,
    through: Revision,
) -> Result<Vec<Batch>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT revision, key, schema, value FROM events
         WHERE revision > ?1 AND revision <= ?2 AND key >= ?3 AND (?4 IS NULL OR key < ?4)
         ORDER BY revision, position",
    )?;
    let mut rows = statement.query(params![after.0, through.0, prefix.as_str(), prefix.end()])?;
    let mut batches: Vec<Batch> = Vec::new();
    while let Some(row) = rows.next()? {
        let revision = Revision(row.get(0)?);
        let event = Event { key: key(row, 1)?, change: change(row)? };
        match batches.last_mut().filter(|batch| batch.revision == revision) {
            Some(batch) => batch.events.push(event),
            None => batches.push(Batch { revision, events: vec![event] }),
        }
    }
    Ok(batches)
}

pub(super) fn forget_events(transaction: &Transaction<'_>, up_to: Revision) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM events WHERE revision <= ?1")?;
    statement.execute([up_to.0]).map(drop)
}

fn versioned(row: &Row<'_>, first: usize) -> rusqlite::Result<Versioned> {
    let document = Document::stored(row.get(first)?, row.get_ref(first + 1)?.as_str()?);
    Ok(Versioned { document, revision: Revision(row.get(first + 2)?) })
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    Ok(match row.get::<_, Option<u32>>(2)? {
        Some(schema) => Change::Put(Document::stored(schema, row.get_ref(3)?.as_str()?)),
        None => Change::Deleted,
    })
}

/// A key that was written is valid; another one was written by somebody else.
fn key(row: &Row<'_>, column: usize) -> Result<Key, StoreError> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    Key::new(text).map_err(|error| StoreError::Damaged(error.to_string()))
}
