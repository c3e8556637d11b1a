//! Starting a lab.

use std::path::PathBuf;

use crate::kube_apiserver::WebhookFiles;
use crate::layout::{create_private_dir, write_private};
use crate::objects::{self, RBAC_FILES};
use crate::pki::Pki;
use crate::process::{Process, ProcessSpec};
use crate::state::LabState;
use crate::{Addresses, Binaries, KubernetesApi, LabDir, LabError};
use crate::{aws, doorward, down, environment, etcd, kube_apiserver, workloads};

/// What to start and where.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// The lab's folder.
    pub dir: LabDir,
    /// Addresses that were asked for; port 0 means any free one.
    pub addresses: Addresses,
    /// The `doorward` to run: usually the very program that asks.
    pub doorward: PathBuf,
    /// Whether kube-apiserver keeps an audit log ([`LabDir::audit_log`]) and Doorward puts the ids of its decisions
    /// there; its own log is in JSON then.
    pub audit: bool,
}

/// Starts everything, seeds it, and returns once the walkthrough's first command would work. The processes stay in the
/// background. `progress` hears each step as it begins. When a step fails, what was started is stopped again; the logs
/// stay.
pub async fn up(options: UpOptions, mut progress: impl FnMut(&str)) -> Result<LabState, LabError> {
    let mut lab = Lab::claim(options.dir, options.addresses, Some(options.doorward))?;
    lab.audit = options.audit;
    lab.run_or_clean_up(&mut progress, Lab::start_all).await
}

/// Starts etcd and kube-apiserver only, with RBAC and the workshop's objects: a real cluster for tests that need one
/// and bring their own server, or none.
pub async fn up_kubernetes(dir: LabDir, progress: impl FnMut(&str)) -> Result<LabState, LabError> {
    up_kubernetes_for(dir, None, progress).await
}

/// Like [`up_kubernetes`], with a kube-apiserver that asks webhooks which somebody else serves. It remembers no answer of
/// theirs, as in every lab.
pub async fn up_kubernetes_with_webhooks(
    dir: LabDir,
    webhooks: &WebhookFiles,
    progress: impl FnMut(&str),
) -> Result<LabState, LabError> {
    up_kubernetes_for(dir, Some(webhooks), progress).await
}

async fn up_kubernetes_for(
    dir: LabDir,
    webhooks: Option<&WebhookFiles>,
    mut progress: impl FnMut(&str),
) -> Result<LabState, LabError> {
    let lab = Lab::claim(dir, Addresses::default(), None)?;
    lab.run_or_clean_up(&mut progress, async |lab, progress| {
        lab.start_kubernetes(webhooks, progress).await?;
        lab.seed_kubernetes().await
    })
    .await
}

/// Starts a process of a running lab anew: after a crash, or after it was killed on purpose.
pub async fn restart(dir: &LabDir, name: &str) -> Result<(), LabError> {
    let not_running = || LabError::NotRunning { dir: dir.root().to_owned() };
    let _lock = dir.lock()?;
    let mut state = LabState::read(dir)?.ok_or_else(not_running)?;
    let old = state.processes.iter().find(|process| process.name == name).cloned().ok_or_else(not_running)?;
    old.stop(std::time::Duration::from_secs(10)).await?;
    let spec = match name {
        etcd::NAME => ProcessSpec { name: etcd::NAME, ..respawn(&old) },
        kube_apiserver::NAME => ProcessSpec { name: kube_apiserver::NAME, ..respawn(&old) },
        doorward::NAME => ProcessSpec { name: doorward::NAME, ..respawn(&old) },
        _ => ProcessSpec { name: doorward::WORKLOADS, ..respawn(&old) },
    };
    let process = Process::start(spec)?;
    state.add(dir, process.clone())?;
    match name {
        etcd::NAME => etcd::wait_ready(&process, &state.addresses).await,
        kube_apiserver::NAME => kube_apiserver::wait_ready(&process, &KubernetesApi::connect(dir).await?).await,
        doorward::NAME => doorward::wait_ready(&process, &state.addresses).await,
        _ => Ok(()),
    }
}

fn respawn(old: &Process) -> ProcessSpec {
    ProcessSpec { name: "", program: old.program.clone(), args: old.args.clone(), log: old.log.clone() }
}

/// A lab that is being started.
struct Lab {
    dir: LabDir,
    state: LabState,
    binaries: Binaries,
    audit: bool,
    _lock: crate::layout::Lock,
}

type Progress<'a> = &'a mut dyn FnMut(&str);

