//! `doorward kubeconfig update`: what `aws eks update-kubeconfig` writes, with either credential plugin.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use doorward_cluster::kubeconfig::update::{Entry, Plugin, update};
use doorward_core::cluster_name::ClusterName;

use crate::aws::{AwsArgs, Environment};
use crate::doorward_api::aws_client;
use crate::error::CliError;
use crate::output::print_line;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward kubeconfig update --name prod
  doorward kubeconfig update --name prod --role-arn arn:aws:iam::123456789012:role/admins --alias admins --exec doorward";

/// What to do with kubeconfigs.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct KubeconfigArgs {
    #[command(subcommand)]
    verb: KubeconfigVerb,
}

#[derive(Debug, Subcommand)]
enum KubeconfigVerb {
    /// Write a cluster into a kubeconfig and make it the current one.
    Update(Box<UpdateArgs>),
}

#[derive(Debug, Args)]
struct UpdateArgs {
    /// The cluster's name.
    #[arg(long, value_name = "NAME")]
    name: ClusterName,
    /// A role to assume for the token.
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The context's name [default: the user's].
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
    /// The user's name [default: the cluster's ARN].
    #[arg(long, value_name = "NAME")]
    user_alias: Option<String>,
    /// The file [default: the first of $KUBECONFIG, else ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The program that gets the token: `aws eks get-token`, or the faster `doorward token`.
    #[arg(long, value_enum, default_value_t)]
    exec: Exec,
    #[command(flatten)]
    aws: AwsArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Exec {
    #[default]
    Aws,
    Doorward,
}

/// Does it.
///
/// # Errors
/// If the cluster is not known, or the file cannot be written.
pub(crate) async fn run(args: KubeconfigArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let KubeconfigVerb::Update(args) = args.verb;
    let client = aws_client(&args.aws)?;
    let cluster = client.describe_cluster(args.name.as_str()).await?;
    if !matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING") {
        return Err(CliError::Failed(format!("the cluster `{}` is {}; try again later", args.name, cluster.status)));
    }
    let authority = cluster.certificate_authority.as_ref().and_then(|authority| authority.data.as_deref());
    let unknown = || CliError::Failed(format!("the cluster `{}` has no endpoint or certificate yet", args.name));
    let program = std::env::current_exe().ok();
    let entry = Entry {
        cluster: &args.name,
        arn: &cluster.arn,
        endpoint: cluster.endpoint.as_deref().ok_or_else(unknown)?,
        certificate_authority: authority.ok_or_else(unknown)?,
        plugin: match args.exec {
            Exec::Aws => Plugin::Aws,
            Exec::Doorward => Plugin::Doorward(program.as_deref().and_then(Path::to_str).unwrap_or("doorward")),
        },
        role_arn: args.role_arn.as_deref(),
        profile: client.settings().asked_profile(),
        alias: args.alias.as_deref(),
        user_alias: args.user_alias.as_deref(),
    };
    let path = args.kubeconfig.clone().unwrap_or_else(|| default_path(&Environment::of_process()));
    let updated = update(&path, &entry)?;
    // The words of the aws CLI, which scripts know.
    let (verb, to) = if updated.had_cluster { ("Updated context", "in") } else { ("Added new context", "to") };
    print_line(&format!("{verb} {} {to} {}", updated.context, path.display()))?;
    if args.aws.endpoint_url.is_some() {
        talk.warning(
            "`--endpoint-url` does not reach the program that gets the token; put `endpoint_url` in the AWS profile",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn default_path(environment: &Environment) -> PathBuf {
    let first = environment.get("KUBECONFIG").and_then(|paths| paths.split(':').find(|path| !path.is_empty()));
    first.map_or_else(|| environment.path("~/.kube/config"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_first_of_the_variable_or_the_one_at_home() {
        let of = |kubeconfig| default_path(&Environment::from([("HOME", "/h"), ("KUBECONFIG", kubeconfig)]));
        assert_eq!(of(":/a:/b"), Path::new("/a"));
        assert_eq!(of(""), Path::new("/h/.kube/config"));
    }
}
