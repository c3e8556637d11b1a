//! Whether the steps have the effect that they must have, asked of the API server itself: a TokenReview of the caller's
//! own token, and a SubjectAccessReview for some requests of everybody whose entry was made.
//!
//! What the API server does not let this caller ask is not asked. On EKS a SubjectAccessReview is only asked where RBAC
//! decides it: nobody knows by what EKS's own authorizer recognises a caller in a review.

use doorward_core::aws_auth::Authenticator;
use doorward_core::permissions::{AUTHENTICATED, By, Permission, Scope, Verdict, permissions};
use doorward_core::plan::Action;
use doorward_core::principal::PrincipalArn;
use doorward_core::questions::Caller;
use doorward_core::rbac::{Attributes, ResourceAttributes};
use doorward_core::resolve::{KubernetesIdentity, resolve};
use doorward_core::world::World;
use doorward_core::world_document::WorldDocument;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes as AskedResource, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use secrecy::ExposeSecret as _;

use super::super::engine::{Backup, Live, Opening, Patience};
use super::begin::caller;
use crate::error::causes;
use crate::talk::Talk;
use crate::token;

/// Requests of one principal that are tried.
const REQUESTS: usize = 4;
/// Principals that are looked at; with more, the first ones.
const PRINCIPALS: usize = 250;

/// What became of a question.
enum Answer<T> {
    Is(T),
    /// The caller may not ask.
    NotAllowed,
}

/// Looks at the effect of the steps.
///
/// # Errors
/// Says whose access is not what it must be.
pub(super) async fn review(live: &Live, opening: &Opening, talk: Talk) -> Result<(), String> {
    let before = Backup::read(&opening.backup).map_err(|error| error.to_string())?.world;
    let world = after(&before, opening)?;
    let client = live.kubernetes().await.map_err(|error| error.to_string())?;
    own_token(live, &client, opening, &world, talk).await?;
    let principals: Vec<&PrincipalArn> = opening.steps.iter().filter_map(|step| made(&step.action)).collect();
    let mut asked = 0;
    for principal in principals.iter().take(PRINCIPALS) {
        match effect(&client, &world, before.authenticator, principal).await? {
            Answer::Is(count) => asked += count,
            Answer::NotAllowed => {
                talk.note("the API server does not let you ask what others may do, so that was not checked");
                return Ok(());
            }
        }
    }
    talk.note(format_args!(
        "the API server confirmed {asked} requests of {} principals",
        principals.len().min(PRINCIPALS)
    ));
    Ok(())
}

/// The World in which the steps that can be taken back are done.
fn after(before: &WorldDocument, opening: &Opening) -> Result<World, String> {
    let mut document = before.clone();
    for step in opening.steps.iter().take(opening.point_of_no_return()) {
        document = step.action.apply_to(&document).map_err(|error| error.to_string())?;
    }
    document.to_world().map_err(|error| error.to_string())
}

fn made(action: &Action) -> Option<&PrincipalArn> {
    match action {
        Action::CreateEntry { principal_arn, .. } => Some(principal_arn),
        _ => None,
    }
}

