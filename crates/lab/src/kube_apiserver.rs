//! kube-apiserver, as the lab starts it: a command line that 1.20 and current versions both take.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::kubernetes::KubernetesApi;
use crate::layout::write_private;
use crate::pki::Pki;
use crate::process::{Process, ProcessSpec};
use crate::readiness::wait_until_ready;
use crate::{Addresses, Binaries, CLUSTER_NAME, LabDir, LabError};

pub(crate) const NAME: &str = "kube-apiserver";

/// The shortest time that is not zero. kube-apiserver caches what webhooks answer, and a change must be seen by the
/// next command. Zero would switch the caches off too, but newer versions check that the time is positive.
const NO_CACHE: &str = "1ns";

/// kubeconfig files that tell kube-apiserver where Doorward's webhooks are, as `doorward init` writes them.
#[derive(Debug, Clone)]
pub struct WebhookFiles {
    /// For `--authentication-token-webhook-config-file`.
    pub authentication: PathBuf,
    /// For `--authorization-webhook-config-file`.
    pub authorization: PathBuf,
}

impl WebhookFiles {
    /// Those that `doorward init --out` wrote.
    pub fn of_init(out: &Path) -> Self {
        Self {
            authentication: out.join("authentication-webhook.kubeconfig"),
            authorization: out.join("authorization-webhook.kubeconfig"),
        }
    }
}

/// The command line.
pub(crate) fn spec(
    dir: &LabDir,
    binaries: &Binaries,
    addresses: &Addresses,
    pki: &Pki,
    webhooks: Option<&WebhookFiles>,
) -> ProcessSpec {
    let mut args = vec![
        format!("--etcd-servers=http://{}", addresses.etcd),
        format!("--bind-address={}", addresses.kubernetes.ip()),
        format!("--secure-port={}", addresses.kubernetes.port()),
        // The `kubernetes` service needs no endpoints, which may not be loopback addresses anyway.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--advertise-address={}", addresses.kubernetes.ip()),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--tls-cert-file={}", pki.serving_certificate.display()),
        format!("--tls-private-key-file={}", pki.serving_key.display()),
        format!("--client-ca-file={}", pki.ca_certificate.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", pki.service_account_public_key.display()),
        format!("--service-account-signing-key-file={}", pki.service_account_key.display()),
        // No controller makes the service accounts that this plugin would wait for.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--allow-privileged=true".to_owned(),
    ];
    match webhooks {
        None => args.push("--authorization-mode=Node,RBAC".to_owned()),
        Some(files) => args.extend([
            "--authorization-mode=Node,RBAC,Webhook".to_owned(),
            format!("--authentication-token-webhook-config-file={}", files.authentication.display()),
            "--authentication-token-webhook-version=v1".to_owned(),
            format!("--authentication-token-webhook-cache-ttl={NO_CACHE}"),
            format!("--authorization-webhook-config-file={}", files.authorization.display()),
            "--authorization-webhook-version=v1".to_owned(),
            format!("--authorization-webhook-cache-authorized-ttl={NO_CACHE}"),
            format!("--authorization-webhook-cache-unauthorized-ttl={NO_CACHE}"),
        ]),
    }
    ProcessSpec { name: NAME, program: binaries.kube_apiserver.clone(), args, log: dir.log(NAME) }
}

/// Lets it write who did what, and why they might, to [`LabDir::audit_log`].
pub(crate) fn keep_audit_log(dir: &LabDir, spec: &mut ProcessSpec) -> Result<(), LabError> {
    let policy = dir.pki().join("audit-policy.yaml");
    write_private(
        &policy,
        b"apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
    )?;
    spec.args.extend([
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", dir.audit_log().display()),
    ]);
    Ok(())
}

/// Writes the kubeconfig of the cluster's own administrator, who comes with a client certificate and so does not pass
/// through Doorward.
pub(crate) fn write_admin_kubeconfig(dir: &LabDir, addresses: &Addresses, pki: &Pki) -> Result<(), LabError> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "apiVersion: v1
kind: Config
current-context: admin
clusters:
- name: {CLUSTER_NAME}
  cluster:
    server: https://{server}
    certificate-authority: {ca:?}
contexts:
- name: admin
  context:
    cluster: {CLUSTER_NAME}
    user: admin
users:
- name: admin
  user:
    client-certificate: {certificate:?}
    client-key: {key:?}
",
        server = addresses.kubernetes,
        ca = pki.ca_certificate,
        certificate = pki.admin_certificate,
        key = pki.admin_key,
    );
    write_private(&dir.admin_kubeconfig(), text.as_bytes())
}

/// Returns once kube-apiserver says that it is ready, its default roles included.
pub(crate) async fn wait_ready(process: &Process, api: &KubernetesApi) -> Result<(), LabError> {
    wait_until_ready(process, Duration::from_secs(90), || api.is_ready()).await
}
