//! Reading aws-auth exactly as AWS's authenticator does, holes included.
//!
//! `mapRoles` and `mapUsers` are turned from YAML 1.1 into JSON, which fails or succeeds as a whole, and the JSON is then
//! decoded into a list of rows, where a value of the wrong type is skipped and everything else is kept. `mapAccounts` is
//! decoded from YAML into a list of texts. Each section by itself: what is lost in one leaves the others alone. Source:
//! aws-iam-authenticator 0.7, `pkg/mapper/configmap`, and what its libraries document: `sigs.k8s.io/yaml`, yaml.v2, and
//! Go's `encoding/json`.

use std::collections::BTreeMap;

use super::find::fold;
use super::parse::{RowProblem, is_blank, misspelt, section_problem};
use super::yaml::{self, Node, ScalarKind, Value};
use super::{
    Authenticator, AwsAuth, IdentityMapping, MappedAccount, NeverMatches, Place, Places, Problem, ProblemKind, Section,
    SectionState, States,
};
use crate::arn::printable;
use crate::principal::is_iam_name;
use crate::username::{Template, unknown_placeholder};

/// Reads the ConfigMap's `data`.
pub(super) fn read(data: &BTreeMap<String, String>) -> AwsAuth {
    let text = |section: Section| data.get(section.key()).map_or("", String::as_str);
    let mut problems: Vec<Problem> = data.keys().filter_map(|key| misspelt(key)).collect();
    let (roles, roles_state) = mappings(Section::Roles, text(Section::Roles), &mut problems);
    let (users, users_state) = mappings(Section::Users, text(Section::Users), &mut problems);
    let (accounts, accounts_state) = accounts(text(Section::Accounts), &mut problems);
    let states = States { roles: roles_state, users: users_state, accounts: accounts_state };
    let authenticator = Authenticator::Eks;
    let mut aws_auth = AwsAuth { roles, users, accounts, problems, authenticator, states, ..AwsAuth::default() };
    aws_auth.rebuild_index();
    aws_auth
}

fn mappings(section: Section, text: &str, problems: &mut Vec<Problem>) -> (Vec<IdentityMapping>, SectionState) {
    let (items, rest) = match items(text, |root| json_can_say(root, text, section)) {
        Ok(found) => found,
        Err((kind, place)) => {
            problems.push(Problem::new(section, None, place, kind));
            return (Vec::new(), SectionState::Unreadable);
        }
    };
    let mut rows = Vec::with_capacity(items.len());
    for (index, node) in items.iter().enumerate() {
        let mut row = Row::default();
        let mut found = Vec::new();
        if let Value::Mapping { .. } = node.value {
            let mut object = BTreeMap::new();
            collect(node, text, &mut object);
            for (key, value) in object {
                row.decode(section, key, value, &mut found);
            }
        }
        match row.checked(section, node, found) {
            Ok((mapping, hazards)) => {
                rows.extend(mapping.map(|row| IdentityMapping { index, ..row }));
                problems.extend(hazards.into_iter().map(|(kind, at)| Problem::new(section, Some(index), at, kind)));
            }
            Err((kind, place)) => problems.push(Problem::new(section, Some(index), place, kind)),
        }
    }
    problems.extend(rest.map(|place| Problem::new(section, None, place, ProblemKind::RestIgnored)));
    (rows, SectionState::Read)
}