/// The caller comes in as whom the World after says.
async fn own_token(live: &Live, client: &Client, opening: &Opening, world: &World, talk: Talk) -> Result<(), String> {
    let caller = caller(live).await.map_err(|error| error.to_string())?;
    // Whoever comes in by a certificate has neither an entry nor a row.
    let Ok(expected) = resolve(world, &caller) else { return Ok(()) };
    let expected = expected.identity.username;
    let mut found = String::new();
    let patience = Patience::default();
    for _ in 0..patience.tries {
        let token =
            token::make(live.aws(), &opening.cluster, Timestamp::now()).await.map_err(|error| error.to_string())?;
        let spec = TokenReviewSpec { token: Some(token.expose_secret().to_owned()), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let Answer::Is(review) = post(client, &review).await? else {
            talk.note("the API server does not let you ask about tokens, so yours was not checked");
            return Ok(());
        };
        let status = review.status.unwrap_or_default();
        let user = status.user.unwrap_or_default().username.unwrap_or_default();
        if status.authenticated == Some(true) && user == expected {
            return Ok(());
        }
        found = status.error.filter(|error| !error.is_empty()).unwrap_or(user);
        tokio::time::sleep(patience.pause).await;
    }
    Err(format!("the API server does not let you in as `{expected}`: {found}"))
}

/// Some requests of a principal are decided as the World says. Gives how many.
async fn effect(
    client: &Client,
    world: &World,
    authenticator: Authenticator,
    principal: &PrincipalArn,
) -> Result<Answer<usize>, String> {
    let Ok(caller) = Caller::parse(principal.as_str(), None, world.directory()) else { return Ok(Answer::Is(0)) };
    // A node's username needs its name, and what the Node authorizer lets it do is not in the World.
    let Ok(access) = permissions(world, &caller.principal) else { return Ok(Answer::Is(0)) };
    if access.permissions.is_node {
        return Ok(Answer::Is(0));
    }
    let mut requests: Vec<ResourceAttributes<'_>> =
        access.permissions.permissions.iter().filter_map(example).take(REQUESTS).collect();
    requests.push(ResourceAttributes {
        verb: "delete",
        resource: "nodes",
        name: "doorward",
        ..ResourceAttributes::default()
    });
    let mut asked = 0;
    for request in requests {
        let verdict = access.permissions.decide(&Attributes::Resource(request));
        let is_by_policy = matches!(&verdict, Verdict::Allowed(Permission { by: By::AccessPolicy { .. }, .. }));
        let may_be_unknown = !verdict.is_allowed() && !access.permissions.unknown.is_empty();
        let is_recognised = authenticator == Authenticator::Doorward && caller.has_known_id();
        if may_be_unknown || (is_by_policy && !is_recognised) {
            continue;
        }
        let Answer::Is(()) =
            agree(client, &access.resolved.identity, &request, verdict.is_allowed(), principal).await?
        else {
            return Ok(Answer::NotAllowed);
        };
        asked += 1;
    }
    Ok(Answer::Is(asked))
}

/// A request that a permission covers.
fn example<'a>(permission: &Permission<'a>) -> Option<ResourceAttributes<'a>> {
    let or = |list: &'a [String], other: &'static str| match list.first().map(String::as_str) {
        Some("*") => Some(other),
        first => first,
    };
    let rule = permission.rule;
    let (resource, subresource) = match or(&rule.resources, "pods")?.split_once('/') {
        Some((resource, subresource)) => (if resource == "*" { "pods" } else { resource }, subresource),
        None => (or(&rule.resources, "pods")?, ""),
    };
    let namespace = match permission.scope {
        Scope::Cluster => "default",
        Scope::Namespace(namespace) => namespace,
        Scope::Access(scope) => match scope.namespaces().first() {
            None => "default",
            // `dev-*` covers `dev-`.
            Some(pattern) => pattern.as_str().trim_end_matches('*').trim_end_matches('-'),
        },
    };
    let asked = ResourceAttributes {
        verb: or(&rule.verbs, "get")?,
        group: or(&rule.api_groups, "")?,
        resource,
        subresource,
        namespace,
        name: rule.resource_names.first().map(String::as_str).unwrap_or_default(),
    };
    permission.covers(&Attributes::Resource(asked)).then_some(asked)
}

async fn agree(
    client: &Client,
    identity: &KubernetesIdentity<'_>,
    request: &ResourceAttributes<'_>,
    expected: bool,
    principal: &PrincipalArn,
) -> Result<Answer<()>, String> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let groups = identity.groups.iter().cloned().chain([AUTHENTICATED.to_owned()]).collect();
    let extra = identity.extra.iter().map(|(key, value)| ((*key).to_owned(), vec![value.to_string()])).collect();
    let spec = SubjectAccessReviewSpec {
        user: Some(identity.username.clone()),
        uid: Some(identity.uid.clone()),
        groups: Some(groups),
        extra: Some(extra),
        resource_attributes: Some(AskedResource {
            verb: text(request.verb),
            group: text(request.group),
            resource: text(request.resource),
            subresource: text(request.subresource),
            namespace: text(request.namespace),
            name: text(request.name),
            ..AskedResource::default()
        }),
        non_resource_attributes: None,
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let patience = Patience::default();
    for _ in 0..patience.tries {
        let Answer::Is(answer) = post(client, &review).await? else { return Ok(Answer::NotAllowed) };
        if answer.status.is_some_and(|status| status.allowed == expected) {
            return Ok(Answer::Is(()));
        }
        tokio::time::sleep(patience.pause).await;
    }
    let said = if expected { "refuses" } else { "allows" };
    let ResourceAttributes { verb, resource, namespace, .. } = request;
    Err(format!(
        "the API server {said} `{principal}` to {verb} {resource} in `{namespace}`, and the plan says otherwise"
    ))
}

async fn post<K>(client: &Client, review: &K) -> Result<Answer<K>, String>
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match Api::<K>::all(client.clone()).create(&PostParams::default(), review).await {
        Ok(answer) => Ok(Answer::Is(answer)),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Answer::NotAllowed),
        Err(error) => Err(format!("the API server does not answer a review: {}", causes(&error))),
    }
}
