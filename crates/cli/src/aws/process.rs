//! `credential_process`: a command that prints credentials as JSON, version 1.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::credentials::{Lease, credentials};
use super::error::AwsError;

/// It may ask somebody for something.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Runs the command and takes what it prints.
///
/// # Errors
/// If it cannot be run, fails, or prints something else.
pub(super) async fn run(profile: &str, command: &str) -> Result<Lease, AwsError> {
    let fail = |problem: String| AwsError::Process { profile: profile.to_owned(), problem };
    let child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(TIMEOUT, child).await {
        Ok(output) => output.map_err(|error| fail(format!("cannot be run: {error}")))?,
        Err(_) => return Err(fail(format!("did not end within {} s", TIMEOUT.as_secs()))),
    };
    if !output.status.success() {
        return Err(fail(format!("failed with {}", output.status)));
    }
    // What serde says may quote the secret; only where it says so is told.
    let printed: Printed = serde_json::from_slice(&output.stdout)
        .map_err(|error| fail(format!("did not print credentials as JSON (line {})", error.line())))?;
    if printed.version != 1 {
        return Err(fail(format!("printed version {}, expected 1", printed.version)));
    }
    let place = format!("the `credential_process` of the profile `{profile}`");
    let credentials =
        credentials(&printed.access_key_id, &printed.secret_access_key, printed.session_token.as_deref(), &place)?;
    // An end that cannot be read is as good as none: whoever needs to know asks again from time to time.
    Ok(Lease { credentials, ends: printed.expiration.and_then(|text| text.parse().ok()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gives_credentials_or_says_why_not() {
        let good = r#"echo '{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s", "Expiration": "x"}'"#;
        let lease = run("p", good).await.unwrap();
        assert!(format!("{lease:?}").contains("AKP") && lease.ends.is_none());
        let ending = good.replace("\"x\"", "\"2026-01-01T12:00:00+00:00\"");
        assert_eq!(run("p", &ending).await.unwrap().ends, "2026-01-01T12:00:00Z".parse().ok());
        for (command, words) in [
            ("exit 3", "failed with exit status: 3"),
            ("echo secret", "did not print credentials"),
            (r#"echo '{"Version": 2, "AccessKeyId": "AKP", "SecretAccessKey": "s"}'"#, "printed version 2"),
        ] {
            let error = run("p", command).await.unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret`"), "{error}");
        }
    }
}
