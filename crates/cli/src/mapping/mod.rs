//! `doorward mapping`: rows of aws-auth, with the meaning of `eksctl get|create|delete iamidentitymapping`, and without
//! losing comments and whatever else stands there.

mod change;
mod diff;
mod document;
mod file;
mod lint;
mod list;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use doorward_core::account_id::AccountId;

pub(crate) use file::FileError;

use crate::aws::AwsArgs;
use crate::error::CliError;
use crate::kubernetes::KubernetesArgs;
use crate::output::{OutputArgs, WideFormat};
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward mapping list --cluster prod
  doorward mapping create --cluster prod --arn arn:aws:iam::123456789012:role/dev --username dev --group viewers
  doorward mapping delete --cluster prod --arn arn:aws:iam::123456789012:role/dev --dry-run
  doorward mapping lint --aws-auth aws-auth.yaml
  doorward mapping lint --explain DW030
  kubectl get configmap aws-auth -n kube-system -o yaml | doorward mapping lint --aws-auth -";

/// What to do with rows.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct MappingArgs {
    #[command(subcommand)]
    verb: MappingVerb,
}

#[derive(Debug, Subcommand)]
enum MappingVerb {
    /// List the rows that count; what does not is told as a warning.
    #[command(visible_alias = "get")]
    List(Box<ListArgs>),
    /// Add a row at the end.
    Create(Box<CreateArgs>),
    /// Remove the first row for an ARN, or all of them, or an account.
    Delete(Box<DeleteArgs>),
    /// Find what does not count, or not as meant; exits with 3 if anything is found.
    Lint(Box<lint::LintArgs>),
}

/// Where aws-auth is.
#[derive(Debug, Args)]
struct SourceArgs {
    /// A file with the ConfigMap, as `kubectl get -o yaml` (or json) prints it, instead of a cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "kubeconfig", "context"])]
    aws_auth: Option<PathBuf>,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only rows for this ARN; it is an error if there is none.
    #[arg(long, value_name = "ARN")]
    arn: Option<String>,
    /// How to print the rows; `wide` says when each let somebody in last, as far as a Doorward server counts that.
    #[arg(short, long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    output: WideFormat,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["arn", "account"]))]
struct CreateArgs {
    /// The ARN of a role, without its path, or of a user.
    #[arg(long, value_name = "ARN", visible_alias = "role")]
    arn: Option<String>,
    /// An account whose every principal may come in under its own ARN.
    #[arg(long, value_name = "ID", conflicts_with_all = ["username", "groups", "no_duplicate_arns"])]
    account: Option<AccountId>,
    /// The Kubernetes username; it may have placeholders such as `{{SessionName}}`.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// A Kubernetes group; repeatable.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Add nothing where an equal row exists, and fail where a different one for the ARN does.
    #[arg(long)]
    no_duplicate_arns: bool,
    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["arn", "account"]))]
struct DeleteArgs {
    /// The ARN of the row.
    #[arg(long, value_name = "ARN", visible_alias = "role")]
    arn: Option<String>,
    /// Every row for that ARN; it is fine if there is none.
    #[arg(long, requires = "arn")]
    all: bool,
    /// An account.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    #[command(flatten)]
    edit: EditArgs,
}

/// The flags of every edit.
#[derive(Debug, Args)]
struct EditArgs {
    /// Show what would change, as a unified diff, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// Does it.
///
/// # Errors
/// If aws-auth cannot be read or written, or the edit is refused.
pub(crate) async fn run(args: MappingArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        MappingVerb::List(args) => list::run(&args, talk).await,
        MappingVerb::Create(args) => change::create(&args, talk).await,
        MappingVerb::Delete(args) => change::delete(&args, talk).await,
        MappingVerb::Lint(args) => lint::run(&args, talk).await,
    }
}
