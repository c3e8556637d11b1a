//! A running server, and a client that signs.

pub mod hook;
pub mod kubernetes;
pub mod webhook;

use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use doorward_core::account_id::AccountId;
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_server::view::Limits;
use doorward_server::webhook::{AuditIds, ClientAuth};
use doorward_server::{Addresses, Config, IdentityProvider};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, sign_headers};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub const ACCOUNT: &str = "123456789012";

pub struct Server {
    pub addresses: Addresses,
    pub admin: Credentials,
    stop: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<Result<(), String>>>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

pub struct Response {
    pub status: u16,
    pub error_type: Option<String>,
    pub content_type: String,
    pub request_id: String,
    pub text: String,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

pub fn config(data_dir: &Path, client_auth: ClientAuth) -> Config {
    let any = "127.0.0.1:0".parse().unwrap();
    Config {
        storage: doorward_server::Storage::DataDir,
        sealing_keys: None,
        data_dir: data_dir.to_owned(),
        api: any,
        webhook: any,
        ops: any,
        client_auth,
        api_urls: Vec::new(),
        webhook_names: Vec::new(),
        audit_ids: AuditIds::Off,
        limits: Limits::default(),
        identity: IdentityProvider::Local,
        account: ACCOUNT.parse::<AccountId>().unwrap(),
        region: "us-west-2".to_owned(),
    }
}

impl Server {
    pub async fn start(data_dir: &Path) -> Self {
        Self::start_with(config(data_dir, ClientAuth::Off)).await
    }

    pub async fn start_with(config: Config) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (started, addresses) = oneshot::channel();
        let data_dir = config.data_dir.clone();
        let running = tokio::spawn(async move {
            let tell = |addresses| {
                let _ = started.send(addresses);
            };
            doorward_server::run(config, stopped, tell).await.map_err(|error| error.to_string())
        });
        let addresses = match addresses.await {
            Ok(addresses) => addresses,
            Err(_) => panic!("the server did not start: {:?}", running.await),
        };
        Self {
            addresses,
            admin: profile(&data_dir),
            stop,
            running: Mutex::new(Some(running)),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let running = self.running.lock().unwrap().take().unwrap();
        running.await.unwrap().unwrap();
    }

    /// A signed call of one of the JSON services.
    pub async fn call(&self, method: &str, path_and_query: &str, body: &str) -> Response {
        let service = if path_and_query.starts_with("/doorward/") { "doorward" } else { "eks" };
        self.call_as(&self.admin, service, method, path_and_query, body).await
    }

    /// A signed call of STS or IAM.
    pub async fn query(&self, credentials: &Credentials, service: &str, form: &str) -> Response {
        self.call_as(credentials, service, "POST", "/", form).await
    }

    pub async fn call_as(
        &self,
        credentials: &Credentials,
        service: &str,
        method: &str,
        path_and_query: &str,
        body: &str,
    ) -> Response {
        self.call_in(credentials, "us-west-2", service, method, path_and_query, body).await
    }

    /// A call that is signed for a region.
    pub async fn call_in(
        &self,
        credentials: &Credentials,
        region: &str,
        service: &str,
        method: &str,
        path_and_query: &str,
        body: &str,
    ) -> Response {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let host = self.addresses.api.to_string();
        let request = Request {
            method,
            path,
            query,
            headers: &[("host", host.as_bytes())],
            body_sha256: PayloadHash::of(body.as_bytes()),
        };
        let signed = sign_headers(&request, credentials, region, service, Timestamp::now()).unwrap();
        let mut headers = vec![("authorization", signed.authorization), ("x-amz-date", signed.x_amz_date)];
        headers.extend(signed.x_amz_security_token.map(|token| ("x-amz-security-token", token)));
        self.send(method, path_and_query, &headers, body).await
    }

    /// A call as it is given.
    pub async fn send(&self, method: &str, path_and_query: &str, headers: &[(&str, String)], body: &str) -> Response {
        let mut request =
            http::Request::builder().method(method).uri(format!("http://{}{path_and_query}", self.addresses.api));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        read(self.client.request(request).await.unwrap()).await
    }

