//! The findings for people: errors and warnings with what follows and what to do, notes in a line each.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use doorward_core::lint::Severity;

use super::finding::Finding;
use crate::output::{terminal_width, wrapped};

const ERROR: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const NOTE: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().effects(Effects::DIMMED);
const FIX: Style = AnsiColor::Green.on_default();

/// All of them, and how many there are.
pub(super) fn text(findings: &[Finding], is_fixed: bool) -> String {
    report(findings, is_fixed, terminal_width())
}

fn report(findings: &[Finding], is_fixed: bool, width: Option<usize>) -> String {
    let mut out = String::new();
    let (notes, others): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.diagnostic.severity == Severity::Note);
    for finding in &others {
        let diagnostic = &finding.diagnostic;
        let style = style(diagnostic.severity);
        let (severity, code, place, row) = (diagnostic.severity, diagnostic.code, finding.place(), finding.row());
        let length = format!("{severity} {code}  {place}  {row}").chars().count();
        let gap = if width.is_none_or(|width| length <= width) { "  " } else { "\n  " };
        let _ = writeln!(out, "{style}{severity} {code}{style:#}  {place}{gap}{DIM}{row}{DIM:#}");
        paragraph(&mut out, "", Style::new(), &diagnostic.message, width);
        paragraph(&mut out, "so:  ", DIM, &diagnostic.consequence, width);
        paragraph(&mut out, "fix: ", FIX, &diagnostic.fix, width);
        out.push('\n');
    }
    for finding in &notes {
        let diagnostic = &finding.diagnostic;
        let head = format!("note {}  {}  ", diagnostic.code, finding.place());
        let message = wrapped(&diagnostic.message, width.map(|width| width.saturating_sub(2)));
        if width.is_none_or(|width| head.len() + diagnostic.message.len() <= width) {
            let _ =
                writeln!(out, "{NOTE}note {}{NOTE:#}  {}  {}", diagnostic.code, finding.place(), diagnostic.message);
        } else {
            let _ = writeln!(out, "{NOTE}note {}{NOTE:#}  {}", diagnostic.code, finding.place());
            for line in message {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    summary(&mut out, findings, is_fixed, width);
    out
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Note => NOTE,
    }
}

/// A label and a text, wrapped under itself.
fn paragraph(out: &mut String, label: &str, style: Style, text: &str, width: Option<usize>) {
    let margin = 2 + label.len();
    let lines = wrapped(text, width.map(|width| width.saturating_sub(margin)));
    for (at, line) in lines.iter().enumerate() {
        let _ = match at {
            0 => writeln!(out, "  {style}{label}{style:#}{line}"),
            _ => writeln!(out, "{:margin$}{line}", ""),
        };
    }
}

fn summary(out: &mut String, findings: &[Finding], is_fixed: bool, width: Option<usize>) {
    let count = |severity| findings.iter().filter(|finding| finding.diagnostic.severity == severity).count();
    let of = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    if errors + warnings + notes == 0 {
        out.push_str("nothing found: every row counts as it is written\n");
        return;
    }
    let _ = writeln!(out, "{}, {}, {}", of(errors, "error"), of(warnings, "warning"), of(notes, "note"));
    let fixable = findings.iter().filter(|finding| finding.diagnostic.fixable).count();
    // Of equally bad ones the first.
    let worst = findings.iter().rev().max_by_key(|finding| finding.diagnostic.severity);
    let mut hints = Vec::new();
    if fixable > 0 && !is_fixed {
        let them = if fixable == 1 { "one of them" } else { "some of them" };
        hints.push(format!("`--fix` mends {them}; with `--dry-run` it shows how."));
    }
    if let Some(worst) = worst {
        hints.push(format!("`doorward mapping lint --explain {}` tells more.", worst.diagnostic.code));
    }
    for line in wrapped(&hints.join(" "), width) {
        let _ = writeln!(out, "{DIM}{line}{DIM:#}");
    }
}

#[cfg(test)]
mod tests {
    use doorward_core::lint::{Context, lint};

    use super::super::finding::Places;
    use super::*;

    fn shown(roles: &str, width: Option<usize>) -> String {
        let data = [("mapRoles".to_owned(), roles.to_owned())].into();
        let findings: Vec<Finding> = lint(&data, &Context::default())
            .into_iter()
            .map(|diagnostic| Finding::new(diagnostic, &Places::default()))
            .collect();
        anstream::adapter::strip_str(&report(&findings, false, width)).to_string()
    }

    const ROLES: &str = "\
- rolearn: arn:aws:iam::123456789012:role/team/dev
  username: dev
- rolearn: arn:aws:iam::123456789012:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::123456789012:role/admin
  username: admin
  groups: [system:masters]
";

    #[test]
    fn a_finding_tells_its_place_what_follows_and_what_to_do() {
        let text = shown(ROLES, None);
        let expected = "\
error DW030  mapRoles:1:12  mapRoles, row 1
  `arn:aws:iam::123456789012:role/team/dev` has a path, and sessions do not tell their role's path, so that it matches nobody; without it, this is `arn:aws:iam::123456789012:role/dev`
  so:  The row matches nobody.
  fix: Write `arn:aws:iam::123456789012:role/dev`. Whoever has that role is then let in: make sure that this is still meant.

note DW061  mapRoles:8:12  the group `system:masters` begins with `system:`

1 error, 0 warnings, 1 note
`doorward mapping lint --explain DW030` tells more.
";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_unless_one_word_is() {
        for width in [40, 80, 120] {
            let text = shown(ROLES, Some(width));
            let is_fit = |line: &&str| line.chars().count() <= width || line.split_whitespace().count() <= 2;
            assert!(text.lines().all(|line| is_fit(&line)), "{text}");
        }
    }
}
