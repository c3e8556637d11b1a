//! `doorward store`: a server's data as a file, and from SQLite to etcd and back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{Place, Server};
use doorward_store::etcd_cluster::EtcdCluster;

/// A data folder that a server has begun.
fn begun() -> Place {
    let place = Place::new();
    let mut server = Server::start(&place);
    assert_eq!(server.stop(), Some(0));
    place
}

#[test]
fn an_export_is_private_and_makes_the_same_store_again() {
    let place = begun();
    place.run(&["store", "export", "--out", "backup.json"]).ok();
    let mode = std::fs::metadata(place.path().join("backup.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.run(&["store", "export", "-o", "json"]).ok(), place.read("backup.json"));

    let said = place.run(&["store", "export", "--out", "backup.json"]).refused(1);
    assert!(said.contains("cannot write `backup.json`"), "{said}");
    let said = place.run(&["store", "import", "backup.json"]).refused(1);
    assert!(said.contains("the store is not empty") && said.contains("`--force`"), "{said}");

    place.run(&["store", "import", "backup.json", "--data-dir", "other"]).ok();
    place.run(&["store", "import", "backup.json", "--data-dir", "other", "--force"]).ok();
    place.run(&["store", "export", "--data-dir", "other", "--out", "again.json"]).ok();
    // Revisions are those of each store; the digest says that all else is the same.
    assert_eq!(digest(&place.read("again.json")), digest(&place.read("backup.json")));

    place.write("changed.json", &place.read("backup.json").replacen("123456789012", "123456789013", 1));
    let said = place.run(&["store", "import", "changed.json", "--data-dir", "third"]).refused(1);
    assert!(said.contains("was changed or is not whole"), "{said}");
    assert!(!place.path().join("third").exists());
}

#[test]
fn a_store_goes_to_etcd_and_back_and_is_the_same() {
    let (place, cluster) = (begun(), EtcdCluster::start(1));
    let etcd = format!("etcd:{}", cluster.endpoints().join(","));
    let said = place.run(&["store", "migrate", "--from", "sqlite:doorward-data", "--to", &etcd]);
    assert!(said.stderr.contains("holds what sqlite:doorward-data does"), "{said:?}");
    said.ok();
    let said = place.run(&["store", "migrate", "--from", "sqlite:doorward-data", "--to", &etcd]).refused(1);
    assert!(said.contains("the store is not empty"), "{said}");
    // Another prefix is another store.
    place.run(&["store", "migrate", "--from", &etcd, "--to", "sqlite:back"]).ok();
    let of_etcd = ["--store", "etcd", "--etcd-endpoints", &cluster.endpoints().join(",")].map(str::to_owned);
    let export = |args: &[String]| {
        let args: Vec<&str> = ["store", "export"].into_iter().chain(args.iter().map(String::as_str)).collect();
        digest(&place.run(&args).ok())
    };
    let here = export(&[]);
    assert_eq!(export(&of_etcd), here);
    assert_eq!(export(&["--data-dir".to_owned(), "back".to_owned()]), here);
    let other = [&of_etcd[..], &["--etcd-prefix".to_owned(), "/other/".to_owned()]].concat();
    assert_ne!(export(&other), here);
}

#[test]
fn a_store_that_a_server_has_open_is_left_alone() {
    let place = Place::new();
    let server = Server::start(&place);
    for args in
        [&["store", "export"][..], &["store", "migrate", "--from", "sqlite:doorward-data", "--to", "sqlite:other"]]
    {
        let said = place.run(args).refused(1);
        assert!(said.contains("is in use by another doorward server"), "{said}");
    }
    drop(server);
}

#[test]
fn places_that_make_no_sense_are_wrong_usage() {
    let place = Place::new();
    for (args, words) in [
        (&["store", "export", "--store", "etcd"][..], "add `--etcd-endpoints"),
        (&["store", "migrate", "--from", "x", "--to", "sqlite:a"], "`x` is not a store"),
        (&["store", "migrate", "--from", "sqlite:a", "--to", "sqlite:a"], "are the same store"),
        (&["store", "export", "--store", "etcd", "--etcd-endpoints", "https://a:1", "--etcd-cert", "f"], "--etcd-key"),
    ] {
        let said = place.run(args).refused(2);
        assert!(said.contains(words), "{said}");
    }
    let said = place.run(&["store", "export"]).refused(1);
    assert!(said.contains("there is no store in `doorward-data`"), "{said}");
    assert!(!place.path().join("doorward-data").exists());
}

fn digest(export: &str) -> String {
    let line = export.lines().find(|line| line.contains("\"digest\"")).unwrap_or_else(|| panic!("{export}"));
    line.to_owned()
}
