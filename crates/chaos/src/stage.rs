//! Where it is played: etcd of three members, two servers on it, a kube-apiserver that asks them, and what is between.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use doorward_bench::api::Api;
use doorward_bench::http::client_config;
use doorward_cluster::pki::Pki;
use doorward_core::cluster_name::ClusterName;
use doorward_store::etcd_cluster::EtcdCluster;
use jiff::Timestamp;
use rustls::ClientConfig;
use serde_json::json;

use crate::balancer::{Balancer, Behind};
use crate::etcd;
use crate::kubernetes::Kubernetes;
use crate::line::{Door, Line};
use crate::link::{Link, Mode};
use crate::load;
use crate::people::People;
use crate::question::{CLUSTER, Question, Worth};
use crate::replica::Replica;
use crate::revoke::Server;
use crate::settings::Settings;
use crate::write::{Book, Wrote, delete_user, make_user};

/// Everything that runs.
pub(crate) struct Stage {
    etcd: Option<EtcdCluster>,
    kubernetes: Option<Kubernetes>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) people: People,
    /// What is asked of the webhooks.
    pub(crate) questions: Vec<Question>,
    /// Who has the principals: where users are made.
    home: Api,
    /// What was acknowledged in all rows until now.
    pub(crate) book: Arc<Book>,
    /// What else has to run.
    _others: Vec<Replica>,
    pub(crate) tls: Arc<ClientConfig>,
    /// The administrator's calls of the first server.
    admin: Api,
    probes: u64,
    /// From each server to each member of etcd.
    links: Vec<Vec<Link>>,
}

/// The role that the lab's aws-auth lets in.
const MAPPED_ROLE: &str = "eks-workshop-admins";

