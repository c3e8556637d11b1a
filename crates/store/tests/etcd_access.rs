//! Who etcd lets in: certificates, users, roles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::time::Duration;

use doorward_store::etcd_cluster::EtcdCluster;
use doorward_store::{Document, EtcdOptions, EtcdStore, EtcdTls, Key, Outcome, Store, StoreError, Txn};
use etcd_client::{Client, ConnectOptions, Permission, PermissionType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

type Authority = CertifiedIssuer<'static, KeyPair>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_checked_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (authority(), authority());
    let (server, client, stranger) = (leaf(&ours, "127.0.0.1"), leaf(&ours, "doorward"), leaf(&others, "doorward"));
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let args = [
        format!("--trusted-ca-file={}", file("ca.crt", &ours.pem())),
        format!("--cert-file={}", file("server.crt", &server.0)),
        format!("--key-file={}", file("server.key", &server.1)),
        "--client-cert-auth=true".to_owned(),
    ];
    let cluster = EtcdCluster::start_with(1, "https", &args);
    let open = |ca: &Authority, identity: Option<&(String, String)>| {
        let identity = identity.map(|(certificate, key)| (certificate.clone().into_bytes(), key.clone().into()));
        let tls = EtcdTls { ca: Some(ca.pem().into_bytes()), identity };
        let options = EtcdOptions { tls, ..quick(&cluster) };
        async move { EtcdStore::open(&options).await }
    };
    write_one(&open(&ours, Some(&client)).await.unwrap(), "a").await.unwrap();
    for (ca, identity, who) in [
        (&ours, None, "nobody"),
        (&ours, Some(&stranger), "somebody of another authority"),
        (&others, Some(&client), "etcd of another authority"),
    ] {
        let error = open(ca, identity).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{who}: {error:?}");
    }
    let error = open(&others, Some(&client)).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_roles_are_kept_to() {
    let mut cluster = EtcdCluster::start(1);
    let mut root = Client::connect(cluster.endpoints(), None).await.unwrap();
    root.role_add("doorward").await.unwrap();
    let ours = Permission::new(PermissionType::Readwrite, "/doorward/").with_prefix();
    root.role_grant_permission("doorward", ours).await.unwrap();
    root.user_add("doorward", "right", None).await.unwrap();
    root.user_grant_role("doorward", "doorward").await.unwrap();
    root.user_add("root", "root", None).await.unwrap();
    root.user_grant_role("root", "root").await.unwrap();
    root.auth_enable().await.unwrap();

    let open = |user: Option<(&str, &str)>, prefix: &str| {
        let user = user.map(|(name, password)| (name.to_owned(), password.into()));
        let options = EtcdOptions { user, prefix: prefix.to_owned(), ..quick(&cluster) };
        async move { EtcdStore::open(&options).await }
    };
    let store = open(Some(("doorward", "right")), "/doorward/").await.unwrap();
    write_one(&store, "a").await.unwrap();
    let live = Key::new("live/a").unwrap();
    store.announce(&live, Document::encode(1, "x").unwrap(), Duration::from_secs(60)).await.unwrap();
    for (user, prefix) in [
        (None, "/doorward/"),
        (Some(("doorward", "wrong")), "/doorward/"),
        (Some(("nobody", "right")), "/doorward/"),
        (Some(("doorward", "right")), "/other/"),
    ] {
        let error = open(user, prefix).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{user:?} {prefix}: {error:?}");
        assert!(!error.is_retryable());
    }

    // A change of users makes older tokens worthless, and a member that starts again has forgotten all of them.
    let mut root =
        Client::connect(cluster.endpoints(), Some(ConnectOptions::new().with_user("root", "root"))).await.unwrap();
    root.user_add("another", "x", None).await.unwrap();
    write_one(&store, "b").await.unwrap();
    cluster.restart(0);
    cluster.wait_healthy(0);
    write_one(&store, "c").await.unwrap();
    root.refresh_token().await.unwrap();
    root.role_revoke_permission(
        "doorward",
        "/doorward/",
        Some(etcd_client::RoleRevokePermissionOptions::new().with_prefix()),
    )
    .await
    .unwrap();
    assert!(matches!(write_one(&store, "d").await, Err(StoreError::Refused(_))));
}

fn quick(cluster: &EtcdCluster) -> EtcdOptions {
    EtcdOptions { request_timeout: Duration::from_secs(3), ..EtcdOptions::new(cluster.endpoints()) }
}

async fn write_one(store: &EtcdStore, name: &str) -> Result<(), StoreError> {
    let outcome = store.txn(Txn::new().put(Key::new(name).unwrap(), Document::encode(1, "x").unwrap())).await?;
    assert!(matches!(outcome, Outcome::Committed(_)));
    Ok(())
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for one name, and its key.
fn leaf(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}
