//! Mending what can be mended without a decision: templates get their quotes, a misspelt section its name, and rows that
//! count for nobody go.
//!
//! Nothing here gives an ARN another identity than it has, with one exception that is the point of it: a section that
//! was lost to a missing quote or a wrong letter counts again. Comments, order and every other row stay; whatever comes
//! out is read again and must say what was meant, or that mending is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::keys::section_meant;
use super::{Code, Context, Diagnostic};
use crate::aws_auth::edit::{Data, remove_rows};
use crate::aws_auth::{Authenticator, ProblemKind, Section, parse_as};

/// Something that was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "did")]
pub enum Mended {
    /// Templates were put in quotes.
    Quoted {
        /// The section.
        section: Section,
        /// The lines, from 1.
        lines: Vec<usize>,
    },
    /// A key of the ConfigMap got its right name.
    Renamed {
        /// As it was.
        from: String,
        /// As it is.
        to: Section,
    },
    /// Rows for which others counted were removed.
    Removed {
        /// The section.
        section: Section,
        /// The rows, from 0.
        rows: Vec<usize>,
    },
}

/// An aws-auth after mending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The new `data`.
    pub data: Data,
    /// What was done, in order.
    pub mended: Vec<Mended>,
    /// Sections that had to be written anew, their comments lost.
    pub rewritten: Vec<Section>,
}

/// Mends what can be mended.
pub fn fix(data: &Data, context: &Context) -> Fixed {
    let mut fixed = Fixed { data: data.clone(), ..Fixed::default() };
    for (from, to) in renames(data) {
        if let Some(text) = fixed.data.remove(&from) {
            fixed.data.insert(to.key().to_owned(), text);
            fixed.mended.push(Mended::Renamed { from, to });
        }
    }
    for section in [Section::Roles, Section::Users] {
        quote(&mut fixed, section);
    }
    for section in [Section::Roles, Section::Users] {
        remove_shadowed(&mut fixed, section, context.authenticator);
    }
    fixed
}

/// Says of each finding whether [`fix`] mends it.
pub(super) fn mark(data: &Data, context: &Context, diagnostics: &mut [Diagnostic]) {
    let is_candidate = |d: &Diagnostic| {
        matches!(d.code, Code::UnquotedTemplate | Code::MisspeltSection | Code::Repeated | Code::Shadowed)
    };
    if !diagnostics.iter().any(is_candidate) {
        return;
    }
    let mended = fix(data, context).mended;
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| is_candidate(diagnostic)) {
        diagnostic.fixable = mended.iter().any(|mended| match (mended, diagnostic.code) {
            (Mended::Quoted { section, .. }, Code::UnquotedTemplate) => diagnostic.section == Some(*section),
            (Mended::Renamed { to, .. }, Code::MisspeltSection) => diagnostic.section == Some(*to),
            (Mended::Removed { section, rows }, Code::Repeated | Code::Shadowed) => {
                diagnostic.section == Some(*section)
                    && diagnostic.row.is_some_and(|row| rows.binary_search(&row).is_ok())
            }
            _ => false,
        });
    }
}

/// Misspelt sections whose right name is free, and meant by one key only.
fn renames(data: &Data) -> BTreeMap<String, Section> {
    let is_section = |key: &str| Section::ALL.iter().any(|section| section.key() == key);
    let meant: Vec<(&String, Section)> =
        data.keys().filter(|key| !is_section(key)).filter_map(|key| Some((key, section_meant(key)?))).collect();
    meant
        .iter()
        .filter(|(_, section)| !data.contains_key(section.key()))
        .filter(|(_, section)| meant.iter().filter(|(_, other)| other == section).count() == 1)
        .map(|(key, section)| ((*key).clone(), *section))
        .collect()
}

fn quote(fixed: &mut Fixed, section: Section) {
    let Some(text) = fixed.data.get(section.key()) else { return };
    let mut lines = Vec::new();
    let mut quoted = String::with_capacity(text.len() + 16);
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match quoted_line(line) {
            Some(line) => {
                quoted.push_str(&line);
                lines.push(at + 1);
            }
            None => quoted.push_str(line),
        }
    }
    if lines.is_empty() {
        return;
    }
    let mut after = fixed.data.clone();
    after.insert(section.key().to_owned(), quoted);
    // Every reader must agree that it was this, and that now it is well.
    let unquoted = |data: &Data| {
        [Authenticator::Eks, Authenticator::Doorward].map(|authenticator| {
            let read = parse_as(data, authenticator);
            let is_one =
                |kind: &ProblemKind| matches!(kind, ProblemKind::Unquoted { .. } | ProblemKind::UnquotedLosesSection);
            read.problems.iter().filter(|problem| problem.section == section && is_one(&problem.kind)).count()
        })
    };
    if unquoted(&fixed.data).iter().all(|count| *count > 0) && unquoted(&after) == [0, 0] {
        fixed.data = after;
        fixed.mended.push(Mended::Quoted { section, lines });
    }
}

/// A line whose value begins with `{{`, with the value in quotes.
fn quoted_line(line: &str) -> Option<String> {
    let at = line.find("{{")?;
    let (before, rest) = line.split_at(at);
    let mut lead = before.trim_start();
    while let Some(inner) = lead.strip_prefix("- ") {
        lead = inner.trim_start();
    }
    let key = lead.trim_end();
    let name = key.strip_suffix(':').map(|name| name.trim_matches(['"', '\'']));
    let is_value = key.is_empty() && before.trim_end().ends_with('-')
        || name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !is_value || !before.ends_with(' ') {
        return None;
    }
    let content = rest.trim_end();
    let value = content.split(" #").next().unwrap_or_default().trim_end();
    if value.contains(['"', '\\', '\t']) {
        return None;
    }
    Some(format!("{before}\"{value}\"{}", rest.get(value.len()..)?))
}

fn remove_shadowed(fixed: &mut Fixed, section: Section, authenticator: Authenticator) {
    let before = parse_as(&fixed.data, authenticator);
    let is_shadowed = |kind: &ProblemKind| matches!(kind, ProblemKind::Shadowed { .. });
    let mut rows: Vec<usize> = before
        .problems
        .iter()
        .filter(|problem| problem.section == section && is_shadowed(&problem.kind))
        .filter_map(|problem| problem.row)
        .collect();
    rows.sort_unstable();
    let Ok(edited) = remove_rows(&fixed.data, section, &rows) else { return };
    let after = parse_as(&edited.data, authenticator);
    let is_kept =
        |row: &&crate::aws_auth::IdentityMapping| row.section != section || rows.binary_search(&row.index).is_err();
    let kept: Vec<_> = before.mappings().filter(is_kept).collect();
    let left: Vec<_> = after.mappings().collect();
    let is_as_meant = kept.len() == left.len() && kept.iter().zip(&left).all(|(a, b)| a.says_the_same_as(b));
    if !rows.is_empty() && is_as_meant {
        fixed.rewritten.extend(edited.rewritten);
        fixed.data = edited.data;
        fixed.mended.push(Mended::Removed { section, rows });
    }
}
