//! `doorward cluster`: the clusters whose access the server manages.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::cluster_name::ClusterName;
use doorward_server::own::Registration;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::aws::eks::ClusterDescription;
use crate::aws::{AwsArgs, AwsClient, AwsError};
use crate::doorward_api::{DoorwardApi, aws_client};
use crate::error::CliError;
use crate::kubernetes;
use crate::output::{OutputArgs, print};
use crate::replicas::WaitArgs;
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward cluster register prod --kubeconfig /etc/kubernetes/admin.conf
  doorward cluster register prod --kubeconfig ~/.kube/config --context prod --authentication-mode API
  doorward cluster list
  doorward cluster remove prod --yes";

/// What to do with clusters.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    verb: ClusterVerb,
}

#[derive(Debug, Subcommand)]
enum ClusterVerb {
    /// Manage a cluster's access with this server from now on.
    Register(Box<RegisterArgs>),
    /// List the clusters.
    List {
        #[command(flatten)]
        output: OutputArgs,
        #[command(flatten)]
        aws: AwsArgs,
    },
    /// Manage a cluster's access no more; its access entries are deleted, the cluster itself is not touched.
    Remove {
        /// Its name.
        name: ClusterName,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        aws: AwsArgs,
    },
}

#[derive(Debug, Args)]
struct RegisterArgs {
    /// The name that it gets.
    name: ClusterName,
    /// A kubeconfig that may read and edit aws-auth; the server keeps it, with all files that it names.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// The context in it [default: the current one].
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Which sources of access count: CONFIG_MAP, API_AND_CONFIG_MAP or API [default: API_AND_CONFIG_MAP].
    #[arg(long, value_name = "MODE", value_parser = mode)]
    authentication_mode: Option<AuthenticationMode>,
    /// The API server's URL as users reach it [default: that of the kubeconfig].
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Do not make the caller the cluster's administrator.
    #[arg(long)]
    no_bootstrap_admin: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

/// Does it.
///
/// # Errors
/// If the server or the API server cannot be reached, or refuses.
pub(crate) async fn run(args: ClusterArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        ClusterVerb::Register(args) => register(&args, talk).await,
        ClusterVerb::List { output, aws } => {
            let client = aws_client(&aws)?;
            let mut clusters = Vec::new();
            for name in client.list_clusters().await? {
                match client.describe_cluster_json(&name).await {
                    Ok(cluster) => clusters.push(cluster),
                    // Removed since it was listed.
                    Err(AwsError::Api { code, .. }) if code == "ResourceNotFoundException" => {}
                    Err(error) => return Err(error.into()),
                }
            }
            print(output.output, &clusters, |clusters| table(clusters))?;
            Ok(ExitCode::SUCCESS)
        }
        ClusterVerb::Remove { name, yes, wait, aws } => {
            let client = aws_client(&aws)?;
            remove(&name, yes, &client, talk).await?;
            wait.wait(&client, talk).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn register(args: &RegisterArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let stored = StoredKubeconfig::load(&args.kubeconfig, args.context.as_deref())?;
    let certificates = stored.certificate_authority().ok_or_else(|| no_certificates(&args.kubeconfig))?;
    let certificate_authority = STANDARD.encode(certificates);
    let client = aws_client(&args.aws)?;
    let version = kubernetes::version(&stored).await?;
    let registration = Registration {
        endpoint: args.endpoint.clone().unwrap_or_else(|| stored.server().to_owned()),
        certificate_authority,
        version,
        kubeconfig: stored.to_secret()?.expose_secret().to_owned(),
        authentication_mode: args.authentication_mode,
        bootstrap_cluster_creator_admin_permissions: Some(!args.no_bootstrap_admin),
        tags: Default::default(),
        region: args.aws.region.clone(),
    };
    let cluster = DoorwardApi(&client).register_cluster(args.name.as_str(), &registration).await?;
    args.wait.wait(&client, talk).await?;
    print(args.output.output, &cluster, |cluster| table(std::slice::from_ref(cluster)))?;
    talk.note(format_args!("next: aws eks update-kubeconfig --name {}", args.name));
    Ok(ExitCode::SUCCESS)
}

fn no_certificates(path: &Path) -> CliError {
    CliError::Failed(format!(
        "the cluster in `{}` has no `certificate-authority`; users need it to verify the API server, so add it there",
        path.display()
    ))
}

async fn remove(name: &ClusterName, yes: bool, client: &AwsClient, talk: Talk) -> Result<(), CliError> {
    if !yes && !confirmed(name) {
        return Err(CliError::Usage(format!(
            "`{name}` was not removed: its access entries would be deleted; give `--yes` to do it"
        )));
    }
    client.delete_cluster(name.as_str()).await?;
    talk.note(format_args!(
        "removed `{name}`; its kube-apiserver still asks this server until its flags are taken out"
    ));
    Ok(())
}

/// Asks, where there is somebody to ask.
fn confirmed(name: &ClusterName) -> bool {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return false;
    }
    let mut out = anstream::stderr();
    let _ = write!(out, "Remove `{name}` and delete its access entries? [y/N] ");
    let _ = out.flush();
    let mut answer = String::new();
    let read = input.read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn table(clusters: &[Value]) -> Table {
    let mut table = Table::new(["NAME", "STATUS", "VERSION", "MODE", "ENDPOINT"]);
    for cluster in clusters.iter().filter_map(|cluster| serde_json::from_value(cluster.clone()).ok()) {
        let ClusterDescription { name, status, version, endpoint, access_config, .. } = cluster;
        let mode = access_config.and_then(|config| config.authentication_mode);
        table.row([name, status, version.unwrap_or_default(), mode.unwrap_or_default(), endpoint.unwrap_or_default()]);
    }
    table
}

fn mode(text: &str) -> Result<AuthenticationMode, String> {
    AuthenticationMode::from_name(text)
        .ok_or_else(|| "expected one of `CONFIG_MAP`, `API_AND_CONFIG_MAP`, `API`".to_owned())
}
