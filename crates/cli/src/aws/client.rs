//! A small HTTP client that signs: one request, one answer, with limits on time and size.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use doorward_sigv4::{Credentials, PayloadHash, Request, sign_headers};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::credentials::{self, Lease};
use super::endpoint::{Endpoint, Service};
use super::error::AwsError;
use super::settings::AwsSettings;
use super::sts::element;
use crate::error::causes;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses before a request is sent again that may be.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// Longest answer.
const MAX_ANSWER: usize = 16 << 20;

/// Calls AWS APIs with one set of settings. Credentials are looked up once, when first needed.
pub(crate) struct AwsClient {
    settings: AwsSettings,
    /// Made when first needed: a token is made without any call, and to read all certificates of a system takes longer.
    http: OnceLock<HttpClient>,
    credentials: OnceCell<Credentials>,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Whose.
    pub(crate) service: Service,
    /// What it is called, for messages.
    pub(crate) operation: &'a str,
    /// How.
    pub(crate) method: Method,
    /// The path, percent-encoded.
    pub(crate) path: &'a str,
    /// The query, percent-encoded and without `?`.
    pub(crate) query: &'a str,
    /// The body with its type.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
}

impl AwsClient {
    /// A client with these settings.
    pub(crate) fn new(settings: AwsSettings) -> Self {
        Self { settings, http: OnceLock::new(), credentials: OnceCell::new() }
    }

    /// What sends requests.
    ///
    /// # Errors
    /// If there are no certificates to verify servers with.
    fn http(&self) -> Result<&HttpClient, AwsError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.enforce_http(false);
        let tls = tls(&self.settings)?;
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
        Ok(self.http.get_or_init(|| Client::builder(TokioExecutor::new()).build(https)))
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// Whose key signs.
    ///
    /// # Errors
    /// If there are no credentials.
    pub(crate) async fn credentials(&self) -> Result<&Credentials, AwsError> {
        let resolve = async || Ok(credentials::resolve(&self.settings, self).await?.credentials);
        self.credentials.get_or_try_init(resolve).await
    }

    /// Looks for credentials now, for somebody who needs them for longer than they hold.
    ///
    /// # Errors
    /// If there are none, or a role cannot be assumed.
    pub(crate) async fn lease(&self) -> Result<Lease, AwsError> {
        credentials::resolve(&self.settings, self).await
    }

    /// Uses the credentials of a role from here on.
    ///
    /// # Errors
    /// If it cannot be assumed.
    pub(crate) async fn into_role(self, role_arn: &str, session_name: &str) -> Result<Self, AwsError> {
        let role = super::sts::AssumeRole {
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            external_id: None,
            duration_seconds: None,
        };
        let Lease { credentials, .. } = self.assume_role(&role, self.credentials().await?).await?;
        Ok(Self { credentials: OnceCell::new_with(Some(credentials)), ..self })
    }

