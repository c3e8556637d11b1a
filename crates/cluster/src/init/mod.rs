//! What a kube-apiserver needs before it starts, to ask this server who its callers are and what they may do.
//!
//! ```text
//! OUT/ca.crt                             the authority of the webhooks' certificate
//! OUT/client.crt, OUT/client.key         the API server's own certificate                       (key: 0600)
//! OUT/authentication-webhook.kubeconfig  for --authentication-token-webhook-config-file         0600
//! OUT/authorization-webhook.kubeconfig   for the authorizer                                     0600
//! OUT/authorization-configuration.yaml   for --authorization-config, Kubernetes 1.32 and newer
//! OUT/flags                              the flags to add, one a line
//! OUT/kube-apiserver-patch.yaml          a patch of the static pod that mounts OUT
//! ```

use std::path::{Path, PathBuf};

use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::files::{self, Access};
use crate::pki::{Pki, PkiError, client_of};

mod content;

/// What to make.
#[derive(Clone, Debug)]
pub struct Init<'a> {
    /// The server's data folder, whose authority signs.
    pub data_dir: &'a Path,
    /// The cluster that the API server belongs to.
    pub cluster: &'a ClusterName,
    /// Host and port under which the API server reaches the webhooks.
    pub webhook_addr: &'a str,
    /// The folder to write.
    pub out: &'a Path,
    /// Where that folder will be on the API server's machine; `out` itself if none.
    pub installed_at: Option<&'a Path>,
    /// Overwrite what another authority, another cluster or somebody else left there.
    pub force: bool,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The files, in the order in which they are listed above.
    pub files: Vec<PathBuf>,
    /// Those of them that are new or changed.
    pub written: Vec<PathBuf>,
    /// When the client certificate ends. Past that, run it again.
    pub client_certificate_ends: Timestamp,
}

/// Writes everything. Run again it changes nothing, but for a certificate that is due to be renewed. The listener's
/// certificate gets the host's name; a running server takes it over when it is started again.
///
/// # Errors
/// If a file cannot be written, the address is none, or something else's files would be overwritten.
pub fn init(what: &Init<'_>, now: Timestamp) -> Result<Made, InitError> {
    let host = host(what.webhook_addr)?;
    let io = |action, path: &Path, error: &std::io::Error| InitError::Io {
        action,
        path: path.display().to_string(),
        message: error.to_string(),
    };
    let installed_at = match what.installed_at {
        Some(path) => path.to_path_buf(),
        None => std::path::absolute(what.out).map_err(|error| io("find", what.out, &error))?,
    };
    let pki = Pki::open(what.data_dir, now)?;
    if !what.force {
        check_owner(what, pki.ca_pem())?;
    }
    pki.webhook(&[host], now)?;
    let client = pki.client(what.cluster, now)?;
    let files = content::files(&content::Parts {
        ca: pki.ca_pem(),
        client: &client,
        cluster: what.cluster,
        webhook_addr: what.webhook_addr,
        installed_at: &installed_at,
    })?;
    std::fs::create_dir_all(what.out).map_err(|error| io("create", what.out, &error))?;
    let mut made = Made { files: Vec::new(), written: Vec::new(), client_certificate_ends: client.ends() };
    for file in files {
        let path = what.out.join(file.name);
        if !is_as_wanted(&path, &file) {
            files::replace(&path, file.content.as_bytes(), file.access).map_err(|error| io("write", &path, &error))?;
            made.written.push(path.clone());
        }
        made.files.push(path);
    }
    Ok(made)
}

/// A file to be written.
struct OutFile {
    name: &'static str,
    content: zeroize::Zeroizing<String>,
    access: Access,
}

/// The host of an address, which must be one that the API server can call.
fn host(address: &str) -> Result<String, InitError> {
    let invalid = || InitError::Address(address.chars().filter(|c| !c.is_control()).take(200).collect());
    let authority: http::uri::Authority = address.parse().map_err(|_| invalid())?;
    if authority.port_u16().is_none_or(|port| port == 0) || address.contains('@') {
        return Err(invalid());
    }
    Ok(authority.host().to_owned())
}

/// Refuses a folder that holds another authority's or another cluster's files, or files of unknown origin.
fn check_owner(what: &Init<'_>, ca: &str) -> Result<(), InitError> {
    let foreign =
        |file: &str, of: &'static str| Err(InitError::Foreign { path: what.out.join(file).display().to_string(), of });
    match std::fs::read_to_string(what.out.join("ca.crt")) {
        Ok(found) if found != ca => return foreign("ca.crt", "another certificate authority"),
        Ok(_) => {}
        // The authority is written first. Where it is not, the other files are somebody else's.
        Err(_) => {
            return match content::NAMES.iter().find(|name| what.out.join(name).exists()) {
                Some(name) => foreign(name, "something else"),
                None => Ok(()),
            };
        }
    }
    match std::fs::read(what.out.join("client.crt")) {
        Ok(found) => {
            let cluster = CertificateDer::from_pem_slice(&found).ok().and_then(|der| client_of(&der));
            if cluster.as_ref() == Some(what.cluster) { Ok(()) } else { foreign("client.crt", "another cluster") }
        }
        Err(_) => Ok(()),
    }
}

fn is_as_wanted(path: &Path, file: &OutFile) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let is_private = || std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 == 0);
    std::fs::read(path).is_ok_and(|found| found == file.content.as_bytes())
        && (file.access == Access::All || is_private())
}

/// Why the files were not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// The certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// No address.
    #[error("`{0}` is not an address that a kube-apiserver can call the webhooks under: expected HOST:PORT")]
    Address(String),
    /// A file or folder.
    #[error("cannot {action} `{path}`: {message}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system says.
        message: String,
    },
    /// Somebody else's files.
    #[error("`{path}` belongs to {of}, and a kube-apiserver may be using it; choose another folder, or give `--force`")]
    Foreign {
        /// The file.
        path: String,
        /// Whose it is.
        of: &'static str,
    },
}

#[cfg(test)]
mod tests;
