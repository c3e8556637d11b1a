//! Two `doorward serve` on one etcd of three members.

#![cfg(feature = "etcd")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails here has found what it looks for"
)]

mod common;

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::replica::{Replica, until};
use common::{Answer, Place, StopWhenDropped, administrator, registration, try_signed_call};
use doorward_sigv4::Credentials;
use doorward_store::etcd_cluster::EtcdCluster;
use doorward_store::{Document, EtcdOptions, EtcdStore, Key, Outcome, Prefix, Store as _, Txn};
use serde_json::Value;

const ADMINISTRATOR: &str = "arn:aws:iam::123456789012:user/administrator";

#[test]
fn what_one_server_stores_the_other_decides_by_and_goes_on_when_the_first_dies() {
    let cluster = EtcdCluster::start(3);
    let first = Replica::start(&cluster);
    let second = Replica::start(&cluster);
    assert_eq!(
        std::fs::read(first.data().join("pki/ca.pem")).unwrap(),
        std::fs::read(second.data().join("pki/ca.pem")).unwrap(),
        "an API server trusts one authority"
    );
    first.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    // Whoever registers a cluster has an entry there.
    let token = second.token();
    assert!(first.lets_in(&token), "the server that took the write knows it at once");
    until("the second server lets in whom the first was told to", || second.lets_in(&token));

    second.delete_entry(ADMINISTRATOR);
    assert!(!second.lets_in(&token));
    until("the first server refuses whom the second was told to", || !first.lets_in(&token));

    let folder = first.kill();
    second.create_entry(ADMINISTRATOR);
    assert!(second.lets_in(&token));
    let first = Replica::start_in(folder, &cluster);
    assert!(first.lets_in(&token), "a server that starts knows everything before it answers");
    // A session that one of them granted is good at the other: they share the key of sessions.
    let session = first.call("sts", "POST", "/", "Action=GetSessionToken&Version=2011-06-15");
    let value = |name: &str| {
        let text = session.split_once(&format!("<{name}>")).unwrap().1.split_once("</").unwrap().0;
        text.replace("&#x2F;", "/")
    };
    let mut command = second.place.doorward(&["token", "--cluster-name", "demo"]);
    command
        .env("AWS_ACCESS_KEY_ID", value("AccessKeyId"))
        .env("AWS_SECRET_ACCESS_KEY", value("SecretAccessKey"))
        .env("AWS_SESSION_TOKEN", value("SessionToken"))
        .env("AWS_REGION", "us-west-2");
    let answer: Value = serde_json::from_str(&Answer::of(&mut command).ok()).unwrap();
    assert!(second.lets_in(answer.pointer("/status/token").unwrap().as_str().unwrap()));
}

/// Ended when dropped, also if a test fails meanwhile.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_waits_for_all_servers_returns_when_each_decides_by_the_write_and_no_sooner() {
    let cluster = EtcdCluster::start(3);
    let first = Replica::start(&cluster);
    let mut second = Replica::start(&cluster);
    first.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    let token = second.token();
    let listed = || serde_json::from_str::<Value>(&Answer::of(&mut first.replicas(&["-o", "json"])).ok()).unwrap();
    until("both are there", || listed()["replicas"].as_array().unwrap().len() == 2);

    for _ in 0..20 {
        first.delete_entry(ADMINISTRATOR);
        Answer::of(&mut first.replicas(&["--wait"])).ok();
        assert!(!second.lets_in(&token));
        first.create_entry(ADMINISTRATOR);
        Answer::of(&mut first.replicas(&["--wait"])).ok();
        assert!(second.lets_in(&token));
    }

    second.server.pause();
    first.delete_entry(ADMINISTRATOR);
    let mut waiting = Waiting(first.replicas(&["--wait"]).stdout(Stdio::null()).spawn().unwrap());
    // Whoever does not wait has long returned after this.
    assert_eq!(listed()["replicas"].as_array().unwrap().len(), 2);
    assert!(waiting.0.try_wait().unwrap().is_none());
    second.server.go_on();
    assert!(waiting.0.wait().unwrap().success());
    assert!(!second.lets_in(&token));
    // Who stops says so, and is not waited for.
    assert_eq!(second.server.stop(), Some(0));
    until("only the first is there", || listed()["replicas"].as_array().unwrap().len() == 1);
    Answer::of(&mut first.replicas(&["--wait"])).ok();
}