    /// Sends a signed request and reads the JSON of its answer; nothing is `null`.
    ///
    /// # Errors
    /// If there are no credentials, the server cannot be reached, or it refuses.
    pub(crate) async fn json(&self, call: &Call<'_>) -> Result<Value, AwsError> {
        let answer = self.send(call, self.credentials().await?).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|_| AwsError::Answer {
            url: self.url_of(call.service),
            operation: call.operation.to_owned(),
            problem: "is not JSON".to_owned(),
        })
    }

    /// By how much a server's clock is ahead of the one here, by the date of its answer to a request that needs no
    /// signature; none where it tells no date. Right to within a second and half the time that the request takes.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub(crate) async fn clock_ahead(&self, service: Service) -> Result<Option<SignedDuration>, AwsError> {
        let endpoint = self.settings.endpoint(service)?;
        let (url, operation) = (endpoint.to_string(), "the request for its time".to_owned());
        let fail = |problem: String| AwsError::Connect { url: url.clone(), operation: operation.clone(), problem };
        let request = http::Request::get(endpoint.url("/")).header("host", endpoint.signed_host());
        let request = request.body(Full::default()).map_err(|error| fail(error.to_string()))?;
        let http = self.http()?;
        let asked_at = Timestamp::now();
        let answered = tokio::time::timeout(TIMEOUT, http.request(request)).await;
        let seconds = TIMEOUT.as_secs();
        let answer = answered
            .map_err(|_| AwsError::Timeout { url: url.clone(), operation: operation.clone(), seconds })?
            .map_err(|error| fail(causes(&error)))?;
        let middle = asked_at + Timestamp::now().duration_since(asked_at) / 2;
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
        // Whole seconds: on average half a second has passed since.
        Ok(date.map(|date| (date + SignedDuration::from_millis(500)).duration_since(middle)))
    }

    pub(super) fn url_of(&self, service: Service) -> String {
        self.settings.endpoint(service).map(|endpoint| endpoint.to_string()).unwrap_or_default()
    }

    /// Sends a signed request, again where that is safe and likely to help.
    pub(super) async fn send(&self, call: &Call<'_>, credentials: &Credentials) -> Result<Bytes, AwsError> {
        let endpoint = self.settings.endpoint(call.service)?;
        let mut pauses = PAUSES.iter();
        loop {
            let (status, headers, body) = self.send_once(call, credentials, &endpoint).await?;
            if status.is_success() {
                return Ok(body);
            }
            let is_passing = matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504) && call.method == Method::GET;
            match pauses.next() {
                Some(pause) if is_passing => tokio::time::sleep(*pause).await,
                _ => return Err(refusal(call, status, &headers, &body)),
            }
        }
    }

    async fn send_once(
        &self,
        call: &Call<'_>,
        credentials: &Credentials,
        endpoint: &Endpoint,
    ) -> Result<(StatusCode, HeaderMap, Bytes), AwsError> {
        let request = self.signed(call, credentials, endpoint)?;
        let (url, operation) = (endpoint.to_string(), call.operation.to_owned());
        let http = self.http()?;
        let exchange = async {
            let response = http.request(request).await.map_err(|error| causes(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| causes(error.as_ref()))?;
            Ok((parts.status, parts.headers, body.to_bytes()))
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(answer) => answer.map_err(|problem| AwsError::Connect { url, operation, problem }),
            Err(_) => Err(AwsError::Timeout { url, operation, seconds: TIMEOUT.as_secs() }),
        }
    }

    fn signed(
        &self,
        call: &Call<'_>,
        credentials: &Credentials,
        endpoint: &Endpoint,
    ) -> Result<http::Request<Full<Bytes>>, AwsError> {
        let fail = |problem: String| AwsError::Sign { operation: call.operation.to_owned(), problem };
        // What has no region of its own is signed for the one that AWS began with; a Doorward server takes any.
        let fallback = if call.service == Service::Eks { None } else { Some("us-east-1") };
        let region = match (endpoint.signing_region(), self.settings.region_if_any()?.or(fallback)) {
            (Some(region), _) | (None, Some(region)) => region,
            (None, None) => self.settings.region()?,
        };
        let path = endpoint.path_of(call.path);
        let host = endpoint.signed_host();
        let content_type = call.body.as_ref().map(|(content_type, _)| *content_type);
        let body = call.body.as_ref().map(|(_, body)| body.as_slice()).unwrap_or_default();
        let mut headers = vec![("host", host.as_bytes())];
        if let Some(content_type) = content_type {
            headers.push(("content-type", content_type.as_bytes()));
        }
        let request = Request {
            method: call.method.as_str(),
            path: &path,
            query: call.query,
            headers: &headers,
            body_sha256: PayloadHash::of(body),
        };
        let signature = sign_headers(&request, credentials, region, call.service.name(), Timestamp::now())
            .map_err(|error| fail(error.to_string()))?;
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        let mut builder = http::Request::builder()
            .method(call.method.clone())
            .uri(endpoint.url(&format!("{path}{query}")))
            .header("host", host)
            .header("user-agent", concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .header("x-amz-date", signature.x_amz_date)
            .header("authorization", signature.authorization);
        if let Some(content_type) = content_type {
            builder = builder.header("content-type", content_type);
        }
        if let Some(token) = signature.x_amz_security_token {
            builder = builder.header("x-amz-security-token", token);
        }
        builder.body(Full::new(Bytes::copy_from_slice(body))).map_err(|error| fail(error.to_string()))
    }
}

/// Trusts what the system trusts, or the bundle that the aws CLI would use.
fn tls(settings: &AwsSettings) -> Result<ClientConfig, AwsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let fail = |place: &str, problem: String| AwsError::Certificates { place: place.to_owned(), problem };
    let builder = builder.map_err(|error| fail("TLS", error.to_string()))?;
    let bundle = settings.environment.get("AWS_CA_BUNDLE");
    let bundle = bundle.or_else(|| settings.profile().and_then(|profile| profile.get("ca_bundle")));
    let mut roots = rustls::RootCertStore::empty();
    match bundle {
        Some(path) => {
            let place = format!("the certificates of `{path}`");
            let certificates = CertificateDer::pem_file_iter(settings.environment.path(path))
                .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
                .map_err(|error| fail(&place, error.to_string()))?;
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(fail(&place, "there is none in it".to_owned()));
            }
        }
        // A machine without any can still speak to a server over plain HTTP.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What the server says, in the shape of `code: message`: JSON of EKS, XML of STS, or something else's page.
fn refusal(call: &Call<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> AwsError {
    let text = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |names: [&str; 3]| names.iter().find_map(|name| json.get(name)?.as_str().map(str::to_owned));
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = header.or_else(|| field(["__type", "code", "Code"])).or_else(|| element(&text, "Code"));
    // `Name:URL` and `namespace#Name` occur.
    let code = code.as_deref().and_then(|code| code.split(':').next()?.rsplit('#').next());
    let message = field(["message", "Message", "errorMessage"]).or_else(|| element(&text, "Message"));
    let shortened = || text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    AwsError::Api {
        operation: call.operation.to_owned(),
        code: code.map_or_else(|| status.to_string(), str::to_owned),
        message: message.unwrap_or_else(shortened),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, header: Option<&str>, body: &str) -> String {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", header.parse().unwrap());
        }
        let call = Call {
            service: Service::Eks,
            operation: "DescribeCluster",
            method: Method::GET,
            path: "/",
            query: "",
            body: None,
        };
        refusal(&call, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()).to_string()
    }

    #[test]
    fn a_refusal_is_code_and_message_whatever_its_form() {
        let plain = "DescribeCluster failed: ResourceNotFoundException: No cluster found for name: x.";
        let message = r#"{"message":"No cluster found for name: x."}"#;
        assert_eq!(told(404, Some("ResourceNotFoundException:http://x/"), message), plain);
        let typed = r#"{"__type":"a.b#ResourceNotFoundException","Message":"No cluster found for name: x."}"#;
        assert_eq!(told(404, None, typed), plain);
        let xml = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not &quot;you&quot;</Message></Error></ErrorResponse>";
        assert_eq!(told(403, None, xml), "DescribeCluster failed: AccessDenied: not \"you\"");
        assert_eq!(told(502, None, "<html>\nbad"), "DescribeCluster failed: 502 Bad Gateway: <html> bad");
    }
}