    pub async fn get_ops(&self, path: &str) -> Response {
        let uri = format!("http://{}{path}", self.addresses.ops);
        read(self.client.get(uri.parse().unwrap()).await.unwrap()).await
    }

    /// Registers a cluster that nobody can reach.
    pub async fn register(&self, name: &str, mode: &str) {
        let body = registration(mode);
        let response = self.call("PUT", &format!("/doorward/v1/clusters/{name}"), &body).await;
        assert_eq!(response.status, 200, "{}", response.text);
    }

    /// Makes a role that the account trusts.
    pub async fn create_role(&self, path: &str, name: &str) -> String {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={name}&Path={}&AssumeRolePolicyDocument={}",
            encode(path),
            encode(trust)
        );
        let response = self.query(&self.admin, "iam", &form).await;
        assert_eq!(response.status, 200, "{}", response.text);
        format!("arn:aws:iam::{ACCOUNT}:role{path}{name}")
    }

    /// Assumes a role.
    pub async fn assume(&self, arn: &str, session: &str) -> Credentials {
        let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName={session}", encode(arn));
        let response = self.query(&self.admin, "sts", &form).await;
        assert_eq!(response.status, 200, "{}", response.text);
        let take = |tag: &str| between(&response.text, &format!("<{tag}>"), &format!("</{tag}>")).to_owned();
        let secret = SecretKey::new(take("SecretAccessKey"));
        Credentials::new(take("AccessKeyId"), secret, Some(take("SessionToken"))).unwrap()
    }

    /// A bearer token for a cluster, signed for this server.
    pub fn token(&self, credentials: &Credentials, cluster: &str, at: Timestamp) -> String {
        let endpoint = Endpoint::Local(LocalEndpoint::parse(&format!("http://{}", self.addresses.api)).unwrap());
        let token = doorward_identity::token::encode(&endpoint, "us-west-2", credentials, cluster, at).unwrap();
        token.expose_secret().to_owned()
    }
}

pub fn registration(mode: &str) -> String {
    // Port 9 answers nobody: whatever needs the cluster itself is told so.
    let kubeconfig = "{apiVersion: v1, kind: Config, current-context: doorward, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}], contexts: [{name: doorward, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}";
    serde_json::json!({
        "endpoint": "https://127.0.0.1:9",
        "certificateAuthority": "",
        "version": "1.32",
        "kubeconfig": kubeconfig,
        "authenticationMode": mode,
    })
    .to_string()
}

pub fn encode(text: &str) -> String {
    doorward_sigv4::query::encode(text)
}

pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0
}

/// The administrator's key, as the aws CLI would read it.
pub fn profile(data_dir: &Path) -> Credentials {
    let text = std::fs::read_to_string(data_dir.join("aws/credentials")).unwrap();
    let value = |key: &str| between(&text, &format!("{key} = "), "\n").to_owned();
    Credentials::new(value("aws_access_key_id"), SecretKey::new(value("aws_secret_access_key")), None).unwrap()
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Response {
    let (parts, body) = response.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let bytes = body.collect().await.unwrap().to_bytes();
    Response {
        status: parts.status.as_u16(),
        error_type: header("x-amzn-errortype"),
        content_type: header("content-type").unwrap_or_default(),
        request_id: header("x-amzn-requestid").unwrap_or_default(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// Everything that is expected is there; objects may have more. `"*"` is anything at all.
pub fn assert_holds(expected: &Value, actual: &Value, place: &str) {
    match (expected, actual) {
        (Value::String(any), actual) if any == "*" => assert!(!actual.is_null(), "{place}: nothing there"),
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let found = actual.get(key).unwrap_or(&Value::Null);
                assert_holds(value, found, &format!("{place}: {key}"));
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            assert_eq!(expected.len(), actual.len(), "{place}: {actual:?}");
            for (number, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                assert_holds(expected, actual, &format!("{place}[{number}]"));
            }
        }
        (expected, actual) => assert_eq!(expected, actual, "{place}"),
    }
}
