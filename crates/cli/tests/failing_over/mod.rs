//! What a kube-apiserver needs to have two servers, and who calls it.

mod balancer;
mod callers;

pub(crate) use balancer::Balancer;
pub(crate) use callers::{ApiServer, Caller, Refusal};

use std::path::Path;

use doorward_lab::{LabDir, WebhookFiles, down, up_kubernetes_with_webhooks};
use tokio::runtime::Runtime;

/// A kube-apiserver with its own etcd, stopped at the end of the test whatever happens.
pub(crate) struct Kubernetes<'a> {
    _guard: tempfile::TempDir,
    pub(crate) dir: LabDir,
    runtime: &'a Runtime,
}

impl<'a> Kubernetes<'a> {
    /// Starts one that asks the webhooks of the files that `doorward init` wrote.
    pub(crate) fn start(runtime: &'a Runtime, files: &Path) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let dir = LabDir::new(guard.path().join("lab")).unwrap();
        let kubernetes = Self { _guard: guard, dir: dir.clone(), runtime };
        runtime.block_on(up_kubernetes_with_webhooks(dir, &WebhookFiles::of_init(files), |_| {})).unwrap();
        kubernetes
    }
}

impl Drop for Kubernetes<'_> {
    fn drop(&mut self) {
        let stopped = self.runtime.block_on(down(&self.dir));
        assert!(stopped.is_ok() || std::thread::panicking(), "{stopped:?}");
    }
}
