//! `doorward who-can`: everybody who may do something, by whatever way.

use std::process::ExitCode;

use clap::Args;
use doorward_core::questions::{Ground, Holder, Request, WhoCan, who_can};
use serde::Serialize;

use super::{PlaceArgs, load, request};
use crate::error::CliError;
use crate::output::{Format, ListFormat, print, print_line};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

const EXAMPLES: &str = "\
Examples:
  doorward who-can delete pods -n shop --cluster prod
  doorward who-can get secrets --world prod.json              in any namespace, and in which
  doorward who-can create pods/exec -A --world prod.json      in all namespaces at once
  doorward who-can get secrets --world prod.json -o wide      by what";

/// The question.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct WhoCanArgs {
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
    place: PlaceArgs,
    /// How to print the answer.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: ListFormat,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    request: String,
    holders: Vec<Row>,
    /// Of whom it is not decided here.
    undecided: Vec<String>,
    rbac_is_known: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Whether everything is allowed without a check: `system:masters`.
    bypass: bool,
    r#where: Vec<String>,
    by: Vec<String>,
}

/// Answers.
///
/// # Errors
/// If the World cannot be read, or the question makes no sense.
pub(crate) async fn run(args: &WhoCanArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let (name, subresource) = (args.name.as_deref(), args.subresource.as_deref());
    let asked = request(&args.verb, &args.resource, name, subresource, &args.place, talk)?;
    let anywhere = args.place.namespace.is_none() && !args.place.all_namespaces;
    let (document, world) = load(&args.world, talk).await?;
    let found = who_can(&world, &asked, anywhere);
    let told = Told {
        request: words(&asked, anywhere),
        holders: found.holders.iter().map(|(holder, ground)| row(holder, ground)).collect(),
        undecided: found.undecided.iter().map(ToString::to_string).collect(),
        rbac_is_known: document.rbac.is_some(),
    };
    match args.output {
        ListFormat::Json => print(Format::Json, &told, |_| Table::new([]))?,
        ListFormat::Yaml => print(Format::Yaml, &told, |_| Table::new([]))?,
        ListFormat::Name => {
            for row in &told.holders {
                print_line(&format!("{}/{}", row.kind.to_ascii_lowercase(), row.name))?;
            }
        }
        ListFormat::Table | ListFormat::Wide => {
            talk.note(format_args!("who can {}", told.request));
            print(Format::Table, &told, |told| table(&told.holders, args.output == ListFormat::Wide))?;
            tell_undecided(&found, talk);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn words(asked: &Request, anywhere: bool) -> String {
    let text = asked.to_string();
    match (anywhere && asked.is_in_a_namespace(), text.rsplit_once(" in namespace ")) {
        (true, Some((before, _))) => format!("{before} in any namespace"),
        _ => text,
    }
}

fn row(holder: &Holder, ground: &Ground<'_>) -> Row {
    let (name, session) = match holder {
        Holder::Principal { arn, session } => (arn.to_string(), session.clone()),
        other => (other.to_string(), None),
    };
    let by = match ground {
        Ground::Bypass => vec!["membership of `system:masters`, which passes every check".to_owned()],
        Ground::Permissions(all) => all.iter().map(|permission| permission.by.to_string()).collect(),
    };
    let bypass = matches!(ground, Ground::Bypass);
    Row { kind: holder.kind(), name, session, bypass, r#where: ground.places(), by }
}

fn tell_undecided(found: &WhoCan<'_>, talk: Talk) {
    found.undecided.iter().for_each(|one| talk.warning(format_args!("not decided here: {one}")));
}

fn table(rows: &[Row], is_wide: bool) -> Table {
    let mut table =
        if is_wide { Table::new(["KIND", "WHO", "WHERE", "BY"]) } else { Table::new(["KIND", "WHO", "WHERE"]) };
    for row in rows {
        let session = row.session.as_ref().map_or(String::new(), |session| format!(" (session {session})"));
        let places: Vec<&str> = row.r#where.iter().map(|place| place.strip_prefix("in ").unwrap_or(place)).collect();
        let bypass = if row.bypass { " (bypass)" } else { "" };
        table.row([
            row.kind.to_owned(),
            format!("{}{session}", row.name),
            format!("{}{bypass}", places.join("; ")),
            row.by.join("; "),
        ]);
    }
    table
}
