//! Stopping a lab.

use std::time::Duration;

use crate::state::LabState;
use crate::{LabDir, LabError};

/// How long a process gets to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `down` did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// These processes ran and were stopped.
    Processes(Vec<String>),
    /// Nothing ran.
    Nothing,
}

/// Stops a lab's processes, the last started first, waits until each is gone, and removes all but the logs. Does
/// nothing where no lab is.
pub async fn down(dir: &LabDir) -> Result<Stopped, LabError> {
    if !dir.state().exists() {
        return Ok(Stopped::Nothing);
    }
    let _lock = dir.lock()?;
    let Some(state) = LabState::read(dir)? else {
        return Ok(Stopped::Nothing);
    };
    let stopped = stop_all(&state).await?;
    dir.clear()?;
    Ok(if stopped.is_empty() { Stopped::Nothing } else { Stopped::Processes(stopped) })
}

/// Stops what runs; the first error is reported once every process has been tried.
pub(crate) async fn stop_all(state: &LabState) -> Result<Vec<String>, LabError> {
    let mut stopped = Vec::new();
    let mut failure = None;
    for process in state.processes.iter().rev().filter(|process| process.is_alive()) {
        match process.stop(PATIENCE).await {
            Ok(()) => stopped.push(process.name.clone()),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(stopped), Err)
}
