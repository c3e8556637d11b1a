//! What each operation of EKS needs: action, resource, condition keys.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Kubernetes
//! Service", for actions, kinds of resources and the keys of each. Refusals seen on AWS show that EKS asks for permission
//! before it looks at parameters, that lists of clusters are asked about as `cluster/*`, and that the id in the ARN of an
//! entry is `*` there.
//!
//! Chosen here, because nothing is known in public:
//! * A key of an entry (`eks:username`, `eks:kubernetesGroups`, …) is what the request would make of it, or what the
//!   entry has where the request does not say.
//! * Taking a policy away has the scope of the association that is there as `eks:accessScope` and `eks:namespaces`.
//! * An entry with tags needs `eks:TagResource` beside `eks:CreateAccessEntry`, as clusters and add-ons are known to.
//! * `iam:PassedToService` of the role of a node is `eks.amazonaws.com`.
//! * `aws:RequestedRegion` is the cluster's region where the cluster is known: one address serves all regions, and a
//!   caller could sign for any of them.

use doorward_core::access_entry::{AccessEntry, EntryType, Tags};
use doorward_core::access_policy::AccessPolicyArn;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::principal::{PrincipalArn, PrincipalKind};
use doorward_identity::policy::Context;

use super::Call;
use super::requests::{Association, Create, Update, UpdateConfig};
use super::route::{Operation, Route};
use super::tags::Resource;
use crate::permission::{Need, shown};
use crate::view::{ClusterView, View};

/// The permissions that a request needs, each of them.
pub(super) fn needs<'a>(route: &'a Route, view: &'a View, call: &Call<'a>) -> Vec<Need<'a>> {
    let action = format!("eks:{}", route.action);
    let ask = Ask::new(view, *call, route.cluster());
    match &route.operation {
        Operation::CreateAccessEntry { cluster, create } => ask.create(action, cluster, create),
        Operation::UpdateAccessEntry { cluster, principal, update } => {
            let mut need = ask.entry(action, cluster, principal);
            set_update(&mut need.context, update);
            vec![need]
        }
        Operation::DescribeAccessEntry { cluster, principal }
        | Operation::DeleteAccessEntry { cluster, principal }
        | Operation::ListAssociatedAccessPolicies { cluster, principal } => vec![ask.entry(action, cluster, principal)],
        Operation::AssociateAccessPolicy { cluster, principal, association } => {
            let mut need = ask.entry(action, cluster, principal);
            set_association(&mut need.context, association);
            vec![need]
        }
        Operation::DisassociateAccessPolicy { cluster, principal, policy } => {
            let mut need = ask.entry(action, cluster, principal);
            ask.set_existing_association(&mut need.context, principal, policy);
            vec![need]
        }
        Operation::UpdateClusterConfig { cluster, update } => {
            let mut need = ask.cluster(action, cluster);
            set_mode(&mut need.context, update);
            vec![need]
        }
        Operation::ListAccessEntries { cluster }
        | Operation::DescribeCluster { cluster }
        | Operation::DeleteCluster { cluster }
        | Operation::DescribeUpdate { cluster, .. }
        | Operation::ListUpdates { cluster } => vec![ask.cluster(action, cluster)],
        Operation::ListClusters => vec![ask.cluster(action, "*")],
        Operation::ListAccessPolicies | Operation::DescribeClusterVersions => vec![ask.nothing(action)],
        Operation::TagResource { resource, tags } => {
            let mut need = ask.tagged(action, view, resource);
            set_request_tags(&mut need.context, tags);
            vec![need]
        }
        Operation::UntagResource { resource, keys } => {
            let mut need = ask.tagged(action, view, resource);
            need.context.set_all("aws:TagKeys", keys.iter().map(String::as_str));
            vec![need]
        }
        Operation::ListTagsForResource { resource } => vec![ask.tagged(action, view, resource)],
    }
}

/// A request that asks for permission.
struct Ask<'a> {
    view: &'a View,
    call: Call<'a>,
    /// The cluster that the path names, if it is there and of the caller's account.
    cluster: Option<&'a ClusterView>,
    context: Context<'a>,
}

impl<'a> Ask<'a> {
    fn new(view: &'a View, call: Call<'a>, cluster: Option<&str>) -> Self {
        let cluster = cluster.and_then(|name| own_cluster(view, &call, name));
        let context = Self::base(call, cluster);
        Self { view, call, cluster, context }
    }

