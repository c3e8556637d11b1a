//! The way to a cluster's API server: a context of a kubeconfig, or what DescribeCluster says together with a token of
//! our own.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use jiff::Timestamp;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::aws::eks::ClusterDescription;
use crate::aws::{AwsArgs, AwsClient};
use crate::doorward_api::aws_client;
use crate::error::{CliError, causes};
use crate::talk::Talk;
use crate::token;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which cluster, and how to reach it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct KubernetesArgs {
    /// The cluster's name at this Doorward or at EKS; it is reached as whom the AWS settings say.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// A kubeconfig [default: $KUBECONFIG, else ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: the current one, where no `--cluster` is given].
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Why an API server is not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    /// The kubeconfig.
    #[error("cannot use the kubeconfig: {problem}")]
    Kubeconfig {
        /// What is wrong with it.
        problem: String,
    },
    /// What DescribeCluster says.
    #[error("the cluster `{cluster}` cannot be reached: its {field} {problem}")]
    Description {
        /// The cluster.
        cluster: String,
        /// A field of the description.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The API server does not say its version.
    #[error("cannot ask the API server at {server} for its version: {problem}; is the cluster running?")]
    Version {
        /// Its URL.
        server: String,
        /// What was wrong.
        problem: String,
    },
}

/// A client for the cluster that the flags name.
///
/// A name alone means the cluster of that name at this Doorward or at EKS, reached with a token of the caller's own, as
/// eksctl does it: the current context may well be of somebody whose row is about to be deleted. Where the settings
/// for that are missing, a context that is for the cluster does as well.
///
/// # Errors
/// If no way is found, or it cannot be used.
pub(crate) async fn client(args: &KubernetesArgs, aws: &AwsArgs, talk: Talk) -> Result<Client, CliError> {
    let Some(cluster) = args.cluster.as_deref().filter(|_| !is_explicit(args)) else {
        return Ok(of_kubeconfig(read_kubeconfig(args)?, args.context.clone()).await?);
    };
    match with_token(cluster, aws, talk).await {
        Ok(client) => Ok(client),
        Err(error) => of_a_context_for(cluster, args, error, talk).await,
    }
}

/// A client for a cluster that is described already: as [`client`] finds it.
///
/// # Errors
/// If no way is found, or it cannot be used.
pub(crate) async fn client_of(
    args: &KubernetesArgs,
    aws: &AwsClient,
    cluster: &ClusterDescription,
    talk: Talk,
) -> Result<Client, CliError> {
    if is_explicit(args) {
        return Ok(of_kubeconfig(read_kubeconfig(args)?, args.context.clone()).await?);
    }
    match of_description(aws, cluster).await {
        Ok(client) => Ok(client),
        Err(error) => of_a_context_for(&cluster.name, args, error, talk).await,
    }
}

/// The name of the cluster that the kubeconfig's context (the current one, or `--context`) is for.
pub(crate) fn cluster_of_context(args: &KubernetesArgs) -> Option<String> {
    let kubeconfig = read_kubeconfig(args).ok()?;
    let context = args.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let named = kubeconfig.contexts.iter().find(|named| named.name == *context)?;
    let cluster = &named.context.as_ref()?.cluster;
    // `aws eks update-kubeconfig` names clusters by their ARN.
    Some(cluster.rsplit_once(":cluster/").map_or(cluster.as_str(), |(_, name)| name).to_owned())
}

fn is_explicit(args: &KubernetesArgs) -> bool {
    args.kubeconfig.is_some() || args.context.is_some()
}

async fn of_a_context_for(
    cluster: &str,
    args: &KubernetesArgs,
    error: CliError,
    talk: Talk,
) -> Result<Client, CliError> {
    let kubeconfig = read_kubeconfig(args).ok();
    match kubeconfig.as_ref().and_then(|kubeconfig| context_for(kubeconfig, cluster)).zip(kubeconfig.clone()) {
        Some((context, kubeconfig)) => {
            talk.note(format_args!("{error}; using the context `{context}` of the kubeconfig instead"));
            Ok(of_kubeconfig(kubeconfig, Some(context)).await?)
        }
        None => Err(error),
    }
}

/// The version of an API server, such as `1.33`.
///
/// # Errors
/// If it does not answer.
pub(crate) async fn version(stored: &StoredKubeconfig) -> Result<String, CliError> {
    let client = stored.client().await?;
    let failed = |problem: String| KubernetesError::Version { server: stored.server().to_owned(), problem };
    let asked = tokio::time::timeout(TIMEOUT, client.apiserver_version()).await;
    let info = asked.map_err(|_| failed(format!("no answer within {} s", TIMEOUT.as_secs())))?;
    let info = info.map_err(|error| failed(causes(&error)))?;
    // Some distributions write `33+`.
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    Ok(format!("{}.{}", digits(&info.major), digits(&info.minor)))
}

fn read_kubeconfig(args: &KubernetesArgs) -> Result<Kubeconfig, KubernetesError> {
    let read = args.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    read.map_err(|error| KubernetesError::Kubeconfig { problem: causes(&error) })
}

async fn of_kubeconfig(kubeconfig: Kubeconfig, context: Option<String>) -> Result<Client, KubernetesError> {
    let failed = |problem| KubernetesError::Kubeconfig { problem };
    let contexts =
        || kubeconfig.contexts.iter().map(|named| format!("`{}`", named.name)).collect::<Vec<_>>().join(", ");
    match context.as_ref().or(kubeconfig.current_context.as_ref()).filter(|name| !name.is_empty()) {
        None => return Err(failed(format!("it has no current context; give `--context` (there are: {})", contexts()))),
        Some(name) if kubeconfig.contexts.iter().all(|named| named.name != *name) => {
            return Err(failed(format!("it has no context `{name}` (there are: {})", contexts())));
        }
        Some(_) => {}
    }
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| failed(causes(&error)))?;
    // This runs the credential plugin, if there is one.
    limited(config).map_err(|error| failed(of_plugin(&error)))
}

