//! `doorward serve` with `identity: aws` in its file, where AWS is another `doorward serve`: its STS really verifies
//! signatures, and is reached over TLS with a bundle of certificates. Tokens are made by `doorward token`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use common::{Answer, Place, Server, administrator, registration, signed_call, webhook_post};
use doorward_cluster::pki::Pki;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

const API_OK: &str = "doorward_api_calls_total{outcome=\"ok\"}";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

/// What the front does with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    Pass,
    Throttle,
    HangUp,
}

/// AWS: a server with the roles `dev` and `node`, and TLS in front of it.
struct Aws {
    place: Place,
    server: Server,
    /// What tokens name as their endpoint.
    url: String,
    mood: Arc<AtomicU8>,
}

impl Aws {
    async fn start() -> Self {
        let place = Place::new();
        let pki = Pki::open(&place.path().join("front"), Timestamp::now()).unwrap();
        place.write("ca.pem", pki.ca_pem());
        let certificate = pki.webhook(&["127.0.0.1".to_owned()], Timestamp::now()).unwrap();
        let chain = vec![certificate.certificate_der().unwrap()];
        let tls = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, certificate.key_der().unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = Server::of(&mut place.doorward(&["serve", "--api-url", &url]));
        let mood = Arc::new(AtomicU8::new(Mood::Pass as u8));
        tokio::spawn(front(listener, TlsAcceptor::from(Arc::new(tls)), server.api.clone(), Arc::clone(&mood)));
        let aws = Self { place, server, url, mood };
        for role in ["dev", "node"] {
            let trust = doorward_sigv4::query::encode(TRUST);
            let form = format!("Action=CreateRole&Version=2010-05-08&RoleName={role}&AssumeRolePolicyDocument={trust}");
            signed_call(&aws.server, &aws.data(), "iam", ("POST", "/"), &form);
        }
        aws
    }

    fn data(&self) -> std::path::PathBuf {
        self.place.path().join("doorward-data")
    }

    fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// Has a command be somebody of this AWS.
    fn settings<'a>(&self, command: &'a mut Command, profile: &str) -> &'a mut Command {
        let config = "[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = doorward\n\
                      role_session_name = me@x.com\n\
                      [profile node]\nrole_arn = arn:aws:iam::123456789012:role/node\nsource_profile = doorward\n\
                      role_session_name = i-0123456789abcdef0\n";
        let config = self.place.write("config", config);
        command
            .env("AWS_CONFIG_FILE", config)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.data().join("aws/credentials"))
            .env("AWS_PROFILE", profile)
            .env("AWS_REGION", "us-west-2")
            .env("AWS_ENDPOINT_URL_STS", &self.url)
            .env("AWS_CA_BUNDLE", self.place.path().join("ca.pem"))
    }

    /// A token of a profile for a cluster.
    fn token(&self, profile: &str, cluster: &str) -> String {
        let mut command = self.place.doorward(&["token", "--cluster-name", cluster]);
        let answer: Value = serde_json::from_str(&Answer::of(self.settings(&mut command, profile)).ok()).unwrap();
        answer.pointer("/status/token").unwrap().as_str().unwrap().to_owned()
    }
}

/// TLS in front of a server.
async fn front(listener: TcpListener, tls: TlsAcceptor, to: String, mood: Arc<AtomicU8>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, to, mood) = (tls.clone(), to.clone(), mood.load(Ordering::SeqCst));
        tokio::spawn(async move {
            if mood == Mood::HangUp as u8 {
                return;
            }
            let Ok(mut stream) = tls.accept(stream).await else { return };
            if mood == Mood::Throttle as u8 {
                let body = r#"{"Error":{"Code":"Throttling","Message":"Rate exceeded"}}"#;
                answer(&mut stream, "400 Bad Request", "application/json", body).await;
            } else if let Ok(mut server) = TcpStream::connect(to).await {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        });
    }
}

/// Reads a request, gives one answer and hangs up; what was asked.
async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    status: &str,
    content_type: &str,
    body: &str,
) -> String {
    let mut request = vec![0; 64 * 1024];
    let length = stream.read(&mut request).await.unwrap_or(0);
    request.truncate(length);
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&request).into_owned()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server whose tokens AWS proves.
struct Doorward {
    place: Place,
    server: Server,
}

