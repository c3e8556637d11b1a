//! The published SigV4 test suite, as the `aws-sigv4` crate carries it: canonical request, string to sign, signature,
//! and verification of the signed request, in the header form and in the presigned form.
//!
//! The files are read from that crate's folder, wherever cargo keeps it; nothing of the suite is copied here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward_sigv4::{
    CanonicalRequest, Credentials, MalformedError, PathForm, PayloadHash, Presented, Request, SecretKey, SigningKey,
    VerifyError, Window, parse_timestamp, presign, sign_headers, string_to_sign,
};
use serde_json::Value;

/// Cases that are published without credentials and without a presigned form: of these, only the canonical request can
/// be checked. (The signature of `double-encode-path` belongs to a key that is not published, and its dates disagree.)
const CANONICAL_ONLY: [&str; 2] = ["double-encode-path", "double-url-encode"];

/// Deliberately refused: the session token is added after signing, so that nothing protects it.
const UNSIGNED_TOKEN: &str = "post-sts-header-after";

/// The suite asks for an hour, which the windows of this crate do not grant.
const WINDOW: Window = Window { max_expires_seconds: 3600, ..Window::TOKEN };

#[test]
fn header_form() {
    for case in cases() {
        let signed = case.message("header-signed-request.txt");
        let wanted = case.text("header-canonical-request.txt").unwrap();
        let name = &case.name;

        if CANONICAL_ONLY.contains(&name.as_str()) {
            // The dates of these two files disagree with their canonical requests, so take the date from there.
            let date = wanted.lines().find_map(|line| line.strip_prefix("x-amz-date:")).unwrap().to_owned();
            let headers = signed.headers_with_date(&date);
            let list = doorward_sigv4::SignedHeaders::parse("host;x-amz-date").unwrap();
            let request = signed.request(&headers);
            let canonical = CanonicalRequest::new(&request, &list).unwrap();
            assert_eq!(String::from_utf8(canonical.bytes(PathForm::AsSent)).unwrap(), wanted, "{name}");
            continue;
        }

        let headers = signed.headers();
        let request = signed.request(&headers);
        if name == UNSIGNED_TOKEN {
            let refused = Presented::from_headers(&request);
            assert_eq!(refused.unwrap_err(), MalformedError::UnsignedHeader("x-amz-security-token"));
            continue;
        }
        let presented = Presented::from_headers(&request).unwrap().unwrap_or_else(|| panic!("{name} is unsigned"));
        let canonical = CanonicalRequest::new(&request, presented.signed_headers()).unwrap().bytes(case.path_form());
        assert_eq!(String::from_utf8(canonical.clone()).unwrap(), wanted, "{name}: canonical request");
        let to_sign = string_to_sign(presented.signed_at(), presented.scope(), &canonical);
        assert_eq!(to_sign, case.text("header-string-to-sign.txt").unwrap(), "{name}: string to sign");
        let key = SigningKey::derive(&case.secret(), presented.scope());
        assert_eq!(key.sign(&to_sign), case.text("header-signature.txt").unwrap(), "{name}: signature");
        let verdict = presented.verify(&request, &case.secret(), presented.signed_at(), &Window::API);
        assert_eq!(verdict, Ok(()), "{name}: verification");
        let other = SecretKey::new("another".to_owned());
        let verdict = presented.verify(&request, &other, presented.signed_at(), &Window::API);
        assert_eq!(verdict, Err(VerifyError::SignatureMismatch), "{name}: verification with another secret");
    }
}

#[test]
fn query_form() {
    for case in cases().into_iter().filter(|case| !CANONICAL_ONLY.contains(&case.name.as_str())) {
        let name = &case.name;
        let signed = case.message("query-signed-request.txt");
        let headers = signed.headers();
        let request = signed.request(&headers);
        let presented = Presented::from_query(&request).unwrap().unwrap_or_else(|| panic!("{name} is unsigned"));
        let verdict = presented.verify(&request, &case.secret(), presented.signed_at(), &WINDOW);
        if name == UNSIGNED_TOKEN {
            assert_eq!(verdict, Err(VerifyError::SignatureMismatch), "{name}");
            continue;
        }
        let canonical = CanonicalRequest::new(&request, presented.signed_headers()).unwrap().bytes(case.path_form());
        let wanted = case.text("query-canonical-request.txt").unwrap();
        assert_eq!(String::from_utf8(canonical.clone()).unwrap(), wanted, "{name}: canonical request");
        let to_sign = string_to_sign(presented.signed_at(), presented.scope(), &canonical);
        assert_eq!(to_sign, case.text("query-string-to-sign.txt").unwrap(), "{name}: string to sign");
        let key = SigningKey::derive(&case.secret(), presented.scope());
        assert_eq!(key.sign(&to_sign), case.text("query-signature.txt").unwrap(), "{name}: signature");
        assert_eq!(verdict, Ok(()), "{name}: verification");
    }
}

