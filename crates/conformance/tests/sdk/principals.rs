//! Users, roles, keys and sessions.

use std::time::{Duration, SystemTime};

use crate::refusal::{refused, refused_so};
use crate::server::{ACCOUNT, Server, TRUST};

const LISTS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"eks:List*","Resource":"*"}]}"#;

#[tokio::test]
async fn a_role_lives_from_creation_to_deletion() {
    let server = Server::with(&[]);
    let iam = &server.iam;
    let create = || iam.create_role().role_name("crew").path("/sdk/").assume_role_policy_document(TRUST);
    let made = create().description("A crew").send().await.unwrap().role().unwrap().clone();
    assert_eq!((made.arn(), made.path()), (&*format!("arn:aws:iam::{ACCOUNT}:role/sdk/crew"), "/sdk/"));
    assert!(made.role_id().starts_with("AROA"));
    let error = refused(create().send().await, 409, "EntityAlreadyExists", "Role with name crew already exists.");
    assert!(error.is_entity_already_exists_exception());
    let malformed = iam.create_role().role_name("bad").assume_role_policy_document("{").send().await;
    assert!(refused_so(malformed, 400, "MalformedPolicyDocument").is_malformed_policy_document_exception());
    let found = iam.get_role().role_name("crew").send().await.unwrap().role().unwrap().clone();
    assert_eq!(
        (found.role_id(), found.description(), found.create_date()),
        (made.role_id(), Some("A crew"), made.create_date())
    );
    assert!(found.assume_role_policy_document().unwrap().starts_with("%7B"), "{found:?}");
    let roles = iam.list_roles().path_prefix("/sdk/").into_paginator().page_size(1).items().send();
    assert_eq!(roles.collect::<Result<Vec<_>, _>>().await.unwrap()[0].role_name(), "crew");
    iam.put_role_policy().role_name("crew").policy_name("lists").policy_document(LISTS).send().await.unwrap();
    let names = iam.list_role_policies().role_name("crew").send().await.unwrap();
    assert_eq!(names.policy_names(), ["lists"]);
    let policy = iam.get_role_policy().role_name("crew").policy_name("lists").send().await.unwrap();
    assert!(policy.policy_document().starts_with("%7B"));
    let delete = || iam.delete_role().role_name("crew").send();
    let error = refused(delete().await, 409, "DeleteConflict", "Cannot delete entity, must delete policies first.");
    assert!(error.is_delete_conflict_exception());
    iam.delete_role_policy().role_name("crew").policy_name("lists").send().await.unwrap();
    delete().await.unwrap();
    let missing = "The role with name crew cannot be found.";
    let error = refused(iam.get_role().role_name("crew").send().await, 404, "NoSuchEntity", missing);
    assert!(error.is_no_such_entity_exception());
}

#[tokio::test]
async fn a_user_has_keys_and_sessions() {
    let server = Server::with(&[]);
    let iam = &server.iam;
    let user = iam.create_user().user_name("sdk-user").send().await.unwrap().user().unwrap().clone();
    assert!(user.user_id().starts_with("AIDA"));
    let key = iam.create_access_key().user_name("sdk-user").send().await.unwrap().access_key().unwrap().clone();
    let listed = iam.list_access_keys().user_name("sdk-user").send().await.unwrap();
    assert_eq!(listed.access_key_metadata()[0].access_key_id(), Some(key.access_key_id()));
    let conflict = iam.delete_user().user_name("sdk-user").send().await;
    assert!(refused_so(conflict, 409, "DeleteConflict").is_delete_conflict_exception());
    iam.delete_access_key().user_name("sdk-user").access_key_id(key.access_key_id()).send().await.unwrap();
    iam.delete_user().user_name("sdk-user").send().await.unwrap();
    let gone = iam.get_user().user_name("sdk-user").send().await;
    let text = "The user with name sdk-user cannot be found.";
    assert!(refused(gone, 404, "NoSuchEntity", text).is_no_such_entity_exception());
    let session = server.sts.get_session_token().duration_seconds(900).send().await.unwrap();
    assert!(session.credentials().unwrap().access_key_id().starts_with("ASIA"));
}

#[tokio::test]
async fn a_session_is_its_role_until_it_ends() {
    let server = Server::with(&[]);
    let arn = server.role("pilot", "/sdk/").await;
    let assume = |name: &str, seconds| {
        let request = server.sts.assume_role().role_arn(&arn).role_session_name(name);
        request.duration_seconds(seconds).send()
    };
    let answer = assume("me@x.com", 900).await.unwrap();
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/pilot/me@x.com");
    assert_eq!(answer.assumed_role_user().unwrap().arn(), session);
    let keys = answer.credentials().unwrap();
    let left = SystemTime::try_from(*keys.expiration()).unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(800) && left < Duration::from_secs(960), "{left:?}");
    let (eks, sts) = server.clients_of(keys);
    let who = sts.get_caller_identity().send().await.unwrap();
    assert_eq!((who.account(), who.arn()), (Some(ACCOUNT), Some(&*session)));
    assert!(who.user_id().is_some_and(|id| id.starts_with("AROA") && id.ends_with(":me@x.com")), "{who:?}");
    refused(
        assume("me", 3601).await,
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    let stranger = format!("arn:aws:iam::{ACCOUNT}:role/missing");
    let denied = server.sts.assume_role().role_arn(stranger).role_session_name("me").send().await;
    refused_so(denied, 403, "AccessDenied");
    server.iam.delete_role().role_name("pilot").send().await.unwrap();
    let invalid = "The security token included in the request is invalid.";
    refused(sts.get_caller_identity().send().await, 403, "InvalidClientTokenId", invalid);
    refused(eks.list_clusters().send().await, 403, "UnrecognizedClientException", invalid);
}
