//! Both webhooks under valgrind, from the body of a review to the body of its answer: scripts/instructions.sh counts the
//! instructions of the functions below.
//!
//! Arguments: how many entries the cluster has, and how often each function is called. Without arguments, as cargo runs
//! it, each is called once in a small cluster. HTTP and TLS are left out: they cost the same whatever the cluster holds,
//! and what is left grows all the more.

#![expect(clippy::unwrap_used, reason = "a cluster that cannot be built leaves nothing to measure")]

#[path = "../../core/tests/large/mod.rs"]
mod large;

use std::hint::black_box;
use std::sync::Arc;

use doorward_core::access_entry::{AccessEntry, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::cluster_name::ClusterName;
use doorward_core::partition::Partition;
use doorward_core::world::World;
use doorward_identity::directory::{AccessKey, Change as DirectoryChange, KeyOwner, KeyStatus, NewUser, Object};
use doorward_identity::hosts::Endpoint;
use doorward_identity::{LocalEndpoint, LocalProvider, SessionKey, StsHosts, Verifier, token};
use doorward_server::ClusterRecord;
use doorward_server::change::Change;
use doorward_server::view::View;
use doorward_server::webhook::{AuditIds, Decisions, Prover, answer_subject_access_review, answer_token_review};
use doorward_sigv4::{Credentials, SecretKey};
use futures::FutureExt as _;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

const ACCOUNT: &str = "123456789012";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const STS: &str = "http://127.0.0.1:8090";

/// What is asked, and of whom.
struct Asked {
    view: Arc<View>,
    name: ClusterName,
    verifier: Verifier,
    now: Timestamp,
    token_review: Vec<u8>,
    /// One of each caller.
    access_reviews: Vec<Vec<u8>>,
}

type Measured = fn(&Asked, usize) -> usize;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (entries, calls) = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(1));
    for (associations, functions) in [
        (1, [("token_webhook", token_webhook_1 as Measured), ("authorization_webhook", authorization_webhook_1)]),
        (20, [("token_webhook", token_webhook_20), ("authorization_webhook", authorization_webhook_20)]),
    ] {
        let asked = Asked::new(entries, associations);
        // The token is proved once before anything is counted.
        assert_eq!(each_authenticated(&asked, 1), 1);
        for (name, measured) in functions {
            assert_eq!(measured(&asked, calls), calls, "{name}");
        }
    }
}

// One function for each row, so that a profile tells them apart by name.

#[inline(never)]
fn token_webhook_1(asked: &Asked, calls: usize) -> usize {
    each_authenticated(asked, calls) + black_box(0)
}

#[inline(never)]
fn token_webhook_20(asked: &Asked, calls: usize) -> usize {
    each_authenticated(asked, calls) + black_box(0) * 2
}

#[inline(never)]
fn authorization_webhook_1(asked: &Asked, calls: usize) -> usize {
    each_authorized(asked, calls) + black_box(0)
}

#[inline(never)]
fn authorization_webhook_20(asked: &Asked, calls: usize) -> usize {
    each_authorized(asked, calls) + black_box(0) * 2
}

fn each_authenticated(asked: &Asked, calls: usize) -> usize {
    let decisions = Decisions::new(0, AuditIds::Off);
    let is_granted = |_: &usize| {
        let view = || Arc::clone(&asked.view);
        let prover = Prover { verifier: &asked.verifier, now: asked.now, decision: decisions.next() };
        let answer = answer_token_review(view, &asked.name, black_box(&asked.token_review), &prover);
        answer.now_or_never().unwrap().unwrap().outcome == "granted"
    };
    (0..calls).filter(is_granted).count()
}

fn each_authorized(asked: &Asked, calls: usize) -> usize {
    let decisions = Decisions::new(0, AuditIds::Off);
    let is_allowed = |review: &&Vec<u8>| {
        let answer = answer_subject_access_review(&asked.view, &asked.name, black_box(review), decisions.next());
        answer.unwrap().outcome == "allowed"
    };
    asked.access_reviews.iter().cycle().take(calls).filter(is_allowed).count()
}

