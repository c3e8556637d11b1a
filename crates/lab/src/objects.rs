//! The workshop's objects: what the walkthrough's "Prepared" describes.

use serde_json::{Value, json};

/// The workshop's account.
pub(crate) const ACCOUNT_ID: &str = "123456789012";
/// The region of everything in the lab.
pub(crate) const REGION: &str = "us-west-2";

/// The role whose row in aws-auth the walkthrough migrates.
pub(crate) const ADMINS_ROLE: &str = "eks-workshop-admins";
/// The role that gets access policies.
pub(crate) const READ_ONLY_ROLE: &str = "eks-workshop-read-only";
/// The role that gets a Kubernetes group.
pub(crate) const CARTS_TEAM_ROLE: &str = "eks-workshop-carts-team";
/// A role that no page of the workshop uses, but that its environment names.
pub(crate) const DEVELOPERS_ROLE: &str = "eks-workshop-developers";
/// The role of the nodes.
pub(crate) const NODE_ROLE: &str = "eksctl-eks-workshop-nodegroup-defa-NodeInstanceRole-acgt4WAVfXAA";

/// The instance behind the node: what `{{EC2PrivateDNSName}}` and the session name of a node are about.
pub(crate) const INSTANCE_ID: &str = "i-0123456789abcdef0";
/// The private DNS name of the instance.
pub(crate) const INSTANCE_DNS_NAME: &str = "ip-10-42-1-10.us-west-2.compute.internal";

/// The namespaces of the workshop's application.
pub(crate) const NAMESPACES: [&str; 6] = ["carts", "catalog", "checkout", "orders", "other", "ui"];

/// What is deployed: namespace, name, kind, and for a Deployment the hash its pods carry in their names.
const WORKLOADS: [Workload; 9] = [
    Workload { namespace: "carts", name: "carts", kind: Kind::Deployment("6d4478747c") },
    Workload { namespace: "carts", name: "carts-dynamodb", kind: Kind::Deployment("d9f9f48b") },
    Workload { namespace: "catalog", name: "catalog", kind: Kind::Deployment("66fd9bd8d9") },
    Workload { namespace: "catalog", name: "catalog-mysql", kind: Kind::StatefulSet },
    Workload { namespace: "checkout", name: "checkout", kind: Kind::Deployment("7d78cb86c8") },
    Workload { namespace: "checkout", name: "checkout-redis", kind: Kind::Deployment("58674f7b5d") },
    Workload { namespace: "orders", name: "orders", kind: Kind::Deployment("5696b978f5") },
    Workload { namespace: "orders", name: "orders-postgresql", kind: Kind::StatefulSet },
    Workload { namespace: "ui", name: "ui", kind: Kind::Deployment("854cd6f49c") },
];

struct Workload {
    namespace: &'static str,
    name: &'static str,
    kind: Kind,
}

enum Kind {
    Deployment(&'static str),
    StatefulSet,
}

/// The ARN of a role of the workshop's account.
pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")
}

/// The namespace objects; `kube-system` is among them, as kube-apiserver makes it only a moment after it is ready.
pub(crate) fn namespaces() -> impl Iterator<Item = Value> {
    ["kube-system"].into_iter().chain(NAMESPACES).map(|name| {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "labels": { "app.kubernetes.io/created-by": "eks-workshop" } },
        })
    })
}

/// Deployments and StatefulSets, each with the collection it is created in.
pub(crate) fn workloads() -> impl Iterator<Item = (String, Value)> {
    WORKLOADS.iter().map(|workload| {
        let (kind, collection, hash) = match workload.kind {
            Kind::Deployment(hash) => ("Deployment", "deployments", Some(hash)),
            Kind::StatefulSet => ("StatefulSet", "statefulsets", None),
        };
        let selector = json!({ "app.kubernetes.io/name": workload.name });
        let mut labels = selector.clone();
        if let (Some(hash), Some(labels)) = (hash, labels.as_object_mut()) {
            labels.insert(crate::workloads::TEMPLATE_HASH.to_owned(), json!(hash));
        }
        let image = format!("public.ecr.aws/aws-containers/retail-store-sample-{}:1.2.1", workload.namespace);
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": { "name": workload.name, "namespace": workload.namespace },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": selector },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "automountServiceAccountToken": false,
                        "containers": [{ "name": workload.name, "image": image }],
                    },
                },
            },
        });
        if let (Kind::StatefulSet, Some(spec)) = (&workload.kind, object.get_mut("spec").and_then(Value::as_object_mut))
        {
            spec.insert("serviceName".to_owned(), json!(workload.name));
        }
        (format!("/apis/apps/v1/namespaces/{}/{collection}", workload.namespace), object)
    })
}

/// The `aws-auth` ConfigMap as the workshop's cluster has it before the migration.
pub(crate) fn aws_auth() -> Value {
    let map_roles = format!(
        "- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: {}
  username: system:node:{{{{EC2PrivateDNSName}}}}
- groups:
  - system:masters
  rolearn: {}
  username: cluster-admin
",
        role_arn(NODE_ROLE),
        role_arn(ADMINS_ROLE)
    );
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "aws-auth", "namespace": "kube-system" },
        "data": { "mapRoles": map_roles, "mapUsers": "[]\n" },
    })
}

/// Files of the walkthrough's RBAC chapter, for `kubectl apply -k`.
pub(crate) const RBAC_FILES: [(&str, &str); 3] = [
    (
        "kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- role.yaml\n- rolebinding.yaml\n",
    ),
    (
        "role.yaml",
        r#"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: carts-team-role
  namespace: carts
rules:
- apiGroups: [""]
  resources: ["*"]
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources: ["pods"]
  verbs: ["delete"]
"#,
    ),
    (
        "rolebinding.yaml",
        r"apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: carts-team-role-binding
  namespace: carts
subjects:
- kind: Group
  name: carts-team
  apiGroup: rbac.authorization.k8s.io
roleRef:
  kind: Role
  name: carts-team-role
  apiGroup: rbac.authorization.k8s.io
",
    ),
];
