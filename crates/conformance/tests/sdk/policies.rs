//! Access policies, and their association with entries.

use aws_sdk_eks::types::{AccessScope, AccessScopeType};

use crate::refusal::{refused, refused_so, text};
use crate::server::Server;

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const EDIT: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy";

fn whole_cluster() -> AccessScope {
    AccessScope::builder().r#type(AccessScopeType::Cluster).build()
}

fn namespaces(names: &[&str]) -> AccessScope {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    AccessScope::builder().r#type(AccessScopeType::Namespace).set_namespaces(Some(names)).build()
}

#[tokio::test]
async fn policies_are_associated_replaced_listed_and_taken_away() {
    let server = Server::with(&[("policies", "API")]);
    let (eks, arn) = (&server.eks, server.role("policies", "/").await);
    let associate = |policy: &str, scope| {
        let request = eks.associate_access_policy().cluster_name("policies").principal_arn(&arn);
        request.policy_arn(policy).access_scope(scope).send()
    };
    let missing = "ResourceNotFoundException";
    let error = refused(associate(VIEW, whole_cluster()).await, 404, missing, text::NO_ENTRY);
    assert!(error.is_resource_not_found_exception());
    eks.create_access_entry().cluster_name("policies").principal_arn(&arn).send().await.unwrap();
    let first = associate(VIEW, whole_cluster()).await.unwrap().associated_access_policy().unwrap().clone();
    assert_eq!(first.access_scope().unwrap().r#type(), Some(&AccessScopeType::Cluster));
    assert!(first.access_scope().unwrap().namespaces().is_empty());
    let second =
        associate(VIEW, namespaces(&["ui", "dev-*"])).await.unwrap().associated_access_policy().unwrap().clone();
    assert_eq!(second.access_scope().unwrap().namespaces().len(), 2);
    assert_eq!(second.associated_at(), first.associated_at());
    assert!(second.modified_at() > first.modified_at());
    associate(EDIT, whole_cluster()).await.unwrap();

    let list = || eks.list_associated_access_policies().cluster_name("policies").principal_arn(&arn);
    let listed = list().send().await.unwrap();
    assert_eq!((listed.cluster_name(), listed.principal_arn()), (Some("policies"), Some(&*arn)));
    let names: Vec<_> = listed.associated_access_policies().iter().filter_map(|policy| policy.policy_arn()).collect();
    assert_eq!(names, [EDIT, VIEW]);
    assert_eq!(listed.associated_access_policies()[1], second);
    let pages = list().into_paginator().page_size(1).items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(pages, listed.associated_access_policies());

    let bad = "InvalidParameterException";
    let cases = [
        (VIEW, namespaces(&[]), "At least 1 namespace must be provided if the type is set as namespace"),
        ("AmazonEKSViewPolicy", whole_cluster(), "The policyArn parameter format is not valid"),
        (
            VIEW,
            AccessScope::builder().r#type(AccessScopeType::Cluster).namespaces("ui").build(),
            "accessScope should not include namespaces if the type is not set as namespace",
        ),
    ];
    for (policy, scope, message) in cases {
        assert!(refused(associate(policy, scope).await, 400, bad, message).is_invalid_parameter_exception());
    }
    // Some clients leave the scope or its type out.
    assert!(
        refused_so(associate(VIEW, AccessScope::builder().build()).await, 400, bad).is_invalid_parameter_exception()
    );
    let unknown = associate("arn:aws:eks::aws:cluster-access-policy/AmazonEKSGodPolicy", whole_cluster()).await;
    assert!(refused(unknown, 404, missing, text::NO_POLICY).is_resource_not_found_exception());

    let disassociate =
        || eks.disassociate_access_policy().cluster_name("policies").principal_arn(&arn).policy_arn(VIEW).send();
    disassociate().await.unwrap();
    assert!(refused_so(disassociate().await, 404, missing).is_resource_not_found_exception());
    eks.delete_access_entry().cluster_name("policies").principal_arn(&arn).send().await.unwrap();
    assert!(refused(list().send().await, 404, missing, text::NO_ENTRY).is_resource_not_found_exception());
}

#[tokio::test]
async fn a_node_has_no_policies() {
    let server = Server::with(&[("nodes", "API")]);
    let arn = server.role("node", "/").await;
    let create = server.eks.create_access_entry().cluster_name("nodes").principal_arn(&arn).r#type("EC2_LINUX");
    let made = create.send().await.unwrap().access_entry().unwrap().clone();
    assert_eq!(
        (made.username(), made.kubernetes_groups()),
        (Some("system:node:{{EC2PrivateDNSName}}"), &["system:nodes".to_owned()][..])
    );
    let associate = server.eks.associate_access_policy().cluster_name("nodes").principal_arn(&arn).policy_arn(VIEW);
    let text = "This operation can only be performed on Access Entries with a type of \"STANDARD\"";
    let error = refused(associate.access_scope(whole_cluster()).send().await, 400, "InvalidRequestException", text);
    assert!(error.is_invalid_request_exception());
}

#[tokio::test]
async fn the_policies_there_are_come_in_order_and_by_pages() {
    let server = Server::with(&[]);
    let all = server.eks.list_access_policies().send().await.unwrap();
    let names: Vec<_> = all.access_policies().iter().filter_map(|policy| policy.name()).collect();
    assert!(names.is_sorted() && names.contains(&"AmazonEKSViewPolicy"), "{names:?}");
    let pages = server.eks.list_access_policies().into_paginator().page_size(10).items().send();
    assert_eq!(pages.collect::<Result<Vec<_>, _>>().await.unwrap(), all.access_policies());
}
