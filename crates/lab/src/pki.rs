//! The lab's certificate authority, and what it signs: kube-apiserver's serving certificate and the administrator's
//! client certificate. The service-account key pair is made here too.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use crate::layout::write_private;
use crate::{LabDir, LabError};

/// The files of the lab's public-key infrastructure, all PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pki {
    pub(crate) ca_certificate: PathBuf,
    pub(crate) serving_certificate: PathBuf,
    pub(crate) serving_key: PathBuf,
    pub(crate) admin_certificate: PathBuf,
    pub(crate) admin_key: PathBuf,
    pub(crate) service_account_key: PathBuf,
    pub(crate) service_account_public_key: PathBuf,
}

impl Pki {
    /// Makes all keys and certificates. The authority's own key is not kept: nothing is signed later.
    pub(crate) fn create(dir: &LabDir) -> Result<Self, LabError> {
        let at = |name: &str| dir.pki().join(name);
        let files = Self {
            ca_certificate: at("ca.crt"),
            serving_certificate: at("kube-apiserver.crt"),
            serving_key: at("kube-apiserver.key"),
            admin_certificate: at("admin.crt"),
            admin_key: at("admin.key"),
            service_account_key: at("service-account.key"),
            service_account_public_key: at("service-account.pub"),
        };

        let ca_key = KeyPair::generate()?;
        let ca = authority();
        write_private(&files.ca_certificate, ca.self_signed(&ca_key)?.pem().as_bytes())?;
        let issuer = Issuer::new(ca, ca_key);

        let signed = [
            (serving()?, &files.serving_certificate, &files.serving_key),
            (admin(), &files.admin_certificate, &files.admin_key),
        ];
        for (params, certificate_file, key_file) in signed {
            let key = KeyPair::generate()?;
            write_private(certificate_file, params.signed_by(&key, &issuer)?.pem().as_bytes())?;
            write_private(key_file, key.serialize_pem().as_bytes())?;
        }

        let service_account = KeyPair::generate()?;
        write_private(&files.service_account_key, service_account.serialize_pem().as_bytes())?;
        write_private(&files.service_account_public_key, service_account.public_key_pem().as_bytes())?;
        Ok(files)
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "doorward lab");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn serving() -> Result<CertificateParams, LabError> {
    let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let mut params = CertificateParams::new(names.map(str::to_owned).to_vec())?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A member of `system:masters`: how the lab itself speaks to the cluster, past Doorward.
fn admin() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "doorward-lab-admin");
    params.distinguished_name.push(DnType::OrganizationName, "system:masters");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
