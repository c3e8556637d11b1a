//! `doorward migrate prove`: two Worlds compared, and a certificate of what came out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::certificate::{Certificate, CertificateVerdict};
use doorward_core::compare::{Difference, compare};
use doorward_core::plan::plan_and_after;
use jiff::Timestamp;

use super::plan::PlanOptionArgs;
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print, print_text};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::{AfterArgs, WorldArgs};

const EXAMPLES: &str = "\
Examples:
  doorward migrate prove --cluster prod                             the plan of today's World, proved
  doorward migrate prove --world prod.json --after-world new.json   two Worlds, from files
  doorward migrate prove --cluster prod --final --certificate c.json --accept bypass-lost:role/admins:0123456789

Exit codes: 0 nobody gains or loses anything, or all of it is accepted; 3 there are differences that are not.";

/// Prove that nobody gains or loses access, or show who does: for every principal and every request. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    world: WorldArgs,
    #[command(flatten)]
    after: AfterArgs,
    #[command(flatten)]
    options: PlanOptionArgs,
    /// Accept a difference by its id; an id that nothing has is an error.
    #[arg(long, value_name = "ID")]
    accept: Vec<String>,
    /// Write a certificate that `doorward migrate check` can check.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Compares, and prints what came out.
///
/// # Errors
/// If a World cannot be read, or an accepted id is no difference.
pub(super) async fn run(args: &ProveArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let before = args.world.load(talk).await?;
    let given = args.after.load(&before, talk)?;
    let world = before.to_complete_world()?;
    let after = match given {
        Some(after) => after,
        None => plan_and_after(&before, &world, &args.options.options())?.1,
    };
    if before.rbac.is_none() {
        talk.warning("RBAC is not known, so that bindings count for nothing; give it with `--rbac`");
    }
    if before.authentication_mode == AuthenticationMode::ConfigMap && before.creator.is_none() {
        talk.warning(
            "in the mode CONFIG_MAP whoever made the cluster is an administrator whom nothing shows; who that is, this \
             World does not say, so the proof is not about them",
        );
    }
    let comparison = compare(&world, &after.to_complete_world()?);
    drop(world);
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let is_known = |id: &&String| comparison.differences.iter().any(|difference| difference.id == **id);
    if let Some(unknown) = accepted.iter().find(|id| !is_known(id)) {
        let text = format!(
            "`--accept {}`: there is no such difference; it may have changed since it was accepted",
            unknown.escape_debug()
        );
        return Err(CliError::Failed(text));
    }
    let certificate = Certificate::new(&before, &after, comparison, &accepted, Timestamp::now());
    if let Some(path) = &args.certificate {
        let text = serde_json::to_string_pretty(&certificate).map_err(std::io::Error::other)? + "\n";
        std::fs::write(path, text)
            .map_err(|error| CliError::Failed(format!("cannot write `{}`: {error}", path.display())))?;
    }
    match args.output.output {
        Format::Table => print_text(&report(&certificate))?,
        // The same document in the other forms.
        format => print(format, &certificate, |_| Table::new([""]))?,
    }
    let is_open = certificate.verdict == CertificateVerdict::Different;
    Ok(ExitCode::from(if is_open { exit::FINDINGS } else { exit::FINE }))
}

/// For a review: the verdict, each difference with how to accept it, and who is the same.
fn report(certificate: &Certificate) -> String {
    let all = certificate.differences.len();
    let open = certificate.open_differences().count();
    let equal = certificate.principals.iter().filter(|verdict| verdict.differs.is_empty()).count();
    let mut text = match certificate.verdict {
        CertificateVerdict::Equal => "Equal: nobody gains or loses anything.\n".to_owned(),
        CertificateVerdict::Accepted => format!("Accepted: {all} {}, each accepted.\n", plural(all)),
        CertificateVerdict::Different => format!("Different: {all} {}, {open} not accepted.\n", plural(all)),
    };
    for difference in &certificate.differences {
        let is_accepted = certificate.accepted.contains(&difference.id);
        let _ = write!(text, "\n{}", paragraph(difference, is_accepted));
    }
    let _ = write!(
        text,
        "\n{equal} of {} principals and kinds of principals are the same in both, for every session and request.\n",
        certificate.principals.len()
    );
    for absent in &certificate.absent {
        let _ = writeln!(text, "{absent} is named and, by the directory, does not exist: not compared.");
    }
    text
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "difference" } else { "differences" }
}

fn paragraph(difference: &Difference, is_accepted: bool) -> String {
    // What others wrote in a cluster must not move a terminal's cursor.
    let visible = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let caller = difference.caller.principal();
    let mut text = format!("{}\n", visible(&difference.sentence));
    let _ = writeln!(text, "  {}, shown by {}", difference.kind, visible(&caller.arn));
    let more = difference.rules.len().saturating_sub(1);
    if more > 0 {
        let _ = writeln!(text, "  one of {} rules; `-o json` has them all", more + 1);
    }
    let _ = match is_accepted {
        true => writeln!(text, "  accepted: {}", difference.id),
        false => writeln!(text, "  --accept {}", difference.id),
    };
    text
}
