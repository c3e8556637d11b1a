//! A kube-apiserver whose webhooks reach the servers by a load balancer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_bench::api::Api;
use doorward_bench::http::tls_without_certificate;
use doorward_cluster::init::{Init, init};
use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_core::cluster_name::ClusterName;
use doorward_lab::{LabDir, LabState, WebhookFiles, down, restart, up_kubernetes_with_webhooks};
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::balancer::Balancer;
use crate::line::Door;
use crate::question::CLUSTER;

const API_SERVER: &str = "kube-apiserver";

/// A running API server.
pub(crate) struct Kubernetes {
    dir: LabDir,
    /// Where it is asked.
    pub(crate) door: Door,
    /// Whether it is there to be asked.
    pub(crate) is_there: Arc<AtomicBool>,
    _balancer: Balancer,
}

impl Kubernetes {
    /// Starts one in a folder, which asks whom the balancer leads to. `data` is the folder of one of the servers.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn start(lab: &Path, data: &Path, balancer: Balancer) -> anyhow::Result<Self> {
        let dir = LabDir::new(lab)?;
        // What an earlier run left, if it was killed.
        down(&dir).await?;
        let cluster: ClusterName = CLUSTER.parse()?;
        let out = data.with_extension("init");
        let what = Init {
            data_dir: data,
            cluster: &cluster,
            webhook_addr: &balancer.address.to_string(),
            out: &out,
            installed_at: None,
            force: true,
        };
        init(&what, Timestamp::now())?;
        let state = up_kubernetes_with_webhooks(dir.clone(), &WebhookFiles::of_init(&out), |_| {}).await?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.pki().join("ca.crt"))?)?;
        let door = Door { address: state.addresses.kubernetes, tls: Some(tls_without_certificate(roots)?) };
        Ok(Self { dir, door, is_there: Arc::new(AtomicBool::new(true)), _balancer: balancer })
    }

    /// Tells a server about the cluster, so that it follows its aws-auth.
    ///
    /// # Errors
    /// If it does not take it.
    pub(crate) async fn register(&self, api: &Api) -> anyhow::Result<()> {
        let kubeconfig = StoredKubeconfig::load(&self.dir.admin_kubeconfig(), None)?;
        let registration = json!({
            "endpoint": kubeconfig.server(),
            "certificateAuthority": STANDARD.encode(kubeconfig.certificate_authority().unwrap_or_default()),
            "version": "1.32",
            "authenticationMode": "API_AND_CONFIG_MAP",
            "kubeconfig": kubeconfig.to_secret()?.expose_secret(),
        });
        let target = format!("/doorward/v1/clusters/{CLUSTER}");
        api.call("doorward", "PUT", &target, &registration.to_string()).await?;
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        self.is_there.store(false, Ordering::SeqCst);
        let state = LabState::read(&self.dir)?.context("the lab is gone")?;
        let process = state.processes.iter().find(|process| process.name == API_SERVER);
        let id = process.context("no kube-apiserver")?.pid.to_string();
        let sent = std::process::Command::new("kill").args(["-s", "KILL", &id]).status()?;
        anyhow::ensure!(sent.success(), "cannot kill kube-apiserver");
        Ok(())
    }

    /// Starts it again, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        restart(&self.dir, API_SERVER).await?;
        self.is_there.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it does not end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        down(&self.dir).await?;
        Ok(())
    }
}
