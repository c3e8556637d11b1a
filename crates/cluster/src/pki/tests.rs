use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, client::WebPkiServerVerifier};

use super::*;

fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

fn roots(pki: &Pki) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(pki.ca_der().unwrap()).unwrap();
    Arc::new(roots)
}

fn unix(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().try_into().unwrap()))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[test]
fn the_listeners_certificate_is_accepted_for_its_names_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), now()).unwrap();
    let names = ["127.0.0.1", "[::1]", "Doorward.Example.", "localhost"].map(str::to_owned);
    let pair = pki.webhook(&names, now()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(&pki), provider()).build().unwrap();
    let is_for = |name: &str, at: Timestamp| {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&pair.certificate_der().unwrap(), &[], &name, &[], unix(at)).is_ok()
    };
    for name in ["127.0.0.1", "::1", "doorward.example", "localhost"] {
        assert!(is_for(name, now()), "{name}");
        assert!(is_for(name, now() + days(364)), "{name}");
        assert!(!is_for(name, now() + days(366)), "{name}");
    }
    assert!(!is_for("127.0.0.2", now()) && !is_for("example", now()));
    assert!(rustls::crypto::aws_lc_rs::sign::any_supported_type(&pair.key_der().unwrap()).is_ok());
}

#[test]
fn a_clusters_client_certificate_is_accepted_from_clients_only_and_names_its_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), now()).unwrap();
    let long = "a".repeat(100);
    for name in ["eks-workshop", &long] {
        let cluster: ClusterName = name.parse().unwrap();
        let der = pki.client(&cluster, now()).unwrap().certificate_der().unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(&pki), provider()).build().unwrap();
        assert!(verifier.verify_client_cert(&der, &[], unix(now())).is_ok());
        assert_eq!(client_of(&der), Some(cluster));
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&pki), provider()).build().unwrap();
    let server = pki.webhook(&["localhost".to_owned()], now()).unwrap().certificate_der().unwrap();
    assert!(verifier.verify_client_cert(&server, &[], unix(now())).is_err());
    assert_eq!(client_of(&server), None);
    assert_eq!(client_of(b"nothing"), None);

    let other = tempfile::tempdir().unwrap();
    let other = Pki::open(other.path(), now()).unwrap();
    let stranger = other.client(&"eks-workshop".parse().unwrap(), now()).unwrap().certificate_der().unwrap();
    assert!(verifier.verify_client_cert(&stranger, &[], unix(now())).is_err());
}

#[test]
fn what_was_made_stays_until_its_last_month_or_another_name_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let cluster: ClusterName = "c".parse().unwrap();
    let open = || Pki::open(folder.path(), now()).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let client = |at| open().client(&cluster, at).unwrap().certificate_pem().to_owned();
    let webhook = |wanted: &[&str], at| open().webhook(&names(wanted), at).unwrap();

    let first = client(now());
    assert_eq!(client(now() + days(334)), first);
    let renewed = client(now() + days(336));
    assert_ne!(renewed, first);
    assert_eq!(client(now() + days(336)), renewed);

    let one = webhook(&["a.example"], now()).certificate_pem().to_owned();
    assert_eq!(webhook(&["A.example"], now()).certificate_pem(), one);
    let two = webhook(&["b.example"], now());
    assert_eq!(two.facts.names, ["a.example", "b.example"]);
    assert_eq!(webhook(&["a.example"], now()).certificate_pem(), two.certificate_pem());
    assert_eq!(open().ca_pem(), std::fs::read_to_string(folder.path().join("pki/ca.crt")).unwrap());
}

#[test]
fn nothing_outlives_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), now()).unwrap();
    let cluster: ClusterName = "c".parse().unwrap();
    let late = pki.ca_ends() - days(10);
    assert_eq!(pki.client(&cluster, late).unwrap().ends(), pki.ca_ends());
    assert_eq!(pki.client(&cluster, pki.ca_ends()).unwrap_err(), PkiError::AuthorityEnded);
}

#[test]
fn keys_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), now()).unwrap();
    pki.client(&"c".parse().unwrap(), now()).unwrap();
    pki.webhook(&["localhost".to_owned()], now()).unwrap();
    for file in ["ca.pem", "webhook.pem", "clients/c.pem"] {
        let mode = std::fs::metadata(folder.path().join("pki").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(!format!("{:?}", pki).contains("PRIVATE"));
}

#[test]
fn those_who_start_at_once_agree_on_one_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authorities: std::collections::HashSet<String> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Pki::open(folder.path(), now()).unwrap().ca_pem().to_owned())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(authorities.len(), 1);
}

#[test]
fn a_file_that_was_spoilt_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Pki::open(folder.path(), now()).unwrap();
    let path = folder.path().join("pki/ca.pem");
    for spoilt in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&path, spoilt).unwrap();
        let error = Pki::open(folder.path(), now()).unwrap_err();
        assert!(matches!(error, PkiError::Broken { .. }) && error.to_string().contains("ca.pem"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), spoilt);
    }
}

#[test]
fn an_address_that_means_any_is_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), now()).unwrap();
    for name in ["0.0.0.0", "::", "", "a b", "-a", "*.example", "a..b", &"a".repeat(64)] {
        assert!(matches!(pki.webhook(&[name.to_owned()], now()), Err(PkiError::Name(_))), "{name}");
    }
}
