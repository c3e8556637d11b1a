//! `doorward why`: every step from a principal to a decision.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use doorward_core::questions::why;
use serde::Serialize;

use super::{CallerArgs, PlaceArgs, decision_name, load, reason, request};
use crate::error::CliError;
use crate::output::{Format, OutputArgs, print, print_text, terminal_width};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

const EXAMPLES: &str = "\
Examples:
  doorward why delete pods -n shop --as arn:aws:iam::123456789012:role/dev --cluster prod
  doorward why get secrets db -n shop --as ARN --aws-auth aws-auth.yaml --rbac rbac.yaml";

/// The question.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct WhyArgs {
    /// `get`, `list`, `create` … or `*`.
    verb: String,
    /// A resource as kubectl names it (`pods`, `po`, `deployments.apps`, `pods/log`), or a path such as `/metrics`.
    resource: String,
    /// The name of one object.
    name: Option<String>,
    /// A part of the object, such as `log` or `scale`.
    #[arg(long, value_name = "NAME")]
    subresource: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    request: String,
    allowed: bool,
    decision: &'static str,
    reason: String,
    steps: Vec<Step>,
    /// What is not decided here.
    caveats: Vec<String>,
    rbac_is_known: bool,
}

#[derive(Serialize)]
struct Step {
    title: &'static str,
    lines: Vec<String>,
}

/// Answers.
///
/// # Errors
/// If the World cannot be read, or the question makes no sense.
pub(crate) async fn run(args: &WhyArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let (name, subresource) = (args.name.as_deref(), args.subresource.as_deref());
    let asked = request(&args.verb, &args.resource, name, subresource, &args.place, talk)?;
    let (document, world) = load(&args.world, talk).await?;
    let caller = args.caller.caller(&world)?;
    let trace = why(&world, &caller, &asked);
    let told = Told {
        request: asked.to_string(),
        allowed: trace.answer.is_allowed(),
        decision: decision_name(&trace.answer.decision),
        reason: reason(&trace.answer.decision, &asked),
        steps: trace.steps.into_iter().map(|step| Step { title: step.title, lines: step.lines }).collect(),
        caveats: trace.answer.caveats.iter().map(ToString::to_string).collect(),
        rbac_is_known: document.rbac.is_some(),
    };
    match args.output.output {
        Format::Table => {
            // In a pipe, a line is as wide as it is.
            print_text(&text(&told, terminal_width().unwrap_or(usize::MAX)))?;
            told.caveats.iter().for_each(|caveat| talk.warning(caveat));
        }
        format => print(format, &told, |_| Table::new([]))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(told: &Told, width: usize) -> String {
    let mut text = String::new();
    for step in &told.steps {
        // A String takes everything.
        let _ = writeln!(text, "{}", step.title);
        for line in &step.lines {
            let visible: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            wrapped(&visible, width, &mut text);
        }
    }
    let word = if told.allowed { "yes" } else { "no" };
    let _ = writeln!(text, "{}: {word}", told.request);
    wrapped(&told.reason, width, &mut text);
    text
}

/// Writes a line below a title, broken between words; what continues is indented further.
fn wrapped(line: &str, width: usize, text: &mut String) {
    let mut column = 2;
    text.push_str("  ");
    for (at, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > width {
            text.push_str("\n    ");
            column = 4;
        } else if at > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let mut text = String::new();
        wrapped("one two three", 9, &mut text);
        wrapped("averylongword b", 9, &mut text);
        assert_eq!(text, "  one two\n    three\n  averylongword\n    b\n");
        let mut text = String::new();
        wrapped("one two three", usize::MAX, &mut text);
        assert_eq!(text, "  one two three\n");
    }
}
