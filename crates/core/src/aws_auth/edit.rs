//! Adding and removing rows of aws-auth, with the meaning of `eksctl create|delete iamidentitymapping` and without its
//! losses: comments, the order and the form of the rows, unknown keys and every other key of the ConfigMap stay.
//!
//! An edit changes the lines of one row. The result is read again and must say what was meant, or it is thrown away;
//! then the section alone is written anew, and if that does not say it either, the edit is refused. Nothing is ever
//! written that could not be read back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::layout::{Layout, layout, lines};
use super::{AwsAuth, Effect, IdentityMapping, MappedAccount, Places, Problem, Section, SectionState, parse, write};
use crate::account_id::AccountId;
use crate::arn::{ArnError, printable};
use crate::principal::{PrincipalArn, PrincipalKind};
use crate::username::{Template, TemplateError};

/// The ConfigMap's `data`.
pub type Data = BTreeMap<String, String>;

/// A row to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMapping<'a> {
    /// The ARN of a role or a user. It is written as it is given.
    pub arn: &'a str,
    /// The Kubernetes username, which may have placeholders.
    pub username: &'a str,
    /// The Kubernetes groups, which may too.
    pub groups: &'a [String],
}

/// What to do where rows for the same ARN exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// Add the row; it counts, and they do not any more.
    #[default]
    Shadow,
    /// Add nothing where an equal row exists, and fail where a different one does.
    Refuse,
}

/// Which rows to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The first one, of `mapRoles` before `mapUsers`; it is an error if there is none.
    #[default]
    First,
    /// All; it is fine if there is none.
    All,
}

/// An edited ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The new `data`.
    pub data: Data,
    /// The rows that were removed, as they stood.
    pub removed: Vec<IdentityMapping>,
    /// A section that had to be written anew, its comments lost, because its form could not be edited line by line.
    pub rewritten: Option<Section>,
    /// What the user should know.
    pub warnings: Vec<EditWarning>,
}

/// What a user should know of an edit that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum EditWarning {
    /// An equal row exists.
    #[error("row {} of `{section}` says the same already; nothing was added", row + 1)]
    Exists {
        /// Its section.
        section: Section,
        /// Its place, from 0.
        row: usize,
    },
    /// A row that counted does not any more.
    #[error("row {} of `{section}` is for the same ARN and will be shadowed by the new row", row + 1)]
    Shadows {
        /// Its section.
        section: Section,
        /// Its place, from 0.
        row: usize,
    },
    /// The new row does not count.
    #[error("row {} of `{section}` is for the same ARN and is searched first, so the new row will not count", row + 1)]
    ShadowedBy {
        /// The section of the row that counts.
        section: Section,
        /// Its place, from 0.
        row: usize,
    },
    /// A role with its path.
    #[error("the new row will match nobody, because sessions do not tell their role's path; use `{without_path}`")]
    Path {
        /// The ARN as it should be.
        without_path: String,
    },
    /// Rows for the same ARN are left.
    #[error("{count} more for the same ARN are left, and the last of `mapRoles`, else of `mapUsers`, counts")]
    Left {
        /// How many.
        count: usize,
    },
}

/// Why an edit is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No ARN.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// An ARN that has no section.
    #[error("`{0}` is neither a user nor a role")]
    NeitherUserNorRole(String),
    /// No username.
    #[error("a row without a username maps nobody; give it a username")]
    NoUsername,
    /// A group without a name.
    #[error("a group is empty; leave it out")]
    EmptyGroup,
    /// A placeholder that does not exist.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A different row for the same ARN.
    #[error("row {} of `{section}` maps `{arn}` already, to another username or other groups", row + 1)]
    Duplicate {
        /// The ARN.
        arn: String,
        /// The row's section.
        section: Section,
        /// Its place, from 0.
        row: usize,
    },
    /// No such row.
    #[error("no row of `mapRoles` or `mapUsers` is for `{0}`")]
    NotFound(String),
    /// No such account.
    #[error("the account `{0}` is not in `mapAccounts`")]
    AccountNotFound(AccountId),
    /// The section cannot be read.
    #[error("nothing was changed, because what is there now cannot be read: {0}")]
    Unreadable(Problem),
    /// Only writing the section anew would do, and that would lose a row.
    #[error(
        "nothing was changed, because `{section}` cannot be edited line by line and writing it anew would lose a row \
         ({problem}); correct that row first"
    )]
    WouldLose {
        /// The section.
        section: Section,
        /// The row, and what is wrong with it.
        problem: Box<Problem>,
    },
    /// The result would not say what was meant.
    #[error("nothing was changed, because `{0}` cannot be edited so that it reads back as meant; edit it by hand")]
    NotReadBack(Section),
}

