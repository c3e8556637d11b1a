//! Who asks: principals with and without an entry, and what is right for each.

use std::sync::Arc;

use anyhow::Context as _;
use doorward_bench::api::{Api, between};
use doorward_bench::review::{Assumed, access_review};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_sigv4::query::encode;
use doorward_sigv4::{Credentials, SecretKey};
use serde_json::json;

use crate::question::{Ask, CLUSTER, Question, Right, Signer};
use crate::revoke::Principal;

/// The account.
const ACCOUNT: &str = "123456789012";

/// The name under which clients reach the API, whichever server answers: tokens are signed for it.
pub(crate) const API_URL: &str = "https://doorward.chaos";

/// Sessions of the role that may view.
const SESSIONS: usize = 8;

/// Everybody.
pub(crate) struct People {
    endpoint: Endpoint,
    viewer: Arc<Signer>,
    viewer_id: String,
    stranger: Arc<Signer>,
    forger: Arc<Signer>,
    /// Who comes in by a row of aws-auth, where there is one.
    mapped: Option<Arc<Signer>>,
}

impl People {
    /// Makes them: a role with the view policy in one namespace, a user without an entry, somebody who knows a key and
    /// not its secret.
    ///
    /// # Errors
    /// If they cannot be made.
    pub(crate) async fn make(api: &Api) -> anyhow::Result<Self> {
        Self::make_elsewhere(api, api, API_URL).await
    }

    /// The same, with principals of `home`, whose STS is reached under a URL, and their access at `api`.
    ///
    /// # Errors
    /// If they cannot be made.
    pub(crate) async fn make_elsewhere(home: &Api, api: &Api, url: &str) -> anyhow::Result<Self> {
        let endpoint = Endpoint::Local(LocalEndpoint::parse(url)?);
        let (viewer_arn, viewer_id) = make_role(home, "viewer").await?;
        let entries = format!("/clusters/{CLUSTER}/access-entries");
        let entry = json!({ "principalArn": viewer_arn, "kubernetesGroups": ["viewers"] });
        api.call("eks", "POST", &entries, &entry.to_string()).await?;
        let policy = json!({
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "accessScope": { "type": "namespace", "namespaces": ["default"] },
        });
        let policies = format!("{entries}/{}/access-policies", encode(&viewer_arn));
        api.call("eks", "POST", &policies, &policy.to_string()).await?;
        let sessions = sessions(home, &viewer_arn, SESSIONS).await?;
        let keys = sessions.iter().map(|session| key(session)).collect::<anyhow::Result<_>>()?;
        let forged = sessions.iter().map(|session| forged(session)).collect::<anyhow::Result<_>>()?;
        let signer = |sessions| Arc::new(Signer { endpoint: endpoint.clone(), sessions });
        Ok(Self {
            viewer: signer(keys),
            viewer_id,
            stranger: signer(vec![make_user(home, "stranger").await?]),
            forger: signer(forged),
            mapped: None,
            endpoint,
        })
    }

    /// Adds somebody whom a row of aws-auth lets in: the role of that name.
    ///
    /// # Errors
    /// If the role cannot be made.
    pub(crate) async fn with_mapped(self, api: &Api, role: &str) -> anyhow::Result<Self> {
        let (arn, _) = make_role(api, role).await?;
        let sessions = sessions(api, &arn, 1).await?;
        let sessions = sessions.iter().map(|session| key(session)).collect::<anyhow::Result<_>>()?;
        let mapped = Some(Arc::new(Signer { endpoint: self.endpoint.clone(), sessions }));
        Ok(Self { mapped, ..self })
    }

    /// So many users whose entries come and go. Names begin with `name`.
    ///
    /// # Errors
    /// If they cannot be made.
    pub(crate) async fn make_principals(&self, api: &Api, name: &str, count: usize) -> anyhow::Result<Vec<Principal>> {
        let mut principals = Vec::with_capacity(count);
        for number in 0..count {
            let name = format!("{name}-{number}");
            let sessions = vec![make_user(api, &name).await?];
            let signer = Arc::new(Signer { endpoint: self.endpoint.clone(), sessions });
            principals.push(Principal { arn: format!("arn:aws:iam::{ACCOUNT}:user/{name}"), signer });
        }
        Ok(principals)
    }

