use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::*;

fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn run(data: &Path, out: &Path, cluster: &str, force: bool) -> Result<Made, InitError> {
    let cluster = cluster.parse().unwrap();
    let what =
        Init { data_dir: data, cluster: &cluster, webhook_addr: "127.0.0.1:8443", out, installed_at: None, force };
    init(&what, now())
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn everything_that_a_kube_apiserver_needs_is_written_and_keys_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let made = run(&folder.path().join("data"), &out, "demo", false).unwrap();
    assert_eq!(made.files.len(), 8);
    assert_eq!(made.written, made.files);
    for (webhook, file) in [("authenticate", "authentication"), ("authorize", "authorization")] {
        let kubeconfig = yaml(&out.join(format!("{file}-webhook.kubeconfig")));
        let server = &kubeconfig["clusters"][0]["cluster"]["server"];
        assert_eq!(server, &format!("https://127.0.0.1:8443/clusters/demo/{webhook}"));
        assert!(
            crate::kubeconfig::stored::StoredKubeconfig::load(&out.join(format!("{file}-webhook.kubeconfig")), None)
                .is_ok()
        );
    }
    let authorizers = yaml(&out.join("authorization-configuration.yaml"));
    let types: Vec<_> = authorizers["authorizers"].as_array().unwrap().iter().map(|a| a["type"].clone()).collect();
    assert_eq!(types, ["Node", "RBAC", "Webhook"]);
    let webhook = &authorizers["authorizers"][2]["webhook"];
    assert_eq!(webhook["failurePolicy"], "NoOpinion");
    let file = webhook["connectionInfo"]["kubeConfigFile"].as_str().unwrap();
    assert!(Path::new(file).is_absolute() && Path::new(file).exists());
    assert_eq!(yaml(&out.join("kube-apiserver-patch.yaml"))["spec"]["volumes"][0]["name"], "doorward");
    let flags = std::fs::read_to_string(out.join("flags")).unwrap();
    assert!(flags.lines().all(|line| line.starts_with("--") || line.starts_with('#')));
    for file in ["client.key", "authentication-webhook.kubeconfig", "authorization-webhook.kubeconfig"] {
        assert_eq!(std::fs::metadata(out.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn run_again_it_changes_nothing_and_mends_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    run(&data, &out, "demo", false).unwrap();
    assert!(run(&data, &out, "demo", false).unwrap().written.is_empty());
    std::fs::remove_file(out.join("flags")).unwrap();
    std::fs::set_permissions(out.join("client.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&data, &out, "demo", false).unwrap().written, [out.join("client.key"), out.join("flags")]);
}

#[test]
fn what_belongs_to_others_is_not_overwritten_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    run(&data, &out, "demo", false).unwrap();
    let before = std::fs::read_to_string(out.join("client.crt")).unwrap();
    let message = |data: &Path, cluster: &str| run(data, &out, cluster, false).unwrap_err().to_string();
    assert!(message(&data, "other").contains("another cluster"));
    let other = folder.path().join("other");
    assert!(message(&other, "demo").contains("another certificate authority"));
    assert_eq!(std::fs::read_to_string(out.join("client.crt")).unwrap(), before);
    assert_eq!(run(&other, &out, "demo", true).unwrap().written.len(), 5);

    let strange = folder.path().join("strange");
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(strange.join("flags"), "mine").unwrap();
    assert!(matches!(run(&data, &strange, "demo", false), Err(InitError::Foreign { .. })));
    assert_eq!(std::fs::read_dir(&strange).unwrap().count(), 1);
}

#[test]
fn an_address_that_cannot_be_called_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = "demo".parse().unwrap();
    for webhook_addr in [
        "",
        "127.0.0.1",
        ":8443",
        "host:0",
        "host:99999",
        "a b:1",
        "https://host:1",
        "u@host:1",
        "0.0.0.0:8443",
        "[::]:1",
        "h\":1",
    ] {
        let out = folder.path().join("out");
        let what = Init {
            data_dir: folder.path(),
            cluster: &cluster,
            webhook_addr,
            out: &out,
            installed_at: None,
            force: false,
        };
        assert!(init(&what, now()).is_err(), "{webhook_addr}");
        assert!(!out.exists());
    }
    for webhook_addr in ["doorward.example:443", "[::1]:8443"] {
        let out = folder.path().join(webhook_addr);
        let installed_at = Some(Path::new("/etc/kubernetes/doorward"));
        let what =
            Init { data_dir: folder.path(), cluster: &cluster, webhook_addr, out: &out, installed_at, force: false };
        init(&what, now()).unwrap();
        let flags = std::fs::read_to_string(out.join("flags")).unwrap();
        assert!(flags.contains("=/etc/kubernetes/doorward/authentication-webhook.kubeconfig\n"));
    }
}
