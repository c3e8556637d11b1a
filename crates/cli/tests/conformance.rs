//! Clients that nobody here wrote against a plain server, each exchange held against AWS's own service models. What
//! they do and what they expect is in `conformance/`. Needs what `make setup` installs.

#![expect(clippy::unwrap_used, reason = "a test that fails here has found what it looks for")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a module of `conformance/` with the Python that boto3 and the aws CLI are installed for.
fn python(module_and_arguments: &[&str]) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(cache().join("venv/bin/python"));
    command.arg("-m").args(module_and_arguments).current_dir(repository);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).output().unwrap();
    // For whoever reads the log of a failed run, and of a good one.
    std::io::stdout().write_all(&output.stdout).unwrap();
    std::io::stderr().write_all(&output.stderr).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Where the set-up puts what it installs; as in `scripts/common.sh`.
fn cache() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    of("DOORWARD_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|folder| folder.join("doorward")))
        .or_else(|| of("HOME").map(|folder| folder.join(".cache/doorward")))
        .unwrap()
}

fn client(name: &str) {
    let doorward = assert_cmd::cargo::cargo_bin!("doorward");
    python(&["conformance", "--doorward", doorward.to_str().unwrap(), name]);
}

#[test]
fn the_check_against_the_service_models_fails_on_each_way_of_being_wrong() {
    python(&["unittest", "-v", "conformance.test_model"]);
}

#[test]
fn boto3_is_answered_as_eks_iam_and_sts_answer_it() {
    client("boto3");
}

#[test]
fn the_aws_cli_is_answered_as_eks_iam_and_sts_answer_it() {
    client("awscli");
}
