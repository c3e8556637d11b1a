//! What is wrong with an aws-auth, what follows from it, and what to do: `mapping lint`.
//!
//! [`lint`] reads the text as an authenticator does and tells everything that does not count, or does not count as meant;
//! what is told is told once, at its place. [`Code::rule`] is what a code means, at length. [`fix`](fix::fix) mends what
//! can be mended without giving anybody more than they have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::aws_auth::edit::Data;
use crate::aws_auth::{Authenticator, AwsAuth, Place, Section, parse_as};
use crate::partition::Partition;
use crate::principal::PrincipalArn;

mod code;
mod entries;
pub mod fix;
mod keys;
mod nodes;
mod problems;
mod rows;

pub use code::{Code, Rule, Severity};

/// What is known beside the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Whose reading counts.
    pub authenticator: Authenticator,
    /// The cluster's partition; if it is not given, the one that most rows are of.
    pub partition: Option<Partition>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// How much it matters here.
    pub severity: Severity,
    /// The section; none if it is about the ConfigMap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// The row, by its place in the section's list, from 0; none if it is about the section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// Line within the section's text, from 1.
    pub line: usize,
    /// Column in that line, in characters, from 1.
    pub column: usize,
    /// What is there.
    pub message: String,
    /// What follows from it.
    pub consequence: Cow<'static, str>,
    /// What to do.
    pub fix: Cow<'static, str>,
    /// Whether [`fix::fix`] can do it.
    pub fixable: bool,
}

/// Finds everything, in the order of the text; what is about the ConfigMap as a whole comes last.
pub fn lint(data: &Data, context: &Context) -> Vec<Diagnostic> {
    let aws_auth = parse_as(data, context.authenticator);
    let mut found = Findings::new(context.authenticator);
    keys::check(data, &aws_auth, &mut found);
    problems::check(&aws_auth, &mut found);
    let live = Live::of(&aws_auth, context);
    rows::check(&aws_auth, &live, &mut found);
    nodes::check(&aws_auth, &live, &mut found);
    entries::check(&live, &mut found);
    drop(live);
    let mut diagnostics = found.diagnostics;
    fix::mark(data, aws_auth, &mut diagnostics);
    diagnostics.sort_by_key(|d| (d.section.is_none(), d.section, d.line, d.column, d.row, d.code));
    diagnostics
}

/// How much is found of each severity: errors, warnings, notes.
pub fn counts(diagnostics: &[Diagnostic]) -> BTreeMap<Severity, usize> {
    let mut counts = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry(diagnostic.severity).or_default() += 1;
    }
    counts
}

/// The findings so far.
struct Findings {
    authenticator: Authenticator,
    diagnostics: Vec<Diagnostic>,
}

impl Findings {
    fn new(authenticator: Authenticator) -> Self {
        Self { authenticator, diagnostics: Vec::new() }
    }

    /// Adds a finding with the words of its rule, which can be changed afterwards.
    fn add(&mut self, code: Code, at: At, message: String) -> &mut Diagnostic {
        let rule = code.rule();
        let consequence = match (self.authenticator, rule.in_doorward) {
            (Authenticator::Doorward, Some(consequence)) => consequence,
            _ => rule.consequence,
        };
        let diagnostic = Diagnostic {
            code,
            severity: rule.severity,
            section: at.section,
            row: at.row,
            line: at.place.line,
            column: at.place.column,
            message,
            consequence: Cow::Borrowed(consequence),
            fix: Cow::Borrowed(rule.fix),
            fixable: false,
        };
        let at = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        // What was pushed is there.
        #[expect(clippy::indexing_slicing, reason = "the index is that of the element just pushed")]
        &mut self.diagnostics[at]
    }
}

/// Where a finding is.
#[derive(Clone, Copy)]
struct At {
    section: Option<Section>,
    row: Option<usize>,
    place: Place,
}

impl At {
    /// The ConfigMap as a whole.
    const CONFIG_MAP: Self = Self { section: None, row: None, place: Place::START };

    fn section(section: Section, place: Place) -> Self {
        Self { section: Some(section), row: None, place }
    }

    fn row(section: Section, row: usize, place: Place) -> Self {
        Self { section: Some(section), row: Some(row), place }
    }
}

/// A row of `mapRoles` or `mapUsers` that gives somebody an identity.
struct LiveRow<'a> {
    mapping: &'a crate::aws_auth::IdentityMapping,
    /// Whose; what is written, in lower case where that is needed to read it.
    principal: PrincipalArn,
}

impl LiveRow<'_> {
    fn at(&self, place: Option<Place>) -> At {
        let place = place.unwrap_or(Place { line: self.mapping.line, column: self.mapping.column });
        At::row(self.mapping.section, self.mapping.index, place)
    }

    fn username_at(&self) -> At {
        self.at(self.mapping.places.username)
    }
}

/// The rows that give somebody an identity, in order.
struct Live<'a> {
    rows: Vec<LiveRow<'a>>,
    /// Those that would, but are of another partition than the cluster's.
    foreign: Vec<LiveRow<'a>>,
    /// The cluster's partition, if it is known.
    partition: Option<Partition>,
}

impl<'a> Live<'a> {
    fn of(aws_auth: &'a AwsAuth, context: &Context) -> Self {
        let reports = aws_auth.rows();
        let rows: Vec<LiveRow<'a>> = reports
            .iter()
            .filter(|row| row.status.counts())
            .filter_map(|row| {
                let mapping = row.mapping?;
                let principal = crate::aws_auth::NeverMatches::somebody(&mapping.arn)?;
                Some(LiveRow { mapping, principal })
            })
            .collect();
        let partition = context.partition.or_else(|| majority(&rows));
        let is_here = |row: &LiveRow<'_>| partition.is_none_or(|partition| row.principal.partition() == partition);
        let (rows, foreign) = rows.into_iter().partition(is_here);
        Self { rows, foreign, partition }
    }
}

/// The partition of most rows; none where two have equally many.
fn majority(rows: &[LiveRow<'_>]) -> Option<Partition> {
    let mut counts: BTreeMap<Partition, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.principal.partition()).or_default() += 1);
    let most = *counts.values().max()?;
    let mut of_most = counts.into_iter().filter(|(_, count)| *count == most).map(|(partition, _)| partition);
    let first = of_most.next();
    first.filter(|_| of_most.next().is_none())
}
