//! The operations address: health and metrics.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::{SignedDuration, Timestamp};

use crate::health::Health;
use crate::listener::{Handler, Peer};
use crate::metrics::state::State;

/// The store is asked for its last write every second.
const LATE_SECONDS: i64 = 10;

/// The webhooks' certificate is renewed by itself 30 days before its end.
const ENDING: SignedDuration = SignedDuration::from_hours(28 * 24);

/// Answers `/livez`, `/readyz`, `/healthz` (each with `?verbose`) and `/metrics`.
pub struct Ops {
    /// What is told.
    pub health: Arc<Health>,
}

impl Handler for Ops {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, _: Arc<Peer>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return respond(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".to_owned(), "text/plain; charset=utf-8");
        }
        let verbose =
            request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
        match request.uri().path() {
            "/livez" => report(&[Check { name: "process".into(), problem: None, required: true }], verbose),
            "/readyz" | "/healthz" => report(&self.checks().await, verbose),
            "/metrics" => respond(
                StatusCode::OK,
                self.health.metrics.text(State::of(&self.health, Timestamp::now())),
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            _ => respond(
                StatusCode::NOT_FOUND,
                "expected /livez, /readyz, /healthz or /metrics\n".to_owned(),
                "text/plain; charset=utf-8",
            ),
        }
    }
}

/// One thing that the server depends on.
struct Check {
    name: String,
    problem: Option<String>,
    /// Whether the server is not ready without it. What it can do without is reported all the same.
    required: bool,
}

impl Ops {
    async fn checks(&self) -> Vec<Check> {
        let mut checks = vec![Check {
            name: "store".to_owned(),
            // Without the store what is known is still answered, so the server stays ready.
            problem: self.health.engine.store_health().await.err().map(|error| error.to_string()),
            required: false,
        }];
        let (now, store) = (Timestamp::now(), self.health.engine.store_signs());
        let age = now.duration_since(store.confirmed).as_secs();
        checks.push(Check {
            name: "agreement with the store".to_owned(),
            problem: (age > LATE_SECONDS)
                .then(|| format!("was last confirmed {age} s ago, {} revisions are missing", store.revisions_behind)),
            required: false,
        });
        let certificates = self.health.certificates.load_full();
        let ends = certificates.map(|own| own.webhook_ends.min(own.authority_ends));
        checks.push(Check {
            name: "certificates".to_owned(),
            problem: ends
                .filter(|ends| *ends < now + ENDING)
                .map(|ends| format!("the first of them ends at {ends:.0}")),
            required: false,
        });
        // Identities that are known already are let in without them.
        let failing = self.health.verifier.failing_endpoints().into_iter();
        checks.extend(failing.map(|host| Check {
            name: format!("AWS at {host}"),
            problem: Some("failed several times in a row and is left alone for a moment".to_owned()),
            required: false,
        }));
        let view = self.health.engine.view_owned();
        for cluster in view.clusters().filter(|cluster| cluster.world.mode().uses_aws_auth()) {
            let health = &cluster.aws_auth;
            let problem = match (&health.failing, health.seen) {
                (Some((since, error)), _) => Some(format!("cannot be watched since {since}: {error}")),
                (None, false) => Some("was not read yet".to_owned()),
                (None, true) => None,
            };
            let stale: Vec<&str> = cluster.world.aws_auth().stale_sections().map(|section| section.key()).collect();
            let problem = problem.or_else(|| {
                (!stale.is_empty())
                    .then(|| format!("{} cannot be read, its last good rows are in force", stale.join(", ")))
            });
            checks.push(Check { name: format!("aws-auth of {}", cluster.record.name), problem, required: false });
        }
        checks
    }
}

fn report(checks: &[Check], verbose: bool) -> Response<Full<Bytes>> {
    let ready = checks.iter().all(|check| check.problem.is_none() || !check.required);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut text = String::new();
    for check in checks.iter().filter(|check| verbose || check.required && check.problem.is_some()) {
        let _ = match &check.problem {
            None => writeln!(text, "[+] {} ok", check.name),
            Some(problem) if check.required => writeln!(text, "[-] {} failed: {problem}", check.name),
            Some(problem) => writeln!(text, "[!] {} {problem}", check.name),
        };
    }
    text.push_str(if ready { "ok\n" } else { "not ready\n" });
    respond(status, text, "text/plain; charset=utf-8")
}

fn respond(status: StatusCode, text: String, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
