//! TLS of the webhooks: the server's certificate, and who may come in.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use doorward_cluster::pki::Pki;
use jiff::Timestamp;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::config::Config;
use crate::error::ServerError;
use crate::health::Certificates;
use crate::listener::Tls;
use crate::webhook::ClientAuth;

/// How often the certificate's file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often the certificate is asked for anew without any change, so that it is renewed before it ends.
const RENEW: Duration = Duration::from_secs(12 * 60 * 60);

/// TLS with the certificate in force, and what is known of that; asking for a client certificate of our own CA unless that is switched off.
///
/// # Errors
/// If certificates cannot be made or read.
pub(crate) fn webhook_tls(config: &Config) -> Result<(ServerConfig, Certificates), ServerError> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !config.webhook.ip().is_unspecified() {
        names.push(config.webhook.ip().to_string());
    }
    names.extend(config.webhook_names.iter().cloned());
    let now = Timestamp::now();
    let pki = Pki::open(&config.data_dir, now)?;
    let certificate = pki.webhook(&names, now)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match config.client_auth {
        ClientAuth::Off => builder.with_no_client_auth(),
        ClientAuth::Required => {
            let mut roots = RootCertStore::empty();
            roots.add(pki.ca_der()?)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut tls = builder.with_single_cert(vec![certificate.certificate_der()?], certificate.key_der()?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let authority = pki.ca_der()?;
    let certificates = Certificates {
        authority_sha256: hex::encode(Sha256::digest(&authority)),
        authority_ends: pki.ca_ends(),
        webhook_ends: certificate.ends(),
    };
    Ok((tls, certificates))
}

/// Takes up a new certificate, which `doorward init` makes for a new name, and renews an old one. A certificate that
/// cannot be read changes nothing.
pub(crate) async fn keep_fresh(
    tls: Tls,
    known: Arc<ArcSwapOption<Certificates>>,
    config: &Config,
    mut stop: watch::Receiver<bool>,
) {
    let path = config.data_dir.join("pki").join("webhook.pem");
    let mut seen = modified(&path);
    let mut taken_at = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|&stop| stop) => return,
        }
        if modified(&path) == seen && taken_at.elapsed() < RENEW {
            continue;
        }
        taken_at = tokio::time::Instant::now();
        match webhook_tls(config) {
            Ok((fresh, certificates)) => {
                tls.store(Arc::new(fresh));
                known.store(Some(Arc::new(certificates)));
                seen = modified(&path);
                tracing::info!("the webhooks' certificate was read again");
            }
            Err(error) => tracing::warn!(%error, "the webhooks' certificate cannot be read again, the old one stays"),
        }
    }
}

/// Why TLS failed, for metrics: what of a certificate is wrong, or who ended it.
pub(crate) fn refusal_reason(error: &std::io::Error) -> &'static str {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) else {
        return "connection";
    };
    match error {
        rustls::Error::NoCertificatesPresented => "no_certificate",
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate_expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "certificate_not_yet_valid",
            CertificateError::UnknownIssuer => "unknown_authority",
            _ => "certificate",
        },
        // What the client thinks of the server's certificate.
        rustls::Error::AlertReceived(_) => "refused_by_client",
        _ => "protocol",
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