    /// What is common to all operations, and what a cluster adds.
    fn base(call: Call<'a>, cluster: Option<&'a ClusterView>) -> Context<'a> {
        let region = cluster.map_or(call.region, |cluster| cluster.record.region.as_str());
        let mut context = call.caller.context(region, call.now);
        context.set("aws:ResourceAccount", call.caller.account.as_str());
        context
    }

    /// For what has no resource.
    fn nothing(&self, action: String) -> Need<'a> {
        Need { action, resource: "*".to_owned(), shown: "*".to_owned(), context: self.context.clone() }
    }

    fn cluster(&self, action: String, name: &str) -> Need<'a> {
        let shown = self.arn(&format!("cluster/{}", shown(name)));
        let mut context = self.context.clone();
        if let Some(cluster) = self.cluster {
            set_resource_tags(&mut context, &cluster.record.tags);
        }
        let resource = self.cluster.map_or_else(|| shown.clone(), |cluster| cluster.cluster.arn());
        Need { action, resource, shown, context }
    }

    /// For an entry, whether there is one or not.
    fn entry(&self, action: String, cluster: &'a str, principal: &'a str) -> Need<'a> {
        let parsed = PrincipalArn::parse(principal).ok();
        let entry = parsed.as_ref().and_then(|arn| self.cluster?.world.entry(arn));
        let shown = self.arn(&entry_resource(cluster, parsed.as_ref()));
        let mut context = self.context.clone();
        context.set("eks:clusterName", cluster);
        context.set("eks:principalArn", principal);
        let resource = match (entry, self.cluster) {
            (Some(entry), Some(cluster)) => {
                set_entry(&mut context, entry);
                entry.arn(&cluster.cluster)
            }
            _ => self.known_arn(&entry_resource(cluster, parsed.as_ref())),
        };
        Need { action, resource, shown, context }
    }

    /// A new entry: on the cluster, with its tags, and for the role of EC2 nodes the right to give that role away.
    fn create(&self, action: String, cluster: &'a str, create: &'a Create) -> Vec<Need<'a>> {
        let principal = create.body.principal_arn.as_deref().unwrap_or_default();
        let r#type = match (&create.parsed, create.body.r#type.as_deref()) {
            (Ok(request), _) => request.r#type.name(),
            (Err(_), None) => EntryType::Standard.name(),
            (Err(_), Some(name)) => EntryType::from_name(name).map_or(name, |kind| kind.name()),
        };
        let mut on_cluster = self.cluster(action, cluster);
        let mut on_entry = self.entry("eks:TagResource".to_owned(), cluster, principal);
        let tags = create.body.tags.as_ref();
        for context in [&mut on_cluster.context, &mut on_entry.context] {
            context.set("eks:principalArn", principal);
            context.set("eks:accessEntryType", r#type);
            let username = create.body.username.as_deref().filter(|name| !name.is_empty());
            context.set_all("eks:username", username);
            context.set_all("eks:kubernetesGroups", strings(create.body.kubernetes_groups.as_deref()));
            if let Some(tags) = tags {
                set_request_tags(context, tags);
            }
        }
        let mut needs = vec![on_cluster];
        if tags.is_some_and(|tags| !tags.is_empty()) {
            needs.push(on_entry);
        }
        if r#type == EntryType::Ec2Linux.name() || r#type == EntryType::Ec2Windows.name() {
            needs.push(self.pass_role(principal));
        }
        needs
    }

    fn pass_role(&self, role: &str) -> Need<'a> {
        let mut context = self.context.clone();
        context.set("iam:PassedToService", "eks.amazonaws.com");
        let found = PrincipalArn::parse(role).ok();
        let found =
            found.and_then(|arn| self.view.directory.role(arn.account(), arn.name()).filter(|role| role.arn == arn));
        if let Some(role) = found {
            for prefix in ["aws:ResourceTag/", "iam:ResourceTag/"] {
                context.set_tags(prefix, role.tags.pairs());
            }
        }
        Need { action: "iam:PassRole".to_owned(), resource: role.to_owned(), shown: shown(role), context }
    }

    /// For what a path names by its ARN.
    fn tagged(&self, action: String, view: &'a View, arn: &'a str) -> Need<'a> {
        let mut context = self.context.clone();
        match Resource::find(view, self.call.caller.account, arn) {
            Ok(Resource::Cluster(cluster)) => {
                context = Self::base(self.call, Some(cluster));
                set_resource_tags(&mut context, &cluster.record.tags);
            }
            Ok(Resource::AccessEntry(cluster, entry)) => {
                context = Self::base(self.call, Some(cluster));
                context.set("eks:clusterName", cluster.record.name.as_str());
                context.set("eks:principalArn", entry.principal_arn.as_str());
                set_entry(&mut context, entry);
            }
            Err(_) => {}
        }
        Need { action, resource: arn.to_owned(), shown: shown(arn), context }
    }

    fn set_existing_association(&self, context: &mut Context<'a>, principal: &str, policy: &'a str) {
        context.set("eks:policyArn", policy);
        let entry = PrincipalArn::parse(principal).ok().and_then(|arn| self.cluster?.world.entry(&arn));
        let Ok(policy) = AccessPolicyArn::parse(policy) else { return };
        if let Some(association) = entry.and_then(|entry| entry.access_policies.get(policy.name())) {
            context.set("eks:accessScope", association.access_scope.kind());
            let namespaces = association.access_scope.namespaces().iter();
            context.set_all("eks:namespaces", namespaces.map(|pattern| pattern.as_str()));
        }
    }

    /// In the region that the request was signed for.
    fn arn(&self, resource: &str) -> String {
        let caller = self.call.caller;
        format!("arn:{}:eks:{}:{}:{resource}", caller.partition, self.call.region, caller.account)
    }

    /// In the region of the cluster, where that is known.
    fn known_arn(&self, resource: &str) -> String {
        match self.cluster.map(|cluster| &cluster.cluster) {
            Some(cluster) => {
                format!("arn:{}:eks:{}:{}:{resource}", cluster.partition, cluster.region, cluster.account)
            }
            None => self.arn(resource),
        }
    }
}

