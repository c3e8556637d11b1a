//! `doorward mapping lint`: what in aws-auth does not count, or not as meant, and what to do about it.

mod explain;
mod finding;
mod report;
mod sarif;

use std::process::ExitCode;
use std::sync::Mutex;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use doorward_core::aws_auth::edit::{Data, Edited};
use doorward_core::aws_auth::{Authenticator, Section};
use doorward_core::lint::fix::{Mended, fix};
use doorward_core::lint::{Code, Context, Severity, lint};
use doorward_core::partition::Partition;
use doorward_core::world_document::authenticator_named;
use serde::Serialize;

use self::finding::{Finding, Places};
use super::document::Document;
use super::source::Source;
use super::{SourceArgs, file};
use crate::error::{CliError, exit};
use crate::output::{Format, print, print_text};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::authenticator_of;

/// The flags of `lint`.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Mend what can be mended without a decision: quotes around templates, a section's misspelt name, rows for which
    /// others count. Shows what changed.
    #[arg(long)]
    fix: bool,
    /// With `--fix`: show what would change, and change nothing.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Tell at length what a code means, or list all codes.
    #[arg(long, value_name = "CODE", num_args = 0..=1, conflicts_with_all = ["fix", "aws_auth", "cluster"])]
    explain: Option<Option<String>>,
    /// Whose reading counts [default: `eks`, and `doorward` for a cluster of Doorward].
    #[arg(long, value_name = "WHOSE", value_parser = authenticator_parser())]
    authenticator: Option<Authenticator>,
    /// The cluster's partition, such as `aws` [default: the one that most rows are of].
    #[arg(long, value_name = "NAME", value_parser = partition_parser())]
    partition: Option<Partition>,
    /// How to print the findings.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: LintFormat,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LintFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For files.
    Yaml,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

fn authenticator_parser() -> impl clap::builder::TypedValueParser<Value = Authenticator> {
    PossibleValuesParser::new(["eks", "doorward"])
        .try_map(|name| authenticator_named(&name).ok_or("no such authenticator"))
}

fn partition_parser() -> impl clap::builder::TypedValueParser<Value = Partition> {
    PossibleValuesParser::new(Partition::ALL.map(Partition::name))
        .try_map(|name| Partition::from_name(&name).ok_or("no such partition"))
}

/// The answer for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    dry_run: bool,
    mended: Vec<Mended>,
    diff: String,
}

/// Lints.
///
/// # Errors
/// If aws-auth cannot be read, or written with `--fix`, or the code to explain does not exist.
pub(super) async fn run(args: &LintArgs, talk: Talk) -> Result<ExitCode, CliError> {
    if let Some(code) = &args.explain {
        return explain(args, code.as_deref());
    }
    let source = Source::find(&args.source, talk).await?;
    let authenticator = match (args.authenticator, &source) {
        (Some(authenticator), _) => authenticator,
        (None, Source::File(_)) => Authenticator::Eks,
        (None, Source::Cluster(_)) => authenticator_of(&args.source.aws).await,
    };
    let context = Context { authenticator, partition: args.partition };
    let fix = if args.fix { Some(mend(&source, &context, args.dry_run).await?) } else { None };
    let (data, places) = match (&source, &fix) {
        (Source::File(path), fix) => {
            let before = file::document(path)?;
            // After a trial run the findings are those that the file would have.
            let document = match fix {
                Some((_, data)) if args.dry_run => match before.with_data(data) {
                    Ok(text) => Document::parse(text).unwrap_or(before),
                    Err(_) => before,
                },
                _ => before,
            };
            (document.data().clone(), Places::of_file(path, &document))
        }
        (Source::Cluster(_), Some((_, data))) => (data.clone(), Places::default()),
        (Source::Cluster(_), None) => match source.read().await? {
            Some(data) => (data, Places::default()),
            None => {
                talk.note("the cluster has no ConfigMap `kube-system/aws-auth`, so it maps nobody");
                return Ok(ExitCode::SUCCESS);
            }
        },
    };
    let findings: Vec<Finding> =
        lint(&data, &context).into_iter().map(|diagnostic| Finding::new(diagnostic, &places)).collect();
    tell(args, &findings, fix.map(|(fix, _)| fix), talk)?;
    let is_finding = |finding: &Finding| finding.diagnostic.severity > Severity::Note;
    Ok(if findings.iter().any(is_finding) { ExitCode::from(exit::FINDINGS) } else { ExitCode::SUCCESS })
}

