//! What clients of two servers on one etcd of three members are answered, while members and servers are killed, stopped
//! and started again, can have happened one after the other.
//!
//! Clients create, change, read and delete a few access entries, each at one of the servers, and note what they asked for,
//! what they were answered, and when. The notes of each entry are then checked as `linearizability` says: **writes are
//! linearizable** over all servers, refusals (`ResourceInUseException`, `ResourceNotFoundException`) included, for a
//! server asks the store before it refuses; **reads are of what the server knows**, which is never behind what that server
//! has answered before, whoever asked, also after it was killed and started again; it may be behind what another server
//! has answered. A call that was cut off, or answered by "may or may not have been made", may have happened at any later
//! time or never. One that was answered by "nothing was changed" has not happened: it is left out, and whoever saw it
//! nevertheless is found to be wrong.

#![cfg(feature = "etcd")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails here has found what it looks for"
)]

mod common;
mod linearizability;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::random::Random;
use common::replica::{Replica, until};
use common::{StopWhenDropped, administrator, registration, try_signed_call};
use doorward_sigv4::Credentials;
use doorward_store::etcd_cluster::EtcdCluster;
use linearizability::{Action, Answer, Entry, Operation, check};
use serde_json::{Value, json};

const SERVERS: usize = 2;
const MEMBERS: usize = 3;
const CLIENTS: usize = 6;
const ENTRIES: usize = 10;
/// How often each fault is tried.
const TIMES: usize = 3;
/// The longest time between faults, and of one.
const LONGEST: Duration = Duration::from_millis(600);

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Two of three members of etcd are left.
    MemberKilled,
    /// One is left: nothing can be written.
    NoMajority,
    ServerKilled,
    /// A server that does nothing for a while, and knows nothing of it.
    ServerStopped,
    ServerAndMemberKilled,
}

const FAULTS: [Fault; 5] =
    [Fault::MemberKilled, Fault::NoMajority, Fault::ServerKilled, Fault::ServerStopped, Fault::ServerAndMemberKilled];

#[test]
fn what_two_servers_answer_while_they_and_members_of_etcd_die_can_have_happened_one_after_the_other() {
    let begun = Instant::now();
    let mut random = Random::new();
    let mut cluster = EtcdCluster::start(MEMBERS);
    let mut replicas: [Option<Replica>; SERVERS] = [Some(Replica::start(&cluster)), Some(Replica::start(&cluster))];
    let first = replicas[0].as_ref().unwrap();
    first.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
    for entry in 0..ENTRIES {
        first.call("iam", "POST", "/", &format!("Action=CreateUser&Version=2010-05-08&UserName=user-{entry}"));
    }
    let credentials = administrator(&first.data());
    let host = |replica: &Option<Replica>| Mutex::new(replica.as_ref().map(|replica| replica.server.api.clone()));
    let hosts: [_; SERVERS] = [host(&replicas[0]), host(&replicas[1])];
    let stop = AtomicBool::new(false);
    let histories = std::thread::scope(|scope| {
        // Also if this ends by a failure: clients that go on would be waited for.
        let stopping = StopWhenDropped(&stop);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client = Client {
                    number,
                    server: number % SERVERS,
                    host: &hosts[number % SERVERS],
                    credentials: &credentials,
                    begun,
                };
                let (mut random, stop) = (random.split(), &stop);
                scope.spawn(move || client.work(&mut random, stop))
            })
            .collect();
        let mut faults = FAULTS.repeat(TIMES);
        while !faults.is_empty() {
            let fault = faults.swap_remove(usize::try_from(random.below(faults.len() as u64)).unwrap());
            std::thread::sleep(random.moment(LONGEST));
            suffer(fault, &mut cluster, &mut replicas, &hosts, &mut random);
        }
        drop(stopping);
        let mut histories = vec![Vec::new(); ENTRIES];
        for client in clients {
            for (entry, operation) in client.join().unwrap() {
                histories[entry].push(operation);
            }
        }
        histories
    });
    judge(histories, &hosts, &credentials, begun);
}

/// Lets something break, and mends it.
fn suffer(
    fault: Fault,
    cluster: &mut EtcdCluster,
    replicas: &mut [Option<Replica>; SERVERS],
    hosts: &[Mutex<Option<String>>; SERVERS],
    random: &mut Random,
) {
    let mut one_of = |count: usize| usize::try_from(random.below(count as u64)).unwrap();
    let (member, server) = (one_of(MEMBERS), one_of(SERVERS));
    let members = match fault {
        Fault::MemberKilled | Fault::ServerAndMemberKilled => vec![member],
        Fault::NoMajority => vec![member, (member + 1) % MEMBERS],
        Fault::ServerKilled | Fault::ServerStopped => Vec::new(),
    };
    members.iter().for_each(|member| cluster.kill(*member));
    let mut folder = None;
    match fault {
        Fault::ServerKilled | Fault::ServerAndMemberKilled => {
            *hosts[server].lock().unwrap() = None;
            folder = replicas[server].take().map(Replica::kill);
        }
        Fault::ServerStopped => replicas[server].as_ref().unwrap().server.pause(),
        Fault::MemberKilled | Fault::NoMajority => {}
    }
    std::thread::sleep(random.moment(LONGEST));
    if let Some(folder) = folder {
        let replica = Replica::start_in(folder, cluster);
        *hosts[server].lock().unwrap() = Some(replica.server.api.clone());
        replicas[server] = Some(replica);
    } else {
        replicas[server].as_ref().unwrap().server.go_on();
    }
    members.iter().for_each(|member| cluster.restart(*member));
    members.iter().for_each(|member| cluster.wait_healthy(*member));
}

