//! From the body of a review to the body of its answer: version and kind are checked, then the cluster, then it is
//! decided. Functions of values, so that they can be asked without a connection.

use std::sync::Arc;

use bytes::Bytes;
use doorward_core::authorize::Grant;
use doorward_core::cluster_name::ClusterName;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::authenticate::{Authentication, Prover, authenticate};
use super::authorize::authorize;
use super::decision_id::DecisionId;
use super::subject_access_review::SubjectAccessReview;
use super::token_review::{TokenReview, TokenReviewAnswer, TokenReviewStatus};
use crate::view::View;

/// Why there is no answer: the status and the text of the response.
pub type Refused = (StatusCode, String);

/// An answered review.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The review with its status, in JSON.
    pub body: Bytes,
    /// What it is counted as; from a closed list.
    pub outcome: &'static str,
}

/// Answers a TokenReview. `view` gives what is known at that moment: to prove a token may take time, and what was
/// granted or taken away meanwhile counts.
///
/// # Errors
/// 400 for a body that is no TokenReview, 404 for an unknown cluster; 429 or 503 if nothing can be decided now.
pub async fn answer_token_review(
    view: impl Fn() -> Arc<View> + Sync,
    name: &ClusterName,
    body: &[u8],
    prover: &Prover<'_>,
) -> Result<Answered, Refused> {
    let review: TokenReview<'_> = parse(body)?;
    expect_kind(&review.kind, "TokenReview", &review.api_version, "authentication.k8s.io")?;
    let answer = |status: TokenReviewStatus<'_>| {
        let mut body = Vec::with_capacity(ROOM);
        let answer = TokenReviewAnswer { api_version: &review.api_version, kind: "TokenReview", status };
        write_json(&mut body, &answer).map(|()| body)
    };
    match authenticate(view, name, &review.spec, prover, answer).await {
        Authentication::Answer(body, outcome) => Ok(Answered { body: body?.into(), outcome }),
        // Without `Retry-After`: with it client-go itself sends the call again up to ten times, in each of the attempts
        // that kube-apiserver makes anyway.
        Authentication::Throttled(message) => Err((StatusCode::TOO_MANY_REQUESTS, message)),
        Authentication::Undecided(message) => Err((StatusCode::SERVICE_UNAVAILABLE, message)),
        Authentication::NoCluster => Err(no_cluster(name)),
    }
}

/// Answers a SubjectAccessReview.
///
/// # Errors
/// 400 for a body that is no SubjectAccessReview, 404 for an unknown cluster.
pub fn answer_subject_access_review(
    view: &View,
    name: &ClusterName,
    body: &[u8],
    decision: DecisionId,
) -> Result<Answered, Refused> {
    let review: SubjectAccessReview<'_> = parse(body)?;
    expect_kind(&review.kind, "SubjectAccessReview", &review.api_version, "authorization.k8s.io")?;
    let cluster = view.cluster(name.as_str()).ok_or_else(|| no_cluster(name))?;
    let (grant, outcome) = authorize(cluster, &review.spec, decision);
    Ok(Answered { body: access_review_answer(&review.api_version, grant.as_ref(), decision)?, outcome })
}

/// The constant parts of an answer about access; `$version` is the API's.
macro_rules! access_review_head {
    ($version:literal) => {
        concat!(
            r#"{"apiVersion":"authorization.k8s.io/"#,
            $version,
            r#"","kind":"SubjectAccessReview","status":{"allowed":"#
        )
    };
}

/// Nearly the same bytes each time, so they are not put together from values: what no policy allows, which is most of
/// what is asked, is answered with a constant. The reason of a refusal is left out, because kubectl shows it, and EKS
/// says nothing there.
fn access_review_answer(api_version: &str, grant: Option<&Grant<'_>>, decision: DecisionId) -> Result<Bytes, Refused> {
    let is_v1 = api_version.ends_with("/v1");
    let Some(grant) = grant else {
        return Ok(Bytes::from_static(if is_v1 {
            concat!(access_review_head!("v1"), "false}}").as_bytes()
        } else {
            concat!(access_review_head!("v1beta1"), "false}}").as_bytes()
        }));
    };
    let mut body = Vec::with_capacity(ROOM);
    let head = if is_v1 { access_review_head!("v1") } else { access_review_head!("v1beta1") };
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(br#"true,"reason":"#);
    if decision.is_for_audit() {
        write_json(&mut body, &format_args!("{grant} (decision {decision})"))?;
    } else {
        write_json(&mut body, &format_args!("{grant}"))?;
    }
    body.extend_from_slice(b"}}");
    Ok(body.into())
}

/// Bytes that an answer hardly ever exceeds: a buffer that grows is copied each time.
const ROOM: usize = 1_024;

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    // As text, because the reader does not look into values that it passes over.
    let body = std::str::from_utf8(body)
        .map_err(|_| (StatusCode::BAD_REQUEST, "the body is not a review in JSON: it is not UTF-8".to_owned()))?;
    // The text of the error could hold a part of the token; the position is enough.
    serde_json::from_str(body).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        (StatusCode::BAD_REQUEST, format!("the body is not a review in JSON: wrong at {place}"))
    })
}

fn expect_kind(kind: &str, expected: &str, api_version: &str, group: &str) -> Result<(), Refused> {
    let version = api_version.strip_prefix(group).and_then(|rest| rest.strip_prefix('/'));
    if kind == expected && matches!(version, Some("v1" | "v1beta1")) {
        return Ok(());
    }
    Err((StatusCode::BAD_REQUEST, format!("expected {expected} of {group}/v1 or {group}/v1beta1")))
}

fn no_cluster(name: &ClusterName) -> Refused {
    (StatusCode::NOT_FOUND, format!("no cluster is registered under the name {name}"))
}

fn write_json<T: Serialize>(body: &mut Vec<u8>, part: &T) -> Result<(), Refused> {
    serde_json::to_writer(body, part).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::decision_id::{AuditIds, Decisions};
    use super::*;

    #[test]
    fn a_body_that_is_not_text_is_refused_also_where_nobody_reads_it() {
        let body =
            b"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{\"x\":\"\xff\"}}";
        let id = Decisions::new(0, AuditIds::Off).next();
        let refused = answer_subject_access_review(&View::default(), &"demo".parse().unwrap(), body, id).unwrap_err();
        assert_eq!(refused.0, StatusCode::BAD_REQUEST);
    }
}