impl Stage {
    /// One server on SQLite, with its data in a folder. `small_disk`: which is a file system of its own.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn on_sqlite(settings: &Settings, data: &Path, small_disk: bool) -> anyhow::Result<Self> {
        let mut replica = Replica::new(settings, data, &[])?;
        if small_disk {
            replica = replica.on_small_disk()?;
        }
        replica.start().await?;
        let admin = Api::of_data_dir(replica.api, &replica.data_from_outside()?)?;
        register_unreachable(&admin).await?;
        let people = People::make(&admin).await?;
        let questions = people.webhook_questions();
        Self::of_one(replica, people, questions, admin.clone(), admin)
    }

    /// One server whose tokens AWS proves. AWS is another server, behind a link.
    ///
    /// # Errors
    /// If one does not start.
    pub(crate) async fn on_aws(settings: &Settings, folder: &Path) -> anyhow::Result<Self> {
        let mut sts = Replica::new(settings, &folder.join("sts"), &[])?;
        sts.start().await?;
        let home = Api::of_data_dir(sts.api, &sts.data)?;
        let link = Link::to(sts.api).await?;
        let url = format!("http://{}", link.address);
        let config = folder.join("aws.yaml");
        // Nobody's AWS account: how many calls it grants is not what is tried.
        let limits = "sts: {calls-per-second: 1000000, burst: 1000000}";
        std::fs::write(&config, format!("identity:\n  provider: aws\n  sts-endpoints: ['{url}']\n  {limits}\n"))?;
        let mut replica = Replica::new(settings, &folder.join("aws"), &[format!("--config={}", config.display())])?;
        replica.start().await?;
        let admin = Api::of_data_dir(replica.api, &replica.data)?;
        register_unreachable(&admin).await?;
        let people = People::make_elsewhere(&home, &admin, &url).await?;
        let questions = people.questions_proved_elsewhere()?;
        let stage = Self::of_one(replica, people, questions, home, admin)?;
        Ok(Self { links: vec![vec![link]], _others: vec![sts], ..stage })
    }

    fn of_one(
        replica: Replica,
        people: People,
        questions: Vec<Question>,
        home: Api,
        admin: Api,
    ) -> anyhow::Result<Self> {
        let tls = tls_of(&replica.data_from_outside()?)?;
        Ok(Self {
            etcd: None,
            kubernetes: None,
            replicas: vec![replica],
            people,
            questions,
            home,
            tls,
            admin,
            probes: 0,
            links: Vec::new(),
            book: Arc::default(),
            _others: Vec::new(),
        })
    }

    /// Two servers on etcd of three members, and a kube-apiserver that asks them.
    ///
    /// # Errors
    /// If something does not start.
    pub(crate) async fn on_etcd(settings: &Settings, folder: &Path) -> anyhow::Result<Self> {
        let etcd = etcd::start();
        let key = folder.join("store.key");
        std::fs::write(&key, "5e".repeat(32))?;
        let (mut replicas, mut links) = (Vec::new(), Vec::new());
        for number in 1..=2 {
            let own = links_to(&etcd).await?;
            let endpoints: Vec<String> = own.iter().map(|link| format!("http://{}", link.address)).collect();
            let flags = [
                "--store=etcd".to_owned(),
                format!("--etcd-endpoints={}", endpoints.join(",")),
                format!("--store-key-file={}", key.display()),
            ];
            let mut replica = Replica::new(settings, &folder.join(format!("server-{number}")), &flags)?;
            replica.start().await?;
            replicas.push(replica);
            links.push(own);
        }
        let first = replicas.first().context("no server")?;
        let admin = Api::of_data_dir(first.api, &first.data)?;
        let behind: Vec<Behind> =
            replicas.iter().map(|replica| Behind { webhook: replica.webhook, ops: replica.ops }).collect();
        let balancer = Balancer::before(&behind).await?;
        let kubernetes = Kubernetes::start(&settings.lab, &first.data, balancer).await?;
        kubernetes.register(&admin).await?;
        let people = People::make(&admin).await?.with_mapped(&admin, MAPPED_ROLE).await?;
        let tls = tls_of(&first.data)?;
        Ok(Self {
            questions: people.webhook_questions(),
            etcd: Some(etcd),
            kubernetes: Some(kubernetes),
            home: admin.clone(),
            replicas,
            people,
            tls,
            admin,
            probes: 0,
            links,
            book: Arc::default(),
            _others: Vec::new(),
        })
    }

    /// The members of etcd.
    ///
    /// # Errors
    /// If there are none here.
    pub(crate) fn etcd(&mut self) -> anyhow::Result<&mut EtcdCluster> {
        self.etcd.as_mut().context("there is no etcd here")
    }

    /// The API server, if there is one.
    pub(crate) fn kubernetes(&self) -> Option<&Kubernetes> {
        self.kubernetes.as_ref()
    }

    /// Ends what does not end by itself.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.kubernetes {
            Some(kubernetes) => kubernetes.stop().await,
            None => Ok(()),
        }
    }

    /// Does something with what passes between etcd and one server, or all.
    pub(crate) fn link(&self, replica: Option<usize>, mode: Mode) {
        let chosen = self.links.iter().enumerate().filter(|(at, _)| replica.is_none_or(|replica| replica == *at));
        chosen.flat_map(|(_, links)| links).for_each(|link| link.set(mode));
    }

    /// A server by its number, from 0.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn replica(&mut self, at: usize) -> anyhow::Result<&mut Replica> {
        self.replicas.get_mut(at).with_context(|| format!("there is no server {at}"))
    }

    /// Where users are made.
    pub(crate) fn home(&self) -> &Api {
        &self.home
    }

    /// All servers, as clients know them.
    pub(crate) fn servers(&self) -> Vec<Server> {
        self.replicas.iter().map(|replica| self.server(replica)).collect()
    }

    fn server(&self, replica: &Replica) -> Server {
        Server {
            api: Api { address: replica.api, ..self.admin.clone() },
            webhook: Door { address: replica.webhook, tls: Some(Arc::clone(&self.tls)) },
        }
    }

    /// Asks everything of every server that runs, once and without a second try, and lets each write.
    ///
    /// # Errors
    /// Says who did not answer rightly.
    pub(crate) async fn probe(&mut self) -> anyhow::Result<()> {
        self.probes += 1;
        for replica in self.replicas.iter().filter(|replica| replica.runs()) {
            let server = self.server(replica);
            let mut line = Line::to(server.webhook.clone());
            for question in &self.questions {
                expect(question, &mut line, self.probes).await.with_context(|| format!("{}", replica.webhook))?;
            }
            let name = format!("probe-{}-{}", replica.api.port(), self.probes);
            let wrote = make_user(&server.api, &name).await;
            anyhow::ensure!(wrote == Wrote::Done, "{}: {wrote:?}", replica.api);
            let wrote = delete_user(&server.api, &name).await;
            anyhow::ensure!(wrote == Wrote::Done, "{}: {wrote:?}", replica.api);
        }
        if let Some(kubernetes) = self.kubernetes().filter(|kubernetes| kubernetes.is_there.load(Ordering::SeqCst)) {
            let mut line = Line::to(kubernetes.door.clone());
            for question in self.people.api_server_questions() {
                expect(&question, &mut line, self.probes).await?;
            }
        }
        Ok(())
    }

    /// Probes until everything is well, or for so long.
    pub(crate) async fn well_within(&mut self, patience: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            match self.probe().await {
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// What the API server of the cluster shows and trusts.
fn tls_of(data: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let cluster: ClusterName = CLUSTER.parse()?;
    client_config(&Pki::open(data, Timestamp::now())?, &cluster)
}

/// Registers a cluster that nobody can reach: the webhooks do not need it.
async fn register_unreachable(api: &Api) -> anyhow::Result<()> {
    let kubeconfig = "{apiVersion: v1, kind: Config, current-context: doorward, clusters: [{name: c, cluster: {server: \
                      'https://127.0.0.1:9'}}], contexts: [{name: doorward, context: {cluster: c, user: u}}], users: \
                      [{name: u, user: {token: t}}]}";
    let registration = json!({
        "endpoint": "https://127.0.0.1:9", "certificateAuthority": "", "version": "1.32",
        "authenticationMode": "API", "kubeconfig": kubeconfig,
    });
    let target = format!("/doorward/v1/clusters/{CLUSTER}");
    api.call("doorward", "PUT", &target, &registration.to_string()).await?;
    Ok(())
}

async fn links_to(etcd: &EtcdCluster) -> anyhow::Result<Vec<Link>> {
    let mut links = Vec::new();
    for endpoint in etcd.endpoints() {
        links.push(Link::to(endpoint.trim_start_matches("http://").parse()?).await?);
    }
    Ok(links)
}

async fn expect(question: &Question, line: &mut Line, number: u64) -> anyhow::Result<()> {
    let (worth, heard) = load::ask(question, line, number).await;
    anyhow::ensure!(worth == Worth::Right, "{}: {worth:?}: {heard}", question.kind);
    Ok(())
}
