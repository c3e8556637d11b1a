//! The command line: the verbs, the flags of all of them, and what they end with.

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

use crate::error::{CliError, exit};
use crate::talk::Talk;
use crate::{
    cluster, completion, directory, doctor, init, kubeconfig, lab, logging, man, mapping, migrate, questions, replicas,
    serve, status, store, token, world,
};

const EXAMPLES: &str = "\
Examples:
  doorward lab up && . ~/.local/state/doorward/lab/env     try it all on a local cluster
  doorward serve                                           run the server
  doorward init --cluster prod --out ./webhook             prepare a kube-apiserver to ask it
  doorward cluster register prod --kubeconfig admin.conf   manage that cluster's access
  doorward mapping list --cluster prod                     see the rows of its aws-auth
  doorward can-i list pods -n shop --as arn:aws:iam::123456789012:role/dev --cluster prod
  doorward status
  doorward doctor                                          find out why somebody does not come in";

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  failed
  2  wrong usage or configuration
  3  findings or differences

Answers go to standard output, everything else to standard error. AWS settings come from where the aws CLI takes them.";

/// EKS cluster access management for any Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, before_help = EXAMPLES, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", display_order = 1000)]
    verbose: u8,
    /// Say nothing but answers, warnings and errors.
    #[arg(short, long, global = true, display_order = 1001)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server: the EKS, STS and IAM APIs, and the webhooks of kube-apiservers.
    Serve(Box<serve::ServeArgs>),
    /// Write what a kube-apiserver needs before it starts: certificates, webhook kubeconfigs, flags.
    Init(init::InitArgs),
    /// Register, list and remove the clusters whose access the server manages.
    Cluster(cluster::ClusterArgs),
    /// Tell the local directory of instances, which give nodes their names.
    Directory(directory::DirectoryArgs),
    Lab(lab::LabArgs),
    /// List, create and delete rows of aws-auth.
    Mapping(mapping::MappingArgs),
    /// May this principal do that? Prints yes or no; no ends with exit code 3.
    CanI(Box<questions::CanIArgs>),
    /// Who may do that? Principals, users, groups and service accounts.
    WhoCan(Box<questions::WhoCanArgs>),
    /// Why may this principal do that, or why not: every step to the decision.
    Why(Box<questions::WhyArgs>),
    /// Go from aws-auth to access entries, with a proof that nobody gains or loses access.
    Migrate(migrate::MigrateArgs),
    /// Keep everything that decides access on a cluster as one file.
    World(world::WorldVerbArgs),
    /// Show the server's clusters, and what is wrong with them.
    Status(status::StatusArgs),
    /// List the servers of a common store, or wait until all of them decide by what was written.
    Replicas(replicas::ReplicasArgs),
    /// Look at everything between an API server and its users, and say what is wrong and how to mend it.
    Doctor(doctor::DoctorArgs),
    /// Take everything out of the server's store, put it in, or move it to another.
    Store(store::StoreVerbArgs),
    /// Print a token for a cluster, as `aws eks get-token` does.
    Token(token::TokenArgs),
    /// Write clusters into a kubeconfig, as `aws eks update-kubeconfig` does.
    Kubeconfig(kubeconfig::KubeconfigArgs),
    /// Print a completion script for a shell.
    Completion(completion::CompletionArgs),
    /// Print the manual page.
    Man,
}

/// Does what the command line says, and tells how it ended.
pub(crate) fn run(cli: Cli) -> ExitCode {
    // Only fails where one is installed already, which then does as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let talk = Talk { verbose: cli.verbose, quiet: cli.quiet };
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        talk.error("this is a bug in doorward, not a mistake of yours; please report it with the lines above");
    }));
    match run_verb(cli.verb, talk) {
        Ok(code) => code,
        // Whoever read the answer has seen enough of it.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            talk.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run_verb(verb: Verb, talk: Talk) -> Result<ExitCode, CliError> {
    match verb {
        Verb::Completion(args) => return completion::run(&args),
        Verb::Man => return man::run(),
        // It has a configuration that decides how to log.
        Verb::Serve(_) => {}
        _ => logging::start(logging::LogFormat::Text, logging::Level::of_client(talk)),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        match verb {
            Verb::Serve(args) => serve::run(*args, talk).await,
            Verb::Init(args) => init::run(&args, talk),
            Verb::Cluster(args) => cluster::run(args, talk).await,
            Verb::Directory(args) => directory::run(args, talk).await,
            Verb::Lab(args) => lab::run(args).await,
            Verb::Mapping(args) => mapping::run(args, talk).await,
            Verb::CanI(args) => questions::can_i::run(&args, talk).await,
            Verb::WhoCan(args) => questions::who_can::run(&args, talk).await,
            Verb::Why(args) => questions::why::run(&args, talk).await,
            Verb::Migrate(args) => migrate::run(args, talk).await,
            Verb::World(args) => world::run(args, talk).await,
            Verb::Status(args) => status::run(args, talk).await,
            Verb::Replicas(args) => replicas::run(args, talk).await,
            Verb::Doctor(args) => doctor::run(args, talk).await,
            Verb::Store(args) => store::run(args, talk).await,
            Verb::Token(args) => token::run(args).await,
            Verb::Kubeconfig(args) => kubeconfig::run(args, talk).await,
            Verb::Completion(_) | Verb::Man => Ok(ExitCode::from(exit::FINE)),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