#[test]
fn servers_that_start_at_once_make_one_account_and_each_has_its_key() {
    let cluster = EtcdCluster::start(1);
    let replicas: Vec<Replica> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| Replica::start(&cluster))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let key = |replica: &Replica| {
        let text = std::fs::read_to_string(replica.data().join("aws/credentials")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("aws_access_key_id = ")).unwrap().to_owned()
    };
    let keys: Vec<String> = replicas.iter().map(key).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    for replica in &replicas {
        replica.call("sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15");
    }
}

#[test]
fn nobody_who_reads_etcd_learns_a_secret_and_no_server_starts_with_another_key() {
    let cluster = EtcdCluster::start(1);
    let replica = Replica::start(&cluster);
    replica.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    let credentials = std::fs::read_to_string(replica.data().join("aws/credentials")).unwrap();
    let secret = credentials.lines().find_map(|line| line.strip_prefix("aws_secret_access_key = ")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let text: String = runtime.block_on(async {
        let store = EtcdStore::open(&EtcdOptions::new(cluster.endpoints())).await.unwrap();
        let snapshot = store.list(&Prefix::all()).await.unwrap();
        snapshot.items.iter().map(|item| format!("{} {}\n", item.key, item.value.document.json())).collect()
    });
    assert!(text.contains("clusters/demo ") && text.contains("secrets/files/session.key "), "{text}");
    for secret in [secret, "PRIVATE KEY", "token: t"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }

    let other = Place::new();
    other.write("key", &"0f".repeat(32));
    let endpoints = cluster.endpoints().join(",");
    let args = ["serve", "--store", "etcd", "--etcd-endpoints", &endpoints, "--store-key-file", "key"];
    let ports = ["--api", "127.0.0.1:0", "--webhook", "127.0.0.1:0", "--ops", "127.0.0.1:0"];
    let said = Answer::of(other.doorward(&args).args(ports));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("start with the key file that belongs to the store"), "{}", said.stderr);
}

