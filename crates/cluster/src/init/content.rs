//! The texts of the files that a kube-apiserver is started with.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorward_core::cluster_name::ClusterName;
use zeroize::Zeroizing;

use super::{InitError, OutFile};
use crate::files::Access;
use crate::pki::KeyPair;

/// The files, the authority first.
pub(super) const NAMES: [&str; 8] = [
    "ca.crt",
    "client.crt",
    "client.key",
    "authentication-webhook.kubeconfig",
    "authorization-webhook.kubeconfig",
    "authorization-configuration.yaml",
    "flags",
    "kube-apiserver-patch.yaml",
];

/// How long a kube-apiserver waits for an answer. Longer, and its own clients give up.
const TIMEOUT: &str = "3s";
/// How long it remembers that a token is good. It remembers it for ten seconds, whatever it is told.
const TOKEN_TTL: &str = "10s";
/// How long it remembers an allowed request. With the above, the longest time that access outlives its removal.
const AUTHORIZED_TTL: &str = "10s";
/// How long it remembers that the webhook had no opinion: the longest time that new access is not seen.
const UNAUTHORIZED_TTL: &str = "5s";

/// What the texts are made of.
pub(super) struct Parts<'a> {
    pub(super) ca: &'a str,
    pub(super) client: &'a KeyPair,
    pub(super) cluster: &'a ClusterName,
    pub(super) webhook_addr: &'a str,
    pub(super) installed_at: &'a Path,
}

/// All files.
pub(super) fn files(parts: &Parts<'_>) -> Result<Vec<OutFile>, InitError> {
    let installed_at = parts.installed_at.to_str().filter(|path| !path.contains(['\n', '"', '\\']));
    let installed_at = installed_at.ok_or_else(|| InitError::Io {
        action: "use",
        path: parts.installed_at.display().to_string(),
        message: "the name of the folder has characters that cannot stand in the files".to_owned(),
    })?;
    let contents: [(Zeroizing<String>, Access); 8] = [
        (parts.ca.to_owned().into(), Access::All),
        (parts.client.certificate_pem().to_owned().into(), Access::All),
        (parts.client.key_pem().to_owned().into(), Access::Owner),
        (kubeconfig(parts, "authenticate"), Access::Owner),
        (kubeconfig(parts, "authorize"), Access::Owner),
        (authorization_configuration(installed_at).into(), Access::All),
        (flags(installed_at).into(), Access::All),
        (patch(installed_at).into(), Access::All),
    ];
    let named = NAMES.into_iter().zip(contents);
    Ok(named.map(|(name, (content, access))| OutFile { name, content, access }).collect())
}

/// How the API server calls a webhook. Everything is in it, so that it can be moved.
fn kubeconfig(parts: &Parts<'_>, webhook: &str) -> Zeroizing<String> {
    let Parts { ca, client, cluster, webhook_addr, .. } = parts;
    let ca = STANDARD.encode(ca);
    let certificate = STANDARD.encode(client.certificate_pem());
    let key = Zeroizing::new(STANDARD.encode(client.key_pem()));
    Zeroizing::new(format!(
        r#"# How the kube-apiserver of cluster {cluster} asks Doorward. It holds a private key.
apiVersion: v1
kind: Config
clusters:
- name: doorward
  cluster:
    server: "https://{webhook_addr}/clusters/{cluster}/{webhook}"
    certificate-authority-data: {ca}
users:
- name: kube-apiserver
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: doorward
  context:
    cluster: doorward
    user: kube-apiserver
current-context: doorward
"#,
        key = key.as_str()
    ))
}

fn authorization_configuration(folder: &str) -> String {
    format!(
        r#"# For --authorization-config, from Kubernetes 1.32 on. It replaces --authorization-mode and every
# --authorization-webhook-… flag: keep here what those said.
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Node
  name: node
- type: RBAC
  name: rbac
# Asked last, and only where RBAC does not allow. It allows or has no opinion; it never denies.
- type: Webhook
  name: doorward
  webhook:
    timeout: {TIMEOUT}
    failurePolicy: NoOpinion
    # How long access outlives its removal, and how long new access is not seen.
    authorizedTTL: {AUTHORIZED_TTL}
    unauthorizedTTL: {UNAUTHORIZED_TTL}
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    connectionInfo:
      type: KubeConfigFile
      kubeConfigFile: "{folder}/authorization-webhook.kubeconfig"
"#
    )
}

fn flags(folder: &str) -> String {
    format!(
        r#"# Flags to add to kube-apiserver. Lines that begin with # are not flags.
# Every version:
--authentication-token-webhook-config-file={folder}/authentication-webhook.kubeconfig
--authentication-token-webhook-version=v1
--authentication-token-webhook-cache-ttl={TOKEN_TTL}
# Kubernetes 1.31 and older, in place of --authorization-mode as it is:
--authorization-mode=Node,RBAC,Webhook
--authorization-webhook-config-file={folder}/authorization-webhook.kubeconfig
--authorization-webhook-version=v1
--authorization-webhook-cache-authorized-ttl={AUTHORIZED_TTL}
--authorization-webhook-cache-unauthorized-ttl={UNAUTHORIZED_TTL}
# Kubernetes 1.32 and newer, in place of the five flags above (those work there too, but not together with this one):
#--authorization-config={folder}/authorization-configuration.yaml
"#
    )
}

fn patch(folder: &str) -> String {
    format!(
        r#"# Mounts the folder in the static pod. With kubeadm: name it kube-apiserver+strategic.yaml in the folder of
# --patches, and put the flags (see the file `flags`) under apiServer.extraArgs of the ClusterConfiguration.
apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - name: kube-apiserver
    volumeMounts:
    - name: doorward
      mountPath: "{folder}"
      readOnly: true
  volumes:
  - name: doorward
    hostPath:
      path: "{folder}"
      type: Directory
"#
    )
}
