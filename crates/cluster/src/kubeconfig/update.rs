//! The entries that `aws eks update-kubeconfig` writes, with either credential plugin.
//!
//! Cluster and, unless named otherwise, user and context are called by the cluster's ARN; entries of those names are
//! replaced whole, all others stay. The file is for its owner alone, replaced at once, and locked meanwhile in the way
//! in which kubectl locks it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use doorward_core::cluster_name::ClusterName;
use serde_json::{Map, Value, json};

use super::KubeconfigError;
use crate::files::{self, Access};

/// So long is somebody else's lock waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A cluster as a user's kubeconfig is to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The cluster's name.
    pub cluster: &'a ClusterName,
    /// The cluster's ARN; its fourth section is the region.
    pub arn: &'a str,
    /// The API server's URL.
    pub endpoint: &'a str,
    /// The certificates that it is verified by, as DescribeCluster gives them: PEM in base64.
    pub certificate_authority: &'a str,
    /// What gets the token.
    pub plugin: Plugin<'a>,
    /// A role to assume for the token.
    pub role_arn: Option<&'a str>,
    /// The profile in force, if there is one.
    pub profile: Option<&'a str>,
    /// The context's name; the user's otherwise.
    pub alias: Option<&'a str>,
    /// The user's name; the cluster's ARN otherwise.
    pub user_alias: Option<&'a str>,
}

/// A credential plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin<'a> {
    /// `aws eks get-token`.
    Aws,
    /// `doorward token`, with the program's name or path.
    Doorward(&'a str),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The context, which is the current one now.
    pub context: String,
    /// Whether a context of that name was there before.
    pub existed: bool,
}

/// Writes the entry to a kubeconfig file, which need not exist.
///
/// # Errors
/// If the file is no kubeconfig, is locked, or cannot be written; it is then as it was.
pub fn update(path: &Path, entry: &Entry<'_>) -> Result<Updated, KubeconfigError> {
    // A link stays a link to the file that it names.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| KubeconfigError::io("create", folder, &error))?;
    }
    let _lock = Lock::take(&path)?;
    let before = match super::read(&path) {
        Err(KubeconfigError::Io { .. }) if !path.exists() => Vec::new(),
        read => read?,
    };
    let mut kubeconfig = super::parse(&before, &path)?;
    let updated = merge(&mut kubeconfig, entry).map_err(|field| KubeconfigError::Syntax {
        path: path.display().to_string(),
        message: format!("`{field}` is not a list of named entries"),
    })?;
    let text = serde_saphyr::to_string(&kubeconfig)
        .map_err(|error| KubeconfigError::Syntax { path: path.display().to_string(), message: error.to_string() })?;
    if super::parse(text.as_bytes(), &path)? != kubeconfig {
        let message = "it cannot be written so that it reads back the same".to_owned();
        return Err(KubeconfigError::Syntax { path: path.display().to_string(), message });
    }
    files::replace(&path, text.as_bytes(), Access::Owner)
        .map_err(|error| KubeconfigError::io("write", &path, &error))?;
    Ok(updated)
}

/// The file to write, of those in `KUBECONFIG` or the default one: the first that has the cluster, else the first.
pub fn choose_file(candidates: &[PathBuf], cluster_arn: &str) -> Option<PathBuf> {
    let has_cluster = |path: &&PathBuf| {
        let content = super::read(path).ok();
        let kubeconfig = content.and_then(|content| super::parse(&content, path).ok());
        let clusters = kubeconfig.as_ref().and_then(|kubeconfig| kubeconfig.get("clusters")).and_then(Value::as_array);
        clusters.is_some_and(|clusters| clusters.iter().any(|cluster| is_named(cluster, cluster_arn)))
    };
    candidates.iter().find(has_cluster).or(candidates.first()).cloned()
}

