//! `doorward replicas`: the servers of a common store; and waiting until all of them decide by a write.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::aws::{AwsArgs, AwsClient};
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::CliError;
use crate::output::{Format, OutputArgs, print};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward replicas
  aws eks delete-access-entry --cluster-name prod --principal-arn $ARN && doorward replicas --wait";

/// How long a server that died may count as there, with a margin.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the servers are asked about while somebody waits.
const PAUSE: Duration = Duration::from_millis(50);

/// How to show it.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct ReplicasArgs {
    /// First wait until every server that is there decides by all that was written before this was called.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

/// Whether a write waits for all servers.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Return when every server of the common store decides by it, not only the one that was asked.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replicas {
    generation: Option<u64>,
    replicas: Vec<Replica>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replica {
    name: String,
    api: String,
    version: String,
    knows: Option<u64>,
    is_current: bool,
}

/// Shows them.
///
/// # Errors
/// If the server cannot be reached, or refuses; with `--wait`, if a server does not get so far.
pub(crate) async fn run(args: ReplicasArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let client = aws_client(&args.aws)?;
    if args.wait {
        wait_for_all(&client).await?;
    }
    let (answer, parsed) = ask(&client).await?;
    print(args.output.output, &answer, |_| table(&parsed))?;
    if args.output.output == Format::Table && parsed.replicas.is_empty() {
        talk.note("this server has its store for itself");
    }
    Ok(ExitCode::SUCCESS)
}

impl WaitArgs {
    /// Waits, if that was asked for.
    ///
    /// # Errors
    /// If a server does not get so far: the write is made, and that server does not decide by it yet.
    pub(crate) async fn wait(&self, client: &AwsClient, talk: Talk) -> Result<(), CliError> {
        if self.wait {
            wait_for_all(client).await?;
            talk.note("every server decides by it");
        }
        Ok(())
    }
}

/// Returns when every server that is there knows what was written before.
async fn wait_for_all(client: &AwsClient) -> Result<(), CliError> {
    let deadline = Instant::now() + PATIENCE;
    // What is written meanwhile is not waited for.
    let (_, first) = ask(client).await?;
    let mut behind = first.behind(first.generation);
    while !behind.is_empty() {
        if Instant::now() > deadline {
            return Err(CliError::Failed(format!(
                "it is written, and after {} s these servers do not decide by it yet: {}",
                PATIENCE.as_secs(),
                behind.join(", ")
            )));
        }
        tokio::time::sleep(PAUSE).await;
        behind = ask(client).await?.1.behind(first.generation);
    }
    Ok(())
}

async fn ask(client: &AwsClient) -> Result<(Value, Replicas), CliError> {
    let api = DoorwardApi(client);
    let answer = api.replicas().await?;
    let parsed = serde_json::from_value(answer.clone()).map_err(|error| api.strange("ListReplicas", &error))?;
    Ok((answer, parsed))
}

impl Replicas {
    /// Which servers do not know a write yet.
    fn behind(&self, generation: Option<u64>) -> Vec<String> {
        let behind = self.replicas.iter().filter(|replica| replica.knows < generation);
        behind.map(|replica| format!("`{}` ({})", replica.name, replica.api)).collect()
    }
}

fn table(replicas: &Replicas) -> Table {
    let mut table = Table::new(["SERVER", "API", "VERSION", "KNOWS", "CURRENT"]);
    for Replica { name, api, version, knows, is_current } in &replicas.replicas {
        let knows = knows.map_or_else(|| "-".to_owned(), |knows| knows.to_string());
        let is_current = if *is_current { "yes" } else { "no" };
        table.row([name.clone(), api.clone(), version.clone(), knows, is_current.to_owned()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_waited_for_until_it_knows_the_write_and_not_for_later_ones() {
        let text = r#"{"generation":9,"replicas":[
            {"name":"a","api":"h:1","version":"1","knows":9,"isCurrent":true},
            {"name":"b","api":"h:2","version":"1","knows":7,"isCurrent":false},
            {"name":"c","api":"h:3","version":"1","knows":null,"isCurrent":false}]}"#;
        let replicas: Replicas = serde_json::from_str(text).unwrap();
        assert_eq!(replicas.behind(Some(9)), ["`b` (h:2)", "`c` (h:3)"]);
        assert_eq!(replicas.behind(Some(7)), ["`c` (h:3)"]);
        assert!(replicas.behind(None).is_empty());
    }
}
