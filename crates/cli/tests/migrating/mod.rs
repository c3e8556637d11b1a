//! A lab with a real etcd and kube-apiserver, for the tests of `doorward migrate` that need one.

#![allow(dead_code, unused_imports, reason = "every test binary takes what it needs of this")]

mod callers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

pub(crate) use callers::{ApiServer, ask_until, callers};

/// The lab's cluster.
pub(crate) const CLUSTER: &str = "eks-workshop";

/// A running lab, stopped at the end of the test whatever happens.
pub(crate) struct Lab {
    guard: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new(doorward()).args(["lab", "down", "--dir"]).arg(self.dir()).output();
    }
}

pub(crate) fn doorward() -> &'static Path {
    Path::new(assert_cmd::cargo::cargo_bin!("doorward"))
}

pub(crate) fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Lab {
    /// A lab whose aws-auth has a row of each kind: an administrator, a team bound by RBAC, a reserved group, nodes, a
    /// user.
    pub(crate) fn up() -> Self {
        let lab = Self::bare(&[]);
        lab.ok("kubectl apply -k $DOORWARD_LAB_DIR/rbac
kubectl create clusterrole pod-reader --verb=get,list --resource=pods
kubectl create clusterrolebinding reserved --clusterrole=pod-reader --group=eks:reserved");
        lab.ok(callers::PRINCIPALS);
        lab.ok(callers::ROWS);
        lab
    }

    /// A lab as it is, started with these flags.
    pub(crate) fn bare(flags: &[&str]) -> Self {
        let lab = Self { guard: tempfile::tempdir().unwrap() };
        let up = Command::new(doorward()).args(["lab", "up", "--dir"]).arg(lab.dir()).args(flags).output().unwrap();
        assert!(up.status.success(), "{}", both(&up));
        lab
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.guard.path().join("lab")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir().join("migrations").join(CLUSTER)
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.state().join("journal.jsonl")).unwrap_or_default();
        text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A script as somebody types it into sh, with the lab's `env` sourced.
    pub(crate) fn sh(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-ec").arg(format!(". {}/env\n{script}", self.dir().display()));
        command.env("HOME", self.guard.path());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, script: &str) -> Output {
        self.sh(script).output().unwrap()
    }

    pub(crate) fn ok(&self, script: &str) -> String {
        let output = self.run(script);
        assert!(output.status.success(), "{script}: {}", both(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `--accept` for every difference that the proof finds.
    pub(crate) fn accept(&self) -> String {
        let refused = self.run("doorward migrate apply --cluster $EKS_CLUSTER_NAME --dry-run");
        assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        let differences = said.lines().filter_map(|line| line.strip_prefix("error: "));
        let ids = differences
            .filter(|line| line.contains(":role/") || line.contains(":user/"))
            .map(|line| line.split(": ").next().unwrap());
        let flags: Vec<String> = ids.map(|id| format!("--accept '{id}'")).collect();
        assert!(!flags.is_empty(), "{said}");
        flags.join(" ")
    }

    pub(crate) fn apply(&self, flags: &str) -> String {
        format!("exec doorward migrate apply --cluster $EKS_CLUSTER_NAME {flags}")
    }

    /// What decides access on the cluster, without times and ids of objects.
    pub(crate) fn decides(&self) -> Value {
        let world: Value = serde_json::from_str(&self.ok("doorward world export --cluster $EKS_CLUSTER_NAME")).unwrap();
        let entry = |entry: &Value| {
            let policies = entry["associatedAccessPolicies"].as_array().unwrap().iter();
            let policies: Vec<_> = policies.map(|one| json!([one["policyArn"], one["accessScope"]])).collect();
            json!([entry["principalArn"], entry["type"], entry["username"], entry["kubernetesGroups"], policies])
        };
        let entries: Vec<Value> = world["accessEntries"].as_array().unwrap().iter().map(entry).collect();
        let bindings = world["rbac"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|object| object["kind"].as_str().unwrap().ends_with("Binding"));
        let bindings: Vec<Value> =
            bindings.map(|object| json!([object["metadata"]["name"], object["subjects"]])).collect();
        json!({ "awsAuth": world["awsAuth"], "entries": entries, "bindings": bindings, "mode": world["authenticationMode"] })
    }

    /// A variable of the lab's `env`.
    pub(crate) fn variable(&self, name: &str) -> String {
        self.ok(&format!("printf %s \"${name}\""))
    }
}
