//! Clusters, their modes, updates, versions and tags.

use std::time::Duration;

use aws_sdk_eks::client::Waiters as _;
use aws_sdk_eks::types::{AuthenticationMode, ClusterStatus, UpdateAccessConfigRequest, UpdateStatus, UpdateType};

use crate::refusal::{refused, refused_so, text};
use crate::server::{ACCOUNT, REGION, Server};

#[tokio::test]
async fn a_cluster_is_described_listed_tagged_and_taken_away() {
    let server = Server::with(&[("one", "API"), ("two", "API_AND_CONFIG_MAP")]);
    let eks = &server.eks;
    let answer = eks.describe_cluster().name("two").send().await.unwrap();
    let cluster = answer.cluster().unwrap();
    let arn = format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/two");
    assert_eq!((cluster.arn(), cluster.status()), (Some(&*arn), Some(&ClusterStatus::Active)));
    let mode = cluster.access_config().unwrap().authentication_mode();
    assert_eq!(mode, Some(&AuthenticationMode::ApiAndConfigMap));
    assert!(cluster.endpoint().is_some() && cluster.certificate_authority().unwrap().data().is_some());
    assert!(cluster.created_at().is_some());
    let waiter = eks.wait_until_cluster_active().name("two").wait(Duration::from_secs(60)).await.unwrap();
    assert!(waiter.as_result().is_ok());

    let pages = eks.list_clusters().into_paginator().page_size(1).items().send();
    let names = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert!(names.is_sorted() && ["one", "two"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    eks.tag_resource().resource_arn(&arn).tags("team", "blue").send().await.unwrap();
    let answer = eks.describe_cluster().name("two").send().await.unwrap();
    assert_eq!(answer.cluster().unwrap().tags().unwrap()["team"], "blue");

    let gone = eks.delete_cluster().name("two").send().await.unwrap();
    assert_eq!(gone.cluster().unwrap().status(), Some(&ClusterStatus::Deleting));
    let waiter = eks.wait_until_cluster_deleted().name("two").wait(Duration::from_secs(60)).await.unwrap();
    assert!(waiter.as_result().is_err());
    let missing = "ResourceNotFoundException";
    let error = refused(eks.describe_cluster().name("nowhere").send().await, 404, missing, text::NO_CLUSTER);
    assert!(error.is_resource_not_found_exception());
    let error = refused(eks.delete_cluster().name("nowhere").send().await, 404, missing, text::NO_CLUSTER);
    assert!(error.is_resource_not_found_exception());
}

#[tokio::test]
async fn a_mode_goes_one_step_at_a_time_and_never_back() {
    let server = Server::with(&[("modes", "CONFIG_MAP")]);
    let eks = &server.eks;
    let entries = eks.list_access_entries().cluster_name("modes").send().await;
    assert!(refused(entries, 400, "InvalidRequestException", text::MODE).is_invalid_request_exception());
    let change = |mode: AuthenticationMode| {
        let access = UpdateAccessConfigRequest::builder().authentication_mode(mode).build();
        eks.update_cluster_config().name("modes").access_config(access).send()
    };
    let bad = "InvalidParameterException";
    let error = refused(
        change(AuthenticationMode::Api).await,
        400,
        bad,
        "Unsupported authentication mode update from CONFIG_MAP to API",
    );
    assert!(error.is_invalid_parameter_exception());
    let mut made = vec![];
    for mode in [AuthenticationMode::ApiAndConfigMap, AuthenticationMode::Api] {
        let update = change(mode.clone()).await.unwrap().update().unwrap().clone();
        assert_eq!(
            (update.status(), update.r#type()),
            (Some(&UpdateStatus::InProgress), Some(&UpdateType::AccessConfigUpdate))
        );
        assert_eq!(update.params()[0].value(), Some(&*format!("\"{}\"", mode.as_str())));
        let id = update.id().unwrap().to_owned();
        let seen = eks.describe_update().name("modes").update_id(&id).send().await.unwrap();
        assert_eq!(seen.update().unwrap().status(), Some(&UpdateStatus::Successful));
        made.push(id);
    }
    let error = refused(
        change(AuthenticationMode::ApiAndConfigMap).await,
        400,
        bad,
        "Unsupported authentication mode update from API to API_AND_CONFIG_MAP",
    );
    assert!(error.is_invalid_parameter_exception());
    let pages = eks.list_updates().name("modes").into_paginator().page_size(1).items().send();
    let mut listed = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
    let unknown = eks.describe_update().name("modes").update_id("00000000-0000-0000-0000-000000000000").send().await;
    assert!(refused_so(unknown, 404, "ResourceNotFoundException").is_resource_not_found_exception());
    // Who made the cluster is in it as soon as there are entries.
    let entries = eks.list_access_entries().cluster_name("modes").send().await.unwrap();
    assert_eq!(entries.access_entries().len(), 1);
}

#[tokio::test]
async fn versions_name_one_default() {
    let server = Server::with(&[]);
    let all = server.eks.describe_cluster_versions().send().await.unwrap();
    assert_eq!(all.cluster_versions().iter().filter(|version| version.default_version()).count(), 1);
    let pages = server.eks.describe_cluster_versions().into_paginator().page_size(2).items().send();
    assert_eq!(pages.collect::<Result<Vec<_>, _>>().await.unwrap(), all.cluster_versions());
}
