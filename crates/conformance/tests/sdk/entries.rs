//! Access entries.

use std::time::{Duration, SystemTime};

use crate::refusal::{refused, refused_so, text};
use crate::server::{ACCOUNT, REGION, Server};

#[tokio::test]
async fn an_access_entry_lives_from_creation_to_deletion() {
    let server = Server::with(&[("entries", "API_AND_CONFIG_MAP")]);
    let eks = &server.eks;
    // All that IAM allows in a name, each of which a URL has to encode.
    let name = "dev+=,.@_-1";
    let arn = server.role(name, "/team/a+b/").await;
    let create = || eks.create_access_entry().cluster_name("entries").principal_arn(&arn);
    let answer = create().kubernetes_groups("b").kubernetes_groups("a").tags("k", "v w").send().await.unwrap();
    let made = answer.access_entry().unwrap().clone();
    let username = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{{{{SessionName}}}}");
    assert_eq!(
        (made.cluster_name(), made.principal_arn(), made.r#type()),
        (Some("entries"), Some(&*arn), Some("STANDARD"))
    );
    assert_eq!((made.username(), made.kubernetes_groups().len()), (Some(&*username), 2));
    assert_eq!(made.tags().unwrap()["k"], "v w");
    let own = format!("arn:aws:eks:{REGION}:{ACCOUNT}:access-entry/entries/role/{ACCOUNT}/{name}/");
    assert!(made.access_entry_arn().unwrap().starts_with(&own), "{made:?}");
    let created = SystemTime::try_from(*made.created_at().unwrap()).unwrap();
    let minute = Duration::from_secs(60);
    assert!(created > SystemTime::now() - minute && created < SystemTime::now() + minute, "{made:?}");
    assert_eq!(made.created_at(), made.modified_at());

    let error = refused(create().send().await, 409, "ResourceInUseException", text::IN_USE);
    assert!(error.is_resource_in_use_exception());

    let describe = || eks.describe_access_entry().cluster_name("entries").principal_arn(&arn);
    assert_eq!(describe().send().await.unwrap().access_entry(), Some(&made));
    let update = || eks.update_access_entry().cluster_name("entries").principal_arn(&arn);
    let changed = update().username("team:{{SessionName}}").send().await.unwrap().access_entry().unwrap().clone();
    assert_eq!(
        (changed.username(), changed.kubernetes_groups()),
        (Some("team:{{SessionName}}"), made.kubernetes_groups())
    );
    let changed = update().set_kubernetes_groups(Some(vec![])).send().await.unwrap().access_entry().unwrap().clone();
    assert_eq!((changed.username(), changed.kubernetes_groups().len()), (Some("team:{{SessionName}}"), 0));
    assert_eq!((changed.created_at(), changed.access_entry_arn()), (made.created_at(), made.access_entry_arn()));
    assert!(changed.modified_at() > made.modified_at());

    let tag = |key: &str| eks.tag_resource().resource_arn(made.access_entry_arn().unwrap()).tags(key, "x");
    tag("more").send().await.unwrap();
    assert!(refused_so(tag("aws:no").send().await, 400, "BadRequestException").is_bad_request_exception());
    let untag = eks.untag_resource().resource_arn(made.access_entry_arn().unwrap()).tag_keys("k").tag_keys("a b");
    untag.send().await.unwrap();
    let tags = eks.list_tags_for_resource().resource_arn(made.access_entry_arn().unwrap()).send().await.unwrap();
    assert_eq!(tags.tags().unwrap().iter().collect::<Vec<_>>(), [(&"more".to_owned(), &"x".to_owned())]);

    let delete = || eks.delete_access_entry().cluster_name("entries").principal_arn(&arn);
    delete().send().await.unwrap();
    let missing = "ResourceNotFoundException";
    let error = refused(describe().send().await, 404, missing, text::NO_ENTRY);
    assert!(error.is_resource_not_found_exception());
    assert!(refused(update().send().await, 404, missing, text::NO_ENTRY).is_resource_not_found_exception());
    assert!(refused(delete().send().await, 404, missing, text::NO_ENTRY).is_resource_not_found_exception());
    let gone = eks.list_tags_for_resource().resource_arn(made.access_entry_arn().unwrap()).send().await;
    assert!(refused_so(gone, 404, "NotFoundException").is_not_found_exception());
    let again = create().send().await.unwrap();
    assert_ne!(again.access_entry().unwrap().access_entry_arn(), made.access_entry_arn());
}

#[tokio::test]
async fn access_entries_are_listed_in_order_and_by_pages() {
    let server = Server::with(&[("pages", "API")]);
    let mut wanted = vec![server.sts.get_caller_identity().send().await.unwrap().arn().unwrap().to_owned()];
    for number in 0..4 {
        let arn = server.role(&format!("page-{number}"), "/").await;
        server.eks.create_access_entry().cluster_name("pages").principal_arn(&arn).send().await.unwrap();
        wanted.push(arn);
    }
    wanted.sort();
    let list = || server.eks.list_access_entries().cluster_name("pages");
    assert_eq!(list().send().await.unwrap().access_entries(), wanted);
    let mut pages = list().into_paginator().page_size(2).send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        found.push(page.unwrap().access_entries().to_vec());
    }
    assert_eq!(found, wanted.chunks(2).map(<[_]>::to_vec).collect::<Vec<_>>());
    for size in [0, 101] {
        let error = refused_so(list().max_results(size).send().await, 400, "InvalidParameterException");
        assert!(error.is_invalid_parameter_exception());
    }
    let token = list().max_results(1).send().await.unwrap().next_token().unwrap().to_owned();
    refused_so(list().max_results(1).next_token(format!("{token}x")).send().await, 400, "InvalidParameterException");
    let by_policy = list().associated_policy_arn("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy");
    assert_eq!(by_policy.send().await.unwrap().access_entries().len(), 1);
}

