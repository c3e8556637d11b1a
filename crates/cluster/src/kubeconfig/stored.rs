//! A kubeconfig that this server can store: one context, and everything that it needs in it.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig};
use secrecy::{ExposeSecret, SecretString};

use super::KubeconfigError;

/// The name of the only cluster, user and context in what is stored.
const NAME: &str = "doorward";

/// How to reach a cluster's API server, with the credential for it.
#[derive(Clone)]
pub struct StoredKubeconfig {
    kubeconfig: Kubeconfig,
    server: String,
    certificate_authority: Option<Vec<u8>>,
}

impl StoredKubeconfig {
    /// Takes one context out of a kubeconfig file and puts in it what other files hold: certificates, keys, the token.
    /// Relative paths begin at the kubeconfig's folder. Without `context`, it is the current one.
    ///
    /// # Errors
    /// If a file cannot be read, the context is not there, the credential comes from a program, or the server's
    /// certificate is not to be verified.
    pub fn load(path: &Path, context: Option<&str>) -> Result<Self, KubeconfigError> {
        let value = super::parse(&super::read(path)?, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::from_kubeconfig(typed(value, path)?, context, folder)
    }

    /// Reads back what [`Self::to_secret`] gave. It names no file: whoever sent it must not choose what is read here.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_secret(text: &SecretString) -> Result<Self, KubeconfigError> {
        let path = Path::new("stored kubeconfig");
        let value = super::parse(text.expose_secret().as_bytes(), path)?;
        let kubeconfig = typed(value, path)?;
        refuse_files(&kubeconfig)?;
        Self::from_kubeconfig(kubeconfig, Some(NAME), Path::new("."))
    }

