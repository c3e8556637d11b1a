//! Running commands as the lab's user would: by sh, in an environment that comes from `DIR/env` alone.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::environment::{foreign_variables, shell_quote};
use crate::{LabDir, LabError};

/// A command for sh that starts from nothing but the lab's `env`: the caller's own settings for AWS, Kubernetes and
/// proxies can neither help nor harm, and neither `~/.aws` nor `~/.kube` of theirs is touched.
pub(crate) fn shell(dir: &LabDir, script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(format!(". {} && {{ {script}\n}}", shell_quote(&dir.env().to_string_lossy())))
        .env_clear()
        .env("HOME", dir.home())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir(dir.root())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a script by [`shell`] and returns what it printed; any failure is an error.
pub(crate) async fn run_shell(dir: &LabDir, script: &str) -> Result<String, LabError> {
    let output = shell(dir, script).output().await.map_err(LabError::file("run", Path::new("/bin/sh")))?;
    checked(script, output)
}

/// Runs a program and returns what it printed; any failure is an error.
pub(crate) async fn run(program: &Path, args: &[String]) -> Result<String, LabError> {
    let line = format!("{} {}", program.display(), args.join(" "));
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    for name in foreign_variables() {
        command.env_remove(name);
    }
    let output = command.output().await.map_err(LabError::file("run", program))?;
    checked(&line, output)
}

fn checked(line: &str, output: Output) -> Result<String, LabError> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = if stderr.trim().is_empty() { stdout.trim() } else { stderr.trim() };
    Err(LabError::Command { command: line.to_owned(), status: output.status.to_string(), output: said.to_owned() })
}
