//! `doorward token`: a credential plugin for kubectl, with the output of `aws eks get-token` and without its second of
//! start-up time.

use std::process::ExitCode;

use clap::Args;
use doorward_identity::hosts::LocalEndpoint;
use doorward_identity::token;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{AwsArgs, AwsClient, AwsError, Environment};
use crate::doorward_api::aws_client;
use crate::error::CliError;
use crate::output::print_line;

/// Tokens live for 15 minutes; clients are told one less, as by the aws CLI.
const TOLD_LIFETIME: SignedDuration = SignedDuration::from_mins(14);

const EXAMPLES: &str = "\
Examples:
  doorward token --cluster-name prod
  doorward token --cluster-name prod --role-arn arn:aws:iam::123456789012:role/admins";

/// For which cluster, and as whom.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct TokenArgs {
    /// The cluster's name; the token is good for no other.
    #[arg(long, value_name = "NAME")]
    cluster_name: String,
    /// A role to assume.
    #[arg(long, visible_alias = "role", value_name = "ARN")]
    role_arn: Option<String>,
    /// The name of the role's session.
    #[arg(long, value_name = "NAME", default_value = "EKSGetTokenAuth", requires = "role_arn")]
    session_name: String,
    /// Only `json` is known; taken so that the command can stand in for `aws eks get-token`.
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json"], default_value = "json", hide = true)]
    output: String,
    #[command(flatten)]
    aws: AwsArgs,
}

/// Prints the token.
///
/// # Errors
/// If there are no credentials, or the role cannot be assumed.
pub(crate) async fn run(args: TokenArgs) -> Result<ExitCode, CliError> {
    let mut client = aws_client(&args.aws)?;
    if let Some(role_arn) = &args.role_arn {
        client = client.into_role(role_arn, &args.session_name).await?;
    }
    let now = Timestamp::now();
    let token = make(&client, &args.cluster_name, now).await?;
    let exec_info = Environment::of_process().get("KUBERNETES_EXEC_INFO").map(str::to_owned);
    let api_version = api_version(exec_info.as_deref())?;
    print_line(&exec_credential(api_version, &token, now).to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// A token for a cluster, with the client's credentials.
///
/// # Errors
/// If there are none, or the settings name no place to verify it at.
pub(crate) async fn make(client: &AwsClient, cluster: &str, now: Timestamp) -> Result<SecretString, AwsError> {
    let endpoint = client.settings().token_endpoint()?;
    let fail = |problem: String| AwsError::Sign { operation: format!("that is a token for `{cluster}`"), problem };
    let local = LocalEndpoint::parse(&endpoint.to_string()).map_err(|error| fail(error.to_string()))?;
    let region = match endpoint.signing_region() {
        Some(region) => region,
        // A place without a region, such as a Doorward server, takes any.
        None => client.settings().region_if_any()?.unwrap_or("us-east-1"),
    };
    let endpoint = doorward_identity::hosts::Endpoint::Local(local);
    token::encode(&endpoint, region, client.credentials().await?, cluster, now).map_err(|error| fail(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecInfo {
    api_version: String,
}

/// The version in which kubectl wants its answer; without kubectl, the one that the aws CLI uses.
fn api_version(exec_info: Option<&str>) -> Result<&'static str, CliError> {
    let Some(text) = exec_info else {
        return Ok("client.authentication.k8s.io/v1beta1");
    };
    let wanted = serde_json::from_str::<ExecInfo>(text).map(|info| info.api_version);
    let known = ["v1", "v1beta1", "v1alpha1"].map(|version| match version {
        "v1" => "client.authentication.k8s.io/v1",
        "v1beta1" => "client.authentication.k8s.io/v1beta1",
        _ => "client.authentication.k8s.io/v1alpha1",
    });
    let found = wanted.as_deref().ok().and_then(|wanted| known.into_iter().find(|known| *known == wanted));
    found.ok_or_else(|| {
        let wanted = wanted.unwrap_or_else(|_| text.to_owned());
        CliError::Failed(format!(
            "`KUBERNETES_EXEC_INFO` wants `{}`, which is none of `client.authentication.k8s.io/v1`, `…/v1beta1`, \
             `…/v1alpha1`; set one of them as `apiVersion` of the user's `exec` in the kubeconfig",
            wanted.escape_debug()
        ))
    })
}

fn exec_credential(api_version: &str, token: &SecretString, now: Timestamp) -> Value {
    let expires = now.checked_add(TOLD_LIFETIME).unwrap_or(now);
    json!({
        "kind": "ExecCredential",
        "apiVersion": api_version,
        "spec": {},
        "status": { "expirationTimestamp": format!("{expires:.0}"), "token": token.expose_secret() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_version_that_was_asked_for() {
        let info = |version: &str| format!(r#"{{"kind":"ExecCredential","apiVersion":"{version}","spec":{{}}}}"#);
        for version in ["v1", "v1beta1", "v1alpha1"] {
            let wanted = format!("client.authentication.k8s.io/{version}");
            assert_eq!(api_version(Some(&info(&wanted))).unwrap(), wanted);
        }
        assert_eq!(api_version(None).unwrap(), "client.authentication.k8s.io/v1beta1");
        for bad in [info("client.authentication.k8s.io/v2"), "nonsense".to_owned(), "{}".to_owned()] {
            let error = api_version(Some(&bad)).unwrap_err().to_string();
            assert!(error.starts_with("`KUBERNETES_EXEC_INFO` wants"), "{error}");
        }
    }

    #[test]
    fn the_answer_is_what_kubectl_reads() {
        let now: Timestamp = "2026-11-23T10:00:00.5Z".parse().unwrap();
        let credential = exec_credential("client.authentication.k8s.io/v1", &SecretString::from("t"), now);
        assert_eq!(
            credential.to_string(),
            r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{},"status":{"expirationTimestamp":"2026-11-23T10:14:00Z","token":"t"}}"#
        );
    }
}