fn explain(args: &LintArgs, code: Option<&str>) -> Result<ExitCode, CliError> {
    let codes: Vec<Code> = match code {
        None => Code::ALL.to_vec(),
        Some(text) => {
            let unknown = || {
                let known: Vec<&str> = Code::ALL.iter().flat_map(|code| [code.as_str(), code.rule().name]).collect();
                let near = doorward_core::suggestion::nearest(text, known);
                let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                CliError::Usage(format!(
                    "no finding has the code `{}`; {hint}`--explain` alone lists all",
                    text.escape_debug()
                ))
            };
            vec![Code::from_text(text).ok_or_else(unknown)?]
        }
    };
    match args.output {
        LintFormat::Table if code.is_some() => print_text(&explain::text(&codes))?,
        LintFormat::Table => print(Format::Table, &codes, |codes| explain::table(codes))?,
        LintFormat::Yaml => print(Format::Yaml, &explain::rules(&codes), |_| Table::new([]))?,
        LintFormat::Json => print(Format::Json, &explain::rules(&codes), |_| Table::new([]))?,
        LintFormat::Sarif => print(Format::Json, &sarif::log(&[]), |_| Table::new([]))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Mends, and gives what was done and the data that came out.
async fn mend(source: &Source, context: &Context, dry_run: bool) -> Result<(Fix, Data), CliError> {
    // An edit may be made again when somebody else was faster; the last one counts.
    let mended = Mutex::new(Vec::new());
    let done = source
        .edit(dry_run, |data| {
            let fixed = fix(data, context);
            if let Ok(mut mended) = mended.lock() {
                mended.clone_from(&fixed.mended);
            }
            let rewritten = fixed.rewritten.first().copied();
            Ok(Edited { data: fixed.data, removed: Vec::new(), rewritten, warnings: Vec::new() })
        })
        .await?;
    let mended = mended.into_inner().unwrap_or_default();
    Ok((Fix { dry_run, mended, diff: done.diff }, done.edited.data))
}

fn tell(args: &LintArgs, findings: &[Finding], fix: Option<Fix>, talk: Talk) -> Result<(), CliError> {
    let count = |severity| findings.iter().filter(|finding| finding.diagnostic.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let format = match args.output {
        LintFormat::Table => {
            if let Some(fix) = &fix {
                print_text(&fix.diff)?;
                fix.mended.iter().for_each(|mended| talk.note(mended_in_words(mended, fix.dry_run)));
                if fix.mended.is_empty() {
                    talk.note("nothing can be mended without a decision");
                }
            }
            return print_text(&report::text(findings, args.fix));
        }
        LintFormat::Sarif => return print(Format::Json, &sarif::log(findings), |_| Table::new([])),
        LintFormat::Json => Format::Json,
        LintFormat::Yaml => Format::Yaml,
    };
    print(format, &Answer { errors, warnings, notes, findings, fix }, |_| Table::new([]))
}

fn mended_in_words(mended: &Mended, dry_run: bool) -> String {
    let would = if dry_run { "would have " } else { "" };
    let numbers = |numbers: &[usize], first: usize| {
        numbers.iter().map(|number| (number + first).to_string()).collect::<Vec<_>>().join(", ")
    };
    let lines = |section: &Section, lines: &[usize]| format!("line {} of {section}", numbers(lines, 0));
    match mended {
        Mended::Quoted { section, lines: at } => format!("{would}put templates in quotes: {}", lines(section, at)),
        Mended::Renamed { from, to } => format!("{would}renamed `{}` to `{to}`", from.escape_debug()),
        Mended::Removed { section, rows } => {
            format!("{would}removed from {section}, because others count instead: row {}", numbers(rows, 1))
        }
    }
}
