//! The certificates by which kube-apiservers and the webhooks know each other.
//!
//! `DATA/pki` holds a certificate authority of this server's own (EC P-256, ten years), the certificate of the webhook
//! listener, and one client certificate for the API server of each cluster (a year each, renewed at a start within
//! their last thirty days). A certificate and its key are *one* file, made under another name and then linked into
//! place: of two processes that start at once one makes it, the other finds it, and neither finds half of it.
//!
//! ```text
//! DATA/pki/ca.pem              the authority and its key                            0600
//! DATA/pki/ca.crt              the authority alone, to hand out
//! DATA/pki/webhook.pem         the listener's certificate and key                   0600
//! DATA/pki/clients/NAME.pem    the certificate and key of cluster NAME's API server 0600
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use doorward_core::cluster_name::ClusterName;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::files::{self, Access};

mod certificate;
mod issue;

pub use certificate::{client_of, end_of};

/// What a client certificate's common name begins with, before the cluster's name.
pub const CLIENT_PREFIX: &str = "kube-apiserver:";
/// Validity of the authority.
pub const CA_VALIDITY: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Validity of the other certificates.
pub const LEAF_VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A certificate that ends sooner is renewed.
pub const RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The certificate authority of `DATA/pki`.
#[derive(Debug)]
pub struct Pki {
    folder: PathBuf,
    ca: KeyPair,
}

/// A certificate and its key.
pub struct KeyPair {
    certificate: String,
    key: Zeroizing<String>,
    facts: certificate::Facts,
}

impl Pki {
    /// Opens `DATA/pki`, making it and its authority where they are missing. `now` is the time.
    ///
    /// # Errors
    /// If the folder cannot be made or written, or what is in it is not as this module leaves it.
    pub fn open(data_dir: &Path, now: Timestamp) -> Result<Self, PkiError> {
        let folder = data_dir.join("pki");
        let clients = folder.join("clients");
        files::create_private_folder(&clients).map_err(|error| PkiError::io("create", &clients, &error))?;
        let path = folder.join("ca.pem");
        let ca = match KeyPair::read(&path)? {
            Some(ca) => ca,
            None => {
                let made = issue::authority(now)?;
                files::create(&path, made.pem().as_bytes(), Access::Owner)
                    .map_err(|error| PkiError::io("create", &path, &error))?;
                // Ours, or that of whoever was faster.
                KeyPair::read(&path)?.ok_or_else(|| PkiError::broken(&path, "it was removed"))?
            }
        };
        let public = folder.join("ca.crt");
        if std::fs::read_to_string(&public).ok().as_deref() != Some(ca.certificate_pem()) {
            files::replace(&public, ca.certificate_pem().as_bytes(), Access::All)
                .map_err(|error| PkiError::io("write", &public, &error))?;
        }
        Ok(Self { folder, ca })
    }

    /// The authority's certificate as PEM, for whoever has to trust this server.
    pub fn ca_pem(&self) -> &str {
        self.ca.certificate_pem()
    }

