//! The binary, run as a stranger's shell would run it, and a server of one's own.

#![allow(dead_code, reason = "every test binary takes what it needs of this")]

pub(crate) mod random;
pub(crate) mod replica;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, sign_headers};
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio_rustls::rustls;

/// A folder, with nothing of the caller's environment in the commands that run in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// `doorward ARGS` in this folder, which is also the home.
    pub(crate) fn doorward(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("doorward"));
        command.args(args).env_clear().env("HOME", self.path()).current_dir(self.path());
        command
    }

    /// Runs `doorward ARGS`.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        Answer::of(&mut self.doorward(args))
    }

    /// Runs `doorward ARGS` as the administrator of the server whose data is here.
    pub(crate) fn run_as_administrator(&self, args: &[&str]) -> Answer {
        let aws = self.path().join("doorward-data/aws");
        let mut command = self.doorward(args);
        command.env("AWS_CONFIG_FILE", aws.join("config")).env("AWS_SHARED_CREDENTIALS_FILE", aws.join("credentials"));
        Answer::of(command.env("AWS_PROFILE", "doorward"))
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.stdin(Stdio::null()).output().unwrap())
    }

    /// What it answered, if it went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// What it said, if it ended with this code and without an answer.
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:#?}");
        self.stderr
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A running `doorward serve` on free ports, with its data in `PLACE/doorward-data`. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    /// The address of the AWS APIs.
    pub(crate) api: String,
    /// The address of the webhooks.
    pub(crate) webhook: String,
    /// The address of health and metrics.
    pub(crate) ops: String,
    /// What it said until it listened.
    pub(crate) said: String,
    log: Arc<Mutex<String>>,
}

const ANY_PORTS: [&str; 6] = ["--api", "127.0.0.1:0", "--webhook", "127.0.0.1:0", "--ops", "127.0.0.1:0"];

impl Server {
    pub(crate) fn start(place: &Place) -> Self {
        Self::of(&mut place.doorward(&["serve"]))
    }

    /// Starts `doorward serve` as `command` has it, on free ports.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut process = command.args(ANY_PORTS).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let addresses = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {said}")).unwrap();
            said += &format!("{line}\n");
            if line.starts_with("serving the AWS APIs on http://") {
                break line;
            }
        };
        let mut addresses = addresses.split(", ").map(|part| part.rsplit_once("://").unwrap().1.to_owned());
        let mut address = || addresses.next().unwrap();
        let (api, webhook, ops) = (address(), address(), address());
        // Nobody may fill the pipe up.
        let log = Arc::new(Mutex::new(said.clone()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| *written.lock().unwrap() += &format!("{line}\n"));
        });
        Self { process, api, webhook, ops, said, log }
    }

    /// What it has said until now.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What it has metered under the name and labels of `line`.
    pub(crate) fn metric(&self, line: &str) -> u64 {
        self.sample(line).map_or(0, |value| value.parse().unwrap())
    }

    /// What it measures now under the name and labels of `line`.
    pub(crate) fn gauge(&self, line: &str) -> f64 {
        self.sample(line).unwrap_or_else(|| panic!("no {line}")).parse().unwrap()
    }

    /// What the operations address answers, head and body.
    pub(crate) fn ops_answer(&self, path: &str) -> String {
        plain_http(&self.ops, &format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n"))
    }

    fn sample(&self, line: &str) -> Option<String> {
        self.ops_answer("/metrics")
            .lines()
            .find_map(|found| found.strip_prefix(line))
            .map(|value| value.trim().to_owned())
    }

    /// Tells it to stop, as a service manager does, and waits until it has.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.process.wait().unwrap().code()
    }

    /// Lets it do nothing, until it may [`go_on`](Self::go_on).
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tells threads to stop, also if whoever started them ends by a failure.
pub(crate) struct StopWhenDropped<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers every connection with the same JSON, as an API server that only knows its version.
pub(crate) fn fake_kubernetes(json: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let length = json.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{json}"
            );
        }
    });
    format!("http://{address}")
}

/// Sends bytes and reads until the other end closes.
pub(crate) fn plain_http(address: &str, request: &str) -> String {
    try_plain_http(address, request).unwrap()
}

fn try_plain_http(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A call of the API, signed with the administrator's key of `data`; the answer's body.
pub(crate) fn signed_call(server: &Server, data: &Path, service: &str, target: (&str, &str), body: &str) -> String {
    let (status, answer) = try_signed_call(&server.api, &administrator(data), service, target, body).unwrap();
    assert_eq!(status, 200, "{target:?}: {answer}");
    answer
}

/// The same of a server that may not be there: status and body, if there is an answer.
pub(crate) fn try_signed_call(
    host: &str,
    credentials: &Credentials,
    service: &str,
    (method, target): (&str, &str),
    body: &str,
) -> std::io::Result<(u16, String)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method,
        path,
        query,
        headers: &[("host", host.as_bytes())],
        body_sha256: PayloadHash::of(body.as_bytes()),
    };
    let signed = sign_headers(&request, credentials, "us-west-2", service, Timestamp::now()).unwrap();
    let answer = try_plain_http(
        host,
        &format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\nx-amz-date: {}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            signed.authorization,
            signed.x_amz_date,
            body.len()
        ),
    )?;
    let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
    Ok((status, body.to_owned()))
}

/// The administrator's key that the first start left in the data folder.
pub(crate) fn administrator(data: &Path) -> Credentials {
    let text = std::fs::read_to_string(data.join("aws/credentials")).unwrap();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")).unwrap();
    let secret = SecretKey::new(value("aws_secret_access_key").to_owned());
    Credentials::new(value("aws_access_key_id").to_owned(), secret, None).unwrap()
}

/// What registers a cluster that nobody can reach.
pub(crate) fn registration() -> String {
    let kubeconfig = "{apiVersion: v1, kind: Config, current-context: doorward, clusters: [{name: c, cluster: {server: \
                      'https://127.0.0.1:9'}}], contexts: [{name: doorward, context: {cluster: c, user: u}}], users: [{name: \
                      u, user: {token: t}}]}";
    serde_json::json!({
        "endpoint": "https://127.0.0.1:9",
        "certificateAuthority": "",
        "version": "1.32",
        "kubeconfig": kubeconfig,
        "authenticationMode": "API",
    })
    .to_string()
}

/// Posts a review to a webhook of a server that asks for no client certificate; status and body.
pub(crate) fn webhook_post(server: &Server, ca: &[u8], path: &str, body: &str) -> (u16, String) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca).map(Result::unwrap));
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(tls), name).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(&server.webhook).unwrap());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: doorward\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Whether TLS was closed by the book is of no interest here.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}
