//! Where aws-auth is read from and written to: a cluster, or a file.

use std::path::PathBuf;
use std::sync::Mutex;

use doorward_cluster::config_map::{AwsAuthConfigMap, Mode};
use doorward_core::aws_auth::edit::{Data, EditError, Edited};

use super::{SourceArgs, diff, file};
use crate::error::CliError;
use crate::kubernetes;
use crate::talk::Talk;

/// An aws-auth.
pub(super) enum Source {
    /// In a file; `-` is standard input.
    File(PathBuf),
    /// In a cluster.
    Cluster(Box<AwsAuthConfigMap>),
}

/// An edit that was made, or tried.
pub(super) struct Done {
    pub(super) edited: Edited,
    /// What changed, as a unified diff.
    pub(super) diff: String,
}

impl Source {
    /// What the flags name.
    ///
    /// # Errors
    /// If there is no way to the cluster.
    pub(super) async fn find(args: &SourceArgs, talk: Talk) -> Result<Self, CliError> {
        match &args.aws_auth {
            Some(path) => Ok(Self::File(path.clone())),
            None => {
                let client = kubernetes::client(&args.kubernetes, &args.aws, talk).await?;
                Ok(Self::Cluster(Box::new(AwsAuthConfigMap::new(client))))
            }
        }
    }

    /// Its `data`; none where a cluster has no such ConfigMap.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) async fn read(&self) -> Result<Option<Data>, CliError> {
        match self {
            Self::File(path) => Ok(Some(file::read(path)?)),
            Self::Cluster(config_map) => Ok(config_map.read().await?),
        }
    }

    /// Edits it; with `dry_run` nothing is kept, though a cluster checks whether it would be.
    ///
    /// # Errors
    /// If it cannot be read or written, or the edit is refused.
    pub(super) async fn edit(
        &self,
        dry_run: bool,
        edit: impl Fn(&Data) -> Result<Edited, EditError> + Send + Sync,
    ) -> Result<Done, CliError> {
        match self {
            Self::File(path) => Ok(file::edit(path, dry_run, edit)?),
            Self::Cluster(config_map) => {
                let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
                // The edit is made again when somebody else was faster; the last one counts.
                let before = Mutex::new(Data::new());
                let edited = config_map
                    .edit(mode, |data| {
                        if let Ok(mut before) = before.lock() {
                            before.clone_from(data);
                        }
                        edit(data)
                    })
                    .await?;
                let before = before.into_inner().unwrap_or_default();
                Ok(Done { diff: diff::of_data(&before, &edited.data), edited })
            }
        }
    }
}
