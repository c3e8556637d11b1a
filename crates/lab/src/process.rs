//! Processes that outlive the command that started them, and are only ever stopped when they are still the same.
//!
//! A process is known by its id *and* its start time, as `/proc` tells it: an id is given out again once its process
//! is gone, and a lab must never stop somebody else's.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::environment::foreign_variables;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSpec {
    /// The process's name in the lab.
    pub(crate) name: &'static str,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// A process the lab has started, as `lab.json` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// The process's name in the lab: `etcd`, `kube-apiserver`, `doorward`, `workloads`.
    pub name: String,
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot: together with the id it is unmistakable.
    pub start_time: u64,
    /// The program.
    pub program: PathBuf,
    /// Its arguments, so that it can be started again by hand.
    pub args: Vec<String>,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Process {
    /// Starts a process in a group of its own, away from the terminal's signals, its output appended to its log.
    pub(crate) fn start(spec: ProcessSpec) -> Result<Self, LabError> {
        let log = open_log(&spec.log)?;
        let errors = log.try_clone().map_err(LabError::file("write", &spec.log))?;
        let failed = |source| LabError::Spawn { name: spec.name.to_owned(), program: spec.program.clone(), source };
        let mut command = Command::new(&spec.program);
        command.args(&spec.args).stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        for name in foreign_variables() {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(failed)?;
        let pid = i32::try_from(child.id()).map_err(|error| failed(std::io::Error::other(error)))?;
        // A child that is gone already has no start time left to read; 0 matches no process.
        let start_time = stat(pid).map_or(0, |stat| stat.start_time);
        Ok(Self { name: spec.name.to_owned(), pid, start_time, program: spec.program, args: spec.args, log: spec.log })
    }

    /// Whether this very process still runs (one that ended but was not yet collected by its parent does not).
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.start_time == self.start_time && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Ends the process: SIGTERM, then after `patience` SIGKILL, and waits until it is gone.
    pub(crate) async fn stop(&self, patience: Duration) -> Result<(), LabError> {
        self.signal(Signal::TERM);
        if self.gone_within(patience).await {
            return Ok(());
        }
        self.signal(Signal::KILL);
        if self.gone_within(Duration::from_secs(5)).await {
            return Ok(());
        }
        Err(LabError::StillAlive { name: self.name.clone(), pid: self.pid })
    }

    fn signal(&self, signal: Signal) {
        if !self.is_alive() {
            return;
        }
        if let Some(pid) = Pid::from_raw(self.pid) {
            // It leads its own group, so whatever it started goes with it. That it ended meanwhile is no error.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    async fn gone_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// The last lines of a log, for an error message.
pub(crate) fn log_tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}

fn open_log(path: &Path) -> Result<File, LabError> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(LabError::file("write", path))
}

struct Stat {
    state: char,
    start_time: u64,
}

/// Reads `/proc/PID/stat`: the third field is the state, the twenty-second the start time. The second is the program's
/// name in brackets and may itself hold spaces and brackets, so fields are counted from the last closing one.
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(dir: &Path, script: &str) -> Process {
        Process::start(ProcessSpec {
            name: "test",
            program: "/bin/sh".into(),
            args: vec!["-c".to_owned(), script.to_owned()],
            log: dir.join("test.log"),
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_process_is_stopped_and_its_output_is_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let process = start(dir.path(), "echo started; exec sleep 600");
        assert!(process.is_alive());
        while !log_tail(&process.log).contains("started") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.stop(Duration::from_secs(5)).await.unwrap();
        assert!(!process.is_alive());
        process.stop(Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn a_process_deaf_to_sigterm_is_killed_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let process = start(dir.path(), "trap '' TERM; sleep 600 & echo child $!; wait; wait; sleep 600");
        let child = loop {
            if let Some(pid) = log_tail(&process.log).strip_prefix("child ") {
                break pid.trim().parse::<i32>().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        process.stop(Duration::from_millis(100)).await.unwrap();
        assert!(!process.is_alive());
        let gone = |pid| stat(pid).is_none_or(|stat| stat.state == 'Z');
        let deadline = Instant::now() + Duration::from_secs(5);
        while !gone(child) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(gone(child));
    }

    #[tokio::test]
    async fn another_process_with_the_same_id_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let process = start(dir.path(), "exec sleep 600");
        let earlier = Process { start_time: process.start_time - 1, ..process.clone() };
        assert!(!earlier.is_alive());
        earlier.stop(Duration::from_millis(10)).await.unwrap();
        assert!(process.is_alive());
        process.stop(Duration::from_secs(5)).await.unwrap();
    }
}