/// A cluster of the caller's account.
pub(super) fn own_cluster<'a>(view: &'a View, call: &Call<'_>, name: &str) -> Option<&'a ClusterView> {
    view.cluster(name).map(AsRef::as_ref).filter(|cluster| cluster.record.account == call.caller.account)
}

/// `access-entry/CLUSTER/role/ACCOUNT/NAME/*`: as much of it as the request gives.
fn entry_resource(cluster: &str, principal: Option<&PrincipalArn>) -> String {
    let kind = match principal.map(PrincipalArn::kind) {
        Some(PrincipalKind::Role) => "role",
        Some(PrincipalKind::User) => "user",
        Some(PrincipalKind::Root | PrincipalKind::FederatedUser) | None => "",
    };
    let named = principal.filter(|_| !kind.is_empty());
    let account = named.map(|arn| arn.account().to_string()).unwrap_or_default();
    format!("access-entry/{}/{kind}/{account}/{}/*", shown(cluster), named.map_or("", PrincipalArn::name))
}

fn strings(list: Option<&[String]>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().iter().map(String::as_str)
}

fn set_entry<'a>(context: &mut Context<'a>, entry: &'a AccessEntry) {
    context.set("eks:accessEntryType", entry.r#type.name());
    context.set("eks:username", entry.username().as_str().to_owned());
    context.set_all("eks:kubernetesGroups", strings(Some(entry.kubernetes_groups())));
    set_resource_tags(context, entry.tags());
}

fn set_update<'a>(context: &mut Context<'a>, update: &'a Update) {
    if let Some(username) = update.body.username.as_deref().filter(|name| !name.is_empty()) {
        context.set("eks:username", username);
    }
    if let Some(groups) = &update.body.kubernetes_groups {
        context.set_all("eks:kubernetesGroups", strings(Some(groups)));
    }
}

fn set_association<'a>(context: &mut Context<'a>, association: &'a Association) {
    context.set_all("eks:policyArn", association.body.policy_arn.as_deref());
    if let Some(scope) = &association.body.access_scope {
        context.set_all("eks:accessScope", scope.r#type.as_deref());
        context.set_all("eks:namespaces", strings(scope.namespaces.as_deref()));
    }
}

fn set_mode<'a>(context: &mut Context<'a>, update: &'a UpdateConfig) {
    let name = update.access_config.as_ref().and_then(|config| config.authentication_mode.as_deref());
    let mode = name.map(|name| AuthenticationMode::from_name(name).map_or(name, |mode| mode.name()));
    context.set_all("eks:authenticationMode", mode);
}

/// The tags of a request; of one without any nothing is set.
pub(crate) fn set_request_tags<'a>(context: &mut Context<'a>, tags: &'a Tags) {
    context.set_tags("aws:RequestTag/", tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    context.set_all("aws:TagKeys", tags.keys().map(String::as_str));
}

fn set_resource_tags<'a>(context: &mut Context<'a>, tags: &'a Tags) {
    context.set_tags("aws:ResourceTag/", tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
}
