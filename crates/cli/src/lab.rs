//! `doorward lab`: the local lab.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand, ValueEnum};
use doorward_lab::{Addresses, LabDir, LabError, Stopped, UpOptions, shell_path};

use crate::error::CliError;

/// Run a local lab: etcd, kube-apiserver and Doorward, with the EKS workshop's objects.
#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Start the lab and leave it running in the background.
    Up(UpArgs),
    /// Play the EKS workshop's access-management section on the lab.
    Walkthrough(DirArgs),
    /// Tell what runs and where.
    Status(StatusArgs),
    /// Start one of the lab's processes anew.
    Restart(RestartArgs),
    /// Stop the lab and remove what it made, its logs aside.
    Down(DirArgs),
    /// Stand in for controllers and kubelet (the lab starts this itself).
    #[command(hide = true)]
    KeepWorkloads(DirArgs),
}

#[derive(Debug, Args)]
struct DirArgs {
    /// The lab's folder [default: $DOORWARD_LAB_DIR, which its `env` sets, else
    /// $XDG_STATE_HOME/doorward/lab, else ~/.local/state/doorward/lab].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl DirArgs {
    fn lab(self) -> Result<LabDir, LabError> {
        LabDir::new(self.dir.unwrap_or_else(LabDir::default_root))
    }
}

#[derive(Debug, Args)]
struct UpArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Where the EKS, STS and IAM API listens [default: any free port].
    #[arg(long, value_name = "ADDR")]
    api: Option<SocketAddr>,
    /// Where the webhooks listen [default: any free port].
    #[arg(long, value_name = "ADDR")]
    webhook: Option<SocketAddr>,
    /// Where health and metrics are served [default: any free port].
    #[arg(long, value_name = "ADDR")]
    ops: Option<SocketAddr>,
    /// Where kube-apiserver listens [default: any free port].
    #[arg(long, value_name = "ADDR")]
    kubernetes: Option<SocketAddr>,
    /// Let kube-apiserver keep an audit log, `DIR/log/audit.jsonl`, with the ids of Doorward's decisions, whose log is in
    /// JSON then.
    #[arg(long)]
    audit: bool,
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = StatusFormat::Table)]
    output: StatusFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusFormat {
    Table,
    Json,
}

#[derive(Debug, Args)]
struct RestartArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The process.
    #[arg(value_parser = ["doorward", "etcd", "kube-apiserver", "workloads"])]
    process: String,
}

/// Runs the verb.
pub(crate) async fn run(args: LabArgs) -> Result<ExitCode, CliError> {
    match args.command {
        LabCommand::Up(args) => up(args).await,
        LabCommand::Walkthrough(args) => {
            let outcome = doorward_lab::walkthrough(&args.lab()?, &mut std::io::stdout()).await?;
            Ok(if outcome.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        LabCommand::Status(args) => status(args),
        LabCommand::Restart(args) => {
            doorward_lab::restart(&args.dir.lab()?, &args.process).await?;
            Ok(ExitCode::SUCCESS)
        }
        LabCommand::Down(args) => down(&args.lab()?).await,
        LabCommand::KeepWorkloads(args) => {
            doorward_lab::keep_workloads(&args.lab()?).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn up(args: UpArgs) -> Result<ExitCode, CliError> {
    let any = Addresses::default();
    let addresses = Addresses {
        api: args.api.unwrap_or(any.api),
        webhook: args.webhook.unwrap_or(any.webhook),
        ops: args.ops.unwrap_or(any.ops),
        kubernetes: args.kubernetes.unwrap_or(any.kubernetes),
        ..any
    };
    let dir = args.dir.lab()?;
    let options = UpOptions { dir: dir.clone(), addresses, doorward: std::env::current_exe()?, audit: args.audit };
    let started = Instant::now();
    let starting = doorward_lab::up(options, |step| eprintln!("lab: {step}"));
    tokio::select! {
        state = starting => state?,
        () = interrupted() => {
            eprintln!("lab: interrupted, stopping what was started");
            doorward_lab::down(&dir).await?;
            return Ok(ExitCode::from(130));
        }
    };
    eprintln!("lab: ready in {:.1} s", started.elapsed().as_secs_f64());
    let root = shell_path(dir.root());
    let mut out = io::stdout().lock();
    writeln!(out, "The lab runs. Use it from sh:")?;
    writeln!(out, "  . {}", shell_path(&dir.env()))?;
    writeln!(out, "  kubectl get pod -A")?;
    writeln!(out, "Play the walkthrough:  doorward lab walkthrough --dir {root}")?;
    writeln!(out, "Stop it:               doorward lab down --dir {root}")?;
    Ok(ExitCode::SUCCESS)
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

fn status(args: StatusArgs) -> Result<ExitCode, CliError> {
    let dir = args.dir.lab()?;
    let status = doorward_lab::status(&dir)?;
    let mut out = std::io::stdout().lock();
    match args.output {
        StatusFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&status).map_err(io::Error::other)?)?,
        StatusFormat::Table => {
            writeln!(out, "{:<16} {:>8}  {:<8} LOG", "NAME", "PID", "STATE")?;
            for process in &status.processes {
                let state = if process.running { "running" } else { "stopped" };
                writeln!(out, "{:<16} {:>8}  {state:<8} {}", process.name, process.pid, process.log.display())?;
            }
        }
    }
    status.all_running(&dir)?;
    Ok(ExitCode::SUCCESS)
}

async fn down(dir: &LabDir) -> Result<ExitCode, CliError> {
    match doorward_lab::down(dir).await? {
        Stopped::Processes(names) => eprintln!("lab: stopped {}", names.join(", ")),
        _ => eprintln!("lab: nothing runs in {}", dir.root().display()),
    }
    Ok(ExitCode::SUCCESS)
}
