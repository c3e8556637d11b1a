//! A real etcd cluster for tests: processes on loopback with ports and folders of their own, killed when it is dropped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests: they fail by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long the members may take to be one cluster.
const PATIENCE: Duration = Duration::from_secs(60);

/// Members of one cluster.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Member>,
    scheme: &'static str,
    /// What starts etcd and becomes it, with its arguments.
    under: Vec<String>,
    folder: TempDir,
}

#[derive(Debug)]
struct Member {
    client: SocketAddr,
    /// Where `/health` is asked in plain HTTP, whatever clients have to use.
    health: SocketAddr,
    args: Vec<String>,
    child: Option<Child>,
}

impl EtcdCluster {
    /// Starts a cluster of so many members that talk plain HTTP.
    #[must_use]
    pub fn start(size: usize) -> Self {
        Self::start_with(size, "http", &[])
    }

    /// Starts a cluster whose members listen with `scheme` and get these arguments on top.
    #[must_use]
    pub fn start_with(size: usize, scheme: &'static str, extra: &[String]) -> Self {
        Self::start_under(&[], size, scheme, extra)
    }

    /// The same, by a program that becomes etcd, such as `setpriv --pdeathsig KILL`, with its arguments.
    #[must_use]
    pub fn start_under(under: &[&str], size: usize, scheme: &'static str, extra: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<[SocketAddr; 3]> = free_ports(size);
        let all: Vec<String> =
            ports.iter().enumerate().map(|(at, [_, peer, _])| format!("m{at}=http://{peer}")).collect();
        let members = ports.iter().enumerate().map(|(at, [client, peer, health])| {
            let mut args = vec![
                format!("--name=m{at}"),
                format!("--data-dir={}", folder.path().join(format!("m{at}")).display()),
                format!("--listen-client-urls={scheme}://{client}"),
                format!("--advertise-client-urls={scheme}://{client}"),
                format!("--listen-peer-urls=http://{peer}"),
                format!("--initial-advertise-peer-urls=http://{peer}"),
                format!("--listen-metrics-urls=http://{health}"),
                format!("--initial-cluster={}", all.join(",")),
                "--logger=zap".to_owned(),
            ];
            args.extend_from_slice(extra);
            Member { client: *client, health: *health, args, child: None }
        });
        let under = under.iter().map(|&word| word.to_owned()).collect();
        let mut cluster = Self { members: members.collect(), scheme, under, folder };
        for at in 0..size {
            cluster.spawn(at);
        }
        (0..size).for_each(|at| cluster.wait_healthy(at));
        cluster
    }

    /// Where clients find the members.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("{}://{}", self.scheme, member.client)).collect()
    }

    /// Kills a member as a power cut would.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.members[at].child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The process of a member that runs.
    #[must_use]
    pub fn id(&self, at: usize) -> Option<u32> {
        self.members[at].child.as_ref().map(Child::id)
    }

    /// Starts a member again with what it had on disk.
    pub fn restart(&mut self, at: usize) {
        self.kill(at);
        self.spawn(at);
    }

    /// Waits until a member says that it is part of a cluster with a leader.
    pub fn wait_healthy(&self, at: usize) {
        let deadline = Instant::now() + PATIENCE;
        while !healthy(self.members[at].health) {
            assert!(Instant::now() < deadline, "etcd member {at} is not healthy; its log:\n{}", self.log(at));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn spawn(&mut self, at: usize) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path(at)).unwrap();
        let etcd = binary().into_os_string();
        let mut words = self.under.iter().map(Into::into).chain([etcd]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(&self.members[at].args).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.members[at].child = Some(command.spawn().unwrap());
    }

    fn log_path(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("m{at}.log"))
    }

    fn log(&self, at: usize) -> String {
        let log = std::fs::read_to_string(self.log_path(at)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for EtcdCluster {
    fn drop(&mut self) {
        for child in self.members.iter_mut().filter_map(|member| member.child.as_mut()) {
            // One that ended by itself is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// etcd as the set-up puts it in place.
fn binary() -> PathBuf {
    let dirs = |name: &str| std::env::var_os(name).map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
    let cache =
        ["DOORWARD_CACHE", "XDG_CACHE_HOME", "HOME"].into_iter().zip(["bin", "doorward/bin", ".cache/doorward/bin"]);
    let cache = cache.filter_map(|(name, below)| Some(PathBuf::from(std::env::var_os(name)?).join(below)));
    let places = [dirs("KUBEBUILDER_ASSETS"), dirs("PATH")].into_iter().flatten().flatten().chain(cache);
    let found = places.map(|dir| dir.join("etcd")).find(|path| path.is_file());
    found.expect("etcd was not found; run scripts/setup.sh etcd")
}

/// Held together while they are chosen, so that they differ.
fn free_ports(size: usize) -> Vec<[SocketAddr; 3]> {
    let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<TcpListener> = (0..size * 3).map(listen).collect();
    let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    addresses.chunks(3).map(|chunk| [chunk[0], chunk[1], chunk[2]]).collect()
}

fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("\"health\":\"true\""))
}
