//! A real etcd and kube-apiserver, from the cache that the set-up fills, stopped when dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use doorward_cluster::pki::Pki;
use jiff::Timestamp;

/// The token of the administrator. Tests look for it where it must not be.
pub(crate) const TOKEN: &str = "a-token-that-must-not-be-seen";

pub(crate) struct ApiServer {
    pub(crate) folder: tempfile::TempDir,
    etcd_port: u16,
    port: u16,
    extra_flags: Vec<String>,
    etcd: Process,
    kube_apiserver: Option<Process>,
}

impl ApiServer {
    pub(crate) fn start(folder: tempfile::TempDir, extra_flags: Vec<String>) -> Self {
        let [etcd_port, peer_port, port] = free_ports();
        let path = |name: &str| folder.path().join(name);
        let pki = Pki::open(&path("serving"), Timestamp::now()).unwrap();
        let pair = pki.webhook(&["127.0.0.1".to_owned()], Timestamp::now()).unwrap();
        std::fs::write(path("tls.crt"), pair.certificate_pem()).unwrap();
        std::fs::write(path("tls.key"), pair.key_pem()).unwrap();
        std::fs::write(path("ca.crt"), pki.ca_pem()).unwrap();
        std::fs::write(path("tokens.csv"), format!("{TOKEN},admin,1,\"system:masters\"\n")).unwrap();
        std::fs::write(
            path("kubeconfig"),
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: \
                 'https://127.0.0.1:{port}', certificate-authority: ca.crt}}\nusers:\n- name: admin\n  user: {{token: \
                 {TOKEN}}}\ncontexts:\n- name: c\n  context: {{cluster: c, user: admin}}\n"
            ),
        )
        .unwrap();
        let etcd = Process::start(
            &folder,
            "etcd",
            &[
                format!("--data-dir={}", path("etcd").display()),
                format!("--listen-client-urls=http://127.0.0.1:{etcd_port}"),
                format!("--advertise-client-urls=http://127.0.0.1:{etcd_port}"),
                format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
                "--unsafe-no-fsync".to_owned(),
            ],
        );
        let mut server = Self { folder, etcd_port, port, extra_flags, etcd, kube_apiserver: None };
        server.start_kube_apiserver();
        server
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub(crate) fn start_kube_apiserver(&mut self) {
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.folder.path().join(name).display());
        let mut flags = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            file("tls-cert-file", "tls.crt"),
            file("tls-private-key-file", "tls.key"),
            file("token-auth-file", "tokens.csv"),
            file("service-account-key-file", "tls.crt"),
            file("service-account-signing-key-file", "tls.key"),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        if !self.extra_flags.iter().any(|flag| flag.starts_with("--authorization-mode")) {
            flags.push("--authorization-mode=RBAC".to_owned());
        }
        flags.extend(self.extra_flags.iter().cloned());
        self.kube_apiserver = Some(Process::start(&self.folder, "kube-apiserver", &flags));
        self.wait_until_ready();
    }

    pub(crate) fn kill_kube_apiserver(&mut self) {
        self.kube_apiserver = None;
    }

    pub(crate) fn signal_kube_apiserver(&self, signal: &str) {
        let id = self.kube_apiserver.as_ref().unwrap().child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    /// Asks with kubectl: another client than the one under test.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig().display());
        let output = Command::new(binary("kubectl")).arg(kubeconfig).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        let endpoint = format!("--endpoints=http://127.0.0.1:{}", self.etcd_port);
        let output =
            Command::new(binary("etcdctl")).env("ETCDCTL_API", "3").arg(endpoint).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(90) {
            for process in [Some(&mut self.etcd), self.kube_apiserver.as_mut()].into_iter().flatten() {
                if let Some(status) = process.child.try_wait().unwrap() {
                    panic!("{} ended with {status}:\n{}", process.name, process.last_lines());
                }
            }
            // The namespace is made by the API server itself, a little after it is ready.
            if self.kubectl(&["get", "namespace", "kube-system", "-o", "name"]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("not ready:\n{}", self.kube_apiserver.as_ref().unwrap().last_lines());
    }
}

struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(folder: &tempfile::TempDir, name: &'static str, arguments: &[String]) -> Self {
        let log = folder.path().join(format!("{name}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(binary(name))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { name, child, log }
    }

    fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary(name: &str) -> PathBuf {
    let cache = std::env::var_os("DOORWARD_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        base.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache")).join("doorward")
    });
    let path = cache.join("bin").join(name);
    assert!(path.exists(), "{} is missing; `make setup` fetches it", path.display());
    path
}

fn free_ports() -> [u16; 3] {
    let listeners = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
