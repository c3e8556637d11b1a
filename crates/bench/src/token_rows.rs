//! `doorward token` beside `aws eks get-token`, each started anew.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::place::{CLUSTER, Place};
use crate::report::{Report, Rounds, Target, short};
use crate::settings::Settings;

/// Measures. Both take the administrator's key from the environment, and ask nobody.
pub(crate) fn measure(settings: &Settings, place: &Place, report: &mut Report) -> anyhow::Result<()> {
    let endpoint = format!("http://{}", place.api.address);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..settings.rounds {
        for _ in 0..4 {
            ours.push(time(&settings.doorward, &["token", "--cluster-name", CLUSTER], &endpoint)?);
        }
        theirs.push(time(&settings.aws, &["eks", "get-token", "--cluster-name", CLUSTER], &endpoint)?);
        report.raw("token", round, &json!({ "doorward_ms": ours.last(), "aws_ms": theirs.last() }))?;
    }
    let (ours, theirs) = (Rounds::of(ours), Rounds::of(theirs));
    report.row("doorward token, cold", Target::AtMost(10.0), &ours, "ms", String::new());
    let from = format!("{} ms against {} ms", short(ours.median()), short(theirs.median()));
    let faster = Rounds::of([theirs.median() / ours.median()]);
    report.row("doorward token, faster than aws eks get-token by", Target::AtLeast(50.0), &faster, "×", from);
    Ok(())
}

fn time(program: &Path, args: &[&str], endpoint: &str) -> anyhow::Result<f64> {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("AWS_ENDPOINT_URL", endpoint)
        // The aws CLI of version 1 knows the second name alone.
        .env("AWS_REGION", crate::api::REGION)
        .env("AWS_DEFAULT_REGION", crate::api::REGION)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00")
        .env("AWS_SECRET_ACCESS_KEY", "an-example-secret-that-signs-for-nobody")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    let started = Instant::now();
    let output = command.output().with_context(|| format!("cannot start `{}`", program.display()))?;
    let took = started.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {said}", program.display());
    ensure!(String::from_utf8_lossy(&output.stdout).contains("k8s-aws-v1."), "`{}` gave no token", program.display());
    Ok(took.as_secs_f64() * 1e3)
}