#[tokio::test]
async fn what_an_access_entry_cannot_be_is_refused_with_eks_own_errors() {
    let server = Server::with(&[("refusals", "API")]);
    let arn = server.role("refusals", "/team/").await;
    let create = |arn: &str| server.eks.create_access_entry().cluster_name("refusals").principal_arn(arn);
    let bad = "InvalidParameterException";
    let cases = [
        (create(&format!("arn:aws:iam::{ACCOUNT}:role/refusals")), text::INVALID_PRINCIPAL),
        (
            create(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/refusals/me")),
            "The principalArn parameter format is not valid",
        ),
        (
            create(&format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch")),
            "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role",
        ),
        (create(&arn).username("system:me"), "The username must not begin with system:"),
        (
            create(&arn).kubernetes_groups("system:masters"),
            "The kubernetes group name system:masters is invalid, it cannot start with system:",
        ),
        (
            create(&arn).r#type("EC2_LINUX").username("me"),
            "The specified username is invalid: setting username is not allowed when the type is \"EC2_LINUX\"",
        ),
        (
            create(&arn).r#type("EC2_LINUX").kubernetes_groups("g"),
            "The specified kubernetesGroups is invalid: setting kubernetesGroups is not allowed when the type is \"EC2_LINUX\"",
        ),
        (
            create("arn:aws:iam::210987654321:role/node").r#type("EC2_LINUX"),
            "AccessEntry principalArn must be from the same account as the cluster when using types [EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX, EC2]",
        ),
    ];
    for (request, message) in cases {
        assert!(refused(request.send().await, 400, bad, message).is_invalid_parameter_exception());
    }
    assert!(refused_so(create(&arn).r#type("ADMIN").send().await, 400, bad).is_invalid_parameter_exception());
    let nowhere = server.eks.create_access_entry().cluster_name("nowhere").principal_arn(&arn).send().await;
    assert!(refused(nowhere, 404, "ResourceNotFoundException", text::NO_CLUSTER).is_resource_not_found_exception());
}
