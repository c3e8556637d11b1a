//! What `doorward serve` logs when it logs everything: no token, no secret, no signature, whoever sends them where.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::time::Duration;

use common::{Place, Server, administrator, plain_http, registration, signed_call};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, presign, sign_headers};
use jiff::Timestamp;
use serde_json::json;

/// What must not be found in a log, and where it comes from.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 16, "{what}: {secret}");
        self.0.push((what, secret.to_owned()));
    }
}

/// The text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// A request of the API with a signature of these credentials, whatever becomes of it.
fn send(
    server: &Server,
    credentials: &Credentials,
    service: &str,
    target: (&str, &str),
    body: &str,
) -> (String, String) {
    let (method, path) = target;
    let host = server.api.as_str();
    let request = Request {
        method,
        path,
        query: "",
        headers: &[("host", host.as_bytes())],
        body_sha256: PayloadHash::of(body.as_bytes()),
    };
    let signed = sign_headers(&request, credentials, "us-west-2", service, Timestamp::now()).unwrap();
    let token =
        signed.x_amz_security_token.map_or_else(String::new, |token| format!("x-amz-security-token: {token}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\nx-amz-date: {}\r\n{token}content-length: {}\r\n\
         connection: close\r\n\r\n",
        signed.authorization,
        signed.x_amz_date,
        body.len()
    );
    let (_, signature) = signed.authorization.split_once("Signature=").unwrap();
    (plain_http(host, &format!("{head}{body}")), signature.to_owned())
}

#[test]
fn everything_is_logged_but_tokens_secrets_and_signatures() {
    let place = Place::new();
    let server = Server::of(&mut place.doorward(&["-vvv", "serve", "--webhook-client-auth", "off"]));
    let data = place.path().join("doorward-data");
    let admin = administrator(&data);
    let mut secrets = Secrets(Vec::new());
    let file = std::fs::read_to_string(data.join("aws/credentials")).unwrap();
    secrets.add("the administrator's key", between(&file, "aws_secret_access_key = ", "\n"));

    // What is made and handed out.
    let made = signed_call(&server, &data, "iam", ("POST", "/"), "Action=CreateUser&Version=2010-05-08&UserName=bob");
    assert!(made.contains("<UserName>bob</UserName>"), "{made}");
    let form = "Action=CreateAccessKey&Version=2010-05-08&UserName=bob";
    let made = signed_call(&server, &data, "iam", ("POST", "/"), form);
    secrets.add("a key that was made", between(&made, "<SecretAccessKey>", "</SecretAccessKey>"));
    let made = signed_call(&server, &data, "sts", ("POST", "/"), "Action=GetSessionToken&Version=2011-06-15");
    let part = |name: &str| between(&made, &format!("<{name}>"), &format!("</{name}>")).to_owned();
    secrets.add("a session's key", &part("SecretAccessKey"));
    secrets.add("a session token", &part("SessionToken"));
    let session =
        Credentials::new(part("AccessKeyId"), SecretKey::new(part("SecretAccessKey")), Some(part("SessionToken")))
            .unwrap();

    // Calls that succeed, that may not, that are wrong, and those of somebody who has signed with something else.
    let stranger = Credentials::new("AKIASTRANGER".to_owned(), SecretKey::new("x".repeat(40)), None).unwrap();
    for credentials in [&admin, &session, &stranger] {
        for (service, target, body) in [
            ("eks", ("GET", "/clusters"), ""),
            ("eks", ("GET", "/clusters/none"), ""),
            ("eks", ("GET", "/nothing"), ""),
            ("eks", ("POST", "/clusters/none/access-entries"), "{"),
            ("sts", ("POST", "/"), "Action=GetCallerIdentity&Version=2011-06-15"),
            ("sts", ("POST", "/"), "Action=Nothing&Version=2011-06-15"),
            ("iam", ("POST", "/"), "Action=GetUser&Version=2010-05-08&UserName=none"),
        ] {
            let (_, signature) = send(&server, credentials, service, target, body);
            secrets.add("a signature", &signature);
        }
    }
    let host = server.api.as_str();
    let presigned = Request {
        method: "GET",
        path: "/clusters",
        query: "",
        headers: &[("host", host.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    for (credentials, service) in [(&admin, "eks"), (&session, "eks"), (&session, "none")] {
        let query = presign(&presigned, credentials, "us-west-2", service, Timestamp::now(), 60).unwrap();
        secrets.add("a signature in a query", between(&format!("{query}&"), "X-Amz-Signature=", "&"));
        for path in ["/clusters", "/nothing", "/"] {
            plain_http(host, &format!("GET {path}?{query} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
        }
    }

    // A kubeconfig holds the key to a cluster, also where it is no good, or stands in the wrong place.
    let register = ("PUT", "/doorward/v1/clusters/demo");
    let bearer = "kubernetes-bearer-s3cr3t";
    secrets.add("the token of a kubeconfig", bearer);
    let kubeconfig = format!("{{users: [{{name: u, user: {{token: {bearer}}}}}]}}");
    let broken = format!("{{users: [{{name: u, user: {{token: {bearer}, token: {bearer}");
    for wrong in [
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "kubeconfig": kubeconfig }),
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "kubeconfig": broken }),
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "kubeconfig": [kubeconfig] }),
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "kubeconfig": { "token": bearer } }),
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "tags": kubeconfig }),
        json!({ "endpoint": "https://a", "certificateAuthority": "", "version": "1", "kubeconfig": bearer }),
    ] {
        let (answer, _) = send(&server, &admin, "doorward", register, &wrong.to_string());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong}: {answer}");
        assert!(!answer.contains(bearer), "{answer}");
    }
    let good = registration().replace("token: t}", &format!("token: {bearer}}}"));
    signed_call(&server, &data, "doorward", register, &good);

    // Tokens: good, for another cluster, mangled, in the wrong place. The webhook's own tests look at its answers.
    let token = |cluster: &str| {
        let said = place
            .doorward(&["token", "--cluster-name", cluster])
            .env("AWS_SHARED_CREDENTIALS_FILE", data.join("aws/credentials"))
            .env("AWS_PROFILE", "doorward")
            .env("AWS_ENDPOINT_URL_STS", format!("http://{host}"))
            .env("AWS_REGION", "us-west-2")
            .output()
            .unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        said.pointer("/status/token").unwrap().as_str().unwrap().to_owned()
    };
    let ca = std::fs::read(data.join("pki/ca.crt")).unwrap();
    for (what, token) in [
        ("a good token", token("demo")),
        ("a token for another cluster", token("other")),
        ("a token cut off", token("demo").split_at(300).0.to_owned()),
        ("a token with a line break", token("demo").replacen("aHR0c", "\naHR0c", 1)),
        ("no token at all", "user-password-s3cr3t-of-somebody".to_owned()),
    ] {
        let middle = &token[token.len() / 2..];
        secrets.add(what, middle);
        for body in [
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token } }),
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": [token] } }),
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": token }),
            json!({ "apiVersion": token, "kind": "TokenReview", "spec": { "token": "x" } }),
            json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": { "user": token, "uid": token } }),
        ] {
            common::webhook_post(&server, &ca, "/clusters/demo/authenticate", &body.to_string());
            common::webhook_post(&server, &ca, "/clusters/demo/authorize", &body.to_string());
        }
    }

    // The last word is written when this is.
    let (_, _) = send(&server, &admin, "eks", ("GET", "/the-last-one"), "");
    let mut waited = 0;
    while !server.log().contains("/the-last-one") {
        assert!(waited < 200, "the last request was never logged");
        waited += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = server.log();
    assert!(
        log.contains("TRACE") && log.contains("DEBUG") && log.contains("access granted"),
        "not everything is logged"
    );
    for (what, secret) in &secrets.0 {
        // Names of users are logged, also those that are tokens to somebody else.
        let found: Vec<&str> = log.lines().filter(|line| line.contains(secret.as_str())).take(3).collect();
        assert!(found.is_empty(), "the log has {what}: {found:#?}");
    }
    for name in ["X-Amz-Signature=", "X-Amz-Security-Token=", "Signature=", "Bearer "] {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(name)).take(3).collect();
        assert!(found.is_empty(), "{name} is logged: {found:#?}");
    }
}