impl Doorward {
    /// Behind an AWS; `more` are lines of the section `identity`.
    fn behind(aws: &Aws, more: &str) -> Self {
        let place = Place::new();
        let config = format!(
            "webhook-client-auth: off\nidentity:\n  provider: aws\n  sts-endpoints: ['{}']\n  ca-file: {}\n{more}",
            aws.url,
            aws.place.path().join("ca.pem").display()
        );
        place.write("config.yaml", &config);
        let mut command = place.doorward(&["-vv", "serve", "--config", "config.yaml"]);
        let server = Server::of(aws.settings(&mut command, "dev"));
        Self { place, server }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let data = self.place.path().join("doorward-data");
        let answer = signed_call(&self.server, &data, "eks", (method, path), &body.to_string());
        serde_json::from_str(&answer).unwrap()
    }

    /// Registers a cluster with an entry for a role.
    fn cluster(&self, name: &str, role: &str, kind: &str) {
        let data = self.place.path().join("doorward-data");
        signed_call(
            &self.server,
            &data,
            "doorward",
            ("PUT", &format!("/doorward/v1/clusters/{name}")),
            &registration(),
        );
        let entry = json!({ "principalArn": format!("arn:aws:iam::123456789012:role/{role}"), "type": kind });
        self.call("POST", &format!("/clusters/{name}/access-entries"), &entry);
    }

