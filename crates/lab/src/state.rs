//! `lab.json`: what a lab runs, for every command after `up`.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layout::write_private;
use crate::process::Process;
use crate::{Addresses, LabDir, LabError};

/// The workshop's cluster.
pub const CLUSTER_NAME: &str = "eks-workshop";

const VERSION: u32 = 1;

/// What a lab runs and where. Written after every process that is started, so that a lab whose `up` was killed half
/// way can still be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabState {
    /// The version of this format.
    pub version: u32,
    /// Whether `up` came to its end.
    pub ready: bool,
    /// Where the lab listens.
    pub addresses: Addresses,
    /// The `doorward` that started the lab and is part of it.
    pub doorward: Option<PathBuf>,
    /// The processes, in the order they were started.
    pub processes: Vec<Process>,
}

impl LabState {
    pub(crate) fn new(addresses: Addresses, doorward: Option<PathBuf>) -> Self {
        Self { version: VERSION, ready: false, addresses, doorward, processes: Vec::new() }
    }

    /// Reads the state of a lab; none where no lab was started or it was stopped.
    pub fn read(dir: &LabDir) -> Result<Option<Self>, LabError> {
        let path = dir.state();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(LabError::file("read", &path)(error)),
        };
        let wrong = |reason: String| LabError::State { path: path.clone(), reason };
        let state: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if state.version != VERSION {
            return Err(wrong(format!("its version is {}, this doorward writes {VERSION}", state.version)));
        }
        Ok(Some(state))
    }

    pub(crate) fn write(&self, dir: &LabDir) -> Result<(), LabError> {
        let path = dir.state();
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| LabError::State { path: path.clone(), reason: error.to_string() })?;
        write_private(&path, &text)
    }

    /// Starts keeping a process, in the file too. A process that was started anew keeps its place in the order.
    pub(crate) fn add(&mut self, dir: &LabDir, process: Process) -> Result<(), LabError> {
        match self.processes.iter_mut().find(|known| known.name == process.name) {
            Some(known) => *known = process,
            None => self.processes.push(process),
        }
        self.write(dir)
    }

    /// Names and ids of the processes that run.
    pub(crate) fn running(&self) -> Vec<&Process> {
        self.processes.iter().filter(|process| process.is_alive()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let lab = LabDir::new(dir.path()).unwrap();
        assert_eq!(LabState::read(&lab).unwrap(), None);
        let state = LabState::new(Addresses::default(), Some("/usr/bin/doorward".into()));
        state.write(&lab).unwrap();
        assert_eq!(LabState::read(&lab).unwrap(), Some(state));
    }

    #[test]
    fn a_state_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lab = LabDir::new(dir.path()).unwrap();
        LabState { version: 9, ..LabState::new(Addresses::default(), None) }.write(&lab).unwrap();
        let message = LabState::read(&lab).unwrap_err().to_string();
        assert!(message.contains("its version is 9, this doorward writes 1"), "{message}");
    }
}
