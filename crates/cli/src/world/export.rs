//! `doorward world export`.

use std::process::ExitCode;

use super::WorldArgs;
use crate::error::CliError;
use crate::output::print_text;
use crate::talk::Talk;

/// Prints the World.
///
/// # Errors
/// If it cannot be read.
pub(super) async fn run(args: &WorldArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let document = args.load(talk).await?;
    print_text(&document.to_json())?;
    talk.note(format_args!("SHA-256 of what decides access: {}", document.digest()));
    Ok(ExitCode::SUCCESS)
}
