//! `doorward status`: the server's clusters, and what is wrong with them.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::aws::AwsArgs;
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::CliError;
use crate::output::{Format, OutputArgs, print};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward status
  doorward status -o json | jq '.clusters[] | select(.awsAuth.problems != [])'";

/// How to show it.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cluster {
    name: String,
    authentication_mode: String,
    access_entries: u64,
    aws_auth: AwsAuth,
    policies_without_effect: Vec<PolicyWithoutEffect>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AwsAuth {
    /// Whether it was read at all.
    read: bool,
    failing_since: Option<String>,
    failure: Option<String>,
    rows: u64,
    stale_sections: Vec<String>,
    problems: Vec<Problem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PolicyWithoutEffect {
    principal_arn: String,
    policy: String,
}

/// Shows it.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub(crate) async fn run(args: StatusArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let client = aws_client(&args.aws)?;
    let api = DoorwardApi(&client);
    let status = api.status().await?;
    let clusters = status.get("clusters").cloned().unwrap_or(Value::Array(Vec::new()));
    let clusters: Vec<Cluster> = serde_json::from_value(clusters).map_err(|error| api.strange("GetStatus", &error))?;
    print(args.output.output, &status, |_| table(&clusters))?;
    if args.output.output == Format::Table {
        if clusters.is_empty() {
            talk.note("no clusters; add one with `doorward cluster register`");
        }
        clusters.iter().flat_map(warnings).for_each(|warning| talk.warning(warning));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(clusters: &[Cluster]) -> Table {
    let mut table =
        Table::new(["CLUSTER", "MODE", "ENTRIES", "AWS-AUTH ROWS", "PROBLEMS", "AWS-AUTH", "POLICIES WITHOUT EFFECT"]);
    for cluster in clusters {
        let Cluster { name, authentication_mode, access_entries, aws_auth, policies_without_effect } = cluster;
        table.row([
            name.clone(),
            authentication_mode.clone(),
            access_entries.to_string(),
            aws_auth.rows.to_string(),
            aws_auth.problems.len().to_string(),
            aws_auth.state().to_owned(),
            policies_without_effect.len().to_string(),
        ]);
    }
    table
}

impl AwsAuth {
    /// The worst that can be said of it, in a word.
    fn state(&self) -> &'static str {
        match (&self.failing_since, self.read, self.stale_sections.is_empty()) {
            (Some(_), ..) => "failing",
            (None, true, false) => "stale",
            (None, true, true) => "current",
            (None, false, _) => "not read yet",
        }
    }
}

fn warnings(cluster: &Cluster) -> Vec<String> {
    let Cluster { name, aws_auth, policies_without_effect, .. } = cluster;
    let failing = aws_auth.failing_since.iter().map(|since| {
        let failure = aws_auth.failure.as_deref().unwrap_or("the reason is not known");
        format!("`{name}`: aws-auth cannot be watched since {since} and counts as it was last seen: {failure}")
    });
    let stale = aws_auth.stale_sections.iter().map(|section| {
        format!("`{name}`: `{section}` of aws-auth cannot be read any more; the rows that it had last still count")
    });
    let problems = aws_auth.problems.iter().map(|problem| format!("`{name}`: aws-auth, {}", problem.message));
    let policies = policies_without_effect.iter().map(|PolicyWithoutEffect { principal_arn, policy }| {
        format!("`{name}`: {policy} of `{principal_arn}` grants nothing, because AWS does not publish its rules")
    });
    failing.chain(stale).chain(problems).chain(policies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_counted_and_told() {
        let answer = serde_json::json!({
            "name": "c", "authenticationMode": "API", "accessEntries": 2,
            "awsAuth": {
                "read": true, "resourceVersion": "7", "failingSince": null, "failure": null, "rows": 3,
                "staleSections": ["mapRoles"], "problems": [{ "section": "mapRoles", "line": 1, "message": "bad" }]
            },
            "policiesWithoutEffect": [{ "principalArn": "arn:x", "policy": "P" }],
        });
        let cluster: Cluster = serde_json::from_value(answer).unwrap();
        let said = warnings(&cluster);
        assert_eq!(said.len(), 3);
        assert!(said[0].contains("`mapRoles` of aws-auth cannot be read any more"));
        assert_eq!(said[1], "`c`: aws-auth, bad");
        let shown = table(&[cluster]).to_string();
        let words: Vec<_> = shown.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["c", "API", "2", "3", "1", "stale", "1"]);
    }

    #[test]
    fn a_watch_that_fails_goes_before_everything_else() {
        let failing = AwsAuth { read: true, failing_since: Some("then".to_owned()), ..AwsAuth::default() };
        assert_eq!((failing.state(), AwsAuth::default().state()), ("failing", "not read yet"));
    }
}