    /// The authority's certificate, to verify clients by.
    ///
    /// # Errors
    /// None that was not found when it was read.
    pub fn ca_der(&self) -> Result<CertificateDer<'static>, PkiError> {
        self.ca.certificate_der()
    }

    /// When the authority ends. It is never renewed by itself, because every kube-apiserver knows it: past that, remove
    /// `DATA/pki` and run `init` again for every cluster.
    pub fn ca_ends(&self) -> Timestamp {
        self.ca.ends()
    }

    /// The listener's certificate, for these names and addresses and those that it was for before.
    ///
    /// # Errors
    /// If it cannot be made or read, or a name is none.
    pub fn webhook(&self, names: &[String], now: Timestamp) -> Result<KeyPair, PkiError> {
        let path = self.folder.join("webhook.pem");
        let found = KeyPair::read(&path)?.filter(|found| found.facts.is_issued_by(&self.ca.facts));
        let mut all = found.as_ref().map(|found| found.facts.names.clone()).unwrap_or_default();
        for name in names {
            let name = issue::normalized(name)?;
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all.sort();
        match found {
            Some(found) if found.facts.names.len() == all.len() && !found.is_due(now) => Ok(found),
            _ => self.renew(&path, issue::server(&self.ca, &all, now)?),
        }
    }

    /// The client certificate of a cluster's API server.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn client(&self, cluster: &ClusterName, now: Timestamp) -> Result<KeyPair, PkiError> {
        let path = self.folder.join("clients").join(format!("{cluster}.pem"));
        let is_for_it = |found: &KeyPair| {
            found.facts.is_issued_by(&self.ca.facts)
                && found.facts.common_name.strip_prefix(CLIENT_PREFIX) == Some(cluster.as_str())
        };
        match KeyPair::read(&path)?.filter(is_for_it) {
            Some(found) if !found.is_due(now) => Ok(found),
            _ => self.renew(&path, issue::client(&self.ca, cluster, now)?),
        }
    }

    fn renew(&self, path: &Path, made: KeyPair) -> Result<KeyPair, PkiError> {
        files::replace(path, made.pem().as_bytes(), Access::Owner)
            .map_err(|error| PkiError::io("write", path, &error))?;
        Ok(made)
    }
}

impl KeyPair {
    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The key as PEM. A secret.
    pub fn key_pem(&self) -> &str {
        &self.key
    }

    /// The certificate.
    ///
    /// # Errors
    /// None that was not found when it was read.
    pub fn certificate_der(&self) -> Result<CertificateDer<'static>, PkiError> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(|error| PkiError::pem(&error))
    }

    /// The key.
    ///
    /// # Errors
    /// None that was not found when it was read.
    pub fn key_der(&self) -> Result<PrivateKeyDer<'static>, PkiError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| PkiError::pem(&error))?;
        Ok(key.into())
    }

    /// When the certificate ends.
    pub fn ends(&self) -> Timestamp {
        self.facts.ends
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.ends().duration_since(now) < RENEWAL
    }

    /// Certificate and key, as they are kept in a file.
    fn pem(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}{}", self.certificate, self.key.as_str()))
    }

    /// Puts a certificate and its key together.
    fn new(certificate: String, key: Zeroizing<String>) -> Result<Self, PkiError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| PkiError::pem(&error))?;
        let facts = certificate::Facts::of(&der)?;
        Ok(Self { certificate, key, facts })
    }

    /// Reads both from a file; none if it does not exist.
    fn read(path: &Path) -> Result<Option<Self>, PkiError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PkiError::io("read", path, &error)),
        };
        const BOUNDARY: &str = "-----END CERTIFICATE-----\n";
        let pair = text.find(BOUNDARY).map(|at| text.split_at(at + BOUNDARY.len()));
        let (certificate, key) = pair.ok_or_else(|| PkiError::broken(path, "it holds no certificate"))?;
        let pair = Self::new(certificate.to_owned(), Zeroizing::new(key.to_owned()))
            .map_err(|error| PkiError::broken(path, &error.to_string()))?;
        pair.key_der().map_err(|error| PkiError::broken(path, &error.to_string()))?;
        Ok(Some(pair))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PkiError {
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
    /// A file that is not as it was left.
    #[error("`{path}` is not a certificate with its key: {message}; restore it, or remove it to have a new one made")]
    Broken {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// A name that no certificate can be for.
    #[error("`{0}` is neither a host name nor an IP address that the webhook can be reached under")]
    Name(String),
    /// The authority has ended.
    #[error(
        "the certificate authority in `DATA/pki` has ended; remove that folder, start again, and run `doorward init` for \
         every cluster"
    )]
    AuthorityEnded,
    /// The certificate was not made or not read.
    #[error("the certificate cannot be made or read: {0}")]
    Certificate(String),
}

impl PkiError {
    fn io(action: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), message: error.to_string() }
    }

    fn broken(path: &Path, message: &str) -> Self {
        Self::Broken { path: path.display().to_string(), message: message.to_owned() }
    }

    fn pem(error: &rustls_pki_types::pem::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

#[cfg(test)]
mod tests;
