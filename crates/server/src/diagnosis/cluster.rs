//! Steps about one cluster: whether its API server calls, with which certificate, what is known of its aws-auth, whom
//! entries and rows name, and whether anybody is left who may do everything.

use std::sync::Arc;

use doorward_core::aws_auth::RowStatus;
use doorward_core::directory::{Directory as KnownPrincipals, KnownPrincipal};
use doorward_core::existence::{Dead, Fate, dead};
use doorward_core::lock_out::has_administrator;
use doorward_core::principal::{PrincipalArn, PrincipalKind};
use doorward_identity::directory::Directory;
use jiff::{SignedDuration, Timestamp};

use super::Step;
use super::words::{ago, ends, few, long};
use crate::contact::Hook;
use crate::health::Signs;
use crate::view::{ClusterView, UnknownPrincipals, View};

/// A silent watch is confirmed once a minute, and the list may take a quarter.
const WATCH_IS_LATE: SignedDuration = SignedDuration::from_secs(120);
/// `doorward init` renews a client certificate within its last 30 days.
pub(super) const CLIENT_IS_LATE: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn steps(view: &View, cluster: &ClusterView, signs: &Signs, now: Timestamp) -> Vec<Step> {
    let uses_aws_auth = cluster.world.mode().uses_aws_auth();
    let certificate = cluster.contact.certificate_ends().map(|ends| client_certificate(ends, now));
    let aws_auth = uses_aws_auth.then(|| [watched(cluster, now), rows(cluster)]);
    let policies = without_effect(cluster);
    [calls(cluster, signs, now)]
        .into_iter()
        .chain(certificate)
        .chain(aws_auth.into_iter().flatten())
        .chain(principals(view, cluster))
        .chain(policies)
        .collect()
}

fn calls(cluster: &ClusterView, signs: &Signs, now: Timestamp) -> Step {
    const NAME: &str = "webhook-calls";
    let since = format!("since this server was started {}", ago(signs.started_at, now));
    let elsewhere =
        if signs.is_shared { "; another server of the same store may be the one that it calls" } else { "" };
    let remedy = |flags: &str| {
        format!(
            "start its kube-apiserver with {flags}, as in `flags` of `doorward init`, and see in its log whether it \
             reaches the webhooks{elsewhere}"
        )
    };
    match Hook::ALL.map(|hook| cluster.contact.last_call(hook)) {
        [Some(token), Some(review)] => Step::ok(
            NAME,
            format!(
                "the API server asked about a token {} and about a permission {}",
                ago(token, now),
                ago(review, now)
            ),
        ),
        [Some(token), None] => Step::warn(
            NAME,
            format!(
                "the API server asked about a token {}, and never about a permission {since}: access policies have \
                     no effect without",
                ago(token, now)
            ),
            remedy("the webhook among its authorizers"),
        ),
        [None, Some(review)] => Step::warn(
            NAME,
            format!(
                "the API server asked about a permission {}, and never about a token {since}: nobody can come in \
                     without",
                ago(review, now)
            ),
            remedy("`--authentication-token-webhook-config-file`"),
        ),
        [None, None] => Step::warn(NAME, format!("the API server has not called {since}"), remedy("both webhooks")),
    }
}

fn client_certificate(at: Timestamp, now: Timestamp) -> Step {
    const NAME: &str = "client-certificate";
    const REMEDY: &str = "run `doorward init` for the cluster again, which makes a new one, and start its kube-apiserver \
                          with the new files";
    let found = format!("the certificate that the API server showed {}", ends(at, now));
    let left = at.duration_since(now);
    if left.is_negative() {
        Step::fail(NAME, found, REMEDY)
    } else if left < CLIENT_IS_LATE {
        Step::warn(NAME, found, REMEDY)
    } else {
        Step::ok(NAME, found)
    }
}

