//! How a lab is.

use serde::Serialize;

use crate::state::LabState;
use crate::{Addresses, LabDir, LabError};

/// A lab and its processes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Status {
    /// Whether `up` came to its end and every process runs.
    pub ready: bool,
    /// Where the lab listens.
    pub addresses: Addresses,
    /// The processes, in the order they were started.
    pub processes: Vec<ProcessStatus>,
}

/// One process of a lab.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProcessStatus {
    /// Its name.
    pub name: String,
    /// Its process id.
    pub pid: i32,
    /// Whether it runs.
    pub running: bool,
    /// Its log file.
    pub log: std::path::PathBuf,
}

impl Status {
    /// That all of the lab runs.
    ///
    /// # Errors
    /// [`LabError::Incomplete`], which says what is missing.
    pub fn all_running(&self, dir: &LabDir) -> Result<(), LabError> {
        let incomplete = |reason| Err(LabError::Incomplete { dir: dir.root().to_owned(), reason });
        match self.processes.iter().find(|process| !process.running) {
            Some(dead) => {
                incomplete(format!("{} does not run any more, its log is `{}`", dead.name, dead.log.display()))
            }
            None if !self.ready => incomplete("its `lab up` did not come to its end".to_owned()),
            None => Ok(()),
        }
    }
}

/// Tells how the lab in a folder is, or that none is there.
pub fn status(dir: &LabDir) -> Result<Status, LabError> {
    let not_running = || LabError::NotRunning { dir: dir.root().to_owned() };
    let state = LabState::read(dir)?.ok_or_else(not_running)?;
    let processes: Vec<_> = state
        .processes
        .iter()
        .map(|process| ProcessStatus {
            name: process.name.clone(),
            pid: process.pid,
            running: process.is_alive(),
            log: process.log.clone(),
        })
        .collect();
    let ready = state.ready && processes.iter().all(|process| process.running);
    Ok(Status { ready, addresses: state.addresses, processes })
}