/// Puts the entry in a kubeconfig.
///
/// # Errors
/// Names the field that has not the shape of a kubeconfig's.
fn merge(kubeconfig: &mut Value, entry: &Entry<'_>) -> Result<Updated, &'static str> {
    let user = entry.user_alias.unwrap_or(entry.arn);
    let context = entry.alias.unwrap_or(user);
    let all = kubeconfig.as_object_mut().ok_or("the whole")?;
    all.entry("apiVersion").or_insert_with(|| json!("v1"));
    all.entry("kind").or_insert_with(|| json!("Config"));
    all.entry("preferences").or_insert_with(|| json!({}));
    let cluster = json!({"certificate-authority-data": entry.certificate_authority, "server": entry.endpoint});
    put(all, "clusters", entry.arn, "cluster", cluster)?;
    put(all, "users", user, "user", json!({"exec": exec(entry)}))?;
    let existed = put(all, "contexts", context, "context", json!({"cluster": entry.arn, "user": user}))?;
    all.insert("current-context".to_owned(), json!(context));
    Ok(Updated { context: context.to_owned(), existed })
}

/// Puts one named item in a list, in the place of the one of that name. True if there was one.
fn put(
    all: &mut Map<String, Value>,
    list: &'static str,
    name: &str,
    key: &str,
    value: Value,
) -> Result<bool, &'static str> {
    let item = json!({"name": name, key: value});
    let list_value = all.entry(list).or_insert_with(|| json!([]));
    if list_value.is_null() {
        *list_value = json!([]);
    }
    let items = list_value.as_array_mut().ok_or(list)?;
    match items.iter_mut().find(|item| is_named(item, name)) {
        Some(existing) => {
            *existing = item;
            Ok(true)
        }
        None => {
            items.push(item);
            Ok(false)
        }
    }
}

fn is_named(item: &Value, name: &str) -> bool {
    item.get("name").and_then(Value::as_str) == Some(name)
}

fn exec(entry: &Entry<'_>) -> Value {
    let region = entry.arn.split(':').nth(3).unwrap_or_default();
    let cluster = entry.cluster.as_str();
    let (command, mut args) = match entry.plugin {
        Plugin::Aws => {
            ("aws", vec!["--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"])
        }
        Plugin::Doorward(command) => (command, vec!["token", "--cluster-name", cluster, "--region", region]),
    };
    if let Some(role) = entry.role_arn {
        args.extend([if entry.plugin == Plugin::Aws { "--role" } else { "--role-arn" }, role]);
    }
    let mut exec = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "args": args, "command": command});
    if let (Some(profile), Some(exec)) = (entry.profile, exec.as_object_mut()) {
        exec.insert("env".to_owned(), json!([{"name": "AWS_PROFILE", "value": profile}]));
    }
    exec
}

