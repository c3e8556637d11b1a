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
use crate::aws_auth::edit::{Data, remove_rows, remove_rows_of};
use crate::aws_auth::{Authenticator, AwsAuth, IdentityMapping, ProblemKind, Section, parse_as};

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
    mend(data, parse_as(data, context.authenticator))
}

/// The same where the data has been read already: `read`. Reading is what mending costs, so nothing is read again that
/// did not change.
fn mend(data: &Data, read: AwsAuth) -> Fixed {
    let mut mending = Mending { fixed: Fixed { data: data.clone(), ..Fixed::default() }, read };
    mending.rename();
    for section in [Section::Roles, Section::Users] {
        mending.quote(section);
    }
    for section in [Section::Roles, Section::Users] {
        mending.remove_shadowed(section);
    }
    mending.fixed
}

/// Says of each finding whether [`fix`] mends it. `read` is what was read of the data.
pub(super) fn mark(data: &Data, read: AwsAuth, diagnostics: &mut [Diagnostic]) {
    let is_candidate = |d: &Diagnostic| {
        matches!(d.code, Code::UnquotedTemplate | Code::MisspeltSection | Code::Repeated | Code::Shadowed)
    };
    if !diagnostics.iter().any(is_candidate) {
        return;
    }
    let mended = mend(data, read).mended;
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

/// An aws-auth on its way.
struct Mending {
    fixed: Fixed,
    /// The data as it is now, as whoever counts reads it.
    read: AwsAuth,
}

impl Mending {
    fn rename(&mut self) {
        for (from, to) in renames(&self.fixed.data) {
            if let Some(text) = self.fixed.data.remove(&from) {
                self.fixed.data.insert(to.key().to_owned(), text);
                self.fixed.mended.push(Mended::Renamed { from, to });
            }
        }
        if !self.fixed.mended.is_empty() {
            self.read = parse_as(&self.fixed.data, self.read.authenticator());
        }
    }

    fn quote(&mut self, section: Section) {
        if unquoted(&self.read, section) == 0 {
            return;
        }
        let Some(text) = self.fixed.data.get(section.key()) else { return };
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
        let mut after = self.fixed.data.clone();
        after.insert(section.key().to_owned(), quoted);
        // Every reader must agree that it was this, and that now it is well.
        let other = match self.read.authenticator() {
            Authenticator::Eks => Authenticator::Doorward,
            Authenticator::Doorward => Authenticator::Eks,
        };
        let is_well = |read: &AwsAuth| unquoted(read, section) == 0;
        if is_well(&parse_as(&self.fixed.data, other)) || !is_well(&parse_as(&after, other)) {
            return;
        }
        let read = parse_as(&after, self.read.authenticator());
        if is_well(&read) {
            self.fixed.data = after;
            self.read = read;
            self.fixed.mended.push(Mended::Quoted { section, lines });
        }
    }

    fn remove_shadowed(&mut self, section: Section) {
        let is_shadowed = |kind: &ProblemKind| matches!(kind, ProblemKind::Shadowed { .. });
        let mut rows: Vec<usize> = self
            .read
            .problems
            .iter()
            .filter(|problem| problem.section == section && is_shadowed(&problem.kind))
            .filter_map(|problem| problem.row)
            .collect();
        if rows.is_empty() {
            return;
        }
        rows.sort_unstable();
        let data = &self.fixed.data;
        let edited = match self.read.authenticator() {
            Authenticator::Doorward => remove_rows_of(data, &self.read, section, &rows),
            Authenticator::Eks => remove_rows(data, section, &rows),
        };
        let Ok(edited) = edited else { return };
        let after = parse_as(&edited.data, self.read.authenticator());
        let is_kept = |row: &&IdentityMapping| row.section != section || rows.binary_search(&row.index).is_err();
        let is_as_meant = {
            let kept: Vec<_> = self.read.mappings().filter(is_kept).collect();
            let left: Vec<_> = after.mappings().collect();
            kept.len() == left.len() && kept.iter().zip(&left).all(|(a, b)| a.says_the_same_as(b))
        };
        if is_as_meant {
            self.fixed.rewritten.extend(edited.rewritten);
            self.fixed.data = edited.data;
            self.read = after;
            self.fixed.mended.push(Mended::Removed { section, rows });
        }
    }
}

/// How many templates without quotes a reader stumbles over.
fn unquoted(read: &AwsAuth, section: Section) -> usize {
    let is_one = |kind: &ProblemKind| matches!(kind, ProblemKind::Unquoted { .. } | ProblemKind::UnquotedLosesSection);
    read.problems.iter().filter(|problem| problem.section == section && is_one(&problem.kind)).count()
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
