//! `doorward man`: the manual page, with a section for every verb, in the form of man(7).

use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::error::CliError;
use crate::output::print_text;

/// Prints the page: `doorward man | man -l -`.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run() -> Result<ExitCode, CliError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands() {
        verb_sections(verb, &mut page)?;
    }
    print_text(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}

/// A verb's synopsis and options, and those of the verbs below it.
fn verb_sections(verb: &Command, page: &mut Vec<u8>) -> Result<(), CliError> {
    if verb.is_hide_set() {
        return Ok(());
    }
    let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name()).to_uppercase();
    page.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
    let man = Man::new(verb.clone());
    man.render_description_section(page)?;
    man.render_synopsis_section(page)?;
    if verb.get_arguments().next().is_some() {
        man.render_options_section(page)?;
    }
    verb.get_subcommands().try_for_each(|verb| verb_sections(verb, page))
}