impl Lab {
    /// Makes the folder this lab's: nothing is started or removed unless nothing runs there, every program is found
    /// and every address is free.
    fn claim(dir: LabDir, addresses: Addresses, exe: Option<PathBuf>) -> Result<Self, LabError> {
        dir.check_ours()?;
        let lock = dir.lock()?;
        if let Some(state) = LabState::read(&dir)? {
            let running: Vec<_> =
                state.running().iter().map(|process| format!("{} {}", process.name, process.pid)).collect();
            if !running.is_empty() {
                return Err(LabError::AlreadyRuns { dir: dir.root().to_owned(), running: running.join(", ") });
            }
        }
        let binaries = Binaries::find()?;
        let addresses = addresses.reserve()?;
        dir.prepare()?;
        let state = LabState::new(addresses, exe);
        state.write(&dir)?;
        Ok(Self { dir, state, binaries, audit: false, _lock: lock })
    }

    async fn run_or_clean_up(
        mut self,
        progress: Progress<'_>,
        work: impl AsyncFnOnce(&mut Self, Progress<'_>) -> Result<(), LabError>,
    ) -> Result<LabState, LabError> {
        match work(&mut self, progress).await {
            Ok(()) => {
                self.state.ready = true;
                self.state.write(&self.dir)?;
                Ok(self.state)
            }
            Err(error) => {
                // The error that stopped the start is the one to tell, whatever cleaning up says.
                let _ = down::stop_all(&self.state).await;
                let _ = self.dir.clear();
                Err(error)
            }
        }
    }

    async fn start_all(&mut self, progress: Progress<'_>) -> Result<(), LabError> {
        let Some(exe) = self.state.doorward.clone() else {
            return Ok(());
        };
        let addresses = self.state.addresses;
        environment::write(&self.dir, &addresses, &exe)?;
        for (name, content) in RBAC_FILES {
            write_private(&self.dir.rbac().join(name), content.as_bytes())?;
        }

        progress("doorward: certificates and the first access key");
        create_private_dir(&self.dir.doorward_data())?;
        let webhooks = doorward::init(&self.dir, &addresses, &exe).await?;
        progress("doorward: starting");
        let process = self.start(doorward::serve(&self.dir, &addresses, &exe, self.audit))?;
        doorward::wait_ready(&process, &addresses).await?;

        self.start_kubernetes(Some(&webhooks), progress).await?;

        progress("registering the cluster");
        doorward::register_cluster(&self.dir).await?;
        progress("seeding the workshop's namespaces, pods, roles and aws-auth");
        self.seed_kubernetes().await?;
        self.start(doorward::keep_workloads(&self.dir, &exe))?;
        aws::create_roles(&self.dir).await?;
        doorward::seed_instance(&self.dir).await?;
        aws::create_node_access_entry(&self.dir).await?;
        aws::update_kubeconfig(&self.dir).await
    }

    async fn start_kubernetes(
        &mut self,
        webhooks: Option<&WebhookFiles>,
        progress: Progress<'_>,
    ) -> Result<(), LabError> {
        let addresses = self.state.addresses;
        let pki = Pki::create(&self.dir)?;
        kube_apiserver::write_admin_kubeconfig(&self.dir, &addresses, &pki)?;

        progress("etcd: starting");
        let process = self.start(etcd::spec(&self.dir, &self.binaries, &addresses))?;
        etcd::wait_ready(&process, &addresses).await?;

        progress("kube-apiserver: starting");
        let mut spec = kube_apiserver::spec(&self.dir, &self.binaries, &addresses, &pki, webhooks);
        if self.audit {
            kube_apiserver::keep_audit_log(&self.dir, &mut spec)?;
        }
        let process = self.start(spec)?;
        kube_apiserver::wait_ready(&process, &KubernetesApi::connect(&self.dir).await?).await
    }

    async fn seed_kubernetes(&self) -> Result<(), LabError> {
        let api = KubernetesApi::connect(&self.dir).await?;
        for namespace in objects::namespaces() {
            api.create("/api/v1/namespaces", &namespace).await?;
        }
        for (collection, workload) in objects::workloads() {
            api.create(&collection, &workload).await?;
        }
        api.put("/api/v1/namespaces/kube-system/configmaps", "aws-auth", &objects::aws_auth()).await?;
        workloads::reconcile(&api).await
    }

    /// Starts a process and writes it down before anything else can fail.
    fn start(&mut self, spec: ProcessSpec) -> Result<Process, LabError> {
        let process = Process::start(spec)?;
        self.state.add(&self.dir, process.clone())?;
        Ok(process)
    }
}
