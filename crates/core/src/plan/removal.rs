//! Removing rows of aws-auth, and nothing else: only where the section is what it was when the plan was made, and only if
//! what is left says what it said, to the authenticator that the cluster runs.

use std::collections::{BTreeMap, HashSet};

use super::action::MappingRow;
use crate::aws_auth::{Authenticator, AwsAuth, IdentityMapping, Section, edit, parse_as};

/// The ConfigMap's `data`.
type Data = BTreeMap<String, String>;

/// Why rows are not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemovalError {
    /// Somebody changed aws-auth since the plan was made.
    #[error("`{0}` of aws-auth is not what it was when the plan was made; plan again")]
    Changed(Section),
    /// The section cannot be edited.
    #[error(transparent)]
    Edit(#[from] edit::EditError),
}

/// The data without the rows; none if they are removed already.
///
/// # Errors
/// [`RemovalError`].
pub(super) fn remove(
    data: &Data,
    authenticator: Authenticator,
    section: Section,
    rows: &[MappingRow],
    rows_before: usize,
) -> Result<Option<Data>, RemovalError> {
    let now = parse_as(data, authenticator);
    let count = row_count(&now, section);
    if count + rows.len() == rows_before {
        return Ok(None);
    }
    if count != rows_before || !rows.iter().all(|row| still_says(&now, section, row)) {
        return Err(RemovalError::Changed(section));
    }
    let places: Vec<usize> = rows.iter().map(|row| row.index).collect();
    let edited = match authenticator {
        Authenticator::Doorward => edit::remove_rows_of(data, &now, section, &places)?.data,
        Authenticator::Eks => edit::remove_rows(data, section, &places)?.data,
    };
    let after = parse_as(&edited, authenticator);
    let gone: HashSet<usize> = places.into_iter().collect();
    let stays = |index: usize| !gone.contains(&index);
    let before: Vec<&IdentityMapping> = mappings(&now, section).iter().filter(|row| stays(row.index)).collect();
    let is_left = |(a, b): (&&IdentityMapping, &IdentityMapping)| a.says_the_same_as(b);
    let accounts_before = now.accounts.iter().filter(|row| section != Section::Accounts || stays(row.index));
    let is_as_meant = before.len() == mappings(&after, section).len()
        && before.iter().zip(mappings(&after, section)).all(is_left)
        && accounts_before.map(|row| row.account).eq(after.accounts.iter().map(|row| row.account));
    if is_as_meant { Ok(Some(edited)) } else { Err(edit::EditError::NotReadBack(section).into()) }
}

/// How many rows a section has, those that do not count included.
pub(super) fn row_count(aws_auth: &AwsAuth, section: Section) -> usize {
    let mappings = mappings(aws_auth, section).iter().map(|row| row.index);
    let accounts = aws_auth.accounts.iter().filter(|_| section == Section::Accounts).map(|row| row.index);
    let problems = aws_auth.problems.iter().filter(|problem| problem.section == section).filter_map(|it| it.row);
    mappings.chain(accounts).chain(problems).max().map_or(0, |last| last + 1)
}

/// Whether the row in that place is still the one that the plan saw. A row that cannot be read has no ARN.
fn still_says(aws_auth: &AwsAuth, section: Section, row: &MappingRow) -> bool {
    let mapping = |rows: &[IdentityMapping]| {
        let at = rows.binary_search_by_key(&row.index, |it| it.index).ok()?;
        rows.get(at).map(|it| it.arn.clone())
    };
    let account = || {
        let at = aws_auth.accounts.binary_search_by_key(&row.index, |it| it.index).ok()?;
        aws_auth.accounts.get(at).map(|it| it.account.to_string())
    };
    let found = if section == Section::Accounts { account() } else { mapping(mappings(aws_auth, section)) };
    found.unwrap_or_default() == row.arn
}

fn mappings(aws_auth: &AwsAuth, section: Section) -> &[IdentityMapping] {
    match section {
        Section::Roles => &aws_auth.roles,
        Section::Users => &aws_auth.users,
        Section::Accounts => &[],
    }
}
