//! Reading and editing `kube-system/aws-auth` through the API server.
//!
//! Somebody else may edit it at the same time (EKS itself does, for node groups). So an edit is a function of the data,
//! sent with the resource version that it was made from, and made again from the new data when that is refused.

use std::time::Duration;

use doorward_core::aws_auth::edit::{Data, EditError, Edited};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client};

use crate::error_text;
use crate::watch::{NAME, NAMESPACE};

/// How long the API server may take for one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// So often is an edit made again before the other side is left its way.
const ATTEMPTS: usize = 8;

/// `kube-system/aws-auth` of one cluster.
#[derive(Clone, Debug)]
pub struct AwsAuthConfigMap {
    api: Api<ConfigMap>,
}

/// Whether an edit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Apply,
    /// The API server checks it, admission included, and keeps nothing.
    DryRun,
}

impl AwsAuthConfigMap {
    /// That of the cluster that this client talks to.
    pub fn new(client: Client) -> Self {
        Self { api: Api::namespaced(client, NAMESPACE) }
    }

    /// Its `data`; none where there is no such ConfigMap.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn read(&self) -> Result<Option<Data>, ConfigMapError> {
        let found = self.get().await?;
        Ok(found.map(|config_map| config_map.data.unwrap_or_default()))
    }

    /// The whole ConfigMap; none where there is none.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn object(&self) -> Result<Option<ConfigMap>, ConfigMapError> {
        self.get().await
    }

    /// Writes data over what was found, or makes the ConfigMap where none was. False if that is not there any more, and
    /// nothing was written.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn put(
        &self,
        found: Option<ConfigMap>,
        data: &std::collections::BTreeMap<String, String>,
    ) -> Result<bool, ConfigMapError> {
        self.write(Mode::Apply, found, data).await
    }

    /// Removes the ConfigMap that was found. False if it is another one by now, and nothing was removed.
    ///
    /// # Errors
    /// If the API server does not answer, or refuses.
    pub async fn remove(&self, found: &ConfigMap) -> Result<bool, ConfigMapError> {
        let resource_version = found.metadata.resource_version.clone();
        let preconditions = Some(Preconditions { resource_version, uid: found.metadata.uid.clone() });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        match tokio::time::timeout(TIMEOUT, self.api.delete(NAME, &params)).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(false),
            Ok(Err(error)) => Err(ConfigMapError::Write { message: error_text::of_client(&error) }),
            Err(_) => Err(ConfigMapError::Write { message: no_answer() }),
        }
    }

    /// Edits its `data`, making the ConfigMap where it is missing. Metadata and binary data stay. An edit that changes
    /// nothing writes nothing.
    ///
    /// # Errors
    /// If the edit refuses, the API server does, or others keep changing the ConfigMap.
    pub async fn edit(
        &self,
        mode: Mode,
        edit: impl Fn(&Data) -> Result<Edited, EditError>,
    ) -> Result<Edited, ConfigMapError> {
        for _ in 0..ATTEMPTS {
            let found = self.get().await?;
            let now = found.as_ref().and_then(|config_map| config_map.data.clone()).unwrap_or_default();
            let edited = edit(&now)?;
            if edited.data == now || self.write(mode, found, &edited.data).await? {
                return Ok(edited);
            }
        }
        Err(ConfigMapError::Contended { attempts: ATTEMPTS })
    }

    async fn get(&self) -> Result<Option<ConfigMap>, ConfigMapError> {
        match tokio::time::timeout(TIMEOUT, self.api.get_opt(NAME)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(ConfigMapError::Read { message: error_text::of_client(&error) }),
            Err(_) => Err(ConfigMapError::Read { message: no_answer() }),
        }
    }

    /// Writes the data over what was found. False if that is not there any more.
    async fn write(&self, mode: Mode, found: Option<ConfigMap>, data: &Data) -> Result<bool, ConfigMapError> {
        let params = PostParams { dry_run: mode == Mode::DryRun, field_manager: Some("doorward".to_owned()) };
        let existed = found.is_some();
        let request = async {
            match found {
                Some(found) => {
                    let config_map = ConfigMap { data: Some(data.clone()), ..found };
                    self.api.replace(NAME, &params, &config_map).await
                }
                None => {
                    let metadata = ObjectMeta {
                        name: Some(NAME.to_owned()),
                        namespace: Some(NAMESPACE.to_owned()),
                        ..ObjectMeta::default()
                    };
                    let config_map = ConfigMap { metadata, data: Some(data.clone()), ..ConfigMap::default() };
                    self.api.create(&params, &config_map).await
                }
            }
        };
        let Ok(written) = tokio::time::timeout(TIMEOUT, request).await else {
            return Err(ConfigMapError::Write { message: no_answer() });
        };
        match written {
            Ok(_) => Ok(true),
            // Changed, or made, since.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            // Deleted since.
            Err(kube::Error::Api(status)) if status.code == 404 && existed => Ok(false),
            Err(error) => Err(ConfigMapError::Write { message: error_text::of_client(&error) }),
        }
    }
}

/// Why aws-auth was not read or edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigMapError {
    /// The edit refuses.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It was not read.
    #[error("cannot read the ConfigMap `kube-system/aws-auth`: {message}")]
    Read {
        /// What the API server or the connection says.
        message: String,
    },
    /// It was not written, or, if the connection broke, nobody knows.
    #[error("cannot write the ConfigMap `kube-system/aws-auth`: {message}")]
    Write {
        /// What the API server or the connection says.
        message: String,
    },
    /// Others keep changing it.
    #[error(
        "the ConfigMap `kube-system/aws-auth` was changed by somebody else {attempts} times while this change was made; \
         nothing was changed, try again"
    )]
    Contended {
        /// How often it was tried.
        attempts: usize,
    },
}

fn no_answer() -> String {
    format!("no answer within {} s", TIMEOUT.as_secs())
}
