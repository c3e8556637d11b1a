//! Names of nodes, from EC2: the session of an instance profile is named after its instance.
//!
//! What is remembered: an instance for ten minutes (its name never changes, its profile seldom), that there is none for
//! ten seconds (EC2 learns of a new one a moment late). An empty name, as EC2 answers while an instance starts, is not
//! remembered at all, nor is a failure: the node asks again in a moment and must then be let in.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::arn::Arn;
use doorward_core::principal::{Principal, PrincipalId, PrincipalKind};

use super::batch::Batches;
use super::config::{AwsConfig, NodesConfig, RoleCheck, StsLimits};
use super::credential_source::CredentialSource;
use super::ec2::{Ec2Instance, MAX_INSTANCES, describe_instances};
use super::error::IdentityError;
use super::flights::{Flights, Keep};
use super::iam::role_of_profile;
use super::signed_query::SignedService;
use super::sts_client::Caller;
use super::transport::Transport;
use crate::directory::{is_dns_name, is_instance_id};
use crate::hosts::{LocalEndpoint, ec2_host, iam_host};

const INSTANCE_KEPT: Duration = Duration::from_secs(600);
const ABSENCE_KEPT: Duration = Duration::from_secs(10);

/// A profile can be given another role at any time.
const PROFILE_KEPT: Duration = Duration::from_secs(60);

/// Room for the largest clusters, and for strangers' ids beside it.
const MAX_KEPT: u64 = 20_000;

/// Names of nodes.
pub(crate) struct Nodes {
    check: RoleCheck,
    caller: Arc<Caller>,
    instances: Flights<String, Option<Ec2Instance>, IdentityError>,
    batches: Arc<Batches<Ec2Instance>>,
    profiles: Flights<String, Option<PrincipalId>, IdentityError>,
    iam: Arc<SignedService>,
}

impl Nodes {
    pub(crate) fn new(
        config: &AwsConfig,
        nodes: &NodesConfig,
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn CredentialSource>,
    ) -> Self {
        // Well below what EC2 and IAM give an account; a call is about a hundred instances.
        let limits = StsLimits { calls_per_second: 5, burst: 20, in_flight: 16, ..config.sts };
        let caller = Arc::new(Caller::new(&limits, transport));
        let service = |endpoint: Option<&LocalEndpoint>, public: (String, &str), name| {
            let (host, region) = public;
            let (url, host, path) = match endpoint {
                None => (format!("https://{host}/"), host, "/".to_owned()),
                Some(local) => (local.to_string(), local.signed_authority().to_owned(), local.path().to_owned()),
            };
            let (caller, credentials, region) = (Arc::clone(&caller), Arc::clone(&credentials), region.to_owned());
            Arc::new(SignedService { caller, credentials, url, host, path, region, name })
        };
        let region = nodes.region.as_str();
        // That the region is the partition's was checked with the configuration.
        let public_ec2 = (ec2_host(config.partition, region).unwrap_or_default(), region);
        let ec2 = service(nodes.ec2_endpoint.as_ref(), public_ec2, "ec2");
        let iam = service(nodes.iam_endpoint.as_ref(), iam_host(config.partition), "iam");
        let batches = Batches::new(MAX_INSTANCES, move |ids| {
            let ec2 = Arc::clone(&ec2);
            Box::pin(async move { describe_instances(&ec2, &ids).await })
        });
        let (instances, profiles) = (Flights::new(MAX_KEPT, 1), Flights::new(MAX_KEPT, 1));
        Self { check: nodes.role_check, caller, instances, batches, profiles, iam }
    }

    /// As [`super::AwsProvider::private_dns_name`].
    pub(crate) async fn private_dns_name(&self, principal: &Principal) -> Result<Option<String>, IdentityError> {
        let id = &principal.session_name;
        if principal.canonical.kind() != PrincipalKind::Role || !is_instance_id(id) {
            return Ok(None);
        }
        let Some(instance) = self.instance(id).await? else {
            tracing::info!(instance = id, arn = principal.arn, "EC2 knows no such instance");
            return Ok(None);
        };
        if !self.runs_with(&instance, principal).await? {
            tracing::warn!(
                instance = id,
                arn = principal.arn,
                profile = instance.profile_arn,
                "a session is named after an instance that does not run with its role"
            );
            return Ok(None);
        }
        // What goes behind `system:node:` has to be a name of DNS and nothing else.
        Ok(Some(instance.private_dns_name).filter(|name| is_dns_name(name)))
    }

    /// The hosts that failed and are left alone for the moment.
    pub(crate) fn open_breakers(&self) -> Vec<String> {
        self.caller.open_breakers()
    }

    async fn instance(&self, id: &str) -> Result<Option<Ec2Instance>, IdentityError> {
        let (batches, owned) = (Arc::clone(&self.batches), id.to_owned());
        let ask = async move {
            let value = batches.ask(owned).await.map_err(not_kept)?;
            let time = match &value {
                None => ABSENCE_KEPT,
                Some(instance) if instance.private_dns_name.is_empty() || instance.profile_arn.is_none() => {
                    Duration::ZERO
                }
                Some(_) => INSTANCE_KEPT,
            };
            Ok(Keep { value, time })
        };
        self.instances.get(id.to_owned(), ask).await
    }

    async fn runs_with(&self, instance: &Ec2Instance, principal: &Principal) -> Result<bool, IdentityError> {
        // Without a profile no session of the instance can exist.
        let Some(arn) = instance.profile_arn.as_deref().and_then(|arn| Arn::parse(arn).ok()) else { return Ok(false) };
        let role = &principal.canonical;
        let profile = arn.resource.strip_prefix("instance-profile/").and_then(|path| path.rsplit('/').next());
        let Some(profile) = profile.filter(|_| arn.service == "iam") else { return Ok(false) };
        if arn.partition != role.partition() || arn.account != role.account().as_str() {
            return Ok(false);
        }
        match self.check {
            RoleCheck::AccountOnly => Ok(true),
            RoleCheck::SameName => Ok(profile == role.name()),
            RoleCheck::Iam => {
                let (iam, name) = (Arc::clone(&self.iam), profile.to_owned());
                let ask = async move {
                    let value = role_of_profile(&iam, &name).await.map_err(not_kept)?;
                    Ok(Keep { value, time: PROFILE_KEPT })
                };
                Ok(self.profiles.get(profile.to_owned(), ask).await?.as_ref() == Some(&principal.id))
            }
        }
    }
}

fn not_kept(error: IdentityError) -> Keep<IdentityError> {
    Keep { value: error, time: Duration::ZERO }
}
