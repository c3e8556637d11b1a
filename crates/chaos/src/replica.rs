//! One `doorward serve` on addresses that stay the same, however often it ends and is started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use doorward_bench::process::Process;
use doorward_lab::free_addresses;

use crate::line::get;
use crate::people::API_URL;
use crate::settings::Settings;

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

/// Size of a small disk, in bytes.
pub(crate) const SMALL_DISK: usize = 32 * 1024 * 1024;

/// What a server may allocate, in bytes: what a small container gives. A server that wants more ends.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Gives a program mounts of its own, in a namespace for which nobody has to be root.
const OWN_MOUNTS: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

/// Whether this system lets a program have mounts of its own; why not, if not.
///
/// # Errors
/// If there is no such program.
pub(crate) fn own_mounts() -> anyhow::Result<Result<(), String>> {
    let [program, flags @ ..] = OWN_MOUNTS;
    let tried = Command::new(program).args(flags).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output()?;
    let said = || String::from_utf8_lossy(&tried.stderr).trim().to_owned();
    Ok(if tried.status.success() { Ok(()) } else { Err(said()) })
}

/// A server, running or not.
#[derive(Debug)]
pub(crate) struct Replica {
    program: PathBuf,
    /// What starts the program and becomes it.
    under: Vec<String>,
    args: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
    /// Whether its data folder is a file system that only it sees.
    has_own_disk: bool,
    /// Minutes by which its clock is wrong.
    minutes_ahead: i32,
    faketime: Option<PathBuf>,
    /// Its data folder.
    pub(crate) data: PathBuf,
    pub(crate) api: SocketAddr,
    pub(crate) webhook: SocketAddr,
    pub(crate) ops: SocketAddr,
}

impl Replica {
    /// One that does not run yet, with its data in a folder, and with more flags.
    ///
    /// # Errors
    /// If no address is free.
    pub(crate) fn new(settings: &Settings, data: &Path, flags: &[String]) -> anyhow::Result<Self> {
        let name = data.file_name().context("a folder without a name")?;
        let addresses = free_addresses(3)?;
        let [api, webhook, ops] = *addresses.as_slice() else { bail!("no addresses") };
        let mut args = vec![
            "serve".to_owned(),
            format!("--data-dir={}", data.display()),
            format!("--api={api}"),
            format!("--webhook={webhook}"),
            format!("--ops={ops}"),
            format!("--api-url={API_URL}"),
        ];
        args.extend_from_slice(flags);
        Ok(Self {
            program: settings.doorward.clone(),
            // What a service manager gives: the machine of whoever runs this may be more generous.
            under: vec!["prlimit".to_owned(), "--nofile=1024:".to_owned(), format!("--data={MEMORY}")],
            args,
            log: settings.logs.join(name).with_extension("log"),
            process: None,
            has_own_disk: false,
            minutes_ahead: 0,
            faketime: settings.faketime.clone(),
            data: data.to_owned(),
            api,
            webhook,
            ops,
        })
    }

    /// The same with its data folder as a file system of its own, that only it sees and that ends with it.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(crate) fn on_small_disk(mut self) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&self.data)?;
        let mount = format!("mount -t tmpfs -o size={SMALL_DISK} none \"$0\" && exec setpriv --pdeathsig KILL \"$@\"");
        let data = self.data.display().to_string();
        self.under.extend(OWN_MOUNTS.map(str::to_owned));
        self.under.extend(["sh".to_owned(), "-c".to_owned(), mount, data]);
        self.has_own_disk = true;
        Ok(self)
    }

    /// Its data folder as others have to open it.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn data_from_outside(&self) -> anyhow::Result<PathBuf> {
        if !self.has_own_disk {
            return Ok(self.data.clone());
        }
        let id = self.process.as_ref().context("it does not run")?.id();
        let data = std::path::absolute(&self.data)?;
        Ok(Path::new("/proc").join(id.to_string()).join("root").join(data.strip_prefix("/")?))
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        let deadline = Instant::now() + START;
        while get(self.ops, "/readyz", Duration::from_secs(1)).await.is_err() {
            let process = self.process.as_mut().context("it was not started")?;
            if process.has_ended()? || Instant::now() > deadline {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("the server at {} does not start: {}", self.api, last.join(" | "));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Starts it, and does not wait.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<()> {
        let mut under = self.under.clone();
        if self.minutes_ahead != 0 {
            let library = self.faketime.as_ref().context("no library gives it another clock")?;
            under.push("env".to_owned());
            under.push(format!("LD_PRELOAD={}", library.display()));
            under.push(format!("FAKETIME={:+}m", self.minutes_ahead));
            // How long something takes does not depend on what time it is.
            under.push("FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned());
        }
        let under: Vec<&str> = under.iter().map(String::as_str).collect();
        self.process = Some(Process::start_under(&under, &self.program, &self.args, &self.log)?);
        Ok(())
    }

    /// Tells it to end and starts it again with a clock that is wrong by so many minutes.
    ///
    /// # Errors
    /// If it does not end, or does not start.
    pub(crate) async fn restart_with_clock(&mut self, minutes_ahead: i32) -> anyhow::Result<()> {
        self.terminate()?;
        self.minutes_ahead = minutes_ahead;
        self.start().await
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not end.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        self.process.take().context("it does not run")?.stop()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.process.as_ref().context("it does not run")?.signal(name)
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        self.process.is_some()
    }
}
