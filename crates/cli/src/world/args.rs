//! The flags that say where a World comes from: a cluster, a file, or pieces in files.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::world_document::{self, AwsAuthDocument, EntryDocument, WorldDocument};

use super::{cluster, file};
use crate::aws::AwsArgs;
use crate::error::CliError;
use crate::kubernetes::KubernetesArgs;
use crate::talk::Talk;

/// Where the World comes from. With files, no network is touched.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "World")]
pub(crate) struct WorldArgs {
    /// A World, as `doorward world export` prints it; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "kubeconfig", "context"])]
    pub(crate) world: Option<PathBuf>,
    /// The ConfigMap aws-auth, as `kubectl get -o yaml` (or json) prints it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "kubeconfig", "context"])]
    pub(crate) aws_auth: Option<PathBuf>,
    /// Access entries: a JSON array of what DescribeAccessEntry prints, each with `associatedAccessPolicies`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "kubeconfig", "context"])]
    pub(crate) access_entries: Option<PathBuf>,
    /// RBAC: what `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` prints.
    #[arg(long, value_name = "FILE")]
    pub(crate) rbac: Option<PathBuf>,
    /// Principals of IAM: a JSON array of `{"arn": …, "uniqueId": …}`; whole accounts.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: Option<PathBuf>,
    /// The authentication mode [default: the one that makes the given pieces count].
    #[arg(long, value_name = "MODE", value_parser = mode_parser(), conflicts_with_all = ["cluster", "kubeconfig", "context"])]
    pub(crate) mode: Option<AuthenticationMode>,
    /// Whose rules aws-auth is read by [default: `eks`, and `doorward` for a cluster of Doorward].
    #[arg(long, value_name = "WHOSE", value_parser = authenticator_parser())]
    pub(crate) authenticator: Option<Authenticator>,
    #[command(flatten)]
    pub(crate) kubernetes: KubernetesArgs,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
}

/// What a World is compared with: the same with some pieces replaced.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "World after")]
pub(crate) struct AfterArgs {
    /// The World after, as a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["after_access_entries", "after_aws_auth", "after_mode"])]
    pub(crate) after_world: Option<PathBuf>,
    /// The access entries after; what is not given stays as before.
    #[arg(long, value_name = "FILE")]
    pub(crate) after_access_entries: Option<PathBuf>,
    /// The ConfigMap aws-auth after.
    #[arg(long, value_name = "FILE")]
    pub(crate) after_aws_auth: Option<PathBuf>,
    /// The authentication mode after.
    #[arg(long, value_name = "MODE", value_parser = mode_parser())]
    pub(crate) after_mode: Option<AuthenticationMode>,
}

fn mode_parser() -> impl clap::builder::TypedValueParser<Value = AuthenticationMode> {
    PossibleValuesParser::new(["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])
        .try_map(|name| AuthenticationMode::from_name(&name).ok_or("no such mode"))
}

fn authenticator_parser() -> impl clap::builder::TypedValueParser<Value = Authenticator> {
    PossibleValuesParser::new(["eks", "doorward"])
        .try_map(|name| world_document::authenticator_named(&name).ok_or("no such authenticator"))
}

impl WorldArgs {
    /// Whether everything comes from files.
    pub(crate) fn is_of_files(&self) -> bool {
        self.world.is_some() || self.aws_auth.is_some() || self.access_entries.is_some()
    }

    /// Reads the World. Whatever in it is not as it seems is told as a warning.
    ///
    /// # Errors
    /// If a file is not what its flag says, or the cluster cannot be asked.
    pub(crate) async fn load(&self, talk: Talk) -> Result<WorldDocument, CliError> {
        let mut document = match (&self.world, self.is_of_files()) {
            (Some(path), _) => file::read(path, "--world", WorldDocument::parse)?,
            (None, true) => WorldDocument::new(self.mode_of_pieces(talk), Authenticator::Eks),
            (None, false) => cluster::read(&self.kubernetes, &self.aws, talk).await?,
        };
        if let Some(path) = &self.aws_auth {
            document.aws_auth = Some(aws_auth(path, "--aws-auth")?);
        }
        if let Some(path) = &self.access_entries {
            document.access_entries = access_entries(path, "--access-entries", talk)?;
        }
        if let Some(path) = &self.rbac {
            document.rbac = Some(file::read(path, "--rbac", world_document::rbac_objects)?);
        }
        if let Some(path) = &self.directory {
            document.directory = Some(file::read(path, "--directory", world_document::directory)?);
        }
        document.authentication_mode = self.mode.unwrap_or(document.authentication_mode);
        document.authenticator = self.authenticator.unwrap_or(document.authenticator);
        for entry in document.unknown_types() {
            talk.warning(format_args!(
                "the access entry of `{}` has the type `{}`, which this version of doorward does not know; it is taken \
                 for `STANDARD`",
                entry.principal_arn,
                entry.r#type.escape_debug()
            ));
        }
        Ok(document)
    }

    /// Nobody hands in what does not count.
    fn mode_of_pieces(&self, talk: Talk) -> AuthenticationMode {
        if let Some(mode) = self.mode {
            return mode;
        }
        let mode = match (&self.aws_auth, &self.access_entries) {
            (Some(_), Some(_)) => AuthenticationMode::ApiAndConfigMap,
            (None, Some(_)) => AuthenticationMode::Api,
            _ => AuthenticationMode::ConfigMap,
        };
        talk.note(format_args!("taking the authentication mode for {mode}; `--mode` says otherwise"));
        mode
    }
}

impl AfterArgs {
    /// The World after, if one is given: the one before with what the flags replace.
    ///
    /// # Errors
    /// If a file is not what its flag says.
    pub(crate) fn load(&self, before: &WorldDocument, talk: Talk) -> Result<Option<WorldDocument>, CliError> {
        if let Some(path) = &self.after_world {
            return Ok(Some(file::read(path, "--after-world", WorldDocument::parse)?));
        }
        if self.after_access_entries.is_none() && self.after_aws_auth.is_none() && self.after_mode.is_none() {
            return Ok(None);
        }
        let mut after = before.clone();
        if let Some(path) = &self.after_access_entries {
            after.access_entries = access_entries(path, "--after-access-entries", talk)?;
        }
        if let Some(path) = &self.after_aws_auth {
            after.aws_auth = Some(aws_auth(path, "--after-aws-auth")?);
        }
        after.authentication_mode = self.after_mode.unwrap_or(after.authentication_mode);
        Ok(Some(after))
    }
}

fn aws_auth(path: &Path, flag: &'static str) -> Result<AwsAuthDocument, CliError> {
    Ok(AwsAuthDocument { data: file::read(path, flag, world_document::aws_auth_data)? })
}

fn access_entries(path: &Path, flag: &'static str, talk: Talk) -> Result<Vec<EntryDocument>, CliError> {
    let (entries, silent) = file::read(path, flag, world_document::access_entries)?;
    if let Some(first) = silent.first() {
        let others = if silent.len() > 1 { format!(" and {} more", silent.len() - 1) } else { String::new() };
        talk.warning(format_args!(
            "`{}` says nothing of `associatedAccessPolicies` for `{}`{others}; taking it that there are none",
            path.display(),
            first.escape_debug()
        ));
    }
    Ok(entries)
}
