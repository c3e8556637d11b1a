//! Making certificates.

use std::net::IpAddr;

use doorward_core::cluster_name::ClusterName;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{CA_VALIDITY, CLIENT_PREFIX, KeyPair, LEAF_VALIDITY, PkiError};

/// Clocks differ. A certificate is valid a little earlier than it is made.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A new authority.
pub(super) fn authority(now: Timestamp) -> Result<KeyPair, PkiError> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    // Two authorities must not have the same name, or a verifier that knows both could take one for the other.
    let id: String = params.key_identifier(&key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = common_name(&format!("Doorward {id}"));
    (params.not_before, params.not_after) = validity(now, CA_VALIDITY, None)?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    KeyPair::new(certificate.pem(), Zeroizing::new(key.serialize_pem()))
}

/// The listener's certificate.
pub(super) fn server(ca: &KeyPair, names: &[String], now: Timestamp) -> Result<KeyPair, PkiError> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(|error| failed(&error))?;
    params.distinguished_name = common_name("doorward-webhook");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf(ca, params, now)
}

/// A client certificate for a cluster's API server.
pub(super) fn client(ca: &KeyPair, cluster: &ClusterName, now: Timestamp) -> Result<KeyPair, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("{CLIENT_PREFIX}{cluster}"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    leaf(ca, params, now)
}

/// The one spelling of a name or an address under which it stands in a certificate.
pub(super) fn normalized(name: &str) -> Result<String, PkiError> {
    let invalid = || PkiError::Name(name.chars().take(100).filter(|c| !c.is_control()).collect());
    if let Ok(address) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        // Nobody can be called under "any address".
        return if address.is_unspecified() { Err(invalid()) } else { Ok(address.to_string()) };
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() <= 253 && name.split('.').all(is_label) { Ok(name) } else { Err(invalid()) }
}

fn leaf(ca: &KeyPair, mut params: CertificateParams, now: Timestamp) -> Result<KeyPair, PkiError> {
    if ca.ends() <= now {
        return Err(PkiError::AuthorityEnded);
    }
    let key = new_key()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = validity(now, LEAF_VALIDITY, Some(ca.ends()))?;
    let ca_key = rcgen::KeyPair::from_pem(ca.key_pem()).map_err(|error| failed(&error))?;
    let issuer = Issuer::from_ca_cert_pem(ca.certificate_pem(), ca_key).map_err(|error| failed(&error))?;
    let certificate = params.signed_by(&key, &issuer).map_err(|error| failed(&error))?;
    KeyPair::new(certificate.pem(), Zeroizing::new(key.serialize_pem()))
}

fn new_key() -> Result<rcgen::KeyPair, PkiError> {
    rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&error))
}

fn common_name(name: &str) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// First and last moment. A certificate does not outlive its authority.
fn validity(
    now: Timestamp,
    length: SignedDuration,
    at_most: Option<Timestamp>,
) -> Result<(OffsetDateTime, OffsetDateTime), PkiError> {
    let out_of_range = |_| PkiError::Certificate("the time is out of range".to_owned());
    let begins = now.checked_sub(CLOCK_SKEW).map_err(out_of_range)?;
    let ends = now.checked_add(length).map_err(out_of_range)?;
    let ends = at_most.map_or(ends, |at_most| ends.min(at_most));
    let date = |at: Timestamp| {
        OffsetDateTime::from_unix_timestamp(at.as_second())
            .map_err(|_| PkiError::Certificate("the time is out of range".to_owned()))
    };
    Ok((date(begins)?, date(ends)?))
}

fn failed(error: &rcgen::Error) -> PkiError {
    PkiError::Certificate(error.to_string())
}