/// Makes users, at the one server and the other in turn, until told to stop; the names of those that were acknowledged.
fn make_users(
    servers: &Mutex<[String; 2]>,
    credentials: &Credentials,
    writer: usize,
    stop: &AtomicBool,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (name, host) = (format!("w{writer}-{number}"), servers.lock().unwrap()[number % 2].clone());
        let form = format!("Action=CreateUser&Version=2010-05-08&UserName={name}");
        match try_signed_call(&host, credentials, "iam", ("POST", "/"), &form) {
            Ok((200, _)) => acknowledged.push(name),
            // Refused for want of a majority, or cut off: it may have been made or not, and is not told as made.
            Ok((500.., _)) | Err(_) => {}
            Ok((status, body)) => panic!("{status}: {body}"),
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_and_nobody_is_refused_while_members_and_servers_are_killed() {
    let mut cluster = EtcdCluster::start(3);
    let [first, second] = [Replica::start(&cluster), Replica::start(&cluster)];
    first.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    let token = first.token();
    until("the second server knows", || second.lets_in(&token));
    let credentials = administrator(&first.data());
    let servers = Mutex::new([first.server.api.clone(), second.server.api.clone()]);
    let stop = AtomicBool::new(false);
    let (acknowledged, replicas) = std::thread::scope(|scope| {
        let (mut first, mut second) = (first, second);
        // Also if this ends by a failure: writers that go on would be waited for.
        let stopping = StopWhenDropped(&stop);
        let (servers, credentials, stop) = (&servers, &credentials, &stop);
        let writers: Vec<_> =
            (0..4).map(|writer| scope.spawn(move || make_users(servers, credentials, writer, stop))).collect();
        for round in 0..6 {
            let member = round % 3;
            cluster.kill(member);
            // Without a member, and then without a server too, whoever is left answers.
            assert!(first.lets_in(&token) && second.lets_in(&token));
            let folder = first.kill();
            assert!(second.lets_in(&token));
            cluster.restart(member);
            cluster.wait_healthy(member);
            first = Replica::start_in(folder, &cluster);
            assert!(first.lets_in(&token));
            std::mem::swap(&mut first, &mut second);
            *servers.lock().unwrap() = [first.server.api.clone(), second.server.api.clone()];
        }
        drop(stopping);
        let acknowledged: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        (acknowledged, [first, second])
    });
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    for replica in &replicas {
        let is_known = |name: &str| {
            let form = format!("Action=GetUser&Version=2010-05-08&UserName={name}");
            try_signed_call(&replica.server.api, &credentials, "iam", ("POST", "/"), &form).unwrap().0 == 200
        };
        until("the last write is known", || is_known(acknowledged.last().unwrap()));
        let lost: Vec<&String> = acknowledged.iter().filter(|name| !is_known(name)).collect();
        assert!(lost.is_empty(), "lost of {}: {lost:?}", acknowledged.len());
    }
}

#[test]
fn a_server_without_its_store_tells_how_old_its_answers_can_be_and_the_doctor_says_so() {
    let mut cluster = EtcdCluster::start(1);
    let replica = Replica::start(&cluster);
    let lag = || replica.server.gauge("doorward_store_lag_seconds");
    let store = || {
        let answer = replica.place.run_as_administrator(&["doctor", "-o", "json"]);
        let report: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{answer:#?}"));
        let steps = report["steps"].as_array().unwrap().clone();
        steps.into_iter().find(|step| step["name"] == "store").unwrap()
    };
    until("the store is asked", || (0.5..3.0).contains(&lag()));
    assert_eq!(store()["verdict"], "ok");
    cluster.kill(0);
    until("the lag grows", || lag() > 4.0);
    until("the doctor knows", || store()["verdict"] != "ok");
    assert!(store()["message"].as_str().unwrap().contains("the store does not answer"), "{:#}", store());
    cluster.restart(0);
    cluster.wait_healthy(0);
    until("it has caught up", || lag() < 3.0);
    until("the doctor knows that, too", || store()["verdict"] == "ok");
}

/// Writes a cluster as a server of a later version would, or removes it.
fn write_of_a_later_version(cluster: &EtcdCluster, is_there: bool) {
    let key = Key::new("clusters/later").unwrap();
    let txn = if is_there { Txn::new().put(key, Document::encode(2, "{}").unwrap()) } else { Txn::new().delete(key) };
    let txn = txn.put(Key::new("meta/writes").unwrap(), Document::encode(1, "a later version").unwrap());
    let outcome = tokio::runtime::Runtime::new().unwrap().block_on(async {
        EtcdStore::open(&EtcdOptions::new(cluster.endpoints())).await.unwrap().txn(txn).await.unwrap()
    });
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

#[test]
fn a_server_that_is_behind_an_upgrade_says_that_it_is_not_ready_and_answers_with_what_it_knew() {
    let cluster = EtcdCluster::start(1);
    let replica = Replica::start(&cluster);
    replica.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    let token = replica.token();
    let readiness = || replica.server.ops_answer("/readyz");
    assert!(readiness().starts_with("HTTP/1.1 200"), "{}", readiness());

    write_of_a_later_version(&cluster, true);
    until("it is not ready", || readiness().starts_with("HTTP/1.1 503"));
    assert!(readiness().contains("`clusters/later` in the store cannot be read: its schema is 2"), "{}", readiness());
    assert!(replica.lets_in(&token));
    let credentials = administrator(&replica.data());
    let form = "Action=CreateUser&Version=2010-05-08&UserName=late";
    let refused = try_signed_call(&replica.server.api, &credentials, "iam", ("POST", "/"), form).unwrap();
    assert!(refused.0 >= 500, "{refused:?}");
    let doctor = replica.place.run_as_administrator(&["doctor"]);
    assert!(doctor.stderr.contains("make this server like the one that wrote it"), "{doctor:#?}");

    write_of_a_later_version(&cluster, false);
    until("it is ready again", || readiness().starts_with("HTTP/1.1 200"));
    replica.call("iam", "POST", "/", form);
}
