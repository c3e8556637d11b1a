//! A server among several on one etcd.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use doorward_store::etcd_cluster::EtcdCluster;
use serde_json::{Value, json};

use super::{Answer, Place, Server, signed_call, webhook_post};

/// How long a change may take to be known on another server. It takes milliseconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of its own folder on the common store.
pub(crate) struct Replica {
    pub(crate) place: Place,
    pub(crate) server: Server,
}

impl Replica {
    pub(crate) fn start(cluster: &EtcdCluster) -> Self {
        Self::start_in(Place::new(), cluster)
    }

    pub(crate) fn start_in(place: Place, cluster: &EtcdCluster) -> Self {
        let server = Self::serve(&place, cluster);
        Self { place, server }
    }

    /// One whose webhooks want the certificate that `doorward init` made.
    pub(crate) fn start_behind(place: Place, cluster: &EtcdCluster) -> Self {
        let server = Server::of(&mut command(&place, cluster));
        Self { place, server }
    }

    /// The server alone, of a folder that somebody else keeps.
    pub(crate) fn serve(place: &Place, cluster: &EtcdCluster) -> Server {
        Server::of(command(place, cluster).args(["--webhook-client-auth", "off"]))
    }

    /// The server is killed, as by a power cut; its folder stays.
    pub(crate) fn kill(self) -> Place {
        self.place
    }

    /// The server is stopped, as by a service manager; its folder stays.
    pub(crate) fn stop(mut self) -> Place {
        assert_eq!(self.server.stop(), Some(0));
        self.place
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("doorward-data")
    }

    pub(crate) fn call(&self, service: &str, method: &str, path: &str, body: &str) -> String {
        signed_call(&self.server, &self.data(), service, (method, path), body)
    }

    /// `doorward replicas`, asked of this server.
    pub(crate) fn replicas(&self, args: &[&str]) -> Command {
        let mut command = self.place.doorward(&["replicas"]);
        command
            .args(args)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.data().join("aws/credentials"))
            .env("AWS_CONFIG_FILE", self.data().join("aws/config"))
            .env("AWS_PROFILE", "doorward")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.server.api));
        command
    }

    pub(crate) fn create_entry(&self, principal: &str) {
        self.call("eks", "POST", "/clusters/demo/access-entries", &json!({ "principalArn": principal }).to_string());
    }

    pub(crate) fn delete_entry(&self, principal: &str) {
        let principal = doorward_sigv4::query::encode(principal);
        self.call("eks", "DELETE", &format!("/clusters/demo/access-entries/{principal}"), "");
    }

    /// A token of the administrator, whose key the first start of a store left in each server's folder.
    pub(crate) fn token(&self) -> String {
        let mut command = self.place.doorward(&["token", "--cluster-name", "demo"]);
        command
            .env("AWS_SHARED_CREDENTIALS_FILE", self.data().join("aws/credentials"))
            .env("AWS_PROFILE", "doorward")
            .env("AWS_REGION", "us-west-2");
        let answer: Value = serde_json::from_str(&Answer::of(&mut command).ok()).unwrap();
        answer.pointer("/status/token").unwrap().as_str().unwrap().to_owned()
    }

    pub(crate) fn lets_in(&self, token: &str) -> bool {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token },
        });
        let ca = std::fs::read(self.data().join("pki/ca.crt")).unwrap();
        let (status, body) = webhook_post(&self.server, &ca, "/clusters/demo/authenticate", &review.to_string());
        // A server that does not know the cluster yet has no such path.
        let body = || serde_json::from_str::<Value>(&body).unwrap();
        status == 200 && body().pointer("/status/authenticated") == Some(&json!(true))
    }
}

fn command(place: &Place, cluster: &EtcdCluster) -> Command {
    place.write("key", &"5e".repeat(32));
    let endpoints = cluster.endpoints().join(",");
    place.doorward(&["serve", "--store", "etcd", "--etcd-endpoints", &endpoints, "--store-key-file", "key"])
}

/// Asks until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
