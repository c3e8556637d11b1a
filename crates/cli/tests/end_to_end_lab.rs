//! The `doorward` binary end to end: a lab with a real etcd and kube-apiserver, the unmodified aws CLI, boto3 and
//! kubectl. Needs what `make setup` installs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A running lab, stopped at the end of the test whatever happens.
struct Lab {
    guard: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.doorward(&["lab", "down"]);
    }
}

impl Lab {
    fn up() -> Self {
        let lab = Self { guard: tempfile::tempdir().unwrap() };
        let up = lab.doorward(&["lab", "up"]);
        assert!(up.status.success(), "{}", both(&up));
        lab
    }

    fn dir(&self) -> PathBuf {
        self.guard.path().join("lab")
    }

    /// Runs `doorward ARGS --dir DIR`.
    fn doorward(&self, args: &[&str]) -> Output {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("doorward"));
        command.args(args).arg("--dir").arg(self.dir()).env("RUST_BACKTRACE", "0").output().unwrap()
    }

    /// A script as somebody types it into sh, with the lab's `env` sourced.
    fn sh(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!(". {}/env\n{script}", self.dir().display()));
        command.env("HOME", self.guard.path());
        command
    }

    /// The Python that the aws CLI of the lab runs with: boto3 is there.
    fn python(&self) -> PathBuf {
        std::fs::canonicalize(self.dir().join("bin/aws")).unwrap().with_file_name("python")
    }

    fn entries(&self) -> Vec<String> {
        let listed = self.sh("aws eks list-access-entries --cluster $EKS_CLUSTER_NAME").output().unwrap();
        assert!(listed.status.success(), "{}", both(&listed));
        let json: Value = serde_json::from_slice(&listed.stdout).unwrap();
        json["accessEntries"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()).collect()
    }

    /// Names and ids of the lab's processes.
    fn processes(&self) -> Vec<(String, i64)> {
        let status = self.doorward(&["lab", "status", "-o", "json"]);
        let json: Value = serde_json::from_slice(&status.stdout).unwrap();
        let rows = json["processes"].as_array().unwrap().iter();
        rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row["pid"].as_i64().unwrap())).collect()
    }

    fn kill_doorward(&self) {
        let (_, pid) = self.processes().into_iter().find(|(name, _)| name == "doorward").unwrap();
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    }

    fn restart_doorward(&self) {
        let restarted = self.doorward(&["lab", "restart", "doorward"]);
        assert!(restarted.status.success(), "{}", both(&restarted));
    }
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn runs(pid: i64) -> bool {
    // A process that has ended stays in the table until its parent collects it.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn the_walkthrough_answers_as_printed_can_i_agrees_with_the_cluster_and_the_lab_leaves_no_process() {
    let lab = Lab::up();
    let processes = lab.processes();
    assert_eq!(processes.len(), 4, "{processes:?}");

    let second = lab.doorward(&["lab", "up"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(both(&second).contains("a lab runs already"), "{}", both(&second));
    assert_eq!(lab.processes(), processes);
    assert!(processes.iter().all(|(_, pid)| runs(*pid)));

    let played = lab.doorward(&["lab", "walkthrough"]);
    let transcript = both(&played);
    // For whoever reads the log of a failed run, and of a good one.
    std::io::stdout().write_all(transcript.as_bytes()).unwrap();
    assert!(played.status.success());
    assert!(transcript.contains("error: You must be logged in to the server (Unauthorized)"));

    can_i_agrees_with_the_api_server(&lab);

    let down = lab.doorward(&["lab", "down"]);
    assert!(down.status.success(), "{}", both(&down));
    assert!(processes.iter().all(|(_, pid)| !runs(*pid)), "{processes:?}");
    assert!(lab.doorward(&["lab", "down"]).status.success());
    assert_eq!(lab.doorward(&["lab", "status"]).status.code(), Some(1));
}

/// Every principal of the workshop asks the API server for itself, and `doorward can-i` is asked about it.
fn can_i_agrees_with_the_api_server(lab: &Lab) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/questions_in_lab.py");
    let asked = lab.sh(&format!("'{}' '{}'", lab.python().display(), script.display())).output().unwrap();
    std::io::stdout().write_all(&asked.stdout).unwrap();
    assert!(asked.status.success(), "{}", both(&asked));
}

#[test]
fn boto3_creates_reads_changes_lists_and_deletes_entries() {
    let lab = Lab::up();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boto3_walk.py");
    let walked = lab.sh(&format!("'{}' '{}'", lab.python().display(), script.display())).output().unwrap();
    assert!(walked.status.success(), "{}", both(&walked));
    assert!(both(&walked).contains("deleted all of them"), "{}", both(&walked));
}

#[test]
fn every_acknowledged_write_survives_kill_9_and_the_next_request_is_answered() {
    let lab = Lab::up();
    let acknowledged = write_until_killed(&lab);
    assert!(!lab.doorward(&["lab", "status"]).status.success());

    lab.restart_doorward();
    let entries = lab.entries();
    let lost: Vec<_> = acknowledged.iter().filter(|arn| !entries.contains(arn)).collect();
    assert!(lost.is_empty(), "acknowledged but lost: {lost:?}");

    let pods = lab.sh("kubectl --context default get pod -n carts").output().unwrap();
    assert!(pods.status.success() && both(&pods).contains("Running"), "{}", both(&pods));
}

/// Creates access entries one after the other and kills the server in the middle of it. Returns the ARNs of those
/// that the client heard were created.
fn write_until_killed(lab: &Lab) -> Vec<String> {
    const WRITES_BEFORE: usize = 20;
    let script = r#"
import boto3, json, os
from botocore.config import Config
once = Config(retries={"total_max_attempts": 1})
eks, iam = (boto3.client(name, config=once) for name in ("eks", "iam"))
trust = iam.get_role(RoleName="eks-workshop-admins")["Role"]["AssumeRolePolicyDocument"]
for number in range(100000):
    role = iam.create_role(RoleName=f"crash-{number}", AssumeRolePolicyDocument=json.dumps(trust))
    arn = role["Role"]["Arn"]
    eks.create_access_entry(clusterName=os.environ["EKS_CLUSTER_NAME"], principalArn=arn)
    print(arn, flush=True)
"#;
    let mut writer = lab
        .sh(&format!("exec '{}' -c '{script}'", lab.python().display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<String> = lines.by_ref().take(WRITES_BEFORE).map(Result::unwrap).collect();
    if acknowledged.len() == WRITES_BEFORE {
        lab.kill_doorward();
    }
    acknowledged.extend(lines.map(Result::unwrap));
    let end = writer.wait_with_output().unwrap();
    assert!(acknowledged.len() >= WRITES_BEFORE, "{}", both(&end));
    assert!(!end.status.success(), "the writer was to be interrupted");
    acknowledged
}
