//! The binary, run as a stranger's shell would run it, and a server of one's own.

#![allow(dead_code, reason = "every test binary takes what it needs of this")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

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
    /// What it said until it listened.
    pub(crate) said: String,
}

const ANY_PORTS: [&str; 6] = ["--api", "127.0.0.1:0", "--webhook", "127.0.0.1:0", "--ops", "127.0.0.1:0"];

impl Server {
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = place.doorward(&["serve"]);
        let mut process = command.args(ANY_PORTS).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let api = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {said}")).unwrap();
            said += &format!("{line}\n");
            if let Some(rest) = line.strip_prefix("serving the AWS APIs on http://") {
                break rest.split(',').next().unwrap().to_owned();
            }
        };
        // Nobody may fill the pipe up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, api, said }
    }

    /// Tells it to stop, as a service manager does, and waits until it has.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
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