/// Adds an identity mapping at the end of `mapRoles` or `mapUsers`, by what its ARN names.
///
/// # Errors
/// If the row could not count, or [`Duplicates::Refuse`] forbids it, or the section cannot be edited.
pub fn create_mapping(data: &Data, new: &NewMapping<'_>, duplicates: Duplicates) -> Result<Edited, EditError> {
    let (row, arn) = checked(new)?;
    let now = parse(data);
    readable(&now, row.section)?;
    let same_arn: Vec<_> = now.mappings().filter(|other| other.arn.eq_ignore_ascii_case(&row.arn)).collect();
    if duplicates == Duplicates::Refuse {
        let groups = |row: &IdentityMapping| row.groups.iter().cloned().collect::<BTreeSet<_>>();
        let is_equal = |other: &IdentityMapping| other.username == row.username && groups(other) == groups(&row);
        match (same_arn.iter().find(|other| is_equal(other)), same_arn.first()) {
            (Some(equal), _) => {
                let exists = EditWarning::Exists { section: equal.section, row: equal.index };
                return Ok(unchanged(data, vec![exists]));
            }
            (None, Some(other)) => {
                let (section, index) = (other.section, other.index);
                return Err(EditError::Duplicate { arn: printable(new.arn), section, row: index });
            }
            (None, None) => {}
        }
    }
    let mut warnings: Vec<_> = same_arn
        .iter()
        .map(|other| match (other.section, row.section) {
            (section @ Section::Roles, Section::Users) => EditWarning::ShadowedBy { section, row: other.index },
            (section, _) => EditWarning::Shadows { section, row: other.index },
        })
        .collect();
    if arn.kind() == PrincipalKind::Role && arn.path() != "/" {
        warnings.push(EditWarning::Path { without_path: arn.without_path().to_string() });
    }
    let rows = if row.section == Section::Roles { &now.roles } else { &now.users };
    let expected: Vec<_> = rows.iter().chain([&row]).cloned().collect();
    let change = Change { section: row.section, remove: &[], append: write::mapping(&row) };
    let (data, rewritten) = apply(data, &now, &change, &Rows::Mappings(expected))?;
    Ok(Edited { data, removed: Vec::new(), rewritten, warnings })
}

/// Removes identity mappings for an ARN. Case does not matter to what a row matches, so it does not here, but a row
/// that is written exactly so goes first.
///
/// # Errors
/// If there is no such row to be removed, or the sections cannot be read or edited.
pub fn delete_mapping(data: &Data, arn: &str, which: Which) -> Result<Edited, EditError> {
    let now = parse(data);
    readable(&now, Section::Roles)?;
    readable(&now, Section::Users)?;
    let same_arn: Vec<_> = now.mappings().filter(|row| row.arn.eq_ignore_ascii_case(arn)).collect();
    let removed: Vec<IdentityMapping> = match which {
        Which::All => same_arn.iter().map(|row| (*row).clone()).collect(),
        Which::First => {
            let row = same_arn.iter().find(|row| row.arn == arn).or(same_arn.first());
            vec![(*row.ok_or_else(|| EditError::NotFound(printable(arn)))?).clone()]
        }
    };
    let mut edited = unchanged(data, Vec::new());
    for (section, rows) in [(Section::Roles, &now.roles), (Section::Users, &now.users)] {
        let remove: Vec<usize> = removed.iter().filter(|row| row.section == section).map(|row| row.index).collect();
        if remove.is_empty() {
            continue;
        }
        let expected = rows.iter().filter(|row| !remove.contains(&row.index)).cloned().collect();
        let change = Change { section, remove: &remove, append: Vec::new() };
        let (data, rewritten) = apply(&edited.data, &now, &change, &Rows::Mappings(expected))?;
        edited.data = data;
        edited.rewritten = rewritten.or(edited.rewritten);
    }
    if same_arn.len() > removed.len() {
        edited.warnings.push(EditWarning::Left { count: same_arn.len() - removed.len() });
    }
    Ok(Edited { removed, ..edited })
}

