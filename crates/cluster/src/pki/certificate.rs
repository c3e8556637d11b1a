//! What of a certificate decides whether it is still the right one.

use std::net::IpAddr;

use doorward_core::cluster_name::ClusterName;
use jiff::Timestamp;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CLIENT_PREFIX, PkiError};

/// The parts of a certificate that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) common_name: String,
    pub(super) ends: Timestamp,
    /// DNS names and IP addresses, sorted.
    pub(super) names: Vec<String>,
    key_id: Vec<u8>,
    issuer_key_id: Vec<u8>,
}

impl Facts {
    pub(super) fn of(der: &[u8]) -> Result<Self, PkiError> {
        let failed = |message: String| PkiError::Certificate(message);
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| failed(error.to_string()))?;
        let ends = Timestamp::from_second(parsed.validity().not_after.timestamp());
        let mut facts = Self {
            common_name: common_name(&parsed).unwrap_or_default(),
            ends: ends.map_err(|error| failed(error.to_string()))?,
            names: Vec::new(),
            key_id: Vec::new(),
            issuer_key_id: Vec::new(),
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => facts.key_id = id.0.to_vec(),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    facts.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec()).unwrap_or_default();
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    facts.names = names.general_names.iter().filter_map(name).collect();
                }
                _ => {}
            }
        }
        facts.names.sort();
        Ok(facts)
    }

    /// Whether that authority says that it issued this. A check against mix-ups: whoever may write here may forge it.
    pub(super) fn is_issued_by(&self, authority: &Self) -> bool {
        !authority.key_id.is_empty() && self.issuer_key_id == authority.key_id
    }
}

/// The cluster whose API server this *verified* client certificate is for.
///
/// A webhook must compare it with the cluster in the path: one cluster's API server is not to ask about another's.
pub fn client_of(certificate: &[u8]) -> Option<ClusterName> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    common_name(&parsed)?.strip_prefix(CLIENT_PREFIX)?.parse().ok()
}

/// When a certificate ends; none if it cannot be read.
pub fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// The common name, if there is exactly one.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    match (names.next(), names.next()) {
        (Some(name), None) => name.as_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}
