//! Whether an API server knows a binding: it decides by a copy of RBAC that follows what is stored a moment later.

use doorward_core::plan::BindingManifest;
use doorward_core::rbac::{BindingSubject, RoleRef};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::api::PostParams;
use kube::{Api, Client};

use super::target::TargetError;
use crate::error::causes;

/// Whether the API server allows a subject of the binding what the role allows. True as well where that cannot be
/// asked: the role allows nothing, or the caller may not ask about others.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn has_binding(
    client: &Client,
    BindingManifest(binding): &BindingManifest,
) -> Result<bool, TargetError> {
    let namespace = binding.namespace.as_deref();
    let rules = match (&binding.role, namespace) {
        (RoleRef::ClusterRole(name), _) => {
            Api::<ClusterRole>::all(client.clone()).get_opt(name).await.map_err(of_client)?.and_then(|role| role.rules)
        }
        (RoleRef::Role(name), Some(namespace)) => {
            let api = Api::<Role>::namespaced(client.clone(), namespace);
            api.get_opt(name).await.map_err(of_client)?.and_then(|role| role.rules)
        }
        (RoleRef::Role(_), None) => None,
    };
    let Some(request) = rules.iter().flatten().find_map(|rule| example(rule, namespace)) else { return Ok(true) };
    for subject in &binding.subjects {
        let (user, groups) = match subject {
            BindingSubject::Group(group) => ("doorward:probe".to_owned(), vec![group.clone()]),
            BindingSubject::User(name) => (name.clone(), Vec::new()),
            BindingSubject::ServiceAccount { .. } => continue,
        };
        let spec = SubjectAccessReviewSpec {
            user: Some(user),
            groups: Some(groups),
            resource_attributes: Some(request.clone()),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        match Api::all(client.clone()).create(&PostParams::default(), &review).await {
            Ok(answer) if !answer.status.as_ref().is_some_and(|status| status.allowed) => return Ok(false),
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => return Ok(true),
            Err(error) => return Err(of_client(error)),
        }
    }
    Ok(true)
}

/// A request that a rule covers. For a star, anything does.
fn example(rule: &PolicyRule, namespace: Option<&str>) -> Option<ResourceAttributes> {
    let resource = first(rule.resources.as_ref())?;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Some(ResourceAttributes {
        verb: text(rule.verbs.first()?),
        group: text(first(rule.api_groups.as_ref())?),
        resource: text(resource),
        subresource: text(subresource),
        namespace: namespace.and_then(text),
        name: first(rule.resource_names.as_ref()).and_then(text),
        ..ResourceAttributes::default()
    })
}

fn first(list: Option<&Vec<String>>) -> Option<&str> {
    list.and_then(|list| list.first()).map(String::as_str)
}

fn of_client(error: kube::Error) -> TargetError {
    TargetError::Other(format!("the API server does not answer: {}", causes(&error)))
}
