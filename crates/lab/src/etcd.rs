//! etcd, as the lab starts it: one member, on loopback, for kube-apiserver only.

use std::time::Duration;

use crate::process::{Process, ProcessSpec};
use crate::readiness::{http_ok, wait_until_ready};
use crate::{Addresses, Binaries, LabDir, LabError};

pub(crate) const NAME: &str = "etcd";

/// The command line. Plain HTTP, as etcd's own default is: whoever can reach the loopback of this machine can read the
/// cluster's objects, and a lab holds nothing that is worth more.
pub(crate) fn spec(dir: &LabDir, binaries: &Binaries, addresses: &Addresses) -> ProcessSpec {
    let client = format!("http://{}", addresses.etcd);
    let peer = format!("http://{}", addresses.etcd_peer);
    let args = vec![
        "--name=lab".to_owned(),
        format!("--data-dir={}", dir.etcd_data().display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=lab={peer}"),
        "--logger=zap".to_owned(),
    ];
    ProcessSpec { name: NAME, program: binaries.etcd.clone(), args, log: dir.log(NAME) }
}

/// Returns once etcd has a leader and answers.
pub(crate) async fn wait_ready(process: &Process, addresses: &Addresses) -> Result<(), LabError> {
    let address = addresses.etcd;
    wait_until_ready(process, Duration::from_secs(30), || http_ok(address, "/health")).await
}
