//! `doorward migrate plan`: what becomes of every row of aws-auth, and the steps that get there.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use doorward_core::account_id::AccountId;
use doorward_core::plan::{ChangeKind, Outcome, Plan, PlanOptions, RowVerdict, plan, render};
use doorward_core::world_document::WorldDocument;

use crate::error::{CliError, exit};
use crate::output::print_text;
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

const EXAMPLES: &str = "\
Examples:
  doorward migrate plan --cluster prod                                   what becomes of every row, and the steps
  doorward migrate plan --aws-auth aws-auth.yaml --directory iam.json    from files, without a network
  doorward migrate plan --cluster prod -o terraform > access.tf          the entries for Terraform
  doorward migrate plan --cluster prod -o bindings | kubectl diff -f -   the bindings that it adds

Exit codes: 0 nothing is left to decide; 3 a row stays in aws-auth, or something is lost or gained.";

/// Say what becomes of every row of aws-auth, and the steps that get there. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    world: WorldArgs,
    #[command(flatten)]
    pub(crate) options: PlanOptionArgs,
    /// How to print the plan.
    #[arg(short, long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    output: PlanFormat,
}

/// What the person who asks for a plan has decided.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PlanOptionArgs {
    /// Go on to the authentication mode API, which EKS never takes back, and remove the ConfigMap.
    #[arg(long = "final")]
    is_final: bool,
    /// Accept that whoever no entry can let in loses access.
    #[arg(long)]
    accept_loss: bool,
    /// The cluster's account, where nothing else says it: entries of nodes must be of it.
    #[arg(long, value_name = "ACCOUNT")]
    cluster_account: Option<AccountId>,
}

impl PlanOptionArgs {
    /// As the plan takes them.
    pub(crate) fn options(self) -> PlanOptions {
        let Self { is_final, accept_loss, cluster_account } = self;
        PlanOptions { is_final, accept_loss, cluster_account }
    }
}

/// A form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For files.
    Yaml,
    /// The entries as Terraform resources, with import blocks for those that exist.
    Terraform,
    /// The entries as an eksctl ClusterConfig.
    Eksctl,
    /// The steps as aws and kubectl commands.
    Aws,
    /// The bindings that stay, for kubectl.
    Bindings,
}

/// Prints the plan.
///
/// # Errors
/// If the World cannot be read.
pub(super) async fn run(args: &PlanArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let document = args.world.load(talk).await?;
    let plan = plan(&document, &args.options.options())?;
    print_text(&text(args.output, &plan, &document)?)?;
    if args.output != PlanFormat::Table {
        plan.warnings.iter().for_each(|warning| talk.warning(warning));
    }
    if document.rbac.is_none() {
        talk.note("RBAC is not known; give it with `--rbac`, so that bindings can be copied");
    }
    Ok(ExitCode::from(if plan.needs_a_decision() { exit::FINDINGS } else { exit::FINE }))
}

fn text(format: PlanFormat, plan: &Plan, document: &WorldDocument) -> Result<String, CliError> {
    Ok(match format {
        PlanFormat::Table => for_people(plan),
        PlanFormat::Json => serde_json::to_string_pretty(plan).map_err(io::Error::other)? + "\n",
        PlanFormat::Yaml => serde_saphyr::to_string(plan).map_err(io::Error::other)?,
        PlanFormat::Terraform => render::terraform(plan, document)?,
        PlanFormat::Eksctl => render::eksctl_config(plan, document)?,
        PlanFormat::Aws => render::aws_commands(plan, document)?,
        PlanFormat::Bindings => render::binding_manifests(plan),
    })
}

/// Rows, steps and warnings, for a review.
fn for_people(plan: &Plan) -> String {
    let mut text = rows(plan).to_string();
    let _ = write!(text, "\n{}\n", summary(plan));
    if !plan.steps.is_empty() {
        let _ = write!(text, "\n{}", steps(plan));
    }
    for warning in &plan.warnings {
        let visible: String = warning.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = write!(text, "\nwarning: {visible}");
    }
    if !plan.warnings.is_empty() {
        text.push('\n');
    }
    text
}

fn rows(plan: &Plan) -> Table {
    let mut table = Table::new(["ROW", "LINE", "ARN", "BECOMES", "WHY"]);
    for row in &plan.rows {
        let place = format!("{}[{}]", row.section, row.index);
        table.row([place, row.line.to_string(), row.arn.clone(), outcome(row), row.reason.clone()]);
        let differences = match &row.outcome {
            Outcome::Overridden { differences, .. } => differences.as_slice(),
            _ => &[],
        };
        let below =
            |what: &str, why: &str| [String::new(), String::new(), String::new(), what.to_owned(), why.to_owned()];
        differences.iter().for_each(|difference| table.row(below("  differs", difference)));
        row.changes.iter().for_each(|change| table.row(below(kind(change.kind), &change.text)));
        row.advice.iter().for_each(|advice| table.row(below("  to do", advice)));
    }
    table
}

fn outcome(row: &RowVerdict) -> String {
    let entry = |principal_arn: &dyn std::fmt::Display| format!("entry {principal_arn}");
    match &row.outcome {
        Outcome::Entry { principal_arn, .. } => entry(principal_arn),
        Outcome::Entries { principal_arns } => format!("{} entries", principal_arns.len()),
        Outcome::Covered { principal_arn } => format!("covered by entry {principal_arn}"),
        Outcome::Overridden { principal_arn, .. } => format!("overridden by entry {principal_arn}"),
        Outcome::Dropped { .. } => "dropped".to_owned(),
        Outcome::Kept { .. } => "stays in aws-auth".to_owned(),
    }
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Lost => "  LOST",
        ChangeKind::Gained => "  GAINED",
        ChangeKind::BypassLost => "  bypass lost",
        ChangeKind::IdentityChanged => "  identity changed",
        ChangeKind::Unverified => "  not verified",
    }
}

fn summary(plan: &Plan) -> String {
    let count = |is_it: fn(&Outcome) -> bool| plan.rows.iter().filter(|row| is_it(&row.outcome)).count();
    let undone = plan.rows.iter().filter(|row| row.needs_a_decision()).count();
    format!(
        "{} rows: {} become entries, {} have one, {} dropped, {} stay in aws-auth; {undone} to decide; {} steps",
        plan.rows.len(),
        count(|outcome| matches!(outcome, Outcome::Entry { .. } | Outcome::Entries { .. })),
        count(|outcome| matches!(outcome, Outcome::Covered { .. } | Outcome::Overridden { .. })),
        count(|outcome| matches!(outcome, Outcome::Dropped { .. })),
        count(|outcome| matches!(outcome, Outcome::Kept { .. })),
        plan.steps.len()
    )
}

fn steps(plan: &Plan) -> Table {
    let mut table = Table::new(["#", "STEP", "UNDO", "WHY"]);
    for (at, step) in plan.steps.iter().enumerate() {
        let undo = step.undo.as_ref().map_or_else(|| "never".to_owned(), ToString::to_string);
        table.row([(at + 1).to_string(), step.action.to_string(), undo, step.why.clone()]);
    }
    table
}
