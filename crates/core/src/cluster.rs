//! A cluster as AWS names it.

use crate::account_id::AccountId;
use crate::cluster_name::ClusterName;
use crate::partition::Partition;

/// Where a cluster is, as far as ARNs say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The partition of its region.
    pub partition: Partition,
    /// Its region, such as `us-west-2`.
    pub region: String,
    /// The account that owns it.
    pub account: AccountId,
    /// Its name, unique within account and region.
    pub name: ClusterName,
}

impl Cluster {
    /// `arn:P:eks:REGION:ACCOUNT:cluster/NAME`.
    pub fn arn(&self) -> String {
        format!("arn:{}:eks:{}:{}:cluster/{}", self.partition, self.region, self.account, self.name)
    }
}
