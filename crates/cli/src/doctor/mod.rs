//! `doorward doctor`: what is wrong between an API server and its users, and how to mend it.
//!
//! What is good and what is not is decided by [`doorward_server::diagnosis`]; here the server is asked, and what it cannot
//! see is looked at: the clock here, whether an API server calls it, the files of a kube-apiserver.

mod probe;
mod webhook_file;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorward_core::cluster_name::ClusterName;
use doorward_server::diagnosis::{Diagnosis, Step, Verdict, client};
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::aws::{AwsArgs, Service};
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward doctor
  doorward doctor --cluster prod
  doorward doctor --webhook-config /etc/kubernetes/doorward/authentication-webhook.kubeconfig
  doorward doctor -o json | jq '.steps[] | select(.verdict != \"ok\")'

Exit codes: 0 all is well, 3 something is not, 1 the server could not be asked.";

/// What to look at.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Only this cluster [default: all].
    #[arg(long, value_name = "NAME")]
    cluster: Option<ClusterName>,
    /// A file that a kube-apiserver knows a webhook by, as `doorward init` writes it, to call the webhook with; repeatable.
    #[arg(long = "webhook-config", value_name = "FILE")]
    webhook_configs: Vec<PathBuf>,
    /// Do not ask the clusters' API servers, with a token that is nobody's, whether they ask the webhooks.
    #[arg(long)]
    no_probe: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// The worst of all steps.
    verdict: Verdict,
    steps: Vec<Step>,
}

/// Looks, and tells.
///
/// # Errors
/// If the server cannot be reached, or refuses, or has no such cluster.
pub(crate) async fn run(args: DoctorArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let aws = aws_client(&args.aws)?;
    let api = DoorwardApi(&aws);
    let clock = aws.clock_ahead(Service::Doorward).await?.map(client::clock);
    let diagnosis = match api.diagnosis().await {
        Ok(diagnosis) => diagnosis,
        Err(error) => {
            // A clock that is off is a reason to be refused, and nothing else says so.
            for step in clock.iter().filter(|step| step.verdict != Verdict::Ok) {
                talk.warning(format_args!("{}; {}", step.message, step.remedy.as_deref().unwrap_or_default()));
            }
            return Err(error.into());
        }
    };
    let named = args.cluster.as_ref().map(ClusterName::as_str);
    if let Some(name) = named.filter(|name| !diagnosis.clusters.iter().any(|cluster| cluster.name == *name)) {
        return Err(CliError::NotFound(format!("the server has no cluster `{name}`")));
    }
    let is_asked_for = |cluster: &str| named.is_none_or(|name| name == cluster);
    let (diagnosis, probed) =
        if args.no_probe { (diagnosis, Vec::new()) } else { probe_all(&api, diagnosis, is_asked_for).await? };
    let (authority, now) = (diagnosis.authority_sha256.as_deref(), Timestamp::now());
    let mut files = Vec::new();
    for path in &args.webhook_configs {
        let file = webhook_file::read_and_call(path).await?;
        files.push(client::webhook_file(&file, authority, now));
    }
    let found =
        diagnosis.steps.into_iter().chain(probed).filter(|step| step.cluster.as_deref().is_none_or(is_asked_for));
    let mut steps: Vec<Step> = clock.into_iter().chain(found).chain(files).collect();
    // Those of the server first, then cluster by cluster; within one they stay in order.
    steps.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    let verdict = steps.iter().map(|step| step.verdict).max().unwrap_or(Verdict::Ok);
    let report = Report { verdict, steps };
    print(args.output.output, &report, table)?;
    if args.output.output == Format::Table {
        remedies(&report, talk);
    }
    Ok(ExitCode::from(if verdict == Verdict::Ok { exit::FINE } else { exit::FINDINGS }))
}

/// Asks the API servers, and then the server what they asked it.
async fn probe_all(
    api: &DoorwardApi<'_>,
    before: Diagnosis,
    is_asked_for: impl Fn(&str) -> bool,
) -> Result<(Diagnosis, Vec<Step>), CliError> {
    let mut asking = JoinSet::new();
    for cluster in before.clusters.into_iter().filter(|cluster| is_asked_for(&cluster.name)) {
        asking.spawn(async move {
            let requests = probe::ask(&cluster).await;
            (cluster, requests)
        });
    }
    let asked = asking.join_all().await;
    let after = api.diagnosis().await?;
    let steps = asked.iter().filter_map(|(before, requests)| {
        let now = after.clusters.iter().find(|cluster| cluster.name == before.name)?;
        Some(client::probe(before, now, requests, after.is_shared))
    });
    let steps = steps.collect();
    Ok((after, steps))
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(["", "CLUSTER", "STEP", "FOUND"]);
    for Step { name, cluster, verdict, message, .. } in &report.steps {
        let cluster = cluster.clone().unwrap_or_default();
        table.row([word(*verdict).to_owned(), cluster, name.to_string(), message.clone()]);
    }
    table
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    }
}

/// What to do, after the table: remedies are too long for a column.
fn remedies(report: &Report, talk: Talk) {
    for Step { name, cluster, remedy, .. } in &report.steps {
        let Some(remedy) = remedy else { continue };
        let of = cluster.as_ref().map(|cluster| format!(" of `{cluster}`")).unwrap_or_default();
        talk.note(format_args!("{name}{of}: {remedy}"));
    }
    if report.verdict == Verdict::Ok {
        talk.note("all is well");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_a_line_that_begins_with_its_verdict() {
        let step = |verdict, cluster: Option<&str>| Step {
            name: "store".into(),
            cluster: cluster.map(str::to_owned),
            verdict,
            message: "found".to_owned(),
            remedy: None,
        };
        let steps = vec![step(Verdict::Ok, None), step(Verdict::Fail, Some("demo"))];
        let shown = table(&Report { verdict: Verdict::Fail, steps }).to_string();
        let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["ok", "store", "found"]);
        assert_eq!(lines[2], ["FAIL", "demo", "store", "found"]);
    }
}