fn watched(cluster: &ClusterView, now: Timestamp) -> Step {
    const NAME: &str = "aws-auth";
    const REMEDY: &str = "see whether the cluster's API server is there and the kubeconfig that the cluster was registered \
                          with is still good; what was read last counts meanwhile";
    let confirmed = cluster.aws_auth_confirmed.at();
    let age = confirmed.map(|at| now.duration_since(at));
    match (&cluster.aws_auth.failing, age) {
        (Some((since, error)), None) => Step::fail(
            NAME,
            format!("was never read since the start: {error} (since {since:.0}); nobody comes in by it"),
            REMEDY,
        ),
        (Some((since, error)), Some(age)) => {
            let found = format!("cannot be watched since {since:.0} and was last confirmed {} ago: {error}", long(age));
            if age > WATCH_IS_LATE { Step::fail(NAME, found, REMEDY) } else { Step::warn(NAME, found, REMEDY) }
        }
        (None, None) => Step::warn(NAME, "was not read yet", "ask again in a moment"),
        (None, Some(age)) if age > WATCH_IS_LATE => {
            Step::fail(NAME, format!("was last confirmed {} ago", long(age)), REMEDY)
        }
        (None, Some(age)) => Step::ok(NAME, format!("is watched, and was last confirmed {} ago", long(age))),
    }
}

