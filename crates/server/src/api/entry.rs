//! From an HTTP request to an operation: read, find the service, authenticate, ask whether the caller may, run.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use doorward_identity::authenticate::{AuthError, authenticate_presented};
use doorward_identity::caller::Caller;
use doorward_identity::session::SessionKey;
use doorward_sigv4::{PayloadHash, Presented, Request as SignedRequest};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming as HyperBody;
use jiff::Timestamp;

use super::error::ApiError;
use super::http::{Answer, Incoming};
use super::query_services;
use crate::body::{BodyError, BodyReader, HeldBody};
use crate::bootstrap::random_id;
use crate::eks::{self, Call};
use crate::engine::{Engine, Event};
use crate::health::Health;
use crate::listener::{Handler, Peer};
use crate::own;
use crate::view::View;

/// Longest body, in bytes. No request of the services comes near this.
pub const MAX_BODY: usize = 1024 * 1024;

/// Answers the API address.
pub struct Api {
    /// What is known, and how it changes.
    pub engine: Arc<Engine>,
    /// Seals and opens session tokens.
    pub sessions: Arc<SessionKey>,
    /// Where calls are counted, and what is told of the server itself.
    pub health: Arc<Health>,
    /// Reads bodies.
    pub bodies: BodyReader,
}

impl Handler for Api {
    async fn handle(self: Arc<Self>, request: Request<HyperBody>, _: Arc<Peer>) -> Response<Full<Bytes>> {
        let (now, began) = (Timestamp::now(), Instant::now());
        let request_id = match random_id() {
            Ok(id) => id,
            Err(error) => {
                tracing::error!(%error, "a request was refused");
                return Answer::json_error(&unavailable(), None).into_response("");
            }
        };
        let mut service = json_service(request.uri().path());
        let answer = match self.read(request).await {
            Ok((incoming, _held)) if incoming.path == "/" => {
                let query = query_services::service_of(&incoming);
                service = query.name();
                query_services::answer(&self, &incoming, query, now, &request_id).await
            }
            Ok((incoming, _held)) => self.json_service(&incoming, now, &request_id).await,
            Err(error) => Answer::json_error(&error, None),
        };
        self.health.metrics.api_call(service, answer.error_type.unwrap_or("ok"), began.elapsed());
        answer.into_response(&request_id)
    }
}

/// Who calls, and what the request was signed for.
pub(super) struct Authenticated {
    pub(super) caller: Caller,
    pub(super) region: String,
}

/// An operation of one of the two JSON services.
enum Routed {
    Eks(eks::Route),
    Own(own::Route),
}

impl Api {
    pub(super) async fn json_service(&self, incoming: &Incoming, now: Timestamp, request_id: &str) -> Answer {
        let mut cluster = None;
        let outcome = self.run_json(incoming, now, request_id, &mut cluster).await;
        match outcome {
            Ok(answer) => answer,
            Err(error) => {
                tracing::info!(
                    request_id, method = %incoming.method, path = incoming.path, code = error.code,
                    error = error.message, "an API call was refused"
                );
                Answer::json_error(&error, cluster.as_deref())
            }
        }
    }

    async fn run_json(
        &self,
        incoming: &Incoming,
        now: Timestamp,
        request_id: &str,
        named_cluster: &mut Option<String>,
    ) -> Result<Answer, ApiError> {
        let service = json_service(&incoming.path);
        // Nobody learns what is served here without a signature.
        let view = self.engine.view_owned();
        let authenticate = |view: &View| self.authenticate(view, incoming, service, now).map_err(json_auth_error);
        let Authenticated { caller, region } = authenticate(&view)?;
        let routed = Routed::parse(incoming, service)?;
        *named_cluster = routed.cluster().map(str::to_owned);
        let new_id = random_id().map_err(|_| unavailable())?;
        let call = Call { caller: &caller, now, region: &region, new_id: &new_id, query: &incoming.query };
        routed.permit(&view, &call)?;
        let body = if routed.writes() {
            let event = Event {
                by: caller.arn(),
                access_key_id: caller.access_key_id.clone(),
                action: format!("{service}:{}", routed.action()),
                request_id: request_id.to_owned(),
                at: now,
            };
            let plan = |current: &View| {
                // Until it was this request's turn to write, a permission may have been taken away, or the key, which
                // is looked for only where anything of that kind changed: a signature costs more than all the rest.
                if current.directory_version == view.directory_version {
                    routed.permit(current, &call)?;
                    return routed.run(current, &self.health, &call);
                }
                let caller = authenticate(current)?.caller;
                let call = Call { caller: &caller, ..call };
                routed.permit(current, &call)?;
                routed.run(current, &self.health, &call)
            };
            self.engine.write(event, plan).await?
        } else if routed.asks_for_the_latest() {
            routed.run(&*self.engine.caught_up().await?, &self.health, &call)?.0
        } else {
            routed.run(&view, &self.health, &call)?.0
        };
        Ok(Answer::json(&body))
    }

