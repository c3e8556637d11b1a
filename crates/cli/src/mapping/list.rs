//! `doorward mapping list`.

use std::process::ExitCode;

use doorward_core::account_id::AccountId;
use doorward_core::aws_auth::{AwsAuth, IdentityMapping, Section, parse};
use serde::Serialize;

use super::ListArgs;
use super::source::Source;
use crate::error::CliError;
use crate::output::print;
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
            print(args.output.output, &rows, |rows| table(rows))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn rows(aws_auth: &AwsAuth, arn: Option<&str>) -> Vec<Row> {
    let mappings = aws_auth.mappings().filter(|row| arn.is_none_or(|arn| row.arn.eq_ignore_ascii_case(arn)));
    let accounts = aws_auth.accounts.iter().filter(|_| arn.is_none());
    mappings.map(Row::of).chain(accounts.map(|row| Row::Account { account: row.account })).collect()
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