fn rows(cluster: &ClusterView) -> Step {
    const NAME: &str = "rows";
    let aws_auth = cluster.world.aws_auth();
    let name = &cluster.record.name;
    let remedy = format!("`doorward mapping lint --cluster {name}` tells each with its mending");
    let stale: Vec<&str> = aws_auth.stale_sections().map(|section| section.key()).collect();
    if !stale.is_empty() {
        let found = format!(
            "{} cannot be read; the rows that it had last still count, until this server is started again",
            few(stale)
        );
        return Step::fail(NAME, found, remedy);
    }
    let rows = aws_auth.rows();
    let counted: Vec<String> = RowStatus::ALL
        .iter()
        .map(|status| (status, rows.iter().filter(|row| row.status == *status).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", status.name()))
        .collect();
    let found = if counted.is_empty() {
        "aws-auth has no rows".to_owned()
    } else {
        format!("of aws-auth: {}", counted.join(", "))
    };
    match rows.iter().map(|row| row.status).max() {
        Some(RowStatus::Dead | RowStatus::Dropped) => Step::fail(NAME, found, remedy),
        Some(RowStatus::Hazardous | RowStatus::Ambiguous | RowStatus::Shadowed) => Step::warn(NAME, found, remedy),
        Some(RowStatus::Live) | None => Step::ok(NAME, found),
    }
}

/// Whom entries and rows name, and whether one of those who exist may do everything.
fn principals(view: &View, cluster: &ClusterView) -> Vec<Step> {
    const NAME: &str = "principals";
    if view.unknown_principals == UnknownPrincipals::ByArn {
        let found = "not looked at: the principals of AWS are not known here, and entries are for their ARNs";
        return vec![Step::ok(NAME, found), administrators(cluster, &KnownPrincipals::default(), |_| true)];
    }
    let directory = &view.directory;
    let dead = dead(&cluster.world, |arn| bearer(directory, arn));
    let entries = cluster.world.entries().map(|entry| entry.principal_arn.clone());
    let rows = cluster.world.aws_auth().mappings().filter_map(|row| PrincipalArn::parse(&row.arn).ok());
    let known = KnownPrincipals::new(entries.chain(rows).filter_map(|arn| bearer(directory, &arn)));
    let exists = |arn: &PrincipalArn| known.find(arn).is_some();
    vec![fates(cluster, &dead), administrators(cluster, &known, exists)]
}

/// The principal that bears a name now, whatever its path.
fn bearer(directory: &Directory, arn: &PrincipalArn) -> Option<KnownPrincipal> {
    let (arn, id) = match arn.kind() {
        PrincipalKind::User => directory.user(arn.account(), arn.name()).map(|user| (&user.arn, &user.id))?,
        PrincipalKind::Role => directory.role(arn.account(), arn.name()).map(|role| (&role.arn, &role.id))?,
        PrincipalKind::Root | PrincipalKind::FederatedUser => return None,
    };
    Some(KnownPrincipal { arn: arn.clone(), unique_id: Some(id.clone()) })
}

fn fates(cluster: &ClusterView, dead: &[Dead]) -> Step {
    const NAME: &str = "principals";
    let name = &cluster.record.name;
    let of = |is_entry: bool, fate: Fate| -> Vec<&str> {
        dead.iter()
            .filter(|dead| dead.is_entry == is_entry && dead.fate == fate)
            .map(|dead| dead.arn.as_str())
            .collect()
    };
    let (again, gone, rows) = (of(true, Fate::Recreated), of(true, Fate::Gone), of(false, Fate::Gone));
    let parts = [
        ("entries for principals that were deleted and made again, whom they do not let in", &again),
        ("entries for principals that do not exist", &gone),
        ("rows for principals that do not exist", &rows),
    ];
    let found: Vec<String> = parts
        .iter()
        .filter(|(_, arns)| !arns.is_empty())
        .map(|(what, arns)| format!("{what}: {}", few(arns.iter().copied())))
        .collect();
    let remove =
        format!("`aws eks delete-access-entry --cluster-name {name} --principal-arn ARN`, `doorward mapping delete`");
    if !again.is_empty() {
        let remedy =
            format!("delete such an entry and create it again, so that it is for the new principal ({remove})");
        Step::fail(NAME, found.join("; "), remedy)
    } else if !found.is_empty() {
        Step::warn(NAME, found.join("; "), format!("delete what nobody needs ({remove})"))
    } else {
        Step::ok(NAME, "whoever is named by an entry or a row exists")
    }
}

fn administrators(cluster: &ClusterView, known: &KnownPrincipals, exists: impl Fn(&PrincipalArn) -> bool) -> Step {
    const NAME: &str = "administrators";
    let world = &cluster.world;
    let is_creator_in_force = !world.mode().uses_access_entries() && world.has_creator();
    if is_creator_in_force || has_administrator(&world.with_directory(Arc::new(known.clone())), exists) {
        return Step::ok(NAME, "somebody who exists may do everything");
    }
    let name = &cluster.record.name;
    let remedy = format!(
        "`aws eks create-access-entry --cluster-name {name} --principal-arn ARN`, then `aws eks associate-access-policy` \
         with AmazonEKSClusterAdminPolicy and `--access-scope type=cluster`"
    );
    let in_groups = world.entries().any(|entry| !entry.r#type.is_for_nodes() && !entry.kubernetes_groups().is_empty())
        || world.aws_auth().mappings().any(|row| row.groups.iter().any(|group| !is_of_nodes(group.as_str())));
    if in_groups {
        let found = "nobody who exists may do everything by an access policy or `system:masters`; whether a binding gives \
                     it to one of the groups is not known here";
        Step::warn(
            NAME,
            found,
            format!("ask `doorward who-can '*' '*' --cluster {name}`; if there is nobody: {remedy}"),
        )
    } else {
        Step::fail(NAME, "nobody who exists may do everything by an entry or a row", remedy)
    }
}

fn is_of_nodes(group: &str) -> bool {
    group.starts_with("system:node") || group == "system:bootstrappers"
}

/// Associations that grant nothing because AWS does not print the policy's rules.
fn without_effect(cluster: &ClusterView) -> Option<Step> {
    let catalogue = cluster.world.catalogue();
    let mut names: Vec<&str> = cluster
        .world
        .entries()
        .flat_map(|entry| entry.access_policies.iter())
        .map(|association| association.policy_arn.name())
        .filter(|name| catalogue.find(name).is_some_and(|policy| policy.grants_nothing()))
        .collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| {
        Step::warn(
            "policies",
            format!("{} grant nothing here, because AWS does not publish their rules", few(names)),
            "bind the entry's groups by RBAC to what they need",
        )
    })
}
