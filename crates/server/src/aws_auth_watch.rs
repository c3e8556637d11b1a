//! Follows the aws-auth ConfigMap of every registered cluster and keeps it in the cluster's World.
//!
//! A section that no longer parses keeps its last good rows; a ConfigMap that is gone clears them; a cluster that
//! cannot be reached changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use doorward_cluster::kubeconfig::KubeconfigError;
use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_cluster::watch::{AwsAuthWatch, Health, Observed, Timing};
use doorward_core::aws_auth;
use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::engine::Engine;

/// How many problems of one ConfigMap are logged.
const LOGGED_PROBLEMS: usize = 20;

/// Watches until `stop` becomes true; clusters that are registered or removed meanwhile are taken up and let go.
pub(crate) async fn follow_all(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut changed = engine.clusters_changed();
    let mut watches: HashMap<ClusterName, (String, JoinHandle<()>)> = HashMap::new();
    loop {
        let wanted: HashMap<ClusterName, String> = engine
            .view_owned()
            .clusters()
            .map(|cluster| (cluster.record.name.clone(), cluster.record.kubeconfig.clone()))
            .collect();
        watches.retain(|name, (kubeconfig, task)| {
            let keep = wanted.get(name) == Some(kubeconfig);
            if !keep {
                task.abort();
            }
            keep
        });
        for (name, kubeconfig) in wanted {
            watches.entry(name.clone()).or_insert_with(|| {
                let task = tokio::spawn(follow(Arc::clone(&engine), name, kubeconfig.clone()));
                (kubeconfig, task)
            });
        }
        tokio::select! {
            changed = changed.changed() => if changed.is_err() { break },
            _ = stop.wait_for(|&stop| stop) => break,
        }
    }
    for (_, task) in watches.into_values() {
        task.abort();
    }
}

async fn follow(engine: Arc<Engine>, name: ClusterName, kubeconfig: String) {
    let watch = match watch(&kubeconfig).await {
        Ok(watch) => watch,
        Err(error) => {
            tracing::error!(cluster = %name, %error, "aws-auth cannot be watched with the stored kubeconfig");
            failing(&engine, &name, Timestamp::now(), &error.to_string());
            return;
        }
    };
    let confirmed = watch.confirmed();
    engine.observe(&name, |cluster| cluster.aws_auth_confirmed = Arc::clone(&confirmed));
    let mut states = watch.state();
    let mut seen: Option<Observed> = None;
    loop {
        let state = states.borrow_and_update().clone();
        if let Some(observed) = state.observed.filter(|observed| seen.as_ref() != Some(observed)) {
            take(&engine, &name, &observed);
            seen = Some(observed);
        }
        match state.health {
            Health::Starting => {}
            Health::Connected { .. } => engine.observe(&name, |cluster| cluster.aws_auth.failing = None),
            Health::Failing { since, error } => failing(&engine, &name, since, &error),
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

async fn watch(kubeconfig: &str) -> Result<AwsAuthWatch, KubeconfigError> {
    let client = StoredKubeconfig::from_secret(&kubeconfig.into())?.client().await?;
    Ok(AwsAuthWatch::start(client, Timing::default()))
}

/// Puts what was read in force.
fn take(engine: &Engine, name: &ClusterName, observed: &Observed) {
    let parsed = observed.data.as_ref().map(aws_auth::parse).unwrap_or_default();
    // Somebody's garbage must not become our log: `doorward status` has the count.
    for problem in parsed.problems.iter().take(LOGGED_PROBLEMS) {
        let section = problem.section.key();
        tracing::warn!(cluster = %name, section, line = problem.line, %problem, "a part of aws-auth does not count");
    }
    let (rows, present) = (parsed.mappings().count(), observed.data.is_some());
    tracing::info!(cluster = %name, resource_version = observed.resource_version, present, rows, "aws-auth was read");
    engine.observe(name, |cluster| {
        let aws_auth = parsed.clone().with_last_good(cluster.world.aws_auth());
        cluster.usage.put_rows(&aws_auth, observed.at);
        cluster.world = cluster.world.with_aws_auth(aws_auth);
        cluster.aws_auth.seen = true;
        cluster.aws_auth.resource_version = observed.resource_version.clone();
    });
}

fn failing(engine: &Engine, name: &ClusterName, since: Timestamp, error: &str) {
    engine.observe(name, |cluster| cluster.aws_auth.failing = Some((since, error.to_owned())));
}
