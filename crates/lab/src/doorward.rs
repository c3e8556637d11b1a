//! The `doorward` command lines that the lab depends on. Only this module knows them.

use std::path::Path;
use std::time::Duration;

use crate::command::{run, run_shell};
use crate::kube_apiserver::WebhookFiles;
use crate::objects::{INSTANCE_DNS_NAME, INSTANCE_ID, NODE_ROLE};
use crate::process::{Process, ProcessSpec};
use crate::readiness::{http_ok, wait_until_ready};
use crate::{Addresses, CLUSTER_NAME, LabDir, LabError};

pub(crate) const NAME: &str = "doorward";
pub(crate) const WORKLOADS: &str = "workloads";

/// `doorward init`: what kube-apiserver needs before it starts.
pub(crate) async fn init(dir: &LabDir, addresses: &Addresses, exe: &Path) -> Result<WebhookFiles, LabError> {
    let args = [
        "init".to_owned(),
        format!("--data-dir={}", dir.doorward_data().display()),
        format!("--cluster={CLUSTER_NAME}"),
        format!("--webhook={}", addresses.webhook),
        format!("--out={}", dir.webhook().display()),
    ];
    run(exe, &args).await?;
    Ok(WebhookFiles::of_init(&dir.webhook()))
}

/// `doorward serve`.
pub(crate) fn serve(dir: &LabDir, addresses: &Addresses, exe: &Path, audit: bool) -> ProcessSpec {
    let mut args = vec![
        "serve".to_owned(),
        format!("--data-dir={}", dir.doorward_data().display()),
        format!("--api={}", addresses.api),
        format!("--webhook={}", addresses.webhook),
        format!("--ops={}", addresses.ops),
    ];
    if audit {
        args.extend(["--audit-ids=on".to_owned(), "--log-format=json".to_owned()]);
    }
    ProcessSpec { name: NAME, program: exe.to_owned(), args, log: dir.log(NAME) }
}

/// Returns once the server says that it is ready.
pub(crate) async fn wait_ready(process: &Process, addresses: &Addresses) -> Result<(), LabError> {
    let address = addresses.ops;
    wait_until_ready(process, Duration::from_secs(30), || http_ok(address, "/readyz")).await
}

/// `doorward lab keep-workloads`: see [`crate::keep_workloads`].
pub(crate) fn keep_workloads(dir: &LabDir, exe: &Path) -> ProcessSpec {
    let args = vec!["lab".to_owned(), "keep-workloads".to_owned(), format!("--dir={}", dir.root().display())];
    ProcessSpec { name: WORKLOADS, program: exe.to_owned(), args, log: dir.log(WORKLOADS) }
}

/// `doorward cluster register`, as the account's administrator, who so becomes the cluster's creator.
pub(crate) async fn register_cluster(dir: &LabDir) -> Result<(), LabError> {
    let script = "doorward cluster register \"$EKS_CLUSTER_NAME\" --kubeconfig \"$DOORWARD_LAB_DIR/admin.kubeconfig\" \
                  --authentication-mode API_AND_CONFIG_MAP";
    run_shell(dir, script).await.map(|_| ())
}

/// Tells the local directory about the node's instance, so that `{{EC2PrivateDNSName}}` has a name.
pub(crate) async fn seed_instance(dir: &LabDir) -> Result<(), LabError> {
    let script = format!(
        "doorward directory add-instance --instance-id {INSTANCE_ID} --role {NODE_ROLE} \
         --private-dns-name {INSTANCE_DNS_NAME}"
    );
    run_shell(dir, &script).await.map(|_| ())
}