    /// The whole of it as text, to be stored where nobody else can read it.
    ///
    /// # Errors
    /// None is known.
    pub fn to_secret(&self) -> Result<SecretString, KubeconfigError> {
        let text = serde_json::to_string(&self.kubeconfig)
            .map_err(|error| KubeconfigError::Field { field: "users", message: error.to_string() })?;
        Ok(SecretString::from(text))
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The certificates that the API server is verified by, as PEM; none where those of the system are.
    pub fn certificate_authority(&self) -> Option<&[u8]> {
        self.certificate_authority.as_deref()
    }

    /// A client that uses it.
    ///
    /// # Errors
    /// If a certificate or key is none.
    pub async fn client(&self) -> Result<kube::Client, KubeconfigError> {
        let failed = |message| KubeconfigError::Field { field: "users", message };
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(self.kubeconfig.clone(), &options)
            .await
            .map_err(|error| failed(format!("cannot be used: {}", crate::error_text::of(&error))))?;
        kube::Client::try_from(config)
            .map_err(|error| failed(format!("cannot be used: {}", crate::error_text::of_client(&error))))
    }

    fn from_kubeconfig(all: Kubeconfig, context: Option<&str>, folder: &Path) -> Result<Self, KubeconfigError> {
        let (mut cluster, mut user, user_name, cluster_name) = chosen(all, context)?;
        if cluster.insecure_skip_tls_verify == Some(true) {
            return Err(KubeconfigError::Insecure { cluster: cluster_name });
        }
        refuse_programs(&user, &user_name)?;

        let server = cluster.server.clone().filter(|server| is_url(server)).ok_or(KubeconfigError::Field {
            field: "server",
            message: "must be the http or https URL of the API server".to_owned(),
        })?;
        let authority = embedded(
            "certificate-authority",
            cluster.certificate_authority_data.take(),
            cluster.certificate_authority.take(),
            folder,
        )?;
        cluster.certificate_authority_data = authority.as_ref().map(|pem| STANDARD.encode(pem));
        user.client_certificate_data = embedded(
            "client-certificate",
            user.client_certificate_data.take(),
            user.client_certificate.take(),
            folder,
        )?
        .map(|pem| STANDARD.encode(pem));
        let key = user.client_key_data.take().map(|key| key.expose_secret().to_owned());
        user.client_key_data =
            embedded("client-key", key, user.client_key.take(), folder)?.map(|pem| STANDARD.encode(pem).into());
        if let Some(file) = user.token_file.take() {
            let token = String::from_utf8(super::read(&folder.join(file))?).map_err(|_| KubeconfigError::Field {
                field: "tokenFile",
                message: "names a file that is not text".to_owned(),
            })?;
            user.token = Some(token.trim().to_owned().into());
        }
        Ok(Self { kubeconfig: alone(cluster, user), server, certificate_authority: authority })
    }
}

impl fmt::Debug for StoredKubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKubeconfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Refuses whatever would be read from a file.
fn refuse_files(kubeconfig: &Kubeconfig) -> Result<(), KubeconfigError> {
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let users = kubeconfig.auth_infos.iter().filter_map(|named| named.auth_info.as_ref());
    let in_clusters =
        clusters.filter_map(|cluster| cluster.certificate_authority.as_ref().map(|_| "certificate-authority"));
    let in_users = users.filter_map(|user| {
        let files = [
            ("client-certificate", user.client_certificate.is_some()),
            ("client-key", user.client_key.is_some()),
            ("tokenFile", user.token_file.is_some()),
        ];
        files.into_iter().find(|(_, is_there)| *is_there).map(|(field, _)| field)
    });
    match in_clusters.chain(in_users).next() {
        None => Ok(()),
        Some(field) => {
            Err(KubeconfigError::Field { field, message: "names a file, expected the data itself".to_owned() })
        }
    }
}

fn typed(value: serde_json::Value, path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    // Not serde's own message: it quotes what stands there.
    serde_json::from_value(value).map_err(|_| KubeconfigError::Syntax {
        path: path.display().to_string(),
        message: "a field has the wrong type, or text that looks like a number is not in quotes".to_owned(),
    })
}

/// The context's cluster and user, and their names.
fn chosen(all: Kubeconfig, context: Option<&str>) -> Result<(Cluster, AuthInfo, String, String), KubeconfigError> {
    let contexts = || names(all.contexts.iter().map(|context| &context.name));
    let name = context.map(str::to_owned).or_else(|| all.current_context.clone().filter(|name| !name.is_empty()));
    let name = name.ok_or_else(|| KubeconfigError::NoContext { contexts: contexts() })?;
    let found = all.contexts.iter().find(|context| context.name == name).and_then(|found| found.context.as_ref());
    let context = found.ok_or_else(|| missing("context", &name, contexts()))?;
    let cluster_name = context.cluster.clone();
    let user_name = context.user.clone().unwrap_or_default();

    let clusters = names(all.clusters.iter().map(|cluster| &cluster.name));
    let cluster = all.clusters.into_iter().find(|cluster| cluster.name == cluster_name);
    let cluster = cluster.and_then(|found| found.cluster).ok_or_else(|| missing("cluster", &cluster_name, clusters))?;
    let users = names(all.auth_infos.iter().map(|user| &user.name));
    let user = match all.auth_infos.into_iter().find(|user| user.name == user_name) {
        Some(user) => user.auth_info.unwrap_or_default(),
        // A proxy may need no credential.
        None if user_name.is_empty() => AuthInfo::default(),
        None => return Err(missing("user", &user_name, users)),
    };
    Ok((cluster, user, user_name, cluster_name))
}

fn missing(kind: &'static str, name: &str, existing: String) -> KubeconfigError {
    KubeconfigError::Missing { kind, name: name.to_owned(), existing }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn refuse_programs(user: &AuthInfo, name: &str) -> Result<(), KubeconfigError> {
    let source_of_it = if let Some(exec) = &user.exec {
        format!("the program `{}`", exec.command.as_deref().unwrap_or_default())
    } else if let Some(provider) = &user.auth_provider {
        format!("the provider `{}`", provider.name)
    } else {
        return Ok(());
    };
    Err(KubeconfigError::NotStorable { user: name.to_owned(), source_of_it })
}

fn is_url(server: &str) -> bool {
    let uri = server.parse::<http::Uri>().ok();
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// What a field holds, in base64 or in a file. As with kubectl, data win over a file.
fn embedded(
    field: &'static str,
    data: Option<String>,
    file: Option<String>,
    folder: &Path,
) -> Result<Option<Vec<u8>>, KubeconfigError> {
    let is_given = |text: &String| !text.is_empty();
    match (data.filter(is_given), file.filter(is_given)) {
        (Some(data), _) => {
            let compact: String = data.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = STANDARD
                .decode(compact)
                .map_err(|_| KubeconfigError::Field { field, message: "has data that are not base64".to_owned() })?;
            Ok(Some(decoded))
        }
        (None, Some(file)) => super::read(&folder.join(file)).map(Some),
        (None, None) => Ok(None),
    }
}

/// A kubeconfig with this cluster and this user alone.
fn alone(cluster: Cluster, user: AuthInfo) -> Kubeconfig {
    use kube::config::{Context, NamedAuthInfo, NamedCluster, NamedContext};
    let context = Context { cluster: NAME.to_owned(), user: Some(NAME.to_owned()), ..Context::default() };
    Kubeconfig {
        api_version: Some("v1".to_owned()),
        kind: Some("Config".to_owned()),
        clusters: vec![NamedCluster { name: NAME.to_owned(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: NAME.to_owned(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: NAME.to_owned(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(NAME.to_owned()),
        ..Kubeconfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, users: &str, cluster: &str) -> std::path::PathBuf {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: one\nclusters:\n- name: c\n  cluster: {cluster}\n- name: other\n  \
             cluster: {{server: 'https://other'}}\nusers:\n- name: u\n  user: {users}\ncontexts:\n- name: one\n  context: \
             {{cluster: c, user: u, namespace: n}}\n- name: two\n  context: {{cluster: other, user: nobody}}\n- name: \
             three\n  context: {{cluster: gone, user: u}}\n"
        );
        let path = folder.join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn what_other_files_hold_is_put_in_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in [("ca.crt", "CA"), ("c.crt", "CERT"), ("c.key", "KEY"), ("token", "tok\n")] {
            std::fs::write(folder.path().join(file), content).unwrap();
        }
        let path = write(
            folder.path(),
            "{client-certificate: c.crt, client-key: c.key, tokenFile: token}",
            "{server: 'https://10.0.0.1:6443', certificate-authority: ca.crt, tls-server-name: kubernetes}",
        );
        let stored = StoredKubeconfig::load(&path, None).unwrap();
        assert_eq!((stored.server(), stored.certificate_authority()), ("https://10.0.0.1:6443", Some(&b"CA"[..])));
        let secret = stored.to_secret().unwrap();
        drop(folder);
        let back = StoredKubeconfig::from_secret(&secret).unwrap();
        assert_eq!(back.to_secret().unwrap().expose_secret(), secret.expose_secret());
        assert_eq!((back.server(), back.certificate_authority()), ("https://10.0.0.1:6443", Some(&b"CA"[..])));
        for part in ["S0VZ", "Q0VSVA==", "\"token\":\"tok\"", "\"tls-server-name\":\"kubernetes\""] {
            assert!(secret.expose_secret().contains(part), "{part}");
        }
        assert!(!format!("{back:?}").contains("tok"));
    }

    #[test]
    fn what_cannot_be_stored_is_refused_with_what_to_give_instead() {
        let folder = tempfile::tempdir().unwrap();
        let load = |user: &str, cluster: &str, context: Option<&str>| {
            StoredKubeconfig::load(&write(folder.path(), user, cluster), context).unwrap_err().to_string()
        };
        let good = "{server: 'https://x'}";
        for (error, part) in [
            (load("{exec: {command: aws, args: [eks, get-token]}}", good, None), "the program `aws`"),
            (load("{exec: {command: aws}}", good, None), "token of a service account"),
            (load("{auth-provider: {name: gcp}}", good, None), "the provider `gcp`"),
            (load("{token: t}", "{server: 'https://x', insecure-skip-tls-verify: true}", None), "insecure-skip"),
            (load("{token: t}", "{server: 'ftp://x'}", None), "`server`"),
            (load("{token: t}", "{}", None), "`server`"),
            (load("{token: t}", good, Some("four")), "no context `four` (there are: `one`, `two`, `three`)"),
            (load("{token: t}", good, Some("three")), "no cluster `gone`"),
            (load("{token: t}", good, Some("two")), "no user `nobody` (there are: `u`)"),
            (load("{client-key: missing}", good, None), "missing"),
            (load("{client-key-data: '%%%'}", good, None), "not base64"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_message_never_shows_what_stands_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        for text in ["token: \"SECRET", "users: SECRET", "- SECRET", "users: [{name: u, user: {token: [SECRET]}}]"] {
            std::fs::write(&path, text).unwrap();
            let error = StoredKubeconfig::load(&path, None).unwrap_err();
            assert!(matches!(error, KubeconfigError::Syntax { .. }), "{text}");
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        }
        std::fs::write(&path, "").unwrap();
        assert!(matches!(StoredKubeconfig::load(&path, None), Err(KubeconfigError::NoContext { .. })));
        let absent = StoredKubeconfig::load(&folder.path().join("absent"), None).unwrap_err();
        assert!(absent.to_string().contains("cannot read"));
    }
}
