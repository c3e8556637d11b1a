//! Reading aws-auth: one row at a time, so that a bad row never takes down good ones.

use std::collections::{BTreeMap, HashSet};

use super::yaml::{self, Node, Value, YamlError, YamlErrorKind};
use super::{
    Authenticator, AwsAuth, IdentityMapping, MappedAccount, Place, Places, Problem, ProblemKind, Section, SectionState,
    States, eks,
};
use crate::arn::printable;
use crate::username::Template;

/// Reads the `data` of the ConfigMap `aws-auth` for Doorward, as [`parse_as`] does with [`Authenticator::Doorward`].
pub fn parse(data: &BTreeMap<String, String>) -> AwsAuth {
    parse_as(data, Authenticator::Doorward)
}

/// Reads the `data` of the ConfigMap `aws-auth` as an authenticator does. Never fails: what does not count is in
/// [`AwsAuth::problems`].
pub fn parse_as(data: &BTreeMap<String, String>, authenticator: Authenticator) -> AwsAuth {
    match authenticator {
        Authenticator::Eks => eks::read(data),
        Authenticator::Doorward => read(data),
    }
}

fn read(data: &BTreeMap<String, String>) -> AwsAuth {
    let mut problems: Vec<Problem> = data.keys().filter_map(|key| misspelt(key)).collect();
    let (roles, roles_state) = read_section(data, Section::Roles, &mut problems, mapping);
    let (users, users_state) = read_section(data, Section::Users, &mut problems, mapping);
    let (accounts, accounts_state) = read_section(data, Section::Accounts, &mut problems, account);
    let states = States { roles: roles_state, users: users_state, accounts: accounts_state };
    let mut aws_auth = AwsAuth { roles, users, accounts, problems, states, ..AwsAuth::default() };
    aws_auth.rebuild_index();
    aws_auth
}

/// A row as it stands in a section.
struct Row<'a> {
    section: Section,
    /// The section's whole text.
    text: &'a str,
    index: usize,
    node: &'a Node,
}

/// A problem with a section or a row, and its place.
pub(super) type RowProblem = (ProblemKind, Place);

pub(super) fn misspelt(key: &str) -> Option<Problem> {
    let section = Section::ALL.into_iter().find(|section| section.key().eq_ignore_ascii_case(key))?;
    let kind = ProblemKind::MisspeltKey { key: key.to_owned(), expected: section.key() };
    (key != section.key()).then_some(Problem::new(section, None, Place::START, kind))
}

fn read_section<T>(
    data: &BTreeMap<String, String>,
    section: Section,
    problems: &mut Vec<Problem>,
    read_row: impl Fn(&Row<'_>) -> Result<T, RowProblem>,
) -> (Vec<T>, SectionState) {
    let text = data.get(section.key()).map_or("", String::as_str);
    let nodes = match section_rows(text) {
        Ok(nodes) => nodes,
        Err((kind, place)) => {
            problems.push(Problem::new(section, None, place, kind));
            return (Vec::new(), SectionState::Unreadable);
        }
    };
    let mut rows = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        match read_row(&Row { section, text, index, node }) {
            Ok(row) => rows.push(row),
            Err((kind, place)) => problems.push(Problem::new(section, Some(index), place, kind)),
        }
    }
    (rows, SectionState::Read)
}

/// The items of a section's list. Nothing, `null`, and the values that a template left without content leaves behind
/// (`""`, `''` and two backticks) are empty lists.
fn section_rows(text: &str) -> Result<Vec<Node>, RowProblem> {
    if is_blank(text) {
        return Ok(Vec::new());
    }
    let root = yaml::parse(text).map_err(section_problem)?;
    match root.value {
        Value::Sequence { items, .. } => Ok(items),
        _ if root.is_null() => Ok(Vec::new()),
        _ => Err((ProblemKind::NotAList { found: root.describe() }, root.place())),
    }
}

/// Whether a section's text stands for none at all.
pub(super) fn is_blank(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | "\"\"" | "''")
}

pub(super) fn section_problem(error: YamlError) -> RowProblem {
    let kind = match error.kind {
        YamlErrorKind::Syntax(message) => ProblemKind::Syntax { message },
        YamlErrorKind::TooLarge => ProblemKind::TooLarge,
        YamlErrorKind::Aliases => ProblemKind::Aliases,
        YamlErrorKind::Documents => ProblemKind::Documents,
    };
    (kind, Place { line: error.line, column: error.column })
}

/// Reads a row of `mapRoles` or `mapUsers`.
fn mapping(row: &Row<'_>) -> Result<IdentityMapping, RowProblem> {
    let expected = row.section.arn_key();
    let fields = Fields::of(row)?;
    if let Some(sso) = fields.get("sso") {
        return Err((ProblemKind::Sso, sso.place()));
    }
    let Some(arn) = fields.text(row, expected)? else {
        let found = if row.section == Section::Users { "rolearn" } else { "userarn" };
        return Err(match fields.get(found) {
            Some(node) => (ProblemKind::WrongArnKey { expected, found }, node.place()),
            None => (ProblemKind::NoArn { expected }, row.node.place()),
        });
    };
    let username = fields.text(row, "username")?.ok_or((ProblemKind::NoUsername, row.node.place()))?;
    Ok(IdentityMapping {
        section: row.section,
        index: row.index,
        line: row.node.line,
        column: row.node.column,
        arn: arn.to_owned(),
        username: template(row, "username", username)?,
        groups: groups(row, &fields)?,
        places: Places {
            arn: fields.get(expected).map(Node::place),
            username: fields.get("username").map(Node::place),
            groups: fields.get("groups").map(group_places).unwrap_or_default(),
        },
    })
}

