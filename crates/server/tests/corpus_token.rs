//! The corpus of `cases/token/` over HTTP, where AWS proves tokens: each is asked about as kube-apiserver would, on a
//! listener of its own, with an STS behind it that really verifies signatures and counts who asks. What is refused for
//! its form is refused without a call, and the metrics say why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod common;
#[path = "../../identity/tests/common/token_case.rs"]
mod token_case;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::hook::{self, KEY_ID, SECRET, credentials, now};
use doorward_core::partition::Partition;
use doorward_identity::aws::{AwsConfig, AwsProvider, Reply, StaticCredentials, Transport, TransportError};
use doorward_server::engine::Engine;
use doorward_sigv4::{PayloadHash, Presented, Request, SecretKey, Window};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use token_case::{Case, FILES, SESSION_KEY_ID, cases, local_endpoints};

/// AWS's STS, with one secret for a long-lived key and for a session.
struct Sts {
    partition: Partition,
    calls: AtomicUsize,
}

impl Sts {
    fn answer(&self, request: &http::Request<Bytes>) -> (u16, Value) {
        let headers: Vec<(&str, &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signed = Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap(),
            headers: &headers,
            body_sha256: PayloadHash::of(request.body()),
        };
        let refused = (403, json!({ "Error": { "Code": "SignatureDoesNotMatch", "Type": "Sender" } }));
        let Ok(Some(presented)) = Presented::from_request(&signed) else { return refused };
        let is_known = match presented.session_token() {
            None => presented.access_key_id() == KEY_ID,
            Some(token) => presented.access_key_id() == SESSION_KEY_ID && !token.is_empty(),
        };
        let secret = SecretKey::new(SECRET.to_owned());
        if !is_known || presented.verify(&signed, &secret, now(), &Window::API).is_err() {
            return refused;
        }
        let result = json!({ "Account": common::ACCOUNT, "Arn": alice(self.partition), "UserId": "AIDAALICE" });
        let metadata = json!({ "RequestId": "r" });
        let answer = json!({ "GetCallerIdentityResult": result, "ResponseMetadata": metadata });
        (200, json!({ "GetCallerIdentityResponse": answer }))
    }
}

impl Transport for Sts {
    fn send(&self, request: http::Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer(&request);
        let content_type = Some("application/json".to_owned());
        let reply = Reply { status, content_type, is_encoded: false, body: Bytes::from(body.to_string()) };
        Box::pin(async move { Ok(reply) })
    }
}

fn alice(partition: Partition) -> String {
    format!("arn:{partition}:iam::{}:user/alice", common::ACCOUNT)
}

/// What became of a token.
struct Fate {
    heard: hook::Fate,
    /// Requests that STS saw.
    calls: usize,
}

impl Fate {
    async fn of(engine: &Arc<Engine>, case: &Case) -> Self {
        let partition = case.partition();
        let sts = Arc::new(Sts { partition, calls: AtomicUsize::new(0) });
        let aws = AwsConfig { partition, sts_endpoints: local_endpoints(), ..AwsConfig::default() };
        let transport: Arc<dyn Transport> = sts.clone();
        let provider = AwsProvider::with_transport(aws, transport, Arc::new(StaticCredentials(credentials()))).unwrap();
        let heard = hook::ask(engine, provider, &case.token()).await;
        Self { heard, calls: sts.calls.load(Ordering::SeqCst) }
    }

    /// What is wrong with it, if anything is.
    fn fault(&self, case: &Case) -> Option<String> {
        let expected = case.expected_of_sts();
        let (outcome, calls) = match expected.as_str() {
            "accepted" => ("granted", 1),
            "sts_refused" => ("sts_refused", 1),
            reason => (reason, 0),
        };
        let heard = &self.heard;
        let status = &heard.answer["status"];
        let found = format!(
            "{} authenticated {} calls {} metrics {:?}",
            heard.status, status["authenticated"], self.calls, heard.metrics
        );
        let mut metrics = vec![(format!("doorward_authentications_total{{outcome=\"{outcome}\"}}"), 1)];
        let sts: Vec<_> = heard.metrics.iter().filter(|(name, _)| name.starts_with("doorward_sts_calls")).collect();
        if calls == 1 {
            let heard = if expected == "accepted" { "ok" } else { "sts_refused" };
            if !sts.iter().any(|(name, count)| name.ends_with(&format!("outcome=\"{heard}\"}}")) && **count == 1) {
                return Some(format!("{}: the call is not counted: {found}", case.id));
            }
            metrics.push((sts[0].0.clone(), 1));
        }
        let is_right = heard.status == 200
            && status["authenticated"] == json!(expected == "accepted")
            && status["user"].is_null() != (expected == "accepted")
            && status["error"].is_null() == (expected == "accepted")
            && self.calls == calls
            && heard.metrics == metrics.into_iter().collect();
        (!is_right).then(|| format!("{} ({}): expected {expected}, was {found}", case.id, case.description))
    }
}

#[tokio::test]
async fn what_is_refused_for_its_form_is_refused_without_a_call_and_the_metrics_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let everybody: Vec<String> = Partition::ALL.into_iter().map(alice).collect();
    let engine = hook::prepared(folder.path(), "API", &everybody).await;
    let (mut faults, mut outcomes, mut accepted) = (Vec::new(), BTreeSet::new(), 0);
    let all: Vec<Case> = FILES.into_iter().flat_map(cases::<Case>).collect();
    for case in &all {
        let fate = Fate::of(&engine, case).await;
        faults.extend(fate.fault(case));
        accepted += usize::from(fate.heard.answer["status"]["authenticated"] == json!(true));
        outcomes.insert(case.expected_of_sts());
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), all.len(), faults.join("\n"));
    assert!(all.len() > 160 && accepted >= 30, "the corpus has shrunk to {} with {accepted} good ones", all.len());
    // So many reasons there are, whatever is sent.
    assert!(outcomes.len() > 18 && outcomes.len() < 30, "{outcomes:?}");
}
