//! Reviews as kube-apiserver sends them.

use serde_json::json;

/// Somebody whom the token webhook let in by a role.
#[derive(Clone, Copy, Debug)]
pub struct Assumed<'a> {
    /// The account of the role.
    pub account: &'a str,
    /// The role's name.
    pub role: &'a str,
    /// The role's unique id.
    pub role_id: &'a str,
    /// The session's name.
    pub session: &'a str,
    /// The group that the entry gives.
    pub group: &'a str,
}

/// A TokenReview.
pub fn token_review(token: &str) -> String {
    let review = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": { "creationTimestamp": null },
        "spec": { "token": token, "audiences": ["https://kubernetes.default.svc"] },
        "status": { "user": {} },
    });
    review.to_string()
}

/// A SubjectAccessReview about a pod of a namespace.
pub fn access_review(of: Assumed<'_>, namespace: &str, verb: &str) -> String {
    let Assumed { account, role, role_id, session, group } = of;
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
    let review = json!({
        "kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": {
            "resourceAttributes":
                { "namespace": namespace, "verb": verb, "version": "v1", "resource": "pods", "name": "p" },
            "user": arn, "uid": format!("aws-iam-authenticator:{account}:{role_id}"),
            "groups": [group, "system:authenticated"],
            "extra": {
                "accesskeyid": ["ASIAEXAMPLEEXAMPLE00"], "arn": [arn],
                "canonicalarn": [format!("arn:aws:iam::{account}:role/{role}")], "principalid": [role_id],
                "sessionname": [session], "sigs.k8s.io/aws-iam-authenticator/principalid": [role_id],
            },
        },
        "status": { "allowed": false },
    });
    review.to_string()
}