    /// What is asked of the webhooks themselves.
    pub(crate) fn webhook_questions(&self) -> Vec<Question> {
        let token = |kind, who: &Arc<Signer>, right| question(kind, Ask::Token(Arc::clone(who)), right);
        let review = |kind, namespace, right| question(kind, Ask::Review(self.review(namespace).into()), right);
        let mut questions = vec![
            token("token", &self.viewer, Right::Yes),
            token("token of a stranger", &self.stranger, Right::No),
            token("token with a forged signature", &self.forger, Right::No),
            review("review", "default", Right::Yes),
            review("review of what no policy allows", "kube-system", Right::No),
        ];
        questions.extend(self.mapped.iter().map(|mapped| token("token by aws-auth", mapped, Right::Yes)));
        questions
    }

    /// The same where somebody else proves tokens: those that were seen before are known, others may have to wait.
    ///
    /// # Errors
    /// If no token can be made.
    pub(crate) fn questions_proved_elsewhere(&self) -> anyhow::Result<Vec<Question>> {
        let same = |kind, who: &Signer, right| anyhow::Ok(question(kind, Ask::SameToken(who.token(0)?.into()), right));
        let new = |kind, who: &Arc<Signer>, right| Question {
            may_wait: true,
            ..question(kind, Ask::Token(Arc::clone(who)), right)
        };
        Ok(vec![
            same("token seen before", &self.viewer, Right::Yes)?,
            new("new token", &self.viewer, Right::Yes),
            new("token of a stranger", &self.stranger, Right::No),
            new("token with a forged signature", &self.forger, Right::No),
        ])
    }

    /// What is asked of the API server.
    pub(crate) fn api_server_questions(&self) -> Vec<Question> {
        let pods = "/api/v1/namespaces/default/pods?limit=1";
        let question = |kind, who: &Arc<Signer>, path, status| {
            question(kind, Ask::ApiServer(Arc::clone(who), path), Right::Status(status))
        };
        vec![
            question("kubectl get pods", &self.viewer, pods, 200),
            question("kubectl get secrets", &self.viewer, "/api/v1/namespaces/default/secrets?limit=1", 403),
            question("kubectl of a stranger", &self.stranger, pods, 401),
        ]
    }

    /// Of the viewer.
    fn review(&self, namespace: &str) -> String {
        let viewer = Assumed {
            account: ACCOUNT,
            role: "viewer",
            role_id: &self.viewer_id,
            session: "session-0",
            group: "viewers",
        };
        access_review(viewer, namespace, "get")
    }
}

fn question(kind: &'static str, ask: Ask, right: Right) -> Question {
    Question { kind, ask, right, may_wait: false }
}

/// Makes a role that the account may assume: its ARN and its unique id.
async fn make_role(api: &Api, name: &str) -> anyhow::Result<(String, String)> {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "sts:AssumeRole",
    }] });
    let form = format!("Action=CreateRole&Version=2010-05-08&RoleName={name}");
    let form = format!("{form}&AssumeRolePolicyDocument={}", encode(&trust.to_string()));
    let role = api.call("iam", "POST", "/", &form).await.with_context(|| format!("the role {name}"))?;
    Ok((format!("arn:aws:iam::{ACCOUNT}:role/{name}"), between(&role, "RoleId")?))
}

/// What STS answers when the role is assumed.
async fn sessions(api: &Api, role: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let mut sessions = Vec::with_capacity(count);
    for number in 0..count {
        let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={}", encode(role));
        let form = format!("{form}&RoleSessionName=session-{number}");
        sessions.push(api.call("sts", "POST", "/", &form).await?);
    }
    Ok(sessions)
}

/// Makes a user with an access key.
async fn make_user(api: &Api, name: &str) -> anyhow::Result<Credentials> {
    for action in ["CreateUser", "CreateAccessKey"] {
        let form = format!("Action={action}&Version=2010-05-08&UserName={name}");
        let answer = api.call("iam", "POST", "/", &form).await?;
        if action == "CreateAccessKey" {
            return key(&answer);
        }
    }
    anyhow::bail!("no access key")
}

/// The key of an answer that has one.
fn key(answer: &str) -> anyhow::Result<Credentials> {
    let secret = SecretKey::new(between(answer, "SecretAccessKey")?);
    Ok(Credentials::new(between(answer, "AccessKeyId")?, secret, between(answer, "SessionToken").ok())?)
}

/// The same key with another secret.
fn forged(answer: &str) -> anyhow::Result<Credentials> {
    let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
    Ok(Credentials::new(between(answer, "AccessKeyId")?, secret, between(answer, "SessionToken").ok())?)
}
