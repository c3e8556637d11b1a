//! Everything the server knows at one moment: an immutable value that requests read without locks.

use std::sync::Arc;

use doorward_cluster::watch::Confirmed;
use doorward_core::cluster::Cluster;
use doorward_core::cluster_name::ClusterName;
use doorward_core::world::World;
use doorward_identity::directory::Directory;
use doorward_store::Revision;
use jiff::Timestamp;

use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::contact::Contact;
use crate::replica::Replicas;
use crate::update_record::UpdateRecord;
use crate::usage::Usage;

/// How much there may be of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Access entries of one cluster. EKS's quota (L-C56B9FC3) is 3,000 and not adjustable.
    pub access_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { access_entries: 3_000 }
    }
}

/// What becomes of an access entry for a principal that the local directory does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPrincipals {
    /// It is refused, as EKS does it: the principal has to exist.
    #[default]
    Refused,
    /// It is made, and its callers are recognised by their canonical ARN: with the AWS provider, which cannot count on
    /// being allowed to ask IAM. The guarantee is weaker than EKS's there: nobody notices a wrong name, and a role that
    /// is deleted and made again is let in by the entry of the old one. The path of a role counts for nothing, as a
    /// session does not tell it.
    ByArn,
}

/// The local directory and all clusters.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What the configuration allows.
    pub limits: Limits,
    /// Whether there may be entries for principals that the directory does not know.
    pub unknown_principals: UnknownPrincipals,
    /// Embedded IAM.
    pub directory: Directory,
    /// Goes up with every change of the directory: who authenticated against a View with the same number need not do so
    /// again.
    pub directory_version: u64,
    /// The revision of the last write that is in here, as the store counts; none before the first.
    pub generation: Option<Revision>,
    /// The servers of the store that are there; none where there can only be this one.
    pub replicas: Arc<Replicas>,
    /// When the last event in the history was, in microseconds, as its name says. The next is named later, whatever the
    /// clocks of the servers say: so names are in the order of what happened.
    pub last_event: u64,
    clusters: imbl::OrdMap<ClusterName, Arc<ClusterView>>,
}

/// One cluster.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// What is stored of it.
    pub record: ClusterRecord,
    /// Its name in ARNs.
    pub cluster: Cluster,
    /// What decides access.
    pub world: World,
    /// Its updates by id.
    pub updates: imbl::OrdMap<String, UpdateRecord>,
    /// Whether aws-auth is known, and since when not.
    pub aws_auth: AwsAuthHealth,
    /// When its API server last confirmed the aws-auth that is in force. Moves without a new View.
    pub aws_auth_confirmed: Arc<Confirmed>,
    /// How its entries and its rows of aws-auth are used.
    pub usage: Usage,
    /// When its API server called.
    pub contact: Arc<Contact>,
}

/// What is known of a cluster's aws-auth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsAuthHealth {
    /// Whether it was ever read (or found absent) since the start. Before that nobody is mapped by it.
    pub seen: bool,
    /// The resource version of the ConfigMap in force.
    pub resource_version: Option<String>,
    /// Since when it cannot be watched, and why; what was read before stays in force.
    pub failing: Option<(Timestamp, String)>,
}

impl View {
    /// Nothing, within limits.
    pub fn new(limits: Limits, unknown_principals: UnknownPrincipals) -> Self {
        Self { limits, unknown_principals, ..Self::default() }
    }

    /// The cluster of that name.
    pub fn cluster(&self, name: &str) -> Option<&Arc<ClusterView>> {
        self.clusters.get(name)
    }

    /// All clusters, sorted by name.
    pub fn clusters(&self) -> impl Iterator<Item = &Arc<ClusterView>> {
        self.clusters.values()
    }

    /// The View after some changes. Changes of a cluster that is not there have no effect.
    #[must_use]
    pub fn after(&self, changes: &[Change]) -> Self {
        let mut view = self.clone();
        changes.iter().for_each(|change| view.apply(change));
        view
    }

    /// Takes up a change, as [`after`](Self::after) does. Of a View that shares nothing with another, as while it is
    /// loaded, nothing is copied for it.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Directory(change) => {
                self.directory.take_up(change);
                self.directory_version += 1;
            }
            Change::PutCluster(record) => self.put_cluster(record),
            Change::DeleteCluster(name) => {
                self.clusters.remove(name);
            }
            Change::PutEntry(cluster, entry) => {
                self.in_cluster(cluster, |view| view.world.put_entry(Arc::clone(entry)));
            }
            Change::DeleteEntry(cluster, principal) => {
                self.in_cluster(cluster, |view| {
                    view.world.remove_entry(principal);
                    view.usage.delete_entry(principal);
                });
            }
            Change::PutUpdate(cluster, update) => self.in_cluster(cluster, |view| {
                view.updates.insert(update.id.clone(), update.clone());
            }),
            Change::DeleteUpdate(cluster, id) => self.in_cluster(cluster, |view| {
                view.updates.remove(id);
            }),
        }
    }

    /// The View with something of one cluster changed that is not stored, such as its aws-auth.
    #[must_use]
    pub fn with_cluster(mut self, name: &ClusterName, change: impl FnOnce(&mut ClusterView)) -> Self {
        self.in_cluster(name, change);
        self
    }

    /// The View with what another one knows of the same clusters and what is not stored: aws-auth, and how often
    /// somebody came in.
    #[must_use]
    pub fn with_observations_of(mut self, other: &Self) -> Self {
        for observed in other.clusters() {
            self.in_cluster(&observed.record.name, |cluster| {
                cluster.world = cluster.world.with_same_aws_auth(&observed.world);
                cluster.aws_auth = observed.aws_auth.clone();
                cluster.aws_auth_confirmed = Arc::clone(&observed.aws_auth_confirmed);
                cluster.usage = observed.usage.clone();
                cluster.contact = Arc::clone(&observed.contact);
            });
        }
        self
    }

    fn put_cluster(&mut self, record: &ClusterRecord) {
        let creator = record.bootstrap_creator_admin.then(|| record.creator_id.clone());
        let fresh = || ClusterView {
            record: record.clone(),
            cluster: record.cluster(),
            world: World::new(record.authentication_mode),
            updates: imbl::OrdMap::new(),
            aws_auth: AwsAuthHealth::default(),
            aws_auth_confirmed: Arc::default(),
            usage: Usage::default(),
            contact: Arc::default(),
        };
        let mut view = self.clusters.get(&record.name).map_or_else(fresh, |view| ClusterView::clone(view));
        view.world = view.world.with_mode(record.authentication_mode).with_creator(creator);
        view.record = record.clone();
        self.clusters.insert(record.name.clone(), Arc::new(view));
    }

    fn in_cluster(&mut self, name: &ClusterName, change: impl FnOnce(&mut ClusterView)) {
        if let Some(view) = self.clusters.get_mut(name) {
            change(Arc::make_mut(view));
        }
    }
}
