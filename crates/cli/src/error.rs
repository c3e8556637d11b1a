//! What a user can do something about, with the exit code that it ends with. Anything else is a bug, and panics.

use std::io;

use doorward_lab::LabError;

use crate::aws::AwsError;
use crate::kubernetes::KubernetesError;
use crate::mapping::FileError;
use crate::serve::ConfigError;
use crate::world::WorldFileError;

/// Exit codes; they are part of the contract with scripts.
pub(crate) mod exit {
    /// All went well.
    pub(crate) const FINE: u8 = 0;
    /// It was tried and failed.
    pub(crate) const FAILED: u8 = 1;
    /// It was not tried: flags, variables or the configuration file are wrong.
    pub(crate) const USAGE: u8 = 2;
    /// There are findings or differences, or the answer is no.
    pub(crate) const FINDINGS: u8 = 3;
}

/// Why a verb did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Flags that do not go together, beyond what the parser checks.
    #[error("{0}")]
    Usage(String),
    /// The server's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server does not start, or stops.
    #[error(transparent)]
    Server(#[from] doorward_server::ServerError),
    /// A store that the flags do not name.
    #[error(transparent)]
    StorePlace(#[from] crate::store::StorePlaceError),
    /// A store that cannot be opened.
    #[error(transparent)]
    OpenStore(#[from] doorward_store::OpenError),
    /// A store that cannot be read or written.
    #[error(transparent)]
    Store(#[from] doorward_store::StoreError),
    /// AWS settings, or an API.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The way to an API server.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// A kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] doorward_cluster::kubeconfig::KubeconfigError),
    /// Files for a kube-apiserver.
    #[error(transparent)]
    Init(#[from] doorward_cluster::init::InitError),
    /// aws-auth in a cluster.
    #[error(transparent)]
    ConfigMap(#[from] doorward_cluster::config_map::ConfigMapError),
    /// aws-auth in a file.
    #[error(transparent)]
    MappingFile(#[from] FileError),
    /// A World in files.
    #[error(transparent)]
    WorldFile(#[from] WorldFileError),
    /// A World that makes no sense.
    #[error(transparent)]
    World(#[from] doorward_core::world_document::WorldDocumentError),
    /// A principal that is none.
    #[error(transparent)]
    Caller(#[from] doorward_core::questions::CallerError),
    /// A request that is none.
    #[error(transparent)]
    Request(#[from] doorward_core::questions::RequestError),
    /// RBAC in a cluster.
    #[error(transparent)]
    Rbac(#[from] doorward_cluster::rbac::RbacReadError),
    /// An edit of aws-auth.
    #[error(transparent)]
    Edit(#[from] doorward_core::aws_auth::edit::EditError),
    /// The state of a migration.
    #[error(transparent)]
    State(#[from] crate::migrate::StateError),
    /// The journal of a migration.
    #[error(transparent)]
    Journal(#[from] crate::migrate::JournalError),
    /// The backup of a migration.
    #[error(transparent)]
    Backup(#[from] crate::migrate::BackupError),
    /// The lab.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// It was tried, and did not work out.
    #[error("{0}")]
    Failed(String),
    /// A step of a migration that cannot be done.
    #[error(transparent)]
    Step(#[from] doorward_core::plan::ApplyError),
    /// The answer cannot be printed.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// The machine gives no threads.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl CliError {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) | Self::StorePlace(_) | Self::Caller(_) | Self::Request(_) => exit::USAGE,
            _ => exit::FAILED,
        }
    }

    /// Whether whoever was to read the answer has gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let (Self::Output(error) | Self::Lab(LabError::Transcript(error))) = self else { return false };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// An error with its causes, on one line. A cause whose words its consequence repeats is left out.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text.replace('\n', " ")
}
