//! How far what is known here is behind the store.
//!
//! Once in a while the store is asked for the revision of the last write. If that is known here already, or becomes
//! known meanwhile, everything that was stored when the question was asked is in force: that moment is remembered. The
//! seconds since then bound how old an answer of this server can be, whoever wrote, and whatever is wrong: a watch that
//! hangs, a store that is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use doorward_store::{Key, Revision, StoreError};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{Engine, GENERATION, Shared};
use crate::error::WriteError;
use crate::view::View;

/// How often the store is asked.
const LOOK: Duration = Duration::from_secs(1);

/// How long it may take to answer, and after that, what others wrote to become known.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found out last.
#[derive(Debug)]
pub(super) struct Lag {
    /// In milliseconds since 1970.
    confirmed: AtomicI64,
    revisions_behind: AtomicU64,
    failure: ArcSwapOption<String>,
    unreadable: ArcSwapOption<String>,
    /// Told when the store turns out to know less than is known here.
    forgotten: Notify,
}

/// How far what is known here agrees with the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreSigns {
    /// Everything that was stored at that time is in force here.
    pub confirmed: Timestamp,
    /// How many revisions of the store were not when it was last asked. An upper bound of the writes: not each revision
    /// changes what is known.
    pub revisions_behind: u64,
    /// Why the store did not answer when it was last asked, if it did not.
    pub failure: Option<String>,
    /// Why a record that another server wrote cannot be read here, as long as it is in the store. What was stored since
    /// then is not in force here.
    pub unreadable: Option<String>,
}

impl Lag {
    /// Of what was read at that time.
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            confirmed: AtomicI64::new(at.as_millisecond()),
            revisions_behind: AtomicU64::new(0),
            failure: ArcSwapOption::empty(),
            unreadable: ArcSwapOption::empty(),
            forgotten: Notify::new(),
        }
    }

    fn signs(&self) -> StoreSigns {
        StoreSigns {
            confirmed: Timestamp::from_millisecond(self.confirmed.load(Ordering::Relaxed)).unwrap_or_default(),
            revisions_behind: self.revisions_behind.load(Ordering::Relaxed),
            failure: self.failure.load().as_deref().cloned(),
            unreadable: self.unreadable.load().as_deref().cloned(),
        }
    }

    fn agrees(&self, at: Timestamp) {
        self.confirmed.store(at.as_millisecond(), Ordering::Relaxed);
        self.revisions_behind.store(0, Ordering::Relaxed);
    }

    fn failed(&self, failure: Option<String>) {
        self.failure.store(failure.map(Into::into));
    }

    /// Says why what others wrote cannot be taken up, or that it can again.
    pub(super) fn reads(&self, unreadable: Option<String>) {
        self.unreadable.store(unreadable.map(Into::into));
    }

    /// Comes when the store turns out to know less than is known here.
    pub(super) async fn forgotten(&self) {
        self.forgotten.notified().await;
    }

    pub(super) fn unreadable(&self) -> Option<Arc<String>> {
        self.unreadable.load_full()
    }
}

impl Engine {
    /// How far what is known here agrees with the store.
    pub fn store_signs(&self) -> StoreSigns {
        self.shared.lag.signs()
    }

    /// What is known once this server has caught up with the store: every write that was answered before this was
    /// called, by whichever server, is in there.
    ///
    /// # Errors
    /// If the store does not answer, or what others wrote does not come in time, or cannot be read.
    pub async fn caught_up(&self) -> Result<Arc<View>, WriteError> {
        if let Some(record) = self.shared.lag.unreadable() {
            return Err(WriteError::Unreadable(record));
        }
        let stored = self.shared.last_write_that_agrees().await?;
        if !self.shared.catch_up(stored).await {
            return Err(WriteError::Behind);
        }
        Ok(self.view_owned())
    }

    /// Asks the store once in a while until `stop` becomes true.
    pub(crate) async fn measure_lag(&self, mut stop: watch::Receiver<bool>) {
        let measure = async {
            loop {
                self.shared.measure_lag(PATIENCE).await;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            _ = stop.wait_for(|&stop| stop) => {}
            () = measure => {}
        }
    }
}

impl Shared {
    /// The revision of the last write in the store, whoever made it.
    pub(super) async fn last_write(&self) -> Result<Option<Revision>, WriteError> {
        Ok(self.store.get(&Key::new(GENERATION)?).await?.map(|stored| stored.revision))
    }

    /// The same, and an error if that is before what was known here when the store was asked: it was restored from a
    /// backup, and has since been written to more often than it lost writes, so that no watch tells.
    async fn last_write_that_agrees(&self) -> Result<Option<Revision>, WriteError> {
        let known = *self.known.borrow();
        let stored = self.last_write().await?;
        if stored < known {
            self.lag.forgotten.notify_one();
            let [after, current] = [known, stored].map(Option::unwrap_or_default);
            return Err(StoreError::FutureRevision { after, current }.into());
        }
        Ok(stored)
    }

    pub(super) async fn measure_lag(&self, patience: Duration) {
        let asked_at = Timestamp::now();
        let stored = match tokio::time::timeout(patience, self.last_write_that_agrees()).await {
            Ok(Ok(stored)) => stored,
            Ok(Err(error)) => return self.lag.failed(Some(error.to_string())),
            Err(_) => return self.lag.failed(Some(format!("no answer within {} s", patience.as_secs()))),
        };
        self.lag.failed(None);
        let mut known = self.known.subscribe();
        let before = *known.borrow_and_update();
        if before < stored {
            let number = |revision: Option<Revision>| revision.map_or(0, |revision| revision.0);
            self.lag.revisions_behind.store(number(stored) - number(before), Ordering::Relaxed);
        }
        // Bounded, so that it is told how far behind it is by then.
        if let Ok(Ok(_)) = tokio::time::timeout(patience, known.wait_for(|known| *known >= stored)).await {
            self.lag.agrees(asked_at);
        }
    }
}
