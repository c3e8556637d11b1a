//! Writing: one thread that commits whatever waits as one SQLite transaction.

use std::fs::File;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::open::Opened;
use super::schema::{self, State};
use crate::{Outcome, Prefix, Revision, StoreError, Txn, Write};

/// Most transactions in one commit. Bounds how long the first of them waits for the others.
const GROUP: usize = 256;

/// What the writer is asked to do, in order.
#[derive(Debug)]
pub(super) enum Job {
    Txn(Pending),
    Control(Control),
}

/// What is not a transaction, and is done on its own.
#[derive(Debug)]
pub(super) enum Control {
    Compact { up_to: Revision, answer: oneshot::Sender<Result<(), StoreError>> },
    LimitSize { max_bytes: Option<u64>, answer: oneshot::Sender<Result<(), StoreError>> },
    Close { answer: oneshot::Sender<()> },
}

/// A transaction that somebody waits for.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) txn: Txn,
    pub(super) answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

pub(super) struct Writer {
    connection: Connection,
    lock: File,
    head: watch::Sender<Revision>,
    keep_revisions: u64,
}

impl Writer {
    pub(super) fn new(opened: Opened, head: watch::Sender<Revision>, keep_revisions: u64) -> Self {
        let Opened { connection, lock, .. } = opened;
        Self { connection, lock, head, keep_revisions }
    }

    pub(super) fn limit_size(&mut self, max_bytes: Option<u64>) -> Result<(), StoreError> {
        Ok(schema::limit_size(&self.connection, max_bytes)?)
    }

    /// Whoever announced something had the file open before, and is gone.
    pub(super) fn remove_announced(&mut self) -> Result<(), StoreError> {
        let keys = schema::keys(&self.connection, &Prefix::live())?;
        let txns: Vec<Txn> = keys.into_iter().map(|key| Txn::new().delete(key)).collect();
        self.commit(&txns.iter().collect::<Vec<_>>()).map(drop)
    }

    /// Works until the store is closed or dropped.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut closing = None;
        while let Some(job) = jobs.blocking_recv() {
            let (group, control) = gather(job, &mut jobs);
            self.commit_group(group);
            // Whoever gave up waiting does not hear the answer.
            match control {
                None => {}
                Some(Control::Compact { up_to, answer }) => drop(answer.send(self.compact(up_to))),
                Some(Control::LimitSize { max_bytes, answer }) => drop(answer.send(self.limit_size(max_bytes))),
                Some(Control::Close { answer }) => {
                    closing = Some(answer);
                    break;
                }
            }
        }
        // In this order: nobody may get in before the file is closed, and `close` returns when somebody may.
        drop(self.connection);
        drop(self.lock);
        drop(jobs);
        if let Some(answer) = closing {
            let _ = answer.send(());
        }
    }

    fn commit_group(&mut self, group: Vec<Pending>) {
        let txns: Vec<&Txn> = group.iter().map(|pending| &pending.txn).collect();
        match self.commit(&txns) {
            Ok(outcomes) => {
                for (pending, outcome) in group.into_iter().zip(outcomes) {
                    let _ = pending.answer.send(Ok(outcome));
                }
            }
            // One of them may be too large for what is left, and the others not.
            Err(StoreError::Full) if group.len() > 1 => {
                for pending in group {
                    self.commit_group(vec![pending]);
                }
            }
            Err(error) => {
                tracing::warn!(transactions = group.len(), %error, "transactions were not stored");
                for pending in group {
                    let _ = pending.answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Runs transactions in order and commits them as one. On an error, nothing of any of them is left.
    fn commit(&mut self, txns: &[&Txn]) -> Result<Vec<Outcome>, StoreError> {
        if txns.is_empty() {
            return Ok(Vec::new());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = schema::state(&transaction)?;
        let mut state = before;
        let mut outcomes = Vec::with_capacity(txns.len());
        for txn in txns {
            outcomes.push(run(&transaction, txn, &mut state.head)?);
        }
        if state.head != before.head {
            forget(&transaction, &mut state, self.keep_revisions)?;
            schema::set_state(&transaction, state)?;
            transaction.commit()?;
            self.head.send_replace(state.head);
        }
        Ok(outcomes)
    }

    fn compact(&mut self, up_to: Revision) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut state = schema::state(&transaction)?;
        state.compacted = state.compacted.max(up_to.min(state.head));
        schema::forget_events(&transaction, state.compacted)?;
        schema::set_state(&transaction, state)?;
        Ok(transaction.commit()?)
    }
}

/// Takes the transactions that are waiting already, up to the first job of another kind.
fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Pending>, Option<Control>) {
    let mut group = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next {
        match job {
            Job::Txn(pending) => group.push(pending),
            Job::Control(control) => return (group, Some(control)),
        }
        next = if group.len() < GROUP { jobs.try_recv().ok() } else { None };
    }
    (group, None)
}

/// Looks at all conditions before the first write, so a conflict leaves nothing to undo.
fn run(transaction: &Transaction<'_>, txn: &Txn, head: &mut Revision) -> Result<Outcome, StoreError> {
    for (key, expect) in txn.compares() {
        let actual = schema::revision_of(transaction, key)?;
        if !expect.holds(actual) {
            return Ok(Outcome::Conflict { key: key.clone(), actual });
        }
    }
    let revision = Revision(head.0 + 1);
    for (position, write) in txn.writes().iter().enumerate() {
        let changed = match write {
            Write::Put(key, document) => {
                schema::put(transaction, key, document, revision)?;
                Some(document)
            }
            Write::Delete(key) if schema::delete(transaction, key)? => None,
            Write::Delete(_) => continue,
        };
        schema::add_event(transaction, revision, position, write.key(), changed)?;
        *head = revision;
    }
    Ok(Outcome::Committed(*head))
}

/// Forgets events beyond those to keep; a little late, so that not every commit has to.
fn forget(transaction: &Transaction<'_>, state: &mut State, keep_revisions: u64) -> Result<(), StoreError> {
    let kept = state.head.0 - state.compacted.0;
    if kept > keep_revisions.saturating_add(keep_revisions / 8) {
        state.compacted = Revision(state.head.0 - keep_revisions);
        schema::forget_events(transaction, state.compacted)?;
    }
    Ok(())
}
