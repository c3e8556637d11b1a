//! A stand-in for the controllers and the kubelet: pods for Deployments and StatefulSets, Running as soon as they are
//! there, and made anew when they are deleted.
//!
//! The lab has an API server and no node. Pods are created without one, so that deleting them is immediate, and their
//! status is set to what a kubelet would report, so that `kubectl get pod` shows what the workshop shows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{KubernetesApi, LabDir, LabError};

/// The label a Deployment's pods carry, and part of their names.
pub(crate) const TEMPLATE_HASH: &str = "pod-template-hash";

/// How often the objects are looked at. A real controller watches; for a dozen pods asking is enough.
const PERIOD: Duration = Duration::from_millis(500);

/// Keeps reconciling for as long as the lab is there. Errors are written to standard error, and it goes on: the API
/// server may be restarting.
pub async fn keep_workloads(dir: &LabDir) -> Result<(), LabError> {
    let api = KubernetesApi::connect(dir).await?;
    let mut last = String::new();
    while dir.state().exists() {
        let said = reconcile(&api).await.err().map(|error| error.to_string()).unwrap_or_default();
        if said != last && !said.is_empty() {
            tracing::warn!("{said}");
        }
        last = said;
        tokio::time::sleep(PERIOD).await;
    }
    Ok(())
}

/// Creates the pods that are missing and sets those to Running that are not.
pub async fn reconcile(api: &KubernetesApi) -> Result<(), LabError> {
    let pods = items(api.get("/api/v1/pods").await?);
    for collection in ["deployments", "statefulsets"] {
        let list = items(api.get(&format!("/apis/apps/v1/{collection}")).await?);
        for workload in list.iter().filter_map(Workload::read) {
            workload.reconcile(api, &pods, collection).await?;
        }
    }
    Ok(())
}

/// What matters of a Deployment or StatefulSet.
struct Workload<'a> {
    namespace: &'a str,
    name: &'a str,
    replicas: u64,
    ready: u64,
    generation: u64,
    template: &'a Value,
    labels: BTreeMap<&'a str, &'a str>,
}

impl<'a> Workload<'a> {
    fn read(object: &'a Value) -> Option<Self> {
        let number = |pointer: &str, default| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(default);
        Some(Self {
            namespace: text(object, "/metadata/namespace")?,
            name: text(object, "/metadata/name")?,
            replicas: number("/spec/replicas", 1),
            ready: number("/status/readyReplicas", 0),
            generation: number("/metadata/generation", 1),
            template: object.pointer("/spec/template")?,
            labels: labels(object.pointer("/spec/selector/matchLabels")?),
        })
    }

    async fn reconcile(&self, api: &KubernetesApi, pods: &[Value], collection: &str) -> Result<(), LabError> {
        let own: Vec<_> = pods.iter().filter(|pod| self.owns(pod)).collect();
        for pod in own.iter().filter(|pod| text(pod, "/status/phase") != Some("Running")) {
            self.set_running(api, pod).await?;
        }
        let present = u64::try_from(own.len()).unwrap_or(u64::MAX);
        let mut missing = self.replicas.saturating_sub(present);
        for ordinal in 0..self.replicas {
            let fixed_name = (collection == "statefulsets").then(|| format!("{}-{ordinal}", self.name));
            let taken = |name: &String| own.iter().any(|pod| text(pod, "/metadata/name") == Some(name));
            if missing == 0 || fixed_name.as_ref().is_some_and(taken) {
                continue;
            }
            let pod = api.post(&self.pods_path(), &self.pod(fixed_name)).await?;
            self.set_running(api, &pod).await?;
            missing -= 1;
        }
        if self.ready != self.replicas {
            let path = format!("/apis/apps/v1/namespaces/{}/{collection}/{}", self.namespace, self.name);
            api.merge_status(&path, &self.status()).await?;
        }
        Ok(())
    }

    fn owns(&self, pod: &Value) -> bool {
        let pod_labels = pod.pointer("/metadata/labels").map(labels).unwrap_or_default();
        text(pod, "/metadata/namespace") == Some(self.namespace)
            && pod.pointer("/metadata/deletionTimestamp").is_none()
            && self.labels.iter().all(|(name, value)| pod_labels.get(name) == Some(value))
    }

    fn pods_path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    fn pod(&self, fixed_name: Option<String>) -> Value {
        let labels_value = self.template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        let metadata = match fixed_name {
            Some(name) => json!({ "name": name, "labels": labels_value }),
            // The API server adds five letters of its own.
            None => {
                let hash = labels(&labels_value).get(TEMPLATE_HASH).copied().unwrap_or("5d6f8c9b7");
                json!({ "generateName": format!("{}-{hash}-", self.name), "labels": labels_value })
            }
        };
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": self.template.pointer("/spec").cloned().unwrap_or_default(),
        })
    }

    /// What a kubelet reports of a pod whose containers all run.
    async fn set_running(&self, api: &KubernetesApi, pod: &Value) -> Result<(), LabError> {
        let name = text(pod, "/metadata/name").unwrap_or_default();
        let created = text(pod, "/metadata/creationTimestamp").unwrap_or_default();
        let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .map(|condition| json!({ "type": condition, "status": "True", "lastTransitionTime": created }));
        let containers: Vec<_> = pod
            .pointer("/spec/containers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|container| {
                json!({
                    "name": container.get("name"),
                    "image": container.get("image"),
                    "imageID": "",
                    "ready": true,
                    "started": true,
                    "restartCount": 0,
                    "state": { "running": { "startedAt": created } },
                })
            })
            .collect();
        let status = json!({
            "phase": "Running",
            "startTime": created,
            "conditions": conditions,
            "containerStatuses": containers,
        });
        api.merge_status(&format!("{}/{name}", self.pods_path()), &status).await
    }

    fn status(&self) -> Value {
        json!({
            "observedGeneration": self.generation,
            "replicas": self.replicas,
            "updatedReplicas": self.replicas,
            "readyReplicas": self.replicas,
            "availableReplicas": self.replicas,
        })
    }
}

fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Object(mut list) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn labels(object: &Value) -> BTreeMap<&str, &str> {
    let pairs = object.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}
