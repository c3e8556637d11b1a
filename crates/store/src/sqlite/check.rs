//! The check of a large file, while it is being used.
//!
//! SQLite's check reads the whole file, which for a gigabyte takes longer than reading all that a server needs to know.
//! What a server reads at its start is looked at then, so it may begin; what is wrong elsewhere in the file is found a
//! moment later, and from then on nothing is written to it.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{InterruptHandle, OpenFlags};

use super::open::connect;
use super::schema;
use crate::StoreError;

/// What is known of the file's soundness.
#[derive(Debug, Default)]
pub(super) struct Check {
    damage: Arc<OnceLock<String>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    interrupt: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Check {
    /// Begins to check a file that nobody has checked.
    ///
    /// # Errors
    /// If it cannot be opened for reading, or there is no thread to be had.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let interrupt = connection.get_interrupt_handle();
        let damage = Arc::new(OnceLock::new());
        let (found, path) = (Arc::clone(&damage), path.display().to_string());
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
        Ok(Self { damage, running: Mutex::new(Some(Running { interrupt, thread })) })
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
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { interrupt, thread }) = running {
            interrupt.interrupt();
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
