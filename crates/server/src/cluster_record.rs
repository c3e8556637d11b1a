//! A registered cluster, as it is stored.

use doorward_core::access_entry::Tags;
use doorward_core::account_id::AccountId;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::cluster::Cluster;
use doorward_core::cluster_name::ClusterName;
use doorward_core::partition::Partition;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is kept of a cluster beside its entries.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterRecord {
    /// Its name.
    pub name: ClusterName,
    /// The region it is shown in.
    pub region: String,
    /// The account it belongs to.
    pub account: AccountId,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The API server's URL.
    pub endpoint: String,
    /// The certificates that the API server's own is signed by: PEM in base64, as DescribeCluster shows it.
    pub certificate_authority: String,
    /// The Kubernetes version, `MAJOR.MINOR`.
    pub version: String,
    /// Which sources of access count.
    pub authentication_mode: AuthenticationMode,
    /// Whether whoever registered the cluster is its administrator.
    pub bootstrap_creator_admin: bool,
    /// Whoever registered it: the role, not the session.
    pub creator: PrincipalArn,
    /// That principal's unique id.
    pub creator_id: PrincipalId,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// A self-contained kubeconfig for reading and editing aws-auth. A secret.
    pub kubeconfig: String,
}

impl ClusterRecord {
    /// The cluster as ARNs name it.
    pub fn cluster(&self) -> Cluster {
        Cluster {
            partition: Partition::Aws,
            region: self.region.clone(),
            account: self.account,
            name: self.name.clone(),
        }
    }

    /// The record as the history may keep it.
    pub fn without_secrets(&self) -> Self {
        Self { kubeconfig: String::new(), ..self.clone() }
    }
}

impl std::fmt::Debug for ClusterRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterRecord").field("name", &self.name).finish_non_exhaustive()
    }
}
