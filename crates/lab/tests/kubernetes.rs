//! The lab's Kubernetes half for real: etcd and kube-apiserver are started, seeded, questioned and stopped.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use doorward_lab::{
    Addresses, KubernetesApi, LabDir, LabError, LabState, Stopped, UpOptions, down, reconcile, restart, status, up,
    up_kubernetes,
};
use serde_json::Value;

fn lab() -> (tempfile::TempDir, LabDir) {
    let dir = tempfile::tempdir().unwrap();
    let lab = LabDir::new(dir.path().join("lab")).unwrap();
    (dir, lab)
}

fn running(state: &LabState) -> usize {
    state.processes.iter().filter(|process| process.is_alive()).count()
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_started_seeded_and_stopped_without_leaving_a_process() {
    let (_guard, dir) = lab();
    let state = up_kubernetes(dir.clone(), |_| {}).await.unwrap();
    assert_eq!(running(&state), 2);
    assert!(status(&dir).unwrap().ready);
    assert_eq!(std::fs::metadata(dir.root()).unwrap().permissions().mode() & 0o777, 0o700);

    let api = KubernetesApi::connect(&dir).await.unwrap();
    let carts = api.get("/api/v1/namespaces/carts/pods").await.unwrap();
    let pods = names(&carts);
    assert_eq!(pods.len(), 2, "{pods:?}");
    assert!(pods.iter().any(|name| name.starts_with("carts-6d4478747c-")), "{pods:?}");
    for pod in carts["items"].as_array().unwrap() {
        assert_eq!(pod["status"]["phase"], "Running");
        assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
    }
    let mysql = names(&api.get("/api/v1/namespaces/catalog/pods").await.unwrap());
    assert!(mysql.contains(&"catalog-mysql-0".to_owned()), "{mysql:?}");
    let aws_auth = api.get("/api/v1/namespaces/kube-system/configmaps/aws-auth").await.unwrap();
    assert!(aws_auth["data"]["mapRoles"].as_str().unwrap().contains("username: system:node:{{EC2PrivateDNSName}}\n"));

    // As curl is answered. A server built with libraries too old for its Go dies of this.
    let readable = api.get("/api/v1/namespaces/carts/pods?pretty=1").await.unwrap();
    assert_eq!(names(&readable), pods);

    a_second_up_is_refused_and_disturbs_nothing(&dir, &state).await;
    deleted_pods_come_back_running(&api).await;
    a_killed_process_is_restarted(&dir, &state).await;

    let started = Instant::now();
    let stopped = down(&dir).await.unwrap();
    assert_eq!(stopped, Stopped::Processes(vec!["kube-apiserver".to_owned(), "etcd".to_owned()]));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(running(&state), 0);
    assert_eq!(down(&dir).await.unwrap(), Stopped::Nothing);
    assert!(matches!(status(&dir), Err(LabError::NotRunning { .. })));
    assert!(dir.log("kube-apiserver").exists());
}

async fn a_second_up_is_refused_and_disturbs_nothing(dir: &LabDir, state: &LabState) {
    let error = up_kubernetes(dir.clone(), |_| {}).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, LabError::AlreadyRuns { .. }), "{message}");
    assert!(message.contains(&format!("doorward lab down --dir {}", dir.root().display())), "{message}");
    assert_eq!(LabState::read(dir).unwrap().as_ref(), Some(state));
    assert_eq!(running(state), 2);
}

async fn deleted_pods_come_back_running(api: &KubernetesApi) {
    let path = "/api/v1/namespaces/carts/pods";
    let before = names(&api.get(path).await.unwrap());
    for name in &before {
        api.delete(&format!("{path}/{name}")).await.unwrap();
    }
    assert!(names(&api.get(path).await.unwrap()).is_empty(), "a pod without a node is deleted at once");
    reconcile(api).await.unwrap();
    let after = names(&api.get(path).await.unwrap());
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|name| !before.contains(name)), "{before:?} {after:?}");
}

async fn a_killed_process_is_restarted(dir: &LabDir, state: &LabState) {
    let etcd = &state.processes[0];
    let killed = std::process::Command::new("kill").args(["-9", &etcd.pid.to_string()]).status().unwrap();
    assert!(killed.success());
    restart(dir, "etcd").await.unwrap();
    assert!(status(dir).unwrap().ready);
    assert!(!etcd.is_alive());
}

#[tokio::test]
async fn a_busy_port_is_named_and_nothing_is_left_behind() {
    let (_guard, dir) = lab();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = Addresses { api: taken.local_addr().unwrap(), ..Addresses::default() };
    let options = UpOptions { dir: dir.clone(), addresses, doorward: "/bin/false".into(), audit: false };
    let error = up(options, |_| {}).await.unwrap_err();
    assert!(matches!(error, LabError::AddressUnavailable { .. }), "{error}");
    assert!(matches!(status(&dir), Err(LabError::NotRunning { .. })));
}

#[tokio::test]
async fn a_doorward_that_fails_is_told_and_nothing_is_left_behind() {
    let (_guard, dir) = lab();
    let doorward =
        script(dir.root().parent().unwrap(), "if [ $1 = init ]; then exit 0; fi; echo no space left; exit 1");
    let options = UpOptions { dir: dir.clone(), addresses: Addresses::default(), doorward, audit: false };
    let error = up(options, |_| {}).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, LabError::Exited { .. }), "{message}");
    assert!(message.contains("doorward stopped while starting") && message.contains("no space left"), "{message}");
    assert!(!dir.state().exists() && !dir.pki().exists());
}

#[tokio::test]
async fn a_lab_whose_up_was_killed_can_be_stopped() {
    let (_guard, dir) = lab();
    let state = up_kubernetes(dir.clone(), |_| {}).await.unwrap();
    let mut half_way = state.clone();
    half_way.ready = false;
    half_way.processes.truncate(1);
    // Only etcd was written down; kube-apiserver is stopped here by hand, as it never was started in this story.
    std::fs::write(dir.state(), serde_json::to_vec(&half_way).unwrap()).unwrap();
    assert!(!status(&dir).unwrap().ready);
    assert_eq!(down(&dir).await.unwrap(), Stopped::Processes(vec!["etcd".to_owned()]));
    let _ = std::process::Command::new("kill").args(["-9", &state.processes[1].pid.to_string()]).status().unwrap();
}

fn script(dir: &Path, body: &str) -> std::path::PathBuf {
    let path = dir.join("doorward");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_folder_of_somebody_elses_is_left_as_it_is() {
    let (guard, _) = lab();
    std::fs::write(guard.path().join("notes.txt"), "mine").unwrap();
    let error = up_kubernetes(LabDir::new(guard.path()).unwrap(), |_| {}).await.unwrap_err();
    assert!(matches!(error, LabError::NotALab { .. }), "{error}");
    assert_eq!(std::fs::read_dir(guard.path()).unwrap().count(), 1);
}
