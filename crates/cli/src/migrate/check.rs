//! `doorward migrate check`: whether a certificate holds.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorward_core::certificate::{Certificate, CertificateVerdict, check};

use crate::error::{CliError, exit};
use crate::output::print_line;
use crate::talk::Talk;

/// Check a certificate of `doorward migrate prove`: digests, every principal, every witness, and that nothing is kept
/// silent. Needs nothing but the file.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 it holds, whatever its verdict; 3 it does not.")]
pub(crate) struct CheckArgs {
    /// The certificate.
    #[arg(value_name = "CERT")]
    certificate: PathBuf,
}

/// Checks it.
///
/// # Errors
/// If the file cannot be read, or is no certificate.
pub(super) fn run(args: &CheckArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let path = args.certificate.display();
    let text = std::fs::read_to_string(&args.certificate)
        .map_err(|error| CliError::Failed(format!("cannot read `{path}`: {error}")))?;
    let certificate: Certificate = serde_json::from_str(&text).map_err(|error| {
        CliError::Failed(format!("`{path}` is not a certificate of `doorward migrate prove`: {error}"))
    })?;
    match check(&certificate) {
        Err(error) => {
            talk.error(format_args!("the certificate does not hold: {error}"));
            Ok(ExitCode::from(exit::FINDINGS))
        }
        Ok(checked) => {
            let verdict = match checked.verdict {
                CertificateVerdict::Equal => "equal",
                CertificateVerdict::Accepted => "accepted",
                CertificateVerdict::Different => "different",
            };
            print_line(&format!(
                "The certificate holds: {verdict}; {} principals and kinds of principals, {} differences, {} accepted.",
                checked.principals,
                checked.differences,
                certificate.accepted.len()
            ))?;
            print_line(&format!("before {}\nafter  {}", certificate.before.digest, certificate.after.digest))?;
            Ok(ExitCode::from(exit::FINE))
        }
    }
}
