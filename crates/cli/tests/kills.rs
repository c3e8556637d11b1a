//! Servers that are killed 200 times while they write: nothing that was acknowledged is lost, and the history of what was
//! written leads to what is there.
//!
//! Each kill is a `kill -9` at a random moment after the server, having started, acknowledged something to writers that
//! never pause. When it is back it is asked for what was acknowledged last, now and then for lists of everything, and at
//! the end for each thing.

#![cfg(feature = "etcd")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails here has found what it looks for"
)]

mod common;
mod killing;

use std::time::{Duration, Instant};

use common::random::Random;
use common::replica::Replica;
use common::{Place, Server, administrator, registration, signed_call};
use doorward_sigv4::Credentials;
use doorward_store::etcd_cluster::EtcdCluster;
use killing::known::{Asked, Known};
use killing::{Load, MEETING_PLACES, history};

const KILLS: usize = 200;
/// The latest moment of a kill, from the first acknowledgement.
const LATEST: Duration = Duration::from_millis(120);
/// After how many kills everything is looked for.
const LOOK_AROUND: usize = 20;
const WRITERS: usize = 3;

#[test]
fn a_server_on_sqlite_that_is_killed_200_times_loses_nothing_and_its_history_leads_to_what_is_there() {
    let begun = Instant::now();
    let place = Place::new();
    let server = Server::start(&place);
    let data = place.path().join("doorward-data");
    prepare(&server, &data);
    let credentials = administrator(&data);
    let load = Load::start("s", WRITERS, &credentials);
    let start = || Server::start(&place);
    let server = kill_again_and_again(server, &start, &load, &credentials, KILLS, &mut Random::new());
    let known = load.known();
    known.check_each(&Asked { host: &server.api, credentials: &credentials });
    drop(server);
    let events = || history::leads_to_what_is_stored(&place.run(&["store", "export"]).ok());
    tell(&known, load.total(), events(), begun);
    // With more entries than one transaction takes, and its updates.
    let server = start();
    signed_call(&server, &data, "eks", ("DELETE", "/clusters/demo"), "");
    drop(server);
    events();
}

#[test]
fn two_servers_on_etcd_that_are_killed_200_times_lose_nothing_and_their_history_leads_to_what_is_there() {
    let begun = Instant::now();
    let cluster = EtcdCluster::start(1);
    let [first, second] = [Replica::start(&cluster), Replica::start(&cluster)];
    prepare(&first.server, &first.data());
    let credentials = administrator(&first.data());
    let mut random = Random::new();
    let (known, writes, servers) = std::thread::scope(|scope| {
        // Each at its own moments, so that one is killed while the other writes, starts or is killed as well.
        let killers = [("a", first), ("b", second)].map(|(name, Replica { place, server })| {
            let (mut random, cluster, credentials) = (random.split(), &cluster, &credentials);
            scope.spawn(move || {
                let load = Load::start(name, WRITERS, credentials);
                let start = || Replica::serve(&place, cluster);
                let server = kill_again_and_again(server, &start, &load, credentials, KILLS / 2, &mut random);
                (load.known(), load.total(), server)
            })
        });
        let (mut known, mut writes, mut servers) = (Known::default(), 0, Vec::new());
        for killer in killers {
            let (of_one, total, server) = killer.join().unwrap();
            known.join(of_one);
            writes += total;
            servers.push(server);
        }
        (known, writes, servers)
    });
    for server in &servers {
        known.check_each(&Asked { host: &server.api, credentials: &credentials });
    }
    drop(servers);
    let endpoints = cluster.endpoints().join(",");
    let export = Place::new().run(&["store", "export", "--store", "etcd", "--etcd-endpoints", &endpoints]).ok();
    let events = history::leads_to_what_is_stored(&export);
    tell(&known, writes, events, begun);
}

fn prepare(server: &Server, data: &std::path::Path) {
    let registration = registration().replace(r#""API""#, r#""API_AND_CONFIG_MAP""#);
    signed_call(server, data, "doorward", ("PUT", "/doorward/v1/clusters/demo"), &registration);
    let update = r#"{"accessConfig":{"authenticationMode":"API"}}"#;
    signed_call(server, data, "eks", ("POST", "/clusters/demo/update-config"), update);
    for user in MEETING_PLACES {
        let form = format!("Action=CreateUser&Version=2010-05-08&UserName={user}");
        signed_call(server, data, "iam", ("POST", "/"), &form);
    }
}

/// Kills a server so many times; the one that was started last.
fn kill_again_and_again(
    mut server: Server,
    start: &dyn Fn() -> Server,
    load: &Load,
    credentials: &Credentials,
    kills: usize,
    random: &mut Random,
) -> Server {
    for kill in 1..=kills {
        load.open(&server.api);
        // Not to wait for something, but to be at any point of what the server does.
        std::thread::sleep(random.moment(LATEST));
        drop(server);
        let last = load.close();
        server = start();
        let (asked, known) = (Asked { host: &server.api, credentials }, load.known());
        known.check(&asked, &last);
        if kill % LOOK_AROUND == 0 {
            known.check_lists(&asked);
        }
    }
    server
}

fn tell(known: &Known, writes: usize, events: usize, begun: Instant) {
    let took = begun.elapsed().as_secs();
    println!(
        "{KILLS} kills, {writes} writes acknowledged, {} users, {events} events in the history, {took} s",
        known.len()
    );
    assert!(events > writes, "what was acknowledged is in the history");
}
