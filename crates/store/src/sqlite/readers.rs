//! Reading: a few connections, each used by one blocking task at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::open::connect;
use crate::StoreError;

/// Reads that run at the same time. More would wait for the same disk and processors.
const CONNECTIONS: u32 = 4;

/// The connections for reading. Each is opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// One permit a connection in use. Closed when the store is.
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), permits: Arc::new(Semaphore::new(CONNECTIONS as usize)) }
    }

    /// Runs a read on a connection, away from the asynchronous threads.
    pub(super) fn read<T, F>(self: &Arc<Self>, run: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let readers = Arc::clone(self);
        async move {
            let permits = Arc::clone(&readers.permits);
            let permit = permits.acquire_owned().await.map_err(|_| StoreError::Closed)?;
            let task = tokio::task::spawn_blocking(move || {
                let result = readers.with_connection(run);
                // Only now: whoever holds all permits knows that every connection is idle.
                drop(permit);
                result
            });
            task.await.map_err(|_| StoreError::Closed)?
        }
    }

    /// Waits for the reads that are running and closes the connections.
    pub(super) async fn close(&self) {
        // An error means that they are closed already.
        if let Ok(_all) = self.permits.acquire_many(CONNECTIONS).await {
            self.permits.close();
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn with_connection<T>(&self, run: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        // After an error, a new connection is better than one in an unknown state.
        let value = run(&connection)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(value)
    }
}