impl Asked {
    fn new(entries: usize, associations: usize) -> Self {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let name: ClusterName = "demo".parse().unwrap();
        let (world, callers) = large::world(entries, associations);
        let endpoint = LocalEndpoint::parse(STS).unwrap();
        let hosts = StsHosts { partition: Partition::Aws, local: vec![endpoint.clone()] };
        let credentials = Credentials::new(KEY_ID.to_owned(), SecretKey::new(SECRET.to_owned()), None).unwrap();
        let token = token::encode(&Endpoint::Local(endpoint), "us-west-2", &credentials, name.as_str(), now).unwrap();
        let access_reviews = callers
            .iter()
            .map(|caller| access_review(&caller.principal.arn, &caller.uid, caller.principal.canonical.as_str()));
        Self {
            access_reviews: access_reviews.collect(),
            view: Arc::new(view(&name, world, now)),
            verifier: Verifier::Local(Box::new(LocalProvider::new(hosts, Arc::new(SessionKey::from_bytes([42; 32]))))),
            token_review: token_review(token.expose_secret()),
            name,
            now,
        }
    }
}

/// A cluster with a World, to which a user with an access key and an entry is added: who calls by a token.
fn view(name: &ClusterName, world: World, now: Timestamp) -> View {
    let account = ACCOUNT.parse().unwrap();
    let mut view = View::default();
    let (change, _) = view.directory.create_account(account, Partition::Aws, now).unwrap();
    view.apply(&Change::Directory(change));
    let new = NewUser { account, path: "/", name: "alice", tags: &[], is_administrator: true };
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let (change, user) = view.directory.create_user(&new, now, &mut random).unwrap();
    view.apply(&Change::Directory(change));
    let key = AccessKey {
        id: KEY_ID.to_owned(),
        account,
        owner: KeyOwner::User { name: "alice".to_owned(), id: user.id.clone() },
        secret: SecretString::from(SECRET),
        status: KeyStatus::Active,
        created: now,
    };
    view.apply(&Change::Directory(DirectoryChange::Put(Object::AccessKey(Arc::new(key)))));
    let record = ClusterRecord {
        name: name.clone(),
        region: "us-west-2".to_owned(),
        account,
        created_at: now,
        endpoint: "https://127.0.0.1:6443".to_owned(),
        certificate_authority: "Y2E=".to_owned(),
        version: "1.33".to_owned(),
        authentication_mode: AuthenticationMode::Api,
        bootstrap_creator_admin: false,
        creator: user.arn.clone(),
        creator_id: user.id.clone(),
        tags: Tags::new(),
        kubeconfig: String::new(),
    };
    view.apply(&Change::PutCluster(Box::new(record)));
    let mut view = view.with_cluster(name, |cluster| cluster.world = world);
    let request = NewAccessEntry::parse(user.arn.as_str(), None, None, None, Tags::new()).unwrap();
    let entry = AccessEntry::new(request, Some(user.id.clone()), "id".to_owned(), now).unwrap();
    let policy = AccessPolicyArn::new(Partition::Aws, "AmazonEKSViewPolicy");
    let scope = AccessScope::parse("cluster", &[]).unwrap();
    let (entry, _) = entry.associated(&policy, scope, Catalogue::built_in(), Partition::Aws, now).unwrap();
    view.apply(&Change::PutEntry(name.clone(), Arc::new(entry)));
    view
}

/// As kube-apiserver sends it.
fn token_review(token: &str) -> Vec<u8> {
    let review = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": { "creationTimestamp": null },
        "spec": { "token": token, "audiences": ["https://kubernetes.default.svc.cluster.local"] },
        "status": { "user": {} },
    });
    review.to_string().into_bytes()
}

/// What kube-apiserver sends for somebody whom the token webhook let in.
fn access_review(session: &str, uid: &str, canonical: &str) -> Vec<u8> {
    let id = uid.rsplit(':').next().unwrap();
    let review = json!({
        "kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": {
            "resourceAttributes": { "namespace": "carts", "verb": "get", "version": "v1", "resource": "pods" },
            "user": session, "uid": uid, "groups": ["developers", "system:authenticated"],
            "extra": {
                "accesskeyid": ["ASIAEXAMPLEEXAMPLE00"], "arn": [session], "canonicalarn": [canonical],
                "principalid": [id], "sessionname": ["session"], "sigs.k8s.io/aws-iam-authenticator/principalid": [id],
            },
        },
        "status": { "allowed": false },
    });
    review.to_string().into_bytes()
}