/// Adds an account to `mapAccounts`, unless it is there.
///
/// # Errors
/// If the section cannot be read or edited.
pub fn create_account(data: &Data, account: AccountId) -> Result<Edited, EditError> {
    let now = parse(data);
    readable(&now, Section::Accounts)?;
    if let Some(row) = now.account_mapped(account) {
        return Ok(unchanged(data, vec![EditWarning::Exists { section: Section::Accounts, row: row.index }]));
    }
    let row = MappedAccount { index: now.accounts.len(), line: 1, column: 1, account };
    let expected = now.accounts.iter().chain([&row]).cloned().collect();
    let change = Change { section: Section::Accounts, remove: &[], append: write::account(&row) };
    let (data, rewritten) = apply(data, &now, &change, &Rows::Accounts(expected))?;
    Ok(Edited { data, removed: Vec::new(), rewritten, warnings: Vec::new() })
}

/// Removes an account from `mapAccounts`, however often it is there.
///
/// # Errors
/// If it is not there, or the section cannot be read or edited.
pub fn delete_account(data: &Data, account: AccountId) -> Result<Edited, EditError> {
    let now = parse(data);
    readable(&now, Section::Accounts)?;
    let (removed, kept): (Vec<_>, Vec<_>) = now.accounts.iter().cloned().partition(|row| row.account == account);
    if removed.is_empty() {
        return Err(EditError::AccountNotFound(account));
    }
    let remove: Vec<_> = removed.iter().map(|row| row.index).collect();
    let change = Change { section: Section::Accounts, remove: &remove, append: Vec::new() };
    let (data, rewritten) = apply(data, &now, &change, &Rows::Accounts(kept))?;
    Ok(Edited { data, removed: Vec::new(), rewritten, warnings: Vec::new() })
}

/// Removes rows by their place, from 0, whether they count or not.
///
/// # Errors
/// If the section cannot be read or edited.
pub fn remove_rows(data: &Data, section: Section, rows: &[usize]) -> Result<Edited, EditError> {
    remove_rows_of(data, &parse(data), section, rows)
}

/// The same where the data has been read for Doorward already: `now`. Reading is what an edit of a large text costs.
pub(crate) fn remove_rows_of(
    data: &Data,
    now: &AwsAuth,
    section: Section,
    rows: &[usize],
) -> Result<Edited, EditError> {
    readable(now, section)?;
    let remove: BTreeSet<usize> = rows.iter().copied().collect();
    if remove.is_empty() {
        return Ok(unchanged(data, Vec::new()));
    }
    let stays = |index: &usize| !remove.contains(index);
    let expected = match section {
        Section::Roles => Rows::Mappings(now.roles.iter().filter(|row| stays(&row.index)).cloned().collect()),
        Section::Users => Rows::Mappings(now.users.iter().filter(|row| stays(&row.index)).cloned().collect()),
        Section::Accounts => Rows::Accounts(now.accounts.iter().filter(|row| stays(&row.index)).cloned().collect()),
    };
    let removed = now.mappings().filter(|row| row.section == section && !stays(&row.index)).cloned().collect();
    let remove: Vec<usize> = remove.into_iter().collect();
    let change = Change { section, remove: &remove, append: Vec::new() };
    let (data, rewritten) = apply(data, now, &change, &expected)?;
    Ok(Edited { data, removed, rewritten, warnings: Vec::new() })
}

/// What is to become of one section's text.
struct Change<'a> {
    section: Section,
    /// Rows to remove, by their place, in order.
    remove: &'a [usize],
    /// Lines to append.
    append: Vec<String>,
}

/// The rows that a section must have after an edit.
enum Rows {
    Mappings(Vec<IdentityMapping>),
    Accounts(Vec<MappedAccount>),
}

impl Rows {
    fn are_those_of(&self, aws_auth: &AwsAuth, section: Section) -> bool {
        match self {
            Self::Mappings(expected) => {
                let found = if section == Section::Users { &aws_auth.users } else { &aws_auth.roles };
                found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a.says_the_same_as(b))
            }
            Self::Accounts(expected) => {
                aws_auth.accounts.iter().map(|row| row.account).eq(expected.iter().map(|row| row.account))
            }
        }
    }

    fn written(&self) -> String {
        let lines: Vec<String> = match self {
            Self::Mappings(rows) => rows.iter().flat_map(write::mapping).collect(),
            Self::Accounts(rows) => rows.iter().flat_map(write::account).collect(),
        };
        if lines.is_empty() { "[]\n".to_owned() } else { lines.concat() }
    }
}

