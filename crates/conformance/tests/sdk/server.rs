//! A server with clusters, and clients for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use aws_sdk_eks::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::Builder;
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-west-2";
/// Whom the account trusts, anybody in it may become.
pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

/// A server, and its administrator's clients. Ends with the test, if the test started it.
pub(crate) struct Server {
    _process: Option<Process>,
    endpoint: String,
    pub(crate) eks: aws_sdk_eks::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) sts: aws_sdk_sts::Client,
}

impl Server {
    /// A server with clusters, each a name and its authentication mode.
    pub(crate) fn with(clusters: &[(&str, &str)]) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(endpoint) = variable("DOORWARD_ENDPOINT") {
            let key = [variable("AWS_ACCESS_KEY_ID").unwrap(), variable("AWS_SECRET_ACCESS_KEY").unwrap()];
            return Self::at(endpoint, key, None);
        }
        let process = Process::start();
        for (name, mode) in clusters {
            process.register(name, mode);
        }
        Self::at(format!("http://{}", process.api), process.key(), Some(process))
    }

    fn at(endpoint: String, [access_key, secret_key]: [String; 2], process: Option<Process>) -> Self {
        let credentials = Credentials::new(access_key, secret_key, None, None, "test");
        let (eks, iam, sts) = clients(&endpoint, &credentials);
        Self { _process: process, endpoint, eks, iam, sts }
    }

    /// EKS and STS for somebody else.
    pub(crate) fn clients_of(
        &self,
        keys: &aws_sdk_sts::types::Credentials,
    ) -> (aws_sdk_eks::Client, aws_sdk_sts::Client) {
        let token = Some(keys.session_token().to_owned());
        let credentials = Credentials::new(keys.access_key_id(), keys.secret_access_key(), token, None, "test");
        let (eks, _, sts) = clients(&self.endpoint, &credentials);
        (eks, sts)
    }

    /// Makes a role that the account trusts. Gives its ARN.
    pub(crate) async fn role(&self, name: &str, path: &str) -> String {
        let role = self.iam.create_role().role_name(name).path(path).assume_role_policy_document(TRUST).send().await;
        role.unwrap().role().unwrap().arn().to_owned()
    }

    /// A session in a role.
    pub(crate) async fn assume(&self, arn: &str, session: &str) -> aws_sdk_sts::types::Credentials {
        let session = self.sts.assume_role().role_arn(arn).role_session_name(session).send().await;
        session.unwrap().credentials().unwrap().clone()
    }
}

fn clients(
    endpoint: &str,
    credentials: &Credentials,
) -> (aws_sdk_eks::Client, aws_sdk_iam::Client, aws_sdk_sts::Client) {
    macro_rules! client {
        ($sdk:ident) => {
            $sdk::Client::from_conf(
                $sdk::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .endpoint_url(endpoint)
                    .region(Region::new(REGION))
                    .credentials_provider(credentials.clone())
                    .retry_config(RetryConfig::disabled())
                    .http_client(Builder::new().build_http())
                    .build(),
            )
        };
    }
    (client!(aws_sdk_eks), client!(aws_sdk_iam), client!(aws_sdk_sts))
}

/// `doorward serve` on free ports, in a folder of its own.
struct Process {
    child: Child,
    api: String,
    folder: TempDir,
}

impl Process {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any_ports = ["--api", "--webhook", "--ops"].map(|flag| [flag, "127.0.0.1:0"]).concat();
        let mut command = doorward(folder.path());
        let mut child = command.arg("serve").args(any_ports).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let api = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {said}")).unwrap();
            if let Some(rest) = line.strip_prefix("serving the AWS APIs on http://") {
                break rest.split(',').next().unwrap().to_owned();
            }
            said += &format!("{line}\n");
        };
        // Nobody may fill the pipe up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, api, folder }
    }

    fn aws(&self) -> PathBuf {
        self.folder.path().join("doorward-data/aws")
    }

    /// The access key of the first start.
    fn key(&self) -> [String; 2] {
        let file = std::fs::read_to_string(self.aws().join("credentials")).unwrap();
        ["aws_access_key_id", "aws_secret_access_key"].map(|name| {
            let value = file.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
            value.unwrap().trim().to_owned()
        })
    }

    fn register(&self, name: &str, mode: &str) {
        let kubeconfig = self.folder.path().join("kubeconfig");
        let server = api_server_that_tells_its_version();
        let content = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {{name: a, context: {{cluster: c, user: u}}}}\n\
             clusters:\n- {{name: c, cluster: {{server: '{server}', certificate-authority: doorward-data/pki/ca.crt}}}}\n\
             users:\n- {{name: u, user: {{token: t}}}}\n"
        );
        std::fs::write(&kubeconfig, content).unwrap();
        let mut command = doorward(self.folder.path());
        command.args([
            "cluster",
            "register",
            name,
            "--authentication-mode",
            mode,
            "--endpoint",
            "https://k8s.example:6443",
        ]);
        command.arg("--kubeconfig").arg(&kubeconfig).env("AWS_PROFILE", "doorward");
        command.env("AWS_CONFIG_FILE", self.aws().join("config"));
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.aws().join("credentials"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, with nothing of the caller's environment.
fn doorward(folder: &Path) -> Command {
    let beside = || std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("doorward");
    let binary = std::env::var_os("DOORWARD_BIN").filter(|path| !path.is_empty()).map_or_else(beside, PathBuf::from);
    assert!(binary.exists(), "{} is missing: build it with `cargo build`, or set DOORWARD_BIN", binary.display());
    let mut command = Command::new(binary);
    command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null());
    command
}

/// All that registration asks an API server for. Ends with the test.
fn api_server_that_tells_its_version() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let version = r#"{"major":"1","minor":"33","gitVersion":"v1.33.1","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
        for mut stream in listener.incoming().map_while(Result::ok) {
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let head =
                format!("content-type: application/json\r\ncontent-length: {}\r\nconnection: close", version.len());
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{version}");
        }
    });
    format!("http://{address}")
}
