//! A program that somebody measures or breaks: its processor time and memory as Linux counts them, and its end.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A running program, ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on some cores. Its words go to a file. Should this process be killed, the kernel ends it too.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        cores: &[usize],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let cores = cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        Self::start_under(&["taskset", "--cpu-list", &cores], program, args, log)
    }

    /// Starts a program by other ones that become it, each with its arguments. To be called by a thread that stays: it is
    /// with the end of that thread that the kernel ends the program.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_under(
        others: &[&str],
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log);
        let log = log.with_context(|| format!("cannot write the log of `{}`", program.display()))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(others)
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        Ok(Self { child })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal by its name without `SIG`.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).stderr(Stdio::null()).status()?;
        anyhow::ensure!(sent.success(), "cannot send {name} to process {id}");
        Ok(())
    }

    /// Its processor time so far, user and system.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may have spaces; what follows its bracket does not.
        let (_, fields) = text.rsplit_once(')').context("no name in stat")?;
        let ticks: u64 = fields.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        // Linux tells them in hundredths of a second to every program.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Asks again and again until `is_ready` says so, for a minute at most.
    ///
    /// # Errors
    /// If it ends, or is not ready by then.
    pub fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> anyhow::Result<Duration> {
        let started = Instant::now();
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended: {status}");
            }
            if started.elapsed() > Duration::from_secs(60) {
                bail!("it was not ready within a minute");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(started.elapsed())
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        self.wait_until_ended(Duration::from_secs(30))
    }

    fn wait_until_ended(&mut self, limit: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(started.elapsed() < limit, "process {} does not end", self.child.id());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts this process, as far as it has only one thread yet, on one core.
///
/// # Errors
/// If that is not possible.
pub fn pin_to(core: usize) -> anyhow::Result<()> {
    let id = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["--pid", "--cpu-list", &core.to_string(), &id]).stdout(Stdio::null());
    anyhow::ensure!(taskset.status().context("cannot run `taskset`")?.success(), "cannot use core {core} alone");
    Ok(())
}
