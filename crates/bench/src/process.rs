//! A program under measurement: on its own core, with its processor time and memory as Linux counts them.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A running program, ended when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on some cores. Its words go to a file. Should this process be killed, the kernel ends it too.
    pub(crate) fn start(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        cores: &[usize],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let cores = cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let log = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "taskset", "--cpu-list", &cores])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        Ok(Self { child })
    }

    /// Its processor time so far, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may have spaces; what follows its bracket does not.
        let (_, fields) = text.rsplit_once(')').context("no name in stat")?;
        let ticks: u64 = fields.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        // Linux tells them in hundredths of a second to every program.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Asks again and again until `is_ready` says so, for a minute at most.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> anyhow::Result<Duration> {
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
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        anyhow::ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success(), "cannot end process {id}");
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
pub(crate) fn pin_to(core: usize) -> anyhow::Result<()> {
    let id = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["--pid", "--cpu-list", &core.to_string(), &id]).stdout(Stdio::null());
    anyhow::ensure!(taskset.status().context("cannot run `taskset`")?.success(), "cannot use core {core} alone");
    Ok(())
}