/// Signing covers the path as it is sent, so the cases that normalise a path that needs it are for verification only.
#[test]
fn signing_gives_the_published_signatures() {
    let mut signed_cases = 0;
    for case in cases() {
        let name = &case.name;
        if CANONICAL_ONLY.contains(&name.as_str()) || name == UNSIGNED_TOKEN {
            continue;
        }
        let header_form = case.message("header-signed-request.txt");
        let is_plain = !header_form.path.contains("/.") && !header_form.path.contains("//");
        if case.normalises() && !is_plain {
            continue;
        }
        signed_cases += 1;
        let added = ["authorization", "x-amz-date", "x-amz-security-token"];
        let headers = header_form.headers();
        let unsigned: Vec<_> =
            headers.iter().copied().filter(|(name, _)| !added.contains(&name.to_lowercase().as_str())).collect();
        let credentials = case.credentials();
        let at = parse_timestamp("20150830T123600Z").unwrap();
        let request = header_form.request(&unsigned);
        let signature = sign_headers(&request, &credentials, "us-east-1", "service", at).unwrap();
        let published = header_form.header("authorization");
        assert_eq!(signature.authorization, published, "{name}: header form");

        let query_form = case.message("query-signed-request.txt");
        let headers = query_form.headers();
        let mut request = query_form.request(&headers);
        let before = request.query.split("X-Amz-Algorithm").next().unwrap().trim_end_matches('&');
        request.query = before;
        let query = presign(&request, &credentials, "us-east-1", "service", at, 3600).unwrap();
        let published = query_form.query.rsplit_once("X-Amz-Signature=").unwrap().1;
        assert_eq!(query.rsplit_once("X-Amz-Signature=").unwrap().1, published, "{name}: query form");
    }
    assert!(signed_cases >= 20, "only {signed_cases} cases signed");
}

/// One folder of the suite.
struct Case {
    name: String,
    folder: PathBuf,
}

impl Case {
    fn text(&self, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        Some(text.replace("\r\n", "\n"))
    }

    fn context(&self) -> Value {
        serde_json::from_str(&self.text("context.json").unwrap()).unwrap()
    }

    fn normalises(&self) -> bool {
        self.context()["normalize"].as_bool().unwrap()
    }

    fn path_form(&self) -> PathForm {
        if self.normalises() { PathForm::Normalised } else { PathForm::AsSent }
    }

    fn secret(&self) -> SecretKey {
        SecretKey::new(self.context()["credentials"]["secret_access_key"].as_str().unwrap().to_owned())
    }

    fn credentials(&self) -> Credentials {
        let context = self.context();
        let token = context["credentials"]["token"].as_str().map(str::to_owned);
        let id = context["credentials"]["access_key_id"].as_str().unwrap().to_owned();
        Credentials::new(id, self.secret(), token).unwrap()
    }

    fn message(&self, file: &str) -> Message {
        Message::parse(&self.text(file).unwrap_or_else(|| panic!("{} has no {file}", self.name)))
    }
}

/// A request as the suite writes it down.
struct Message {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let request_line = lines.next().unwrap();
        let (method, target) = request_line.trim_end_matches(" HTTP/1.1").split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':').filter(|_| !line.starts_with(' ')) {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                // An obsolete line folding continues the value before it.
                None => headers.last_mut().unwrap().1.push_str(&format!("\n{line}")),
            }
        }
        let method = method.to_owned();
        // The suite ends its files of requests without a body in blank lines.
        let body = body.trim_end_matches('\n').to_owned();
        Self { method, path: path.to_owned(), query: query.to_owned(), headers, body }
    }

    fn headers(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    fn headers_with_date<'a>(&'a self, date: &'a str) -> Vec<(&'a str, &'a [u8])> {
        let mut headers = self.headers();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-amz-date"));
        headers.push(("x-amz-date", date.as_bytes()));
        headers
    }

    fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1
    }

    fn request<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
        let Self { method, path, query, .. } = self;
        Request { method, path, query, headers, body_sha256: PayloadHash::of(self.body.as_bytes()) }
    }
}

fn cases() -> Vec<Case> {
    let folder = suite();
    let mut cases: Vec<Case> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| Case { name: entry.file_name().into_string().unwrap(), folder: entry.path() })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 40, "the suite in {} has only {} cases", folder.display(), cases.len());
    cases
}

/// The system that this is compiled for, as cargo names it.
fn host() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Where cargo keeps the `aws-sigv4` crate that this workspace's lock file names.
fn suite() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path", manifest])
        // Crates for other systems were never fetched.
        .args(["--filter-platform", &host()])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "aws-sigv4").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("aws-signing-test-suite").join("v4")
}