/// The lock that kubectl takes too: a file of that name that must not exist.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self, KubeconfigError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = path.with_file_name(name);
        let started = Instant::now();
        loop {
            match std::fs::OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(KubeconfigError::io("lock", path, &error));
                }
                Err(_) if started.elapsed() > LOCK_TIMEOUT => {
                    let (path, lock) = (path.display().to_string(), lock.display().to_string());
                    return Err(KubeconfigError::Locked { path, lock });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If it cannot be removed, the next one who wants it is told its name.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ARN: &str = "arn:aws:eks:us-west-2:123456789012:cluster/demo";

    fn entry(cluster: &ClusterName) -> Entry<'_> {
        Entry {
            cluster,
            arn: ARN,
            endpoint: "https://127.0.0.1:6443",
            certificate_authority: "Q0E=",
            plugin: Plugin::Aws,
            role_arn: None,
            profile: None,
            alias: None,
            user_alias: None,
        }
    }

    fn read(path: &Path) -> Value {
        super::super::parse(&std::fs::read(path).unwrap(), path).unwrap()
    }

    #[test]
    fn a_new_file_is_what_the_aws_cli_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config");
        let cluster = "demo".parse().unwrap();
        let updated = update(&path, &entry(&cluster)).unwrap();
        assert_eq!(updated, Updated { context: ARN.to_owned(), existed: false });
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            "clusters": [{"name": ARN, "cluster": {"certificate-authority-data": "Q0E=", "server": "https://127.0.0.1:6443"}}],
            "contexts": [{"name": ARN, "context": {"cluster": ARN, "user": ARN}}],
            "current-context": ARN,
            "users": [{"name": ARN, "user": {"exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": "aws",
                "args": ["--region", "us-west-2", "eks", "get-token", "--cluster-name", "demo", "--output", "json"],
            }}}],
        });
        assert_eq!(read(&path), expected);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(update(&path, &entry(&cluster)).unwrap().existed);
        assert_eq!(read(&path), expected);
    }

    #[test]
    fn names_role_and_profile_stand_where_the_aws_cli_puts_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let cluster = "demo".parse().unwrap();
        let role = "arn:aws:iam::123456789012:role/r";
        let with_role = Entry { role_arn: Some(role), user_alias: Some("ro"), ..entry(&cluster) };
        assert_eq!(update(&path, &with_role).unwrap().context, "ro");
        let named =
            Entry { alias: Some("readonly"), profile: Some("lab"), plugin: Plugin::Doorward("doorward"), ..with_role };
        assert_eq!(update(&path, &named).unwrap(), Updated { context: "readonly".to_owned(), existed: false });
        let all = read(&path);
        assert_eq!(all["contexts"].as_array().unwrap().len(), 2);
        assert_eq!(all["current-context"], "readonly");
        assert_eq!(all["users"].as_array().unwrap().len(), 1);
        let exec = &all["users"][0]["user"]["exec"];
        assert_eq!(exec["command"], "doorward");
        let args = json!(["token", "--cluster-name", "demo", "--region", "us-west-2", "--role-arn", role]);
        assert_eq!(exec["args"], args);
        assert_eq!(exec["env"], json!([{"name": "AWS_PROFILE", "value": "lab"}]));
    }

    #[test]
    fn everything_else_in_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let before = "apiVersion: v1\nkind: Config\nclusters:\n- cluster: {server: 'https://x', x-own: [1, 2.5, true, yes, 012, '1', null]}\n  name: mine\ncontexts: null\nusers:\n- name: me\n  user:\n    token: \"123\"\n    note: |\n      two\n      lines\nextensions: [{name: e, extension: {a: b}}]\ncurrent-context: mine\n";
        std::fs::write(&path, before).unwrap();
        let mut expected = read(&path);
        let cluster = "demo".parse().unwrap();
        update(&path, &entry(&cluster)).unwrap();
        merge(&mut expected, &entry(&cluster)).unwrap();
        assert_eq!(read(&path), expected);
        assert_eq!(expected["users"][0]["user"]["note"], "two\nlines\n");
        assert_eq!(expected["clusters"][0]["cluster"]["x-own"], json!([1, 2.5, true, "yes", "012", "1", null]));
    }

    #[test]
    fn a_file_that_is_no_kubeconfig_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let cluster = "demo".parse().unwrap();
        for text in ["- a", "clusters: {}", "users: x", "{", "a: \"b"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(update(&path, &entry(&cluster)), Err(KubeconfigError::Syntax { .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_link_stays_a_link_and_writers_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("config"), folder.path().join("link"));
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let link = &link;
                scope.spawn(move || {
                    let cluster = "demo".parse().unwrap();
                    let alias = format!("c{number}");
                    update(link, &Entry { alias: Some(&alias), ..entry(&cluster) }).unwrap();
                });
            }
        });
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&path)["contexts"].as_array().unwrap().len(), 8);
    }

    #[test]
    fn the_file_that_has_the_cluster_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, three) = (folder.path().join("1"), folder.path().join("2"), folder.path().join("3"));
        std::fs::write(&one, "{").unwrap();
        update(&three, &entry(&"demo".parse().unwrap())).unwrap();
        let all = [one.clone(), two, three.clone()];
        assert_eq!(choose_file(&all, ARN), Some(three));
        assert_eq!(choose_file(&all, "arn:other"), Some(one));
        assert_eq!(choose_file(&[], ARN), None);
    }
}
