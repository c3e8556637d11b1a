//! `doorward init`: what a kube-apiserver needs before it starts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorward_cluster::init::{Init, init};
use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;

use crate::aws::Environment;
use crate::data_dir;
use crate::error::CliError;
use crate::output::print_line;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward init --cluster prod --out /etc/kubernetes/doorward
  doorward init --cluster prod --out ./out --installed-at /etc/kubernetes/doorward --webhook doorward.example:8443";

/// What to write, and where.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct InitArgs {
    /// The cluster that the kube-apiserver belongs to.
    #[arg(long, value_name = "NAME")]
    cluster: ClusterName,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The server's data folder, whose authority signs [default: $XDG_STATE_HOME/doorward, else ./doorward-data].
    #[arg(long, value_name = "DIR", env = "DOORWARD_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Host and port under which the kube-apiserver reaches the webhooks.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    webhook: String,
    /// Where that folder will be on the kube-apiserver's machine [default: the folder to write].
    #[arg(long, value_name = "DIR")]
    installed_at: Option<PathBuf>,
    /// Overwrite what another authority, another cluster or somebody else left in the folder.
    #[arg(long)]
    force: bool,
}

/// Writes the files and prints their names.
///
/// # Errors
/// If a file cannot be written, the address is none, or something else's files would be overwritten.
pub(crate) fn run(args: &InitArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let data_dir = args.data_dir.clone().unwrap_or_else(|| data_dir::default(&Environment::of_process()));
    let what = Init {
        data_dir: &data_dir,
        cluster: &args.cluster,
        webhook_addr: &args.webhook,
        out: &args.out,
        installed_at: args.installed_at.as_deref(),
        force: args.force,
    };
    let made = init(&what, Timestamp::now())?;
    for file in &made.files {
        print_line(&file.display().to_string())?;
    }
    let changed = match made.written.len() {
        0 => "nothing had to be changed".to_owned(),
        count => format!("{count} written"),
    };
    talk.note(format_args!("{changed}; the client certificate ends {:.0}", made.client_certificate_ends));
    let (flags, cluster) = (args.out.join("flags"), &args.cluster);
    talk.note(format_args!("next: start the kube-apiserver with the flags in `{}`, then", flags.display()));
    talk.note(format_args!("      doorward cluster register {cluster} --kubeconfig FILE"));
    Ok(ExitCode::SUCCESS)
}