/// Reads a row of `mapAccounts`. The text counts as it is written: `012345678901` is an account, and no number.
fn account(row: &Row<'_>) -> Result<MappedAccount, RowProblem> {
    let text = match &row.node.value {
        Value::Scalar { text, .. } => text.as_str(),
        _ => "",
    };
    match text.parse() {
        Ok(account) => Ok(MappedAccount { index: row.index, line: row.node.line, column: row.node.column, account }),
        Err(_) => Err((ProblemKind::NotAnAccount { found: row.node.describe() }, row.node.place())),
    }
}

fn groups(row: &Row<'_>, fields: &Fields<'_>) -> Result<Vec<Template>, RowProblem> {
    let Some(node) = fields.get("groups") else {
        return Ok(Vec::new());
    };
    let Value::Sequence { items, .. } = &node.value else {
        return Err((ProblemKind::GroupsNotAList { found: node.describe() }, node.place()));
    };
    let mut groups = Vec::with_capacity(items.len());
    for item in items {
        let group = text_of(row, "groups", item)?;
        if group.is_empty() {
            return Err((ProblemKind::EmptyGroup, item.place()));
        }
        groups.push(template(row, "groups", group).map_err(|(kind, _)| (kind, item.place()))?);
    }
    Ok(groups)
}

pub(super) fn group_places(groups: &Node) -> Vec<Place> {
    match &groups.value {
        Value::Sequence { items, .. } => items.iter().map(Node::place).collect(),
        _ => Vec::new(),
    }
}

fn template(row: &Row<'_>, key: &'static str, text: &str) -> Result<Template, RowProblem> {
    Template::parse(text).map_err(|error| (ProblemKind::Template { key, error }, row.node.place()))
}

fn text_of<'n>(row: &Row<'_>, key: &'static str, node: &'n Node) -> Result<&'n str, RowProblem> {
    let is_bare_template = || row.text.get(node.start..).is_some_and(|text| text.starts_with("{{"));
    match (node.text(), &node.value) {
        (Some(text), _) => Ok(text),
        (None, Value::Mapping { .. }) if is_bare_template() => Err((ProblemKind::Unquoted { key }, node.place())),
        (None, _) => Err((ProblemKind::NotText { key, found: node.describe() }, node.place())),
    }
}

/// The keys of a row, without those that a merge (`<<`) brings and the row itself has.
struct Fields<'a> {
    pairs: Vec<(&'a str, &'a Node)>,
}

impl<'a> Fields<'a> {
    fn of(row: &Row<'a>) -> Result<Self, RowProblem> {
        let expected = row.section.arn_key();
        let Value::Mapping { pairs: entries, .. } = &row.node.value else {
            return Err((ProblemKind::NotAMapping { expected, found: row.node.describe() }, row.node.place()));
        };
        let mut seen = HashSet::with_capacity(entries.len());
        let mut pairs: Vec<(&str, &Node)> = Vec::with_capacity(entries.len());
        let mut merged: Vec<&Node> = Vec::new();
        for (key, value) in entries {
            let Value::Scalar { text, .. } = &key.value else {
                return Err((ProblemKind::Key { expected, found: key.describe() }, key.place()));
            };
            if !seen.insert(text.as_str()) {
                return Err((ProblemKind::DuplicateKey { key: printable(text) }, key.place()));
            }
            match (text.as_str(), &value.value) {
                ("<<", Value::Sequence { items, .. }) => merged.extend(items),
                ("<<", _) => merged.push(value),
                _ => pairs.push((text, value)),
            }
        }
        for node in merged {
            // One level is enough: what is merged merges nothing in its turn.
            let Value::Mapping { pairs: entries, .. } = &node.value else {
                return Err((ProblemKind::NotAMapping { expected, found: node.describe() }, node.place()));
            };
            for (key, value) in entries {
                if let Value::Scalar { text, .. } = &key.value
                    && seen.insert(text)
                {
                    pairs.push((text, value));
                }
            }
        }
        Ok(Self { pairs })
    }

    /// The value of a key, whose case does not matter; of several spellings the one in lower case counts. Nothing and
    /// `null` are no value.
    fn get(&self, key: &str) -> Option<&'a Node> {
        let spellings = self.pairs.iter().filter(|(spelling, _)| spelling.eq_ignore_ascii_case(key));
        let (_, node) = spellings.max_by_key(|(spelling, _)| *spelling)?;
        (!node.is_null()).then_some(*node)
    }

    /// The text of a key; none where it is missing or empty.
    fn text(&self, row: &Row<'_>, key: &'static str) -> Result<Option<&'a str>, RowProblem> {
        match self.get(key) {
            Some(node) => Ok(Some(text_of(row, key, node)?).filter(|text| !text.is_empty())),
            None => Ok(None),
        }
    }
}
