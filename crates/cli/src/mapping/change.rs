//! `doorward mapping create` and `delete`.

use std::process::ExitCode;

use doorward_core::aws_auth::edit::{
    Data, Duplicates, EditError, EditWarning, Edited, NewMapping, Which, create_account, create_mapping,
    delete_account, delete_mapping,
};
use doorward_core::aws_auth::{IdentityMapping, parse};
use serde::Serialize;

use super::list::Row;
use super::source::{Done, Source};
use super::{CreateArgs, DeleteArgs, EditArgs};
use crate::error::CliError;
use crate::output::{Format, print, print_line, print_text};
use crate::table::Table;
use crate::talk::Talk;

/// What became of an edit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    /// Whether anything is, or would be, another than before.
    changed: bool,
    dry_run: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<Row>,
    /// How many rows for the same ARN are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
    diff: String,
}

/// Adds a row.
///
/// # Errors
/// If aws-auth cannot be read or written, or the row could not count.
pub(super) async fn create(args: &CreateArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let duplicates = if args.no_duplicate_arns { Duplicates::Refuse } else { Duplicates::Shadow };
    let username = args.username.as_deref().unwrap_or_default();
    let done = edit(&args.edit, talk, |data: &Data| match (&args.arn, args.account) {
        (Some(arn), _) => create_mapping(data, &NewMapping { arn, username, groups: &args.groups }, duplicates),
        (None, Some(account)) => create_account(data, account),
        (None, None) => Err(EditError::NotFound(String::new())),
    })
    .await?;
    let what = match (&args.arn, args.account) {
        (Some(arn), _) => format!("{arn} as {username}{}", in_groups(&args.groups)),
        (None, account) => account.map(|account| format!("the account {account}")).unwrap_or_default(),
    };
    let exists = done.edited.warnings.iter().any(|warning| matches!(warning, EditWarning::Exists { .. }));
    let said = if exists { format!("unchanged: {what}") } else { format!("created: {what}") };
    let arn = args.arn.as_deref();
    tell(&args.edit, &done, arn, talk, || print_line(&said))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes rows.
///
/// # Errors
/// If aws-auth cannot be read or written, or there is no such row.
pub(super) async fn delete(args: &DeleteArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let which = if args.all { Which::All } else { Which::First };
    let done = edit(&args.edit, talk, |data: &Data| match (&args.arn, args.account) {
        (Some(arn), _) => delete_mapping(data, arn, which),
        (None, Some(account)) => delete_account(data, account),
        (None, None) => Err(EditError::NotFound(String::new())),
    })
    .await?;
    let arn = args.arn.as_deref();
    tell(&args.edit, &done, arn, talk, || match (arn, args.account) {
        (Some(arn), _) => {
            done.edited.removed.iter().try_for_each(|row| print_line(&format!("deleted {}", described(row))))?;
            let remaining = remaining(&done.edited.data, arn);
            print_line(&format!("{remaining} {} left for {arn}", if remaining == 1 { "row" } else { "rows" }))
        }
        (None, Some(account)) => print_line(&format!("deleted the account {account} of mapAccounts")),
        (None, None) => Ok(()),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn edit(
    args: &EditArgs,
    talk: Talk,
    change: impl Fn(&Data) -> Result<Edited, EditError> + Send + Sync,
) -> Result<Done, CliError> {
    Source::find(&args.source, talk).await?.edit(args.dry_run, change).await
}

/// Prints the outcome: the diff if it was a trial, what was done otherwise.
fn tell(
    args: &EditArgs,
    done: &Done,
    arn: Option<&str>,
    talk: Talk,
    say: impl FnOnce() -> Result<(), CliError>,
) -> Result<(), CliError> {
    // `Left` is said with the number that is printed anyway.
    let warnings = done.edited.warnings.iter().filter(|warning| !matches!(warning, EditWarning::Left { .. }));
    warnings.for_each(|warning| talk.warning(warning));
    if let Some(section) = done.edited.rewritten {
        talk.warning(format_args!(
            "`{section}` could not be edited line by line, so it is written anew and the comments in it are lost"
        ));
    }
    if args.output.output != Format::Table {
        let outcome = Outcome {
            changed: !done.diff.is_empty(),
            dry_run: args.dry_run,
            removed: done.edited.removed.iter().map(Row::of).collect(),
            remaining: arn.map(|arn| remaining(&done.edited.data, arn)),
            diff: done.diff.clone(),
        };
        return print(args.output.output, &outcome, |_| Table::new([]));
    }
    if args.dry_run {
        print_text(&done.diff)?;
        talk.note("dry run: nothing was changed");
        return Ok(());
    }
    say()
}

fn remaining(data: &Data, arn: &str) -> usize {
    parse(data).mappings().filter(|row| row.arn.eq_ignore_ascii_case(arn)).count()
}

fn described(row: &IdentityMapping) -> String {
    let groups: Vec<_> = row.groups.iter().map(ToString::to_string).collect();
    let IdentityMapping { section, index, arn, username, .. } = row;
    format!("row {} of {section}: {arn} as {username}{}", index + 1, in_groups(&groups))
}

fn in_groups(groups: &[String]) -> String {
    if groups.is_empty() { String::new() } else { format!(" in {}", groups.join(", ")) }
}
