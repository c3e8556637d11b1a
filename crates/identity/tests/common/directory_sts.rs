//! STS as a transport: it really verifies signatures, against a directory, and can be told to misbehave.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorward_identity::aws::{Reply, Transport, TransportError};
use doorward_identity::sts::get_caller_identity;
use doorward_identity::{Directory, authenticate};
use doorward_sigv4::{PayloadHash, Request};
use futures::future::BoxFuture;

use super::{now, sessions};

/// What it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Throttling,
    Failing,
    Unreachable,
}

pub(crate) struct DirectorySts {
    pub(crate) directory: Directory,
    pub(crate) mood: Mutex<Mood>,
    /// Moods of single hosts.
    pub(crate) moods: Mutex<HashMap<String, Mood>>,
    /// How long it takes to answer.
    pub(crate) takes: Duration,
    pub(crate) requests: Mutex<Vec<http::Request<Bytes>>>,
    calls: AtomicUsize,
}

impl DirectorySts {
    pub(crate) fn new(directory: Directory) -> Self {
        Self {
            directory,
            mood: Mutex::new(Mood::Good),
            moods: Mutex::default(),
            takes: Duration::from_millis(50),
            requests: Mutex::default(),
            calls: AtomicUsize::new(0),
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn answer(&self, request: &http::Request<Bytes>) -> Result<Reply, TransportError> {
        let host = request.headers()["host"].to_str().unwrap();
        let mood = self.moods.lock().unwrap().get(host).copied().unwrap_or(*self.mood.lock().unwrap());
        let (status, body) = match mood {
            Mood::Unreachable => return Err(TransportError::Unreachable),
            Mood::Failing => (500, r#"{"Error":{"Code":"InternalFailure"}}"#.to_owned()),
            Mood::Throttling => (400, r#"{"Error":{"Code":"Throttling"}}"#.to_owned()),
            Mood::Good => self.identify(request),
        };
        let content_type = Some("application/json".to_owned());
        Ok(Reply { status, content_type, is_encoded: false, body: Bytes::from(body) })
    }

    fn identify(&self, request: &http::Request<Bytes>) -> (u16, String) {
        let headers: Vec<(&str, &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signed = Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap(),
            headers: &headers,
            body_sha256: PayloadHash::of(request.body()),
        };
        match authenticate(&self.directory, &sessions(), &signed, "sts", now()) {
            Ok(caller) => {
                let identity = get_caller_identity(&caller);
                let result = serde_json::json!({
                    "Account": identity.account, "Arn": identity.arn, "UserId": identity.user_id
                });
                let answer = serde_json::json!({
                    "GetCallerIdentityResponse": {
                        "GetCallerIdentityResult": result, "ResponseMetadata": { "RequestId": "r" }
                    }
                });
                (200, answer.to_string())
            }
            Err(_) => (403, r#"{"Error":{"Code":"SignatureDoesNotMatch","Type":"Sender"}}"#.to_owned()),
        }
    }
}

impl Transport for DirectorySts {
    fn send(&self, request: http::Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            let answer = self.answer(&request);
            self.requests.lock().unwrap().push(request);
            answer
        })
    }
}
