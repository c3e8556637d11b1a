//! One request of kube-apiserver: path, client, method, media type, body, version and kind are checked in this order,
//! each with a status of its own, before anything is decided.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use doorward_core::cluster_name::ClusterName;
use doorward_identity::Verifier;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::answer::{Refused, answer_subject_access_review, answer_token_review};
use super::authenticate::Prover;
use super::decision_id::Decisions;
use crate::body::{BodyError, BodyReader};
use crate::contact::Hook;
use crate::engine::Engine;
use crate::listener::{Handler, Peer};
use crate::metrics::Metrics;
use crate::view::View;

/// Longest body, in bytes. No TokenReview or SubjectAccessReview of a real API server comes near this; a token has at
/// most 16 KiB.
pub const MAX_BODY: usize = 256 * 1024;

/// Whether API servers have to show a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They have to, and it must be that of the cluster in the path.
    Required,
    /// Anybody who reaches the address may ask who may do what.
    Off,
}

/// Answers the webhooks of all clusters.
pub struct Webhooks {
    /// What is known.
    pub engine: Arc<Engine>,
    /// Who proves tokens.
    pub verifier: Arc<Verifier>,
    /// Whether client certificates are asked for.
    pub client_auth: ClientAuth,
    /// Counts decisions.
    pub metrics: Arc<Metrics>,
    /// Tells the time by which tokens are judged.
    pub clock: fn() -> Timestamp,
    /// Names decisions.
    pub decisions: Decisions,
    /// Reads bodies.
    pub bodies: BodyReader,
}

impl Handler for Webhooks {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response<Full<Bytes>> {
        match self.answer(request, &peer).await {
            Ok(body) => respond(StatusCode::OK, body, "application/json"),
            Err((status, message)) => {
                self.metrics.rejection(status);
                tracing::info!(peer = %peer.address, status = status.as_u16(), error = message, "a webhook call was refused");
                respond(status, message.into(), "text/plain; charset=utf-8")
            }
        }
    }

    fn refused_by_tls(&self, reason: &'static str) {
        self.metrics.tls_refusal(reason, (self.clock)());
    }
}

impl Webhooks {
    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Result<Bytes, Refused> {
        let began = Instant::now();
        let (name, hook) = route(request.uri().path()).ok_or_else(|| {
            refuse(StatusCode::NOT_FOUND, "expected /clusters/NAME/authenticate or /clusters/NAME/authorize")
        })?;
        // So that one cluster's API server cannot ask about another cluster.
        if self.client_auth == ClientAuth::Required && peer.client.as_ref() != Some(&name) {
            let message = format!("the client certificate is not that of the API server of cluster {name}");
            return Err((StatusCode::FORBIDDEN, message));
        }
        if request.method() != Method::POST {
            return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "expected POST"));
        }
        if !is_json(&request) {
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected the media type application/json"));
        }
        let body = self.bodies.read(request.into_body()).await.map_err(unread)?;
        let now = (self.clock)();
        // Whatever becomes of it: its API server calls.
        if let Some(cluster) = self.engine.view().cluster(name.as_str()) {
            cluster.contact.asked(hook, now, peer.client_ends);
        }
        let answered = match hook {
            Hook::Authenticate => self.authenticate(&name, &body.bytes, now).await?,
            Hook::Authorize => self.authorize(&self.engine.view(), &name, &body.bytes)?,
        };
        self.metrics.decided_within(hook, began.elapsed());
        Ok(answered)
    }

    async fn authenticate(&self, name: &ClusterName, body: &[u8], now: Timestamp) -> Result<Bytes, Refused> {
        let prover = Prover { verifier: &self.verifier, now, decision: self.decisions.next() };
        let answered = answer_token_review(|| self.engine.view_owned(), name, body, &prover).await;
        match &answered {
            Ok(answer) => self.metrics.authentication(answer.outcome),
            Err((StatusCode::TOO_MANY_REQUESTS, _)) => self.metrics.authentication("throttled"),
            Err((StatusCode::SERVICE_UNAVAILABLE, _)) => self.metrics.authentication("undecided"),
            Err(_) => {}
        }
        answered.map(|answer| answer.body)
    }

    fn authorize(&self, view: &View, name: &ClusterName, body: &[u8]) -> Result<Bytes, Refused> {
        let answer = answer_subject_access_review(view, name, body, self.decisions.next())?;
        self.metrics.authorization(answer.outcome);
        Ok(answer.body)
    }
}

fn route(path: &str) -> Option<(ClusterName, Hook)> {
    let (name, hook) = path.strip_prefix("/clusters/")?.split_once('/')?;
    let hook = match hook {
        "authenticate" => Hook::Authenticate,
        "authorize" => Hook::Authorize,
        _ => return None,
    };
    Some((name.parse::<ClusterName>().ok()?, hook))
}

fn is_json(request: &Request<Incoming>) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).map(str::trim);
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

fn unread(error: BodyError) -> Refused {
    match error {
        BodyError::TooLong => refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 256 KiB"),
        BodyError::Unreadable => refuse(StatusCode::BAD_REQUEST, "the body could not be read"),
        BodyError::Late => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        BodyError::Busy => refuse(StatusCode::TOO_MANY_REQUESTS, "too many large reviews are being read"),
    }
}

fn refuse(status: StatusCode, message: &str) -> Refused {
    (status, message.to_owned())
}

fn respond(status: StatusCode, body: Bytes, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