    /// Reads a request with its body, which counts for as long as the second is kept.
    async fn read(&self, request: Request<HyperBody>) -> Result<(Incoming, HeldBody), ApiError> {
        let (parts, body) = request.into_parts();
        let held = self.bodies.read(body).await.map_err(unread)?;
        let incoming = Incoming {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: held.bytes.clone(),
        };
        Ok((incoming, held))
    }

    /// The service that a request says it was signed for; not to be believed before the signature was verified.
    pub(super) fn signed_for(incoming: &Incoming) -> Option<String> {
        let headers = header_list(incoming);
        let presented = Presented::from_request(&signed_request(incoming, &headers)).ok()??;
        Some(presented.scope().service().to_owned())
    }

    /// Verifies the signature of a request to a service.
    pub(super) fn authenticate(
        &self,
        view: &View,
        incoming: &Incoming,
        service: &str,
        now: Timestamp,
    ) -> Result<Authenticated, AuthError> {
        let headers = header_list(incoming);
        let request = signed_request(incoming, &headers);
        let presented = Presented::from_request(&request)?.ok_or(AuthError::Missing)?;
        let caller = authenticate_presented(&view.directory, &self.sessions, &presented, &request, service, now)?;
        Ok(Authenticated { caller, region: presented.scope().region().to_owned() })
    }
}

/// The JSON service that a path belongs to.
fn json_service(path: &str) -> &'static str {
    if path.starts_with("/doorward/") { "doorward" } else { "eks" }
}

fn header_list(incoming: &Incoming) -> Vec<(&str, &[u8])> {
    incoming.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn signed_request<'a>(incoming: &'a Incoming, headers: &'a [(&'a str, &'a [u8])]) -> SignedRequest<'a> {
    SignedRequest {
        method: incoming.method.as_str(),
        path: &incoming.path,
        query: &incoming.query,
        headers,
        body_sha256: PayloadHash::of(&incoming.body),
    }
}

impl Routed {
    fn parse(incoming: &Incoming, service: &str) -> Result<Self, ApiError> {
        let Incoming { method, path, query, body, .. } = incoming;
        if service == "doorward" {
            own::Route::parse(method, path, body).map(Self::Own)
        } else {
            eks::Route::parse(method, path, query, body).map(Self::Eks)
        }
    }

    fn cluster(&self) -> Option<&str> {
        match self {
            Self::Eks(route) => route.cluster(),
            Self::Own(route) => route.cluster(),
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Eks(route) => route.action,
            Self::Own(route) => route.action,
        }
    }

    fn writes(&self) -> bool {
        match self {
            Self::Eks(route) => route.writes,
            Self::Own(route) => route.writes,
        }
    }

    /// Whether the answer must know every write that was acknowledged anywhere, and not by this server alone.
    fn asks_for_the_latest(&self) -> bool {
        matches!(self, Self::Own(route) if route.asks_for_the_latest())
    }

    fn permit(&self, view: &View, call: &Call<'_>) -> Result<(), ApiError> {
        match self {
            Self::Eks(route) => eks::permit(route, view, call),
            Self::Own(route) => own::permit(route, call),
        }
    }

    fn run(&self, view: &View, health: &Health, call: &Call<'_>) -> eks::Outcome {
        match self {
            Self::Eks(route) => eks::run(route, view, call),
            Self::Own(route) => own::run(route, view, || health.signs(), call),
        }
    }
}

/// The caller's mistake in the words of AWS's JSON services.
fn json_auth_error(error: AuthError) -> ApiError {
    let (code, message) = match &error {
        AuthError::Missing => ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned()),
        AuthError::Malformed(problem) => ("IncompleteSignatureException", problem.to_string()),
        AuthError::UnknownKey => {
            ("UnrecognizedClientException", "The security token included in the request is invalid.".to_owned())
        }
        AuthError::Expired => {
            ("ExpiredTokenException", "The security token included in the request is expired".to_owned())
        }
        AuthError::Service { expected } => {
            ("InvalidSignatureException", format!("Credential should be scoped to correct service: '{expected}'."))
        }
        AuthError::Signature(problem) => ("InvalidSignatureException", problem.to_string()),
    };
    ApiError::new(code, StatusCode::FORBIDDEN, message)
}

fn unread(error: BodyError) -> ApiError {
    let (code, status, message) = match error {
        BodyError::TooLong => {
            ("RequestEntityTooLargeException", StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB")
        }
        BodyError::Unreadable => ("SerializationException", StatusCode::BAD_REQUEST, "The body could not be read"),
        BodyError::Late => ("RequestTimeoutException", StatusCode::REQUEST_TIMEOUT, "The body did not come in time"),
        BodyError::Busy => (
            "ThrottlingException",
            StatusCode::TOO_MANY_REQUESTS,
            "Too many large requests are being read, try again in a moment",
        ),
    };
    ApiError::new(code, status, message)
}

fn unavailable() -> ApiError {
    ApiError::new(
        "ServiceUnavailableException",
        StatusCode::SERVICE_UNAVAILABLE,
        "The request cannot be served now, try again; the server's log says why.",
    )
}