/// Leaves out what a credential plugin that failed has printed to its standard output, which may be a token.
fn of_plugin(error: &kube::Error) -> String {
    let text = causes(error);
    text.split_once(": Output {").map_or(text.clone(), |(before, _)| before.to_owned())
}

async fn with_token(cluster: &str, aws: &AwsArgs, talk: Talk) -> Result<Client, CliError> {
    let client = aws_client(aws)?;
    let description = client.describe_cluster(cluster).await?;
    let mode = description.access_config.as_ref().and_then(|config| config.authentication_mode.as_deref());
    if mode == Some("API") {
        talk.warning(format_args!("the authentication mode of `{cluster}` is `API`, so its aws-auth does not count"));
    }
    of_description(&client, &description).await
}

async fn of_description(aws: &AwsClient, cluster: &ClusterDescription) -> Result<Client, CliError> {
    let wrong = |field, problem| KubernetesError::Description { cluster: cluster.name.clone(), field, problem };
    let endpoint = cluster.endpoint.as_deref().ok_or_else(|| wrong("endpoint", "is not known yet"))?;
    let mut config = Config::new(endpoint.parse().map_err(|_| wrong("endpoint", "is not a URL"))?);
    let data = cluster.certificate_authority.as_ref().and_then(|authority| authority.data.as_deref());
    let data = data.ok_or_else(|| wrong("certificate authority", "is not known yet"))?;
    let pem = STANDARD.decode(data).map_err(|_| wrong("certificate authority", "is not base64"))?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).map(|der| der.to_vec()).collect();
    if certificates.is_empty() {
        return Err(wrong("certificate authority", "holds no certificate").into());
    }
    config.root_cert = Some(certificates);
    let token = token::make(aws, &cluster.name, Timestamp::now()).await?;
    config.auth_info = AuthInfo { token: Some(token), ..AuthInfo::default() };
    limited(config).map_err(|error| KubernetesError::Kubeconfig { problem: causes(&error) }.into())
}

fn limited(mut config: Config) -> Result<Client, kube::Error> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(TIMEOUT);
    Client::try_from(config)
}

/// A context for the cluster of this name: the current one if it is for it, else the first that is.
fn context_for(kubeconfig: &Kubeconfig, cluster: &str) -> Option<String> {
    // `aws eks update-kubeconfig` names clusters by their ARN.
    let is_it =
        |name: &str| name == cluster || name.strip_suffix(cluster).is_some_and(|arn| arn.ends_with(":cluster/"));
    let mut contexts: Vec<_> = kubeconfig
        .contexts
        .iter()
        .filter(|named| named.context.as_ref().is_some_and(|context| is_it(&context.cluster)))
        .map(|named| named.name.clone())
        .collect();
    let current = contexts.iter().position(|name| Some(name) == kubeconfig.current_context.as_ref());
    (!contexts.is_empty()).then(|| contexts.swap_remove(current.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_of_a_cluster_is_the_current_one_or_the_first_that_is_for_it() {
        let of = |current: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters: []\nusers: []\ncontexts:\n\
                 - {{name: a, context: {{cluster: other, user: u}}}}\n\
                 - {{name: b, context: {{cluster: 'arn:aws:eks:us-west-2:123456789012:cluster/prod', user: u}}}}\n\
                 - {{name: c, context: {{cluster: prod, user: u}}}}\n\
                 - {{name: d, context: {{cluster: not-prod, user: u}}}}\n"
            );
            Kubeconfig::from_yaml(&text).unwrap()
        };
        assert_eq!(context_for(&of("a"), "prod").as_deref(), Some("b"));
        assert_eq!(context_for(&of("c"), "prod").as_deref(), Some("c"));
        assert_eq!(context_for(&of("d"), "gone"), None);
    }
}