fn accounts(text: &str, problems: &mut Vec<Problem>) -> (Vec<MappedAccount>, SectionState) {
    let section = Section::Accounts;
    let (items, rest) = match items(text, |_| Ok(())) {
        Ok(found) => found,
        Err((kind, place)) => {
            problems.push(Problem::new(section, None, place, kind));
            return (Vec::new(), SectionState::Unreadable);
        }
    };
    let mut rows = Vec::with_capacity(items.len());
    for (index, node) in items.iter().enumerate() {
        // The text counts as it is written: `012345678901` is an account, and no number. Nothing is the empty account.
        let kind = match &node.value {
            Value::Scalar { text, .. } => match text.parse() {
                Ok(account) if !node.is_null() => {
                    rows.push(MappedAccount { index, line: node.line, column: node.column, account });
                    continue;
                }
                _ => ProblemKind::NobodysAccount { found: node.describe() },
            },
            _ => ProblemKind::NotAnAccount { found: node.describe() },
        };
        problems.push(Problem::new(section, Some(index), node.place(), kind));
    }
    problems.extend(rest.map(|place| Problem::new(section, None, place, ProblemKind::RestIgnored)));
    (rows, SectionState::Read)
}

/// The items of a section's list, and the place where something begins that is ignored.
fn items(
    text: &str,
    check: impl FnOnce(&Node) -> Result<(), RowProblem>,
) -> Result<(Vec<Node>, Option<Place>), RowProblem> {
    if is_blank(text) {
        return Ok((Vec::new(), None));
    }
    let yaml::First { root, rest } = yaml::parse_first(text).map_err(section_problem)?;
    check(&root)?;
    let rest = rest.map(|rest| match rest {
        Ok(line) => Place { line, column: 1 },
        Err(error) => Place { line: error.line, column: error.column },
    });
    match root.value {
        Value::Sequence { items, .. } => Ok((items, rest)),
        _ if root.is_null() => Ok((Vec::new(), rest)),
        _ => Err((ProblemKind::NotAList { found: root.describe() }, root.place())),
    }
}

/// Whether JSON can say all of it, wherever it stands. The parser bounds how deep it is.
fn json_can_say(node: &Node, text: &str, section: Section) -> Result<(), RowProblem> {
    match &node.value {
        Value::Scalar { text, kind: ScalarKind::Number } if is_beyond_numbers(text) => {
            Err((ProblemKind::NumberLosesSection { found: printable(text) }, node.place()))
        }
        Value::Scalar { .. } => Ok(()),
        Value::Sequence { items, .. } => items.iter().try_for_each(|item| json_can_say(item, text, section)),
        Value::Mapping { pairs, .. } => pairs.iter().try_for_each(|(key, value)| {
            if is_merge(key, text) {
                can_be_merged(value)?;
            } else if !matches!(&key.value, Value::Scalar { .. }) || key.is_null() {
                return Err((lost_by_key(key, node, text, section), key.place()));
            }
            json_can_say(value, text, section)
        }),
    }
}

/// `{{SessionName}}` is a mapping with a mapping as its key.
fn lost_by_key(key: &Node, within: &Node, text: &str, section: Section) -> ProblemKind {
    if text.get(within.start..).is_some_and(|text| text.starts_with("{{")) {
        ProblemKind::UnquotedLosesSection
    } else {
        ProblemKind::KeyLosesSection { expected: section.arn_key(), found: key.describe() }
    }
}

/// Infinity, and what is no number at all.
fn is_beyond_numbers(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
}

/// Whether a key is `<<` without quotes.
fn is_merge(key: &Node, text: &str) -> bool {
    key.text() == Some("<<") && text.get(key.start..).is_some_and(|text| text.starts_with("<<"))
}

fn can_be_merged(value: &Node) -> Result<(), RowProblem> {
    let is_mapping = |node: &Node| matches!(node.value, Value::Mapping { .. });
    let wrong = match &value.value {
        Value::Sequence { items, .. } => items.iter().find(|item| !is_mapping(item)),
        _ => Some(value).filter(|value| !is_mapping(value)),
    };
    match wrong {
        Some(node) => Err((ProblemKind::Merge { found: node.describe() }, node.place())),
        None => Ok(()),
    }
}

