//! What the codes mean, at length.

use std::fmt::Write as _;

use anstyle::{Effects, Style};
use doorward_core::lint::Code;
use serde_json::{Value, json};

use crate::output::{terminal_width, wrapped};
use crate::table::Table;

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// Each code with its cause, consequence, fix and source.
pub(super) fn text(codes: &[Code]) -> String {
    let mut out = String::new();
    for code in codes {
        let rule = code.rule();
        let _ = writeln!(out, "{BOLD}{} {}{BOLD:#} ({}): {}", rule.code, rule.name, rule.severity, rule.title);
        let in_doorward = rule.in_doorward.map(|text| ("in Doorward", text));
        let parts = [("cause", rule.cause), ("on EKS", rule.consequence)].into_iter().chain(in_doorward);
        for (label, text) in parts.chain([("fix", rule.fix), ("source", rule.source)]) {
            let _ = writeln!(out, "\n{BOLD}{label}{BOLD:#}");
            let lines = wrapped(text, terminal_width().map(|width| width.saturating_sub(2)));
            for line in lines {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    out
}

/// All codes, a line each.
pub(super) fn table(codes: &[Code]) -> Table {
    let mut table = Table::new(["CODE", "NAME", "SEVERITY", "MEANS"]);
    for code in codes {
        let rule = code.rule();
        table.row([rule.code, rule.name, &rule.severity.to_string(), rule.title].map(str::to_owned));
    }
    table
}

/// The same for programs.
pub(super) fn rules(codes: &[Code]) -> Value {
    let rule = |code: &Code| {
        let rule = code.rule();
        json!({
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity,
            "title": rule.title,
            "cause": rule.cause,
            "consequence": rule.consequence,
            "inDoorward": rule.in_doorward.unwrap_or(rule.consequence),
            "fix": rule.fix,
            "source": rule.source,
        })
    };
    codes.iter().map(rule).collect()
}
