//! Signed calls of the server's APIs, as the data folder's administrator.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, ensure};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, sign_headers};
use jiff::Timestamp;

use crate::http::Connection;

/// The region of everything that is signed.
pub const REGION: &str = "us-west-2";

/// Who signs, and for which address.
#[derive(Clone, Debug)]
pub struct Api {
    /// The address.
    pub address: SocketAddr,
    /// Who signs.
    pub credentials: Credentials,
}

/// The text of the first element of that name.
///
/// # Errors
/// If there is none.
pub fn between(xml: &str, element: &str) -> anyhow::Result<String> {
    let after = xml.split_once(&format!("<{element}>"));
    let text = after.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    text.map(|(text, _)| text.replace("&#x2F;", "/")).with_context(|| format!("no {element} in the answer"))
}

impl Api {
    /// With the key that the first start left in the data folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_data_dir(address: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(data.join("aws/credentials"))?;
        let value = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            found.map(str::to_owned).with_context(|| format!("no {key} in the credentials"))
        };
        let secret = SecretKey::new(value("aws_secret_access_key")?);
        Ok(Self { address, credentials: Credentials::new(value("aws_access_key_id")?, secret, None)? })
    }

    /// A signed request as bytes; good for some minutes.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn request(&self, service: &str, method: &str, target: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = self.address.to_string();
        let signable = Request {
            method,
            path,
            query,
            headers: &[("host", host.as_bytes())],
            body_sha256: PayloadHash::of(body.as_bytes()),
        };
        let signed = sign_headers(&signable, &self.credentials, REGION, service, Timestamp::now())?;
        let media_type =
            if method == "POST" && path == "/" { "application/x-www-form-urlencoded" } else { "application/json" };
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\nauthorization: {}\r\n\
             x-amz-date: {}\r\ncontent-length: {}\r\n\r\n{body}",
            signed.authorization,
            signed.x_amz_date,
            body.len()
        );
        Ok(text.into_bytes())
    }

    /// Asks once and gives the text of a good answer.
    ///
    /// # Errors
    /// If the answer is not good.
    pub async fn call(&self, service: &str, method: &str, target: &str, body: &str) -> anyhow::Result<String> {
        let request = self.request(service, method, target, body)?;
        let mut connection = Connection::plain(self.address).await?;
        let answer = connection.ask(&request).await?;
        let text = String::from_utf8_lossy(answer.body).into_owned();
        ensure!(answer.status == 200, "{method} {target}: status {}: {text}", answer.status);
        Ok(text)
    }
}
