//! A real kube-apiserver whose webhooks two servers on one etcd answer, behind one address: whichever of the two is killed
//! or stopped, nobody is refused, and what is taken away by the other is refused to the next request.
//!
//! A call that is at a server in the moment of a `kill -9` cannot be answered by it. kube-apiserver asks again where the
//! connection is reset, though not by every way in which it learns of that: such a call may be refused, and is counted.
//! A server that is stopped answers what it was asked.

#![cfg(feature = "etcd")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails here has found what it looks for"
)]

mod common;
mod failing_over;

use std::sync::Arc;
use std::time::Instant;

use common::replica::{Replica, until};
use common::{Place, administrator, registration};
use doorward_sigv4::{Credentials, SecretKey};
use doorward_store::etcd_cluster::EtcdCluster;
use failing_over::{ApiServer, Balancer, Caller, Kubernetes, Refusal};
use serde_json::json;
use tokio::runtime::Runtime;

/// How often each server is killed, and how often it is stopped.
const TIMES: usize = 2;
/// Who ask all the time.
const CALLERS: usize = 3;
const DEVELOPER: &str = "arn:aws:iam::123456789012:user/developer";

#[test]
fn an_api_server_fails_over_between_two_servers_and_refuses_nobody_but_whom_it_is_told_to() {
    let runtime = Runtime::new().unwrap();
    let etcd = EtcdCluster::start(1);
    let balancer = runtime.block_on(Balancer::start());
    let first = Replica::start_behind(Place::new(), &etcd);
    let files = first.place.path().join("webhook");
    let address = balancer.address.to_string();
    let init = ["init", "--cluster", "demo", "--data-dir", "doorward-data", "--webhook", &address, "--out", "webhook"];
    first.place.run(&init).ok();
    let mut replicas = [first, Replica::start_behind(Place::new(), &etcd)];
    let lead = |[first, second]: &[Replica; 2]| {
        balancer.lead_to(vec![first.server.webhook.clone(), second.server.webhook.clone()]);
    };
    lead(&replicas);
    let kubernetes = Kubernetes::start(&runtime, &files);
    replicas[0].call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    let developer = make_developer(&replicas[0]);
    let server = Arc::new(runtime.block_on(ApiServer::of(&kubernetes.dir)));
    let ask = || runtime.block_on(server.ask(&developer));
    let is_nobody = || ask().is_err_and(|error| error.contains("Unauthorized"));
    // While it is being taken away, the API server may know who it is and then ask what that may do.
    let is_refused = || ask().is_err_and(|error| error.contains("Unauthorized") || error.contains("forbidden"));
    until("the administrator is let in", || runtime.block_on(server.ask(&administrator(&replicas[0].data()))).is_ok());
    let start =
        async { [(); CALLERS].map(|()| Caller::start(Arc::clone(&server), administrator(&replicas[0].data()))) };
    let callers = runtime.block_on(start);
    let calls = || callers.iter().map(Caller::let_in).sum::<u64>();
    let mut kills = Vec::new();
    for round in 0..4 * TIMES {
        // A server each in turn, killed twice and then stopped twice.
        let is_killed = round % 4 < 2;
        let [victim, other] = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let_in(&replicas[other]);
        until("the developer is let in", || ask().is_ok());

        let [first, second] = replicas;
        let (dead, alive) = if victim == 0 { (first, second) } else { (second, first) };
        let before = calls();
        let (begun, address) = (Instant::now(), dead.server.webhook.clone());
        let folder = if is_killed { dead.kill() } else { dead.stop() };
        until("nobody is led there any more", || !balancer.leads_to(&address));
        if is_killed {
            // Until then, a call may have gone to the dead.
            kills.push((begun, Instant::now()));
        }
        until("calls go on", || calls() > before + 20);
        ask().unwrap();
        // There is one server, and it knows what it has acknowledged.
        alive.delete_entry(DEVELOPER);
        assert!(is_nobody(), "round {round}");
        let_in(&alive);
        ask().unwrap();

        let back = Replica::start_behind(folder, &etcd);
        replicas = if victim == 0 { [back, alive] } else { [alive, back] };
        lead(&replicas);
        // The API server keeps the connection that it has, to the other one.
        replicas[victim].delete_entry(DEVELOPER);
        let deleted = Instant::now();
        until("what one server was told, the other refuses", is_refused);
        println!("round {round}: refused by the other server {:?} after the deletion", deleted.elapsed());
    }
    let let_in = calls();
    let refusals: Vec<Refusal> = callers.into_iter().flat_map(|caller| runtime.block_on(caller.stop())).collect();
    let was_there =
        |refusal: &Refusal| kills.iter().any(|(begun, over)| refusal.asked <= *over && *begun <= refusal.answered);
    let (there, wrong): (Vec<Refusal>, Vec<Refusal>) = refusals.into_iter().partition(was_there);
    println!("{let_in} calls let in, {} refused that were under way when a server was killed: {there:#?}", there.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A user with a key.
fn make_developer(replica: &Replica) -> Credentials {
    replica.call("iam", "POST", "/", "Action=CreateUser&Version=2010-05-08&UserName=developer");
    let made = replica.call("iam", "POST", "/", "Action=CreateAccessKey&Version=2010-05-08&UserName=developer");
    let value = |name: &str| {
        made.split_once(&format!("<{name}>")).unwrap().1.split_once("</").unwrap().0.replace("&#x2F;", "/")
    };
    Credentials::new(value("AccessKeyId"), SecretKey::new(value("SecretAccessKey")), None).unwrap()
}

/// Gives the developer an entry that lets see everything.
fn let_in(replica: &Replica) {
    replica.create_entry(DEVELOPER);
    let path = format!("/clusters/demo/access-entries/{}/access-policies", doorward_sigv4::query::encode(DEVELOPER));
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let body = json!({ "policyArn": policy, "accessScope": { "type": "cluster" } }).to_string();
    replica.call("eks", "POST", &path, &body);
}
