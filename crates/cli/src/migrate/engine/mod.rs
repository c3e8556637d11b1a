//! Doing a plan to a cluster: one step after the other, each in a journal before and after, each seen to be done, and
//! all of them taken back if something goes wrong or nobody confirms.

mod backup;
mod journal;
mod live;
#[cfg(test)]
mod memory;
mod perform;
mod progress;
mod run;
mod settling;
mod state_dir;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use backup::{Backup, BackupError};
pub(crate) use journal::{Journal, JournalError, Opening, Reach};
pub(crate) use live::Live;
pub(crate) use perform::Patience;
pub(crate) use progress::{Phase, StepState};
pub(crate) use run::{Run, RunError, Stopped, Tell};
pub(crate) use state_dir::{Locked, StateDir, StateError};
pub(crate) use target::Target;
