//! Everything that can go wrong with a lab, in the words its user reads.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::environment::shell_path;

/// Why a lab could not be started, used or stopped. A message says what, where, why and how to fix it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A program the lab runs is nowhere to be found.
    #[error(
        "`{name}` was not found (looked in {looked}); run `make setup`, or put it on PATH or in $KUBEBUILDER_ASSETS"
    )]
    MissingBinary {
        /// The program's file name.
        name: &'static str,
        /// The places looked in, for reading.
        looked: String,
    },
    /// An address that was asked for is taken.
    #[error("{what} cannot listen on `{address}`: {source}; stop what listens there or choose another address")]
    AddressUnavailable {
        /// Which server was to listen.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A lab runs in this folder already.
    #[error("a lab runs already in `{dir}` ({running}); stop it with `doorward lab down --dir {}`", shell_path(.dir))]
    AlreadyRuns {
        /// The lab's folder.
        dir: PathBuf,
        /// Its processes, for reading.
        running: String,
    },
    /// Another `lab up` or `lab down` is at work in this folder.
    #[error("another `doorward lab` command is at work in `{dir}`; wait for it to finish and try again")]
    Busy {
        /// The lab's folder.
        dir: PathBuf,
    },
    /// The folder holds something that no lab made.
    #[error(
        "`{dir}` is not empty and is not a lab's folder; choose another with --dir, so that nothing of yours is touched"
    )]
    NotALab {
        /// The folder.
        dir: PathBuf,
    },
    /// No lab runs in this folder.
    #[error("no lab runs in `{dir}`; start one with `doorward lab up --dir {}`", shell_path(.dir))]
    NotRunning {
        /// The folder.
        dir: PathBuf,
    },
    /// A lab was started, but not all of it runs.
    #[error(
        "the lab in `{dir}` is not complete: {reason}; stop it with `doorward lab down --dir {}` and start it again",
        shell_path(.dir)
    )]
    Incomplete {
        /// The lab's folder.
        dir: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// `lab.json` cannot be understood.
    #[error("`{path}` does not describe a lab: {reason}; if no lab runs there, remove the folder")]
    State {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process could not be started.
    #[error("cannot start {name} (`{program}`): {source}")]
    Spawn {
        /// The process's name in the lab.
        name: String,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process ended while the lab waited for it to be ready.
    #[error("{name} stopped while starting; the end of its log (`{log}`):\n{tail}")]
    Exited {
        /// The process's name in the lab.
        name: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A process was not ready in time.
    #[error("{name} was not ready after {seconds} s: {last}; its log is `{log}`")]
    NotReady {
        /// The process's name in the lab.
        name: String,
        /// How long the lab waited.
        seconds: u64,
        /// The last answer it gave.
        last: String,
        /// Its log file.
        log: PathBuf,
    },
    /// A process did not end although it was killed.
    #[error("{name} (process {pid}) did not end after SIGKILL; see what holds it with `cat /proc/{pid}/stack`")]
    StillAlive {
        /// The process's name in the lab.
        name: String,
        /// Its process id.
        pid: i32,
    },
    /// A command that prepares the lab failed.
    #[error("`{command}` failed ({status}): {output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// A certificate could not be made.
    #[error("cannot make the lab's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The Kubernetes API refused what the lab asked.
    #[error("cannot {action}: {reason}")]
    Kubernetes {
        /// What was tried.
        action: String,
        /// What came back.
        reason: String,
    },
    /// The walkthrough's transcript could not be written.
    #[error("cannot write the transcript: {0}")]
    Transcript(#[source] io::Error),
}

impl LabError {
    /// Wraps an error of the file system: `map_err(LabError::file("read", path))`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Wraps a refusal of the Kubernetes API.
    pub(crate) fn kubernetes(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        move |error| {
            let reason = match &error {
                kube::Error::Api(status) => status.message.clone(),
                other => other.to_string(),
            };
            Self::Kubernetes { action: action.into(), reason }
        }
    }
}
