//! Who is mapped in the lab's aws-auth, and how they ask its API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use kube::config::AuthInfo;
use kube::{Client, Config};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{CLUSTER, Lab};

/// What makes somebody of each kind that aws-auth maps, beside the workshop's roles: a user, and a role of nodes with an
/// instance, which so far have a row and no entry.
pub(super) const PRINCIPALS: &str = r#"
aws iam create-user --user-name maria
trust=$(aws iam get-role --role-name eks-workshop-admins --query Role.AssumeRolePolicyDocument --output json)
aws iam create-role --role-name workers --assume-role-policy-document "$trust"
doorward directory add-instance --instance-id i-0fedcba9876543210 --role workers --private-dns-name ip-10-42-9-9.us-west-2.compute.internal
kubectl create -f - <<'END'
apiVersion: v1
kind: Node
metadata: {name: ip-10-42-9-9.us-west-2.compute.internal}
END
"#;

/// The rows of aws-auth for them, and for two of the workshop's roles; the lab has one for its administrators.
pub(super) const ROWS: &str = r#"
row() { doorward mapping create --cluster $EKS_CLUSTER_NAME "$@"; }
row --arn $CARTS_TEAM_IAM_ROLE --username carts:{{SessionName}} --group carts-team
row --arn $DEVELOPERS_IAM_ROLE --username developer --group eks:reserved
row --arn arn:aws:iam::$AWS_ACCOUNT_ID:role/workers --username system:node:{{EC2PrivateDNSName}} --group system:nodes --group system:bootstrappers
row --arn arn:aws:iam::$AWS_ACCOUNT_ID:user/maria --username maria --group carts-team
"#;

/// The mapped principals of the lab, each with a request that it may do.
pub(crate) fn callers(lab: &Lab) -> Vec<Caller> {
    let role = |name: &'static str, role: &str, session: &str, path: &'static str| {
        let arn = format!("arn:aws:iam::123456789012:role/{role}");
        let assumed = lab.ok(&format!("aws sts assume-role --role-arn {arn} --role-session-name {session}"));
        Caller::of(name, &assumed, "Credentials", path)
    };
    let key = lab.ok("aws iam create-access-key --user-name maria");
    vec![
        role("administrator", "eks-workshop-admins", "me", "/api/v1/namespaces/kube-system/secrets?limit=1"),
        role("carts team", "eks-workshop-carts-team", "me", "/api/v1/namespaces/carts/pods?limit=1"),
        role("developer", "eks-workshop-developers", "me", "/api/v1/namespaces/catalog/pods?limit=1"),
        // A node may read the node that it is, and no other.
        role("node", "workers", "i-0fedcba9876543210", "/api/v1/nodes/ip-10-42-9-9.us-west-2.compute.internal"),
        Caller::of("user", &key, "AccessKey", "/api/v1/namespaces/carts/pods?limit=1"),
    ]
}

/// A principal that asks the API server, each time with a token of its own making.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    credentials: Credentials,
    path: &'static str,
}

impl Caller {
    fn of(name: &'static str, answer: &str, key: &str, path: &'static str) -> Self {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let part = |part: &str| answer[key][part].as_str().map(str::to_owned);
        let secret = SecretKey::new(part("SecretAccessKey").unwrap());
        let credentials = Credentials::new(part("AccessKeyId").unwrap(), secret, part("SessionToken"));
        Self { name, credentials: credentials.unwrap(), path }
    }
}

/// Everything that is needed to ask the API server.
#[derive(Clone)]
pub(crate) struct ApiServer {
    config: Config,
    pub(crate) sts: LocalEndpoint,
}

impl ApiServer {
    pub(crate) fn of(lab: &Lab) -> Self {
        let cluster: Value =
            serde_json::from_str(&lab.ok("aws eks describe-cluster --name $EKS_CLUSTER_NAME --query cluster")).unwrap();
        let mut config = Config::new(cluster["endpoint"].as_str().unwrap().parse().unwrap());
        let pem = lab.ok("aws eks describe-cluster --name $EKS_CLUSTER_NAME --query cluster.certificateAuthority.data --output text | base64 -d");
        let (_, base64) = pem.split_once("-----BEGIN CERTIFICATE-----").unwrap();
        let (base64, _) = base64.split_once("-----END").unwrap();
        use base64::Engine as _;
        let der = base64::engine::general_purpose::STANDARD.decode(base64.replace(['\n', '\r'], "")).unwrap();
        config.root_cert = Some(vec![der]);
        Self { config, sts: LocalEndpoint::parse(&lab.variable("AWS_ENDPOINT_URL")).unwrap() }
    }

    pub(crate) async fn ask(&self, caller: &Caller) -> Result<(), String> {
        let endpoint = Endpoint::Local(self.sts.clone());
        let token = token::encode(&endpoint, "us-west-2", &caller.credentials, CLUSTER, Timestamp::now()).unwrap();
        let mut config = self.config.clone();
        config.auth_info = AuthInfo { token: Some(token), ..AuthInfo::default() };
        let client = Client::try_from(config).unwrap();
        let request = http::Request::get(caller.path).body(Vec::new()).unwrap();
        client.request_text(request).await.map(|_| ()).map_err(|error| error.to_string().chars().take(200).collect())
    }
}

/// Lets every caller ask ten times a second until it is told to stop. Gives how often each was let in, and every refusal.
pub(crate) fn ask_until(
    lab: &Lab,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<(BTreeMap<&'static str, usize>, Vec<String>)> {
    let (server, callers) = (ApiServer::of(lab), callers(lab));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut asking = JoinSet::new();
            for caller in callers {
                let (server, stop) = (server.clone(), Arc::clone(&stop));
                asking.spawn(async move {
                    let (mut let_in, mut refusals) = (0, Vec::new());
                    let mut ticks = tokio::time::interval(Duration::from_millis(100));
                    while !stop.load(Ordering::Relaxed) {
                        ticks.tick().await;
                        match server.ask(&caller).await {
                            Ok(()) => let_in += 1,
                            Err(error) => refusals.push(format!("{}: {error}", caller.name)),
                        }
                    }
                    (caller.name, let_in, refusals)
                });
            }
            let asked = asking.join_all().await;
            let let_in = asked.iter().map(|(name, let_in, _)| (*name, *let_in)).collect();
            (let_in, asked.into_iter().flat_map(|(_, _, refusals)| refusals).collect())
        })
    })
}