/// The keys of a mapping, in the order of JSON objects, which is that of their bytes. Of equal keys the last counts,
/// and a merge counts as if its keys were written where it stands; of a list of merges, the first mapping counts most.
fn collect<'n>(node: &'n Node, text: &str, object: &mut BTreeMap<&'n str, &'n Node>) {
    let Value::Mapping { pairs, .. } = &node.value else { return };
    for (key, value) in pairs {
        match (&key.value, &value.value) {
            (_, Value::Sequence { items, .. }) if is_merge(key, text) => {
                items.iter().rev().for_each(|item| collect(item, text, object));
            }
            _ if is_merge(key, text) => collect(value, text, object),
            (Value::Scalar { text, kind: ScalarKind::Text | ScalarKind::Foreign }, _) => {
                object.insert(text, value);
            }
            // A number or truth value becomes a key that no row has.
            _ => {}
        }
    }
}

/// A row while it is decoded.
#[derive(Default)]
struct Row {
    arn: String,
    sso: Option<Sso>,
    username: String,
    groups: Vec<String>,
    places: Places,
}

#[derive(Default)]
struct Sso {
    place: Option<Place>,
    permission_set: String,
    account: String,
    partition: String,
}

impl Row {
    /// Takes one key. Keys are told apart without regard to case, and what comes later counts.
    fn decode(&mut self, section: Section, key: &str, value: &Node, found: &mut Vec<RowProblem>) {
        let key = fold(key);
        match key.as_str() {
            key if key == section.arn_key() => {
                self.places.arn = Some(value.place());
                if decode_text(&mut self.arn, value).is_err() {
                    found.push((
                        ProblemKind::NotText { key: section.arn_key(), found: value.describe() },
                        value.place(),
                    ));
                }
            }
            "sso" if section == Section::Roles => self.decode_sso(value),
            "username" => {
                self.places.username = Some(value.place());
                // An empty name is reported once, when all keys have been read.
                let _ = decode_text(&mut self.username, value);
            }
            "groups" => self.decode_groups(value, found),
            _ => {}
        }
    }

    fn decode_groups(&mut self, value: &Node, found: &mut Vec<RowProblem>) {
        let Value::Sequence { items, .. } = &value.value else {
            if value.is_null() {
                self.groups.clear();
                self.places.groups.clear();
            } else {
                found.push((ProblemKind::GroupsLost { found: value.describe() }, value.place()));
            }
            return;
        };
        // The list is filled in place: what cannot be decoded leaves what another spelling of the key put there.
        self.groups.resize(items.len(), String::new());
        for (group, item) in self.groups.iter_mut().zip(items) {
            let decoded = decode_text(group, item);
            if group.is_empty() || decoded.is_err() {
                found.push((ProblemKind::GroupNameless { found: item.describe() }, item.place()));
            }
        }
        self.places.groups = items.iter().map(Node::place).collect();
    }

    fn decode_sso(&mut self, value: &Node) {
        if value.is_null() {
            self.sso = None;
            return;
        }
        let sso = self.sso.get_or_insert_default();
        sso.place = Some(value.place());
        let mut object = BTreeMap::new();
        collect(value, "", &mut object);
        for (key, value) in object {
            let field = match fold(key).as_str() {
                "permissionsetname" => &mut sso.permission_set,
                "accountid" => &mut sso.account,
                "partition" => &mut sso.partition,
                _ => continue,
            };
            // What is no text leaves the field as it was.
            let _ = decode_text(field, value);
        }
    }

