//! The state of the server and its clusters, for `doorward status`.

use doorward_core::access_entry::AccessEntry;
use doorward_core::aws_auth::AwsAuth;
use serde_json::{Value, json};

use crate::eks::{Call, Outcome};
use crate::view::{AwsAuthHealth, ClusterView, View};

/// How many problems of one ConfigMap are shown; all are counted.
const SHOWN_PROBLEMS: usize = 100;

pub(super) fn status(view: &View, call: &Call<'_>) -> Outcome {
    let own = view.clusters().filter(|cluster| cluster.record.account == call.caller.account);
    let clusters: Vec<Value> = own.map(|cluster| of_cluster(cluster)).collect();
    Ok((json!({ "version": env!("CARGO_PKG_VERSION"), "clusters": clusters }), Vec::new()))
}

fn of_cluster(cluster: &ClusterView) -> Value {
    let world = &cluster.world;
    let without_effect: Vec<Value> =
        world.entries().flat_map(|entry| policies_without_effect(cluster, entry)).collect();
    json!({
        "name": cluster.record.name.as_str(),
        "arn": cluster.cluster.arn(),
        "endpoint": cluster.record.endpoint,
        "authenticationMode": world.mode().name(),
        "creator": hidden_administrator(cluster),
        "accessEntries": world.entry_count(),
        "awsAuth": aws_auth(world.aws_auth(), &cluster.aws_auth),
        "policiesWithoutEffect": without_effect,
    })
}

/// Whoever registered the cluster, where that makes an administrator whom nothing else shows.
fn hidden_administrator(cluster: &ClusterView) -> Option<Value> {
    let record = &cluster.record;
    let is_hidden = record.bootstrap_creator_admin && !cluster.world.mode().uses_access_entries();
    is_hidden.then(|| json!({ "arn": record.creator.as_str(), "uniqueId": record.creator_id }))
}

/// Associations that grant nothing because AWS does not print the policy's rules.
fn policies_without_effect<'a>(cluster: &'a ClusterView, entry: &'a AccessEntry) -> impl Iterator<Item = Value> + 'a {
    entry.access_policies.iter().filter_map(|association| {
        let name = association.policy_arn.name();
        let policy = cluster.world.catalogue().find(name)?;
        policy.grants_nothing().then(|| json!({ "principalArn": entry.principal_arn.as_str(), "policy": name }))
    })
}

fn aws_auth(aws_auth: &AwsAuth, health: &AwsAuthHealth) -> Value {
    let problems: Vec<Value> = aws_auth
        .problems
        .iter()
        .take(SHOWN_PROBLEMS)
        .map(
            |problem| json!({ "section": problem.section.key(), "line": problem.line, "message": problem.to_string() }),
        )
        .collect();
    json!({
        "read": health.seen,
        "resourceVersion": health.resource_version,
        "failingSince": health.failing.as_ref().map(|(since, _)| since.to_string()),
        "failure": health.failing.as_ref().map(|(_, error)| error),
        "rows": aws_auth.rows().iter().filter(|row| row.status.counts()).count(),
        "staleSections": aws_auth.stale_sections().map(|section| section.key()).collect::<Vec<_>>(),
        "problemCount": aws_auth.problems.len(),
        "problems": problems,
    })
}
