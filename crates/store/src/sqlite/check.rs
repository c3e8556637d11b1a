//! The check of a large file, while it is being used.
//!
//! SQLite's check reads the whole file, which for a gigabyte takes longer than reading all that a server needs to know.
//! What a server reads at its start is looked at then, so it may begin; what is wrong elsewhere in the file is found a
//! moment later, and from then on nothing is written to it. The check begins when what is needed at the start was read,
//! with which it would compete, or with the first write.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{InterruptHandle, OpenFlags};

use super::open::connect;
use super::schema;
use crate::StoreError;

/// What is known of the file's soundness.
#[derive(Debug)]
pub(super) struct Check {
    damage: Arc<OnceLock<String>>,
    phase: Mutex<Phase>,
}

#[derive(Debug)]
enum Phase {
    /// Of the file at that path, it has to be done.
    Due(PathBuf),
    Running(Running),
    /// Done before, or ended.
    Over,
}

struct Running {
    interrupt: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Check {
    /// Of a file that was checked as it was opened.
    pub(super) fn done() -> Self {
        Self { damage: Arc::default(), phase: Mutex::new(Phase::Over) }
    }

    /// Of a file that nobody has checked.
    pub(super) fn due(path: &Path) -> Self {
        Self { damage: Arc::default(), phase: Mutex::new(Phase::Due(path.to_owned())) }
    }

    /// Begins to check, unless that was done.
    ///
    /// # Errors
    /// If the file cannot be opened for reading, or there is no thread to be had; then it is still to be done.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Due(path) = &*phase {
            *phase = Phase::Running(self.start(path)?);
        }
        Ok(())
    }

    fn start(&self, path: &Path) -> Result<Running, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let interrupt = connection.get_interrupt_handle();
        let (found, path) = (Arc::clone(&self.damage), path.display().to_string());
        let check = move || {
            let outcome = match schema::check(&connection) {
                Ok(found) => found,
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => None,
                Err(error) => Some(error.to_string()),
            };
            if let Some(detail) = outcome {
                tracing::error!(
                    path,
                    detail,
                    "the database is damaged and is not written any more; restore it from a backup"
                );
                // Nobody else sets it.
                let _ = found.set(detail);
            }
        };
        let thread = std::thread::Builder::new().name("store-check".to_owned()).spawn(check);
        let thread = thread.map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Running { interrupt, thread })
    }

    /// Refuses if the file was found damaged.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub(super) fn sound(&self) -> Result<(), StoreError> {
        self.damage.get().map_or(Ok(()), |detail| Err(StoreError::Damaged(detail.clone())))
    }

    /// Ends a check that is under way, and waits until its connection is closed. Blocks for a moment.
    pub(super) fn stop(&self) {
        let phase = std::mem::replace(&mut *self.phase.lock().unwrap_or_else(PoisonError::into_inner), Phase::Over);
        if let Phase::Running(Running { interrupt, thread }) = phase {
            // SQLite forgets an interrupt that comes before the check has begun.
            while !thread.is_finished() {
                interrupt.interrupt();
                std::thread::sleep(Duration::from_millis(1));
            }
            // A check that panicked has closed its connection as well.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("thread", &self.thread).finish_non_exhaustive()
    }
}