    /// The row as it counts and what is hazardous about it, if it is kept at all. One for a permission set is kept and
    /// is nobody's.
    fn checked(
        self,
        section: Section,
        node: &Node,
        mut found: Vec<RowProblem>,
    ) -> Result<(Option<IdentityMapping>, Vec<RowProblem>), RowProblem> {
        if let Some(sso) = &self.sso {
            let place = sso.place.unwrap_or(node.place());
            return match sso_problem(sso, &self.arn) {
                Some(why) => Err((ProblemKind::SsoDropped { why }, place)),
                None => Ok((None, vec![(ProblemKind::SsoOff, place)])),
            };
        }
        if self.arn.is_empty() {
            return Err(self.without_arn(section, node, found));
        }
        found.retain(|(kind, _)| !matches!(kind, ProblemKind::NotText { .. }));
        if let Some(never) = NeverMatches::of(&self.arn) {
            // Nobody can be in danger by a row that is nobody's.
            found = vec![(ProblemKind::NeverMatches(never), self.places.arn.unwrap_or(node.place()))];
        } else {
            if self.username.is_empty() {
                let place = self.places.username.unwrap_or(node.place());
                found.insert(0, (ProblemKind::Nameless { found: named(node, place) }, place));
            }
            found.extend(self.literal_placeholders(node));
        }
        Ok((
            Some(IdentityMapping {
                section,
                index: 0,
                line: node.line,
                column: node.column,
                arn: self.arn,
                username: Template::verbatim(&self.username),
                groups: self.groups.iter().map(|group| Template::verbatim(group)).collect(),
                places: self.places,
            }),
            found,
        ))
    }

    fn without_arn(&self, section: Section, node: &Node, found: Vec<RowProblem>) -> RowProblem {
        let expected = section.arn_key();
        let Value::Mapping { pairs, .. } = &node.value else {
            return (ProblemKind::NotAMapping { expected, found: node.describe() }, node.place());
        };
        if let Some(not_text) = found.into_iter().find(|(kind, _)| matches!(kind, ProblemKind::NotText { .. })) {
            return not_text;
        }
        let other = if section == Section::Users { "rolearn" } else { "userarn" };
        match pairs.iter().find(|(key, _)| key.text().is_some_and(|key| fold(key) == other)) {
            Some((key, _)) => (ProblemKind::WrongArnKey { expected, found: other }, key.place()),
            None => (ProblemKind::NoArn { expected }, node.place()),
        }
    }

    fn literal_placeholders(&self, node: &Node) -> Vec<RowProblem> {
        let username = (self.username.as_str(), "username", self.places.username);
        let groups = self.groups.iter().zip(&self.places.groups).map(|(text, at)| (text.as_str(), "groups", Some(*at)));
        std::iter::once(username)
            .chain(groups)
            .filter_map(|(text, key, place)| {
                let placeholder = printable(unknown_placeholder(text)?);
                Some((ProblemKind::LiteralPlaceholder { key, placeholder }, place.unwrap_or(node.place())))
            })
            .collect()
    }
}

/// Decodes a text. Nothing leaves what is there, and so does anything else, which is an error.
fn decode_text(into: &mut String, value: &Node) -> Result<(), ()> {
    match &value.value {
        Value::Scalar { text, kind: ScalarKind::Text | ScalarKind::Foreign } => {
            into.clone_from(text);
            Ok(())
        }
        _ if value.is_null() => Ok(()),
        _ => Err(()),
    }
}

/// What stands where the username should.
fn named(node: &Node, place: Place) -> String {
    let Value::Mapping { pairs, .. } = &node.value else { return "missing".to_owned() };
    let value = pairs.iter().map(|(_, value)| value).find(|value| value.place() == place);
    match value {
        Some(value) if value.text() == Some("") => "empty".to_owned(),
        Some(value) => value.describe(),
        None => "missing".to_owned(),
    }
}

/// Why a row for a permission set is dropped; none if it is kept.
fn sso_problem(sso: &Sso, arn: &str) -> Option<&'static str> {
    if !arn.is_empty() {
        return Some("it has `rolearn` and `sso`, and only one of them may stand there");
    }
    if sso.account.parse::<crate::account_id::AccountId>().is_err() {
        return Some("`accountID` is no text of 12 digits; put it in quotes");
    }
    if !is_iam_name(&sso.permission_set, 32) {
        return Some("`permissionSetName` is no text that a permission set can be named");
    }
    let is_known = sso.partition.is_empty() || crate::partition::Partition::from_name(&sso.partition).is_some();
    (!is_known).then_some("`partition` is no partition of AWS")
}