/// Lets every server tell by a write what each entry is at last, and checks everything.
fn judge(
    mut histories: Vec<Vec<Operation>>,
    hosts: &[Mutex<Option<String>>; SERVERS],
    credentials: &Credentials,
    begun: Instant,
) {
    for (entry, history) in histories.iter_mut().enumerate() {
        for (server, host) in hosts.iter().enumerate() {
            let client = Client { number: CLIENTS + server, server, host, credentials, begun };
            let host = host.lock().unwrap().clone().unwrap();
            until("a server writes when all is mended", || {
                let (noted, _) = client.call(&host, entry, Action::SetGroups(format!("last-{server}")));
                let is_known = noted.as_ref().is_some_and(|operation| operation.answer != Answer::Unknown);
                history.extend(noted);
                is_known
            });
        }
    }
    let all = || histories.iter().flatten();
    let count = |is: &dyn Fn(&Operation) -> bool| all().filter(|operation| is(operation)).count();
    let reads = count(&Operation::is_read);
    let unknown = count(&|operation| operation.answer == Answer::Unknown);
    let refused =
        count(&|operation| !operation.is_read() && matches!(operation.answer, Answer::Exists | Answer::NotFound));
    let done = all().count() - reads - unknown - refused;
    println!(
        "{done} writes, {refused} refusals, {unknown} of unknown outcome, {reads} reads; recorded in {:?}",
        begun.elapsed()
    );
    assert!(done > 100 && refused > 100 && reads > 100, "too little happened to prove anything");
    for (entry, history) in histories.into_iter().enumerate() {
        if let Err(problem) = check(history) {
            panic!("user-{entry}: {problem:#?}");
        }
    }
    println!("checked after {:?}", begun.elapsed());
}

/// Somebody who calls one of the servers.
struct Client<'a> {
    number: usize,
    server: usize,
    host: &'a Mutex<Option<String>>,
    credentials: &'a Credentials,
    begun: Instant,
}

impl Client<'_> {
    /// Calls until told to stop; the operations, and the entries that they were about.
    fn work(&self, random: &mut Random, stop: &AtomicBool) -> Vec<(usize, Operation)> {
        let mut noted = Vec::new();
        let mut gone = None;
        for call in 0.. {
            let host = loop {
                if stop.load(Ordering::Relaxed) {
                    return noted;
                }
                match self.host.lock().unwrap().clone() {
                    Some(host) if gone.as_ref() != Some(&host) => break host,
                    _ => std::thread::sleep(Duration::from_millis(1)),
                }
            };
            let tag = format!("c{}-{call}", self.number);
            let action = match random.below(20) {
                0..5 => Action::Create { groups: tag.clone(), username: tag },
                5..8 => Action::SetGroups(tag),
                8..11 => Action::SetUsername(tag),
                11..15 => Action::Delete,
                _ => Action::Read,
            };
            // Some more often than others, so that many meet there.
            let entry = usize::try_from(random.below(ENTRIES as u64).min(random.below(ENTRIES as u64))).unwrap();
            let (operation, is_there) = self.call(&host, entry, action);
            noted.extend(operation.map(|operation| (entry, operation)));
            gone = (!is_there).then_some(host);
        }
        noted
    }

    /// What is to be noted of a call, and whether the server is still there.
    fn call(&self, host: &str, entry: usize, action: Action) -> (Option<Operation>, bool) {
        let principal = format!("arn:aws:iam::123456789012:user/user-{entry}");
        let path = format!("/clusters/demo/access-entries/{}", doorward_sigv4::query::encode(&principal));
        let (method, path, body) = match &action {
            Action::Create { groups, username } => {
                let body = json!({ "principalArn": principal, "kubernetesGroups": [groups], "username": username });
                ("POST", "/clusters/demo/access-entries", body.to_string())
            }
            Action::SetGroups(groups) => ("POST", path.as_str(), json!({ "kubernetesGroups": [groups] }).to_string()),
            Action::SetUsername(username) => ("POST", path.as_str(), json!({ "username": username }).to_string()),
            Action::Delete => ("DELETE", path.as_str(), String::new()),
            Action::Read => ("GET", path.as_str(), String::new()),
        };
        let now = || u64::try_from(self.begun.elapsed().as_nanos()).unwrap();
        let asked = now();
        let called = try_signed_call(host, self.credentials, "eks", (method, path), &body);
        let answered = now();
        let is_there = called.is_ok();
        let answer = match called {
            Ok((200, _)) if action == Action::Delete => Answer::Deleted,
            Ok((200, body)) => Answer::Entry(entry_of(&body)),
            Ok((404, _)) => Answer::NotFound,
            Ok((409, _)) => Answer::Exists,
            Ok((503, body)) if body.contains("nothing was changed") => return (None, true),
            Ok((503, body)) if body.contains("may or may not have been made") => Answer::Unknown,
            Ok((status, body)) => panic!("{action:?}: {status} {body}"),
            Err(_) => Answer::Unknown,
        };
        let is_read_in_vain = action == Action::Read && answer == Answer::Unknown;
        let operation = Operation { server: self.server, action, answer, asked, answered };
        ((!is_read_in_vain).then_some(operation), is_there)
    }
}

fn entry_of(body: &str) -> Entry {
    let body: Value = serde_json::from_str(body).unwrap();
    let entry = &body["accessEntry"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Entry {
        creation: Some(text(&entry["accessEntryArn"])),
        groups: text(&entry["kubernetesGroups"][0]),
        username: text(&entry["username"]),
    }
}
