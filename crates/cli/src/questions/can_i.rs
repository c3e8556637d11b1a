//! `doorward can-i`: the words and exit codes of `kubectl auth can-i`, about any principal, without a cluster if need be.

use std::process::ExitCode;

use clap::Args;
use doorward_core::questions::{Answer, can_i};
use serde::Serialize;

use super::{CallerArgs, PlaceArgs, decision_name, list, load, reason, request};
use crate::error::{CliError, exit};
use crate::output::{Format, WideFormat, print, print_line};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

const EXAMPLES: &str = "\
Examples:
  doorward can-i list pods -n shop --as arn:aws:iam::123456789012:role/dev --cluster prod
  doorward can-i delete deployments.apps web -n shop --as ARN --world prod.json
  doorward can-i get pods/log -A --as ARN --aws-auth aws-auth.yaml --rbac rbac.yaml
  doorward can-i get /metrics --as ARN --world prod.json
  doorward can-i --list --as ARN -n shop --world prod.json";

/// The question.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct CanIArgs {
    /// `get`, `list`, `create` … or `*`.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    verb: Option<String>,
    /// A resource as kubectl names it (`pods`, `po`, `deployments.apps`, `pods/log`), or a path such as `/metrics`.
    #[arg(required_unless_present = "list")]
    resource: Option<String>,
    /// The name of one object.
    name: Option<String>,
    /// List everything that the principal may do; with `-n`, in that namespace.
    #[arg(long)]
    pub(super) list: bool,
    /// A part of the object, such as `log` or `scale`.
    #[arg(long, value_name = "NAME")]
    subresource: Option<String>,
    #[command(flatten)]
    pub(super) caller: CallerArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// How to print the answer; with `-q`, only the exit code tells.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) output: WideFormat,
    #[command(flatten)]
    world: WorldArgs,
}

/// An answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    allowed: bool,
    decision: &'static str,
    reason: String,
    request: String,
    principal: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    session: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [String]>,
    /// What is not decided here.
    caveats: Vec<String>,
    rbac_is_known: bool,
}

/// Answers.
///
/// # Errors
/// If the World cannot be read, or the question makes no sense.
pub(crate) async fn run(args: &CanIArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let asked = match (&args.verb, &args.resource) {
        (Some(verb), Some(resource)) => {
            let (name, subresource) = (args.name.as_deref(), args.subresource.as_deref());
            Some(request(verb, resource, name, subresource, &args.place, talk)?)
        }
        _ => None,
    };
    let (document, world) = load(&args.world, talk).await?;
    let caller = args.caller.caller(&world)?;
    let Some(asked) = asked else {
        let namespace = args.place.namespace.as_deref();
        return list::run(&world, &caller, namespace, args.output, talk);
    };
    let answer = can_i(&world, &caller, &asked);
    let identity = answer.access.as_ref().map(|access| &access.resolved.identity);
    let told = Told {
        allowed: answer.is_allowed(),
        decision: decision_name(&answer.decision),
        reason: reason(&answer.decision, &asked),
        request: asked.to_string(),
        principal: answer.caller.arn.as_str(),
        session: &answer.caller.principal.session_name,
        username: identity.map(|identity| identity.username.as_str()),
        groups: identity.map(|identity| &*identity.groups),
        caveats: answer.caveats.iter().map(ToString::to_string).collect(),
        rbac_is_known: document.rbac.is_some(),
    };
    if !talk.quiet {
        tell(&told, &answer, args.output, talk)?;
    }
    Ok(ExitCode::from(if told.allowed { exit::FINE } else { exit::FINDINGS }))
}

fn tell(told: &Told<'_>, answer: &Answer<'_>, format: WideFormat, talk: Talk) -> Result<(), CliError> {
    let word = if told.allowed { "yes" } else { "no" };
    match format {
        WideFormat::Table => {
            print_line(word)?;
            talk.note(format_args!("{}: {}", told.request, told.reason));
        }
        WideFormat::Wide => print_line(&format!("{word} - {}: {}", told.request, told.reason))?,
        WideFormat::Json => return print(Format::Json, told, |_| Table::new([])),
        WideFormat::Yaml => return print(Format::Yaml, told, |_| Table::new([])),
    }
    answer.caveats.iter().for_each(|caveat| talk.warning(caveat));
    Ok(())
}