/// The row to add and its ARN, if it could count.
fn checked(new: &NewMapping<'_>) -> Result<(IdentityMapping, PrincipalArn), EditError> {
    let neither = || EditError::NeitherUserNorRole(printable(new.arn));
    crate::arn::Arn::parse(new.arn)?;
    let arn = PrincipalArn::parse(new.arn).map_err(|error| match error.problem {
        crate::arn::ArnProblem::NotAPrincipal => neither(),
        _ => EditError::Arn(error),
    })?;
    let section = match arn.kind() {
        PrincipalKind::Role => Section::Roles,
        PrincipalKind::User => Section::Users,
        PrincipalKind::Root | PrincipalKind::FederatedUser => return Err(neither()),
    };
    if new.username.is_empty() {
        return Err(EditError::NoUsername);
    }
    if new.groups.iter().any(String::is_empty) {
        return Err(EditError::EmptyGroup);
    }
    let username = Template::parse(new.username)?;
    let groups = new.groups.iter().map(|group| Template::parse(group)).collect::<Result<_, _>>()?;
    let (arn_text, places) = (new.arn.to_owned(), Places::default());
    let row = IdentityMapping { section, index: 0, line: 1, column: 1, arn: arn_text, username, groups, places };
    Ok((row, arn))
}

fn unchanged(data: &Data, warnings: Vec<EditWarning>) -> Edited {
    Edited { data: data.clone(), removed: Vec::new(), rewritten: None, warnings }
}

fn readable(now: &AwsAuth, section: Section) -> Result<(), EditError> {
    let is_about_it =
        |problem: &&Problem| problem.section == section && problem.kind.effect() == Effect::SectionUnreadable;
    match now.problems.iter().find(is_about_it) {
        Some(problem) if now.state(section) == SectionState::Unreadable => Err(EditError::Unreadable(problem.clone())),
        _ => Ok(()),
    }
}

/// Edits the section by lines, or writes it anew. Gives the new data, and the section if it was written anew.
fn apply(
    data: &Data,
    now: &AwsAuth,
    change: &Change<'_>,
    expected: &Rows,
) -> Result<(Data, Option<Section>), EditError> {
    let section = change.section;
    let text = data.get(section.key()).map_or("", String::as_str);
    let with = |text: String| {
        let mut data = data.clone();
        data.insert(section.key().to_owned(), text);
        data
    };
    let mut dropped = dropped(now, section);
    dropped.retain(|problem| problem.row.is_none_or(|row| change.remove.binary_search(&row).is_err()));
    let says_what_is_meant = |data: &Data| {
        let after = parse(data);
        expected.are_those_of(&after, section)
            && dropped.iter().map(|problem| &problem.kind).eq(self::dropped(&after, section).iter().map(|p| &p.kind))
    };
    if let Some(edited) = edited_lines(text, change) {
        let edited = with(edited);
        if says_what_is_meant(&edited) {
            return Ok((edited, None));
        }
    }
    if let Some(problem) = dropped.first() {
        return Err(EditError::WouldLose { section, problem: Box::new((*problem).clone()) });
    }
    let rewritten = with(expected.written());
    if says_what_is_meant(&rewritten) { Ok((rewritten, Some(section))) } else { Err(EditError::NotReadBack(section)) }
}

/// The rows that do not count now: those that are not removed must stay as well.
fn dropped(aws_auth: &AwsAuth, section: Section) -> Vec<&Problem> {
    let is_dropped = |problem: &&Problem| problem.section == section && problem.kind.effect() == Effect::RowDropped;
    aws_auth.problems.iter().filter(is_dropped).collect()
}

fn edited_lines(text: &str, change: &Change<'_>) -> Option<String> {
    let (indent, mut edited) = match layout(text) {
        Layout::Other => return None,
        Layout::Empty { rest } => (0, rest),
        Layout::Block { indent, rows } => {
            let mut removed_lines: Vec<(usize, usize)> =
                change.remove.iter().filter_map(|row| rows.get(*row)).copied().collect();
            removed_lines.sort_unstable();
            let removed = |at: usize| {
                let before = removed_lines.partition_point(|(first, _)| *first <= at);
                before.checked_sub(1).and_then(|row| removed_lines.get(row)).is_some_and(|(_, last)| at <= *last)
            };
            let kept = lines(text).into_iter().enumerate().filter(|(at, _)| !removed(*at));
            (if rows.len() == change.remove.len() { 0 } else { indent }, kept.map(|(_, line)| line).collect())
        }
    };
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if !change.append.is_empty() && !edited.is_empty() && !edited.ends_with('\n') {
        edited.push_str(line_end);
    }
    for line in &change.append {
        edited.push_str(&" ".repeat(indent));
        edited.push_str(line.trim_end_matches('\n'));
        edited.push_str(line_end);
    }
    if edited.trim().is_empty() { Some(format!("[]{line_end}")) } else { Some(edited) }
}
