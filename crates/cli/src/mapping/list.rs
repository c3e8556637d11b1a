//! `doorward mapping list`.

use std::process::ExitCode;

use doorward_core::account_id::AccountId;
use doorward_core::aws_auth::{AwsAuth, IdentityMapping, Section, parse};
use jiff::Timestamp;
use serde::Serialize;

use super::ListArgs;
use super::source::Source;
use crate::doorward_api::{DoorwardApi, Usage, aws_client};
use crate::error::CliError;
use crate::output::{Format, WideFormat, print};
use crate::table::Table;
use crate::talk::Talk;

/// A row as eksctl prints it, so that scripts keep working.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Row {
    Role { rolearn: String, username: String, groups: Vec<String> },
    User { userarn: String, username: String, groups: Vec<String> },
    Account { account: AccountId },
}

impl Row {
    /// The row of an identity mapping.
    pub(super) fn of(mapping: &IdentityMapping) -> Self {
        let (arn, username) = (mapping.arn.clone(), mapping.username.to_string());
        let groups = mapping.groups.iter().map(ToString::to_string).collect();
        match mapping.section {
            Section::Users => Self::User { userarn: arn, username, groups },
            Section::Roles | Section::Accounts => Self::Role { rolearn: arn, username, groups },
        }
    }
}

/// Lists the rows.
///
/// # Errors
/// If aws-auth cannot be read, or the ARN that was asked for has no row.
pub(super) async fn run(args: &ListArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let data = Source::find(&args.source, talk).await?.read().await?;
    if data.is_none() {
        talk.note("the cluster has no ConfigMap `kube-system/aws-auth`, so it maps nobody");
    }
    let aws_auth = parse(&data.unwrap_or_default());
    aws_auth.problems.iter().for_each(|problem| talk.warning(problem));
    let rows = rows(&aws_auth, args.arn.as_deref());
    match &args.arn {
        Some(arn) if rows.is_empty() => {
            Err(CliError::NotFound(format!("no row of `mapRoles` or `mapUsers` is for `{}`", arn.escape_debug())))
        }
        _ => {
            match args.output {
                WideFormat::Table => print(Format::Table, &rows, |rows| table(rows))?,
                WideFormat::Json => print(Format::Json, &rows, |rows| table(rows))?,
                WideFormat::Yaml => print(Format::Yaml, &rows, |rows| table(rows))?,
                WideFormat::Wide => {
                    let usage = usage(args, talk).await;
                    print(Format::Table, &rows, |rows| wide(rows, usage.as_ref(), Timestamp::now()))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn rows(aws_auth: &AwsAuth, arn: Option<&str>) -> Vec<Row> {
    let mappings = aws_auth.mappings().filter(|row| arn.is_none_or(|arn| row.arn.eq_ignore_ascii_case(arn)));
    let accounts = aws_auth.accounts.iter().filter(|_| arn.is_none());
    mappings.map(Row::of).chain(accounts.map(|row| Row::Account { account: row.account })).collect()
}

/// How the rows are used; none where nobody counts.
async fn usage(args: &ListArgs, talk: Talk) -> Option<Usage> {
    let kubernetes = &args.source.kubernetes;
    let is_file = args.source.aws_auth.is_some();
    let cluster = kubernetes.cluster.clone().or_else(|| crate::kubernetes::cluster_of_context(kubernetes));
    let client = aws_client(&args.source.aws).ok();
    let usage = match (cluster.filter(|_| !is_file), client) {
        (Some(cluster), Some(client)) => DoorwardApi(&client).usage(&cluster).await.ok(),
        _ => None,
    };
    if usage.is_none() {
        talk.note("how rows are used is not known: that is counted by a Doorward server, for its clusters");
    }
    usage
}

fn wide(rows: &[Row], usage: Option<&Usage>, now: Timestamp) -> Table {
    let mut table = Table::new(["ARN", "USERNAME", "GROUPS", "ACCOUNT", "LAST USED"]);
    let used = |section, arn: &str| match usage {
        None => "unknown".to_owned(),
        Some(usage) => usage.of_row(section, arn).map_or_else(|| "unknown".to_owned(), |it| it.in_words(now)),
    };
    for row in rows {
        let (section, arn, username, groups) = match row {
            Row::Role { rolearn, username, groups } => (Section::Roles, rolearn, username, groups),
            Row::User { userarn, username, groups } => (Section::Users, userarn, username, groups),
            Row::Account { account } => {
                let account = account.to_string();
                let used = used(Section::Accounts, &account);
                table.row([String::new(), String::new(), String::new(), account, used]);
                continue;
            }
        };
        table.row([arn.clone(), username.clone(), groups.join(","), String::new(), used(section, arn)]);
    }
    table
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(["ARN", "USERNAME", "GROUPS", "ACCOUNT"]);
    for row in rows {
        match row {
            Row::Role { rolearn: arn, username, groups } | Row::User { userarn: arn, username, groups } => {
                table.row([arn.clone(), username.clone(), groups.join(","), String::new()]);
            }
            Row::Account { account } => table.row([String::new(), String::new(), String::new(), account.to_string()]),
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_listed_in_order_and_printed_as_eksctl_does() {
        let data = [
            ("mapUsers", "- userarn: arn:aws:iam::123456789012:user/u\n  username: u\n"),
            ("mapRoles", "- rolearn: arn:aws:iam::123456789012:role/r\n  username: r\n  groups: [g, h]\n"),
            ("mapAccounts", "- \"111122223333\"\n"),
        ];
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let aws_auth = parse(&data);
        let all = rows(&aws_auth, None);
        assert_eq!(
            serde_json::to_string(&all).unwrap(),
            r#"[{"rolearn":"arn:aws:iam::123456789012:role/r","username":"r","groups":["g","h"]},{"userarn":"arn:aws:iam::123456789012:user/u","username":"u","groups":[]},{"account":"111122223333"}]"#
        );
        assert_eq!(rows(&aws_auth, Some("ARN:aws:iam::123456789012:USER/u")).len(), 1);
        assert!(table(&all).to_string().contains("role/r  r         g,h"));
    }
}