    /// Asks the token webhook as kube-apiserver does; the status, and the answer's own or its text.
    async fn ask(&self, cluster: &str, token: &str) -> (u16, Value) {
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token },
        });
        let ca = std::fs::read(self.place.path().join("doorward-data/pki/ca.crt")).unwrap();
        let (path, body) = (format!("/clusters/{cluster}/authenticate"), body.to_string());
        // The server in this process's other threads must go on meanwhile.
        let (status, body) = tokio::task::block_in_place(|| webhook_post(&self.server, &ca, &path, &body));
        let json: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        (status, json.get("status").cloned().unwrap_or(json))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn principals_of_aws_come_into_the_cluster_that_they_signed_for_and_into_no_other() {
    let aws = Aws::start().await;
    let doorward = Doorward::behind(&aws, "");
    doorward.cluster("demo", "dev", "STANDARD");
    let token = aws.token("dev", "demo");
    let (status, answer) = doorward.ask("demo", &token).await;
    assert_eq!((status, &answer["authenticated"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["user"]["username"], "arn:aws:sts::123456789012:assumed-role/dev/me-x.com");
    assert_eq!(answer["user"]["extra"]["sessionName"], json!(["me@x.com"]));

    let other = aws.token("dev", "other");
    let (status, answer) = doorward.ask("demo", &other).await;
    assert_eq!((status, &answer["authenticated"]), (200, &json!(false)), "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("`SignatureDoesNotMatch`; was it made for another cluster"), "{error}");

    // An entry is for its principal alone.
    let (status, answer) = doorward.ask("demo", &aws.token("node", "demo")).await;
    assert_eq!((status, &answer["authenticated"]), (200, &json!(false)), "{answer}");
    // Nor is this server's own administrator anybody to AWS, and AWS's administrator is nobody here.
    let (_, answer) = doorward.ask("demo", &aws.token("doorward", "demo")).await;
    assert_eq!(answer["authenticated"], json!(false), "{answer}");

    // What was said on the way tells no secret, though everything is said.
    let log = doorward.server.log() + &aws.server.log();
    assert!(log.contains("access granted") && log.contains("access denied"), "{log}");
    for token in [&token, &other] {
        let bytes = token.len();
        assert!(!log.contains(&token[bytes - 40..]), "the log has a token");
    }
    assert!(!log.contains("X-Amz-Signature=") && !log.contains("X-Amz-Security-Token="), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_copies_of_a_token_at_once_are_one_call_of_sts() {
    let aws = Aws::start().await;
    let doorward = Arc::new(Doorward::behind(&aws, ""));
    doorward.cluster("demo", "dev", "STANDARD");
    let token = aws.token("dev", "demo");
    let before = aws.server.metric(API_OK);
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let (doorward, token) = (Arc::clone(&doorward), token.clone());
            tokio::spawn(async move { doorward.ask("demo", &token).await })
        })
        .collect();
    for asked in asked {
        let (status, answer) = asked.await.unwrap();
        assert_eq!((status, &answer["authenticated"]), (200, &json!(true)), "{answer}");
    }
    assert_eq!(aws.server.metric(API_OK) - before, 1);
    assert_eq!(doorward.server.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"ok\"}"), 1);
    assert_eq!(doorward.server.metric("doorward_authentications_total{outcome=\"granted\"}"), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttling_sts_is_429_and_one_that_cannot_be_reached_or_trusted_is_503() {
    let aws = Aws::start().await;
    let doorward = Doorward::behind(&aws, "");
    doorward.cluster("demo", "dev", "STANDARD");
    let token = aws.token("dev", "demo");
    aws.set(Mood::Throttle);
    let (status, answer) = doorward.ask("demo", &token).await;
    assert_eq!((status, answer), (429, json!("AWS throttles the calls of this server")));
    aws.set(Mood::HangUp);
    let (status, answer) = doorward.ask("demo", &token).await;
    assert_eq!((status, answer), (503, json!("AWS cannot be reached")));
    // None of it is held against the token.
    aws.set(Mood::Pass);
    let (status, answer) = doorward.ask("demo", &token).await;
    assert_eq!((status, &answer["authenticated"]), (200, &json!(true)), "{answer}");

    // An authority that is not in the bundle proves nobody.
    let stranger = Pki::open(&aws.place.path().join("stranger"), Timestamp::now()).unwrap();
    aws.place.write("ca.pem", stranger.ca_pem());
    let wary = Doorward::behind(&aws, "");
    wary.cluster("demo", "dev", "STANDARD");
    assert_eq!(wary.ask("demo", &token).await, (503, json!("AWS cannot be reached")));
    assert_eq!(wary.server.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"unreachable\"}"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_nodes_are_asked_for_with_the_session_of_the_profile_that_the_file_names() {
    let aws = Aws::start().await;
    let ec2 = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ec2.local_addr().unwrap());
    let calls = tokio::spawn(async move {
        let (mut stream, _) = ec2.accept().await.unwrap();
        let instance = "<instanceId>i-0123456789abcdef0</instanceId><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>\
                        <iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/nodes</arn></iamInstanceProfile>";
        let body = format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>{instance}</item></instancesSet></item>\
             </reservationSet></DescribeInstancesResponse>"
        );
        answer(&mut stream, "200 OK", "text/xml", &body).await
    });
    let nodes = format!("  nodes: {{region: us-west-2, role-check: account-only, ec2-endpoint: '{url}'}}\n");
    let doorward = Doorward::behind(&aws, &format!("{nodes}  credentials: {{profile: node}}\n"));
    doorward.cluster("demo", "node", "EC2_LINUX");
    let (status, answer) = doorward.ask("demo", &aws.token("node", "demo")).await;
    assert_eq!((status, &answer["authenticated"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["user"]["username"], "system:node:ip-10-0-0-1.ec2.internal");
    assert_eq!(answer["user"]["groups"], json!(["system:nodes"]));
    let call = calls.await.unwrap().to_lowercase();
    let long_lived = format!("{:?}", administrator(&aws.data())).split('"').nth(1).unwrap().to_lowercase();
    assert!(call.contains("x-amz-security-token: ") && !call.contains(&long_lived), "{call}");
    assert!(call.contains("/us-west-2/ec2/aws4_request"), "{call}");
}

#[test]
fn a_setting_of_the_section_that_is_wrong_is_refused_before_anything_is_made() {
    let place = Place::new();
    for (config, words) in [
        ("identity: {provider: aws, region: us-west-2}\n", "unknown key `identity.region`; did you mean `regions`?"),
        ("identity: amazon\n", "expected one of `local`, `aws`"),
        ("identity: {regions: [us-west-2]}\n", "add `provider: aws`"),
    ] {
        place.write("config.yaml", config);
        let said = place.run(&["serve", "--config", "config.yaml"]).refused(2);
        assert!(said.contains(words), "{said}");
    }
    let said = place.run(&["serve", "--identity", "amazon"]).refused(2);
    assert!(said.contains("[possible values: local, aws]"), "{said}");
    let said = Answer::of(place.doorward(&["serve"]).env("DOORWARD_IDENTITY", "amazon")).refused(2);
    assert!(said.contains("[possible values: local, aws]"), "{said}");
    place.write(
        "config.yaml",
        "identity: {provider: aws, ca-file: absent.pem}\napi: 127.0.0.1:0\nwebhook: 127.0.0.1:0\nops: 127.0.0.1:0\n",
    );
    let said = place.run(&["serve", "--config", "config.yaml"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("cannot read certificates from `absent.pem`"), "{said:?}");
}

#[test]
fn a_variable_that_nothing_reads_is_warned_of_when_the_server_starts() {
    let place = Place::new();
    let mut command = place.doorward(&["serve"]);
    let server =
        Server::of(command.env("DOORWARD_WEBHOK_NAME", "a.example").env("DOORWARD_PORT", "tcp://10.0.0.1:443"));
    let warning = "the variable `DOORWARD_WEBHOK_NAME` has no effect; did you mean `DOORWARD_WEBHOOK_NAME`?";
    assert!(server.said.contains(warning) && !server.said.contains("DOORWARD_PORT"), "{}", server.said);
}
