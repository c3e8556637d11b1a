//! nginx, as the limit of what HTTP can do here: one process that answers a fixed body, over the same TLS with the same
//! certificates, asking for the client's too, on kept connections.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use doorward_cluster::pki::Pki;
use jiff::Timestamp;

use crate::place::free_port;
use crate::process::Process;
use crate::settings::Settings;

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts it with bodies of these lengths, each under its path, and the certificates of a data folder.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(
        settings: &Settings,
        folder: &Path,
        data: &Path,
        bodies: &[(&str, usize)],
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let now = Timestamp::now();
        let pki = Pki::open(data, now)?;
        let pair = pki.webhook(&["127.0.0.1".to_owned()], now)?;
        std::fs::write(folder.join("ca.pem"), pki.ca_pem())?;
        std::fs::write(folder.join("server.pem"), pair.certificate_pem())?;
        std::fs::write(folder.join("server.key"), pair.key_pem())?;
        let address = free_port()?;
        let config = folder.join("nginx.conf");
        std::fs::write(&config, content(folder, address, bodies)?)?;
        let args = ["-c".as_ref(), config.as_os_str(), "-p".as_ref(), folder.as_os_str()];
        let log = folder.join("nginx.log");
        let mut process = Process::start(&settings.nginx, args, &[settings.server_core], &log)?;
        process
            .wait_until(|| std::net::TcpStream::connect(address).is_ok())
            .with_context(|| format!("see `{}`", log.display()))?;
        Ok(Self { process, address })
    }
}

fn content(folder: &Path, address: SocketAddr, bodies: &[(&str, usize)]) -> anyhow::Result<String> {
    let folder = folder.display();
    let mut locations = String::new();
    for (path, length) in bodies {
        writeln!(locations, "location = {path} {{ return 200 '{}'; }}", "x".repeat(*length))?;
    }
    // One process without a master is one that can be measured and ended like any other.
    Ok(format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\ndefault_type application/json;\nkeepalive_requests 1000000000;\nkeepalive_timeout 600s;\n\
         client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n\
         server {{\n\
         listen {address} ssl;\nssl_certificate {folder}/server.pem;\nssl_certificate_key {folder}/server.key;\n\
         ssl_protocols TLSv1.3;\nssl_client_certificate {folder}/ca.pem;\nssl_verify_client on;\n\
         {locations}}}\n}}\n"
    ))
}
