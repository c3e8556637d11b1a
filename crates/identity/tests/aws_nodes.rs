//! Names of nodes from an EC2 and an IAM that really verify signatures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;
#[path = "common/name_case.rs"]
mod name_case;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{World, credentials, sessions};
use doorward_core::principal::Principal;
use doorward_identity::authenticate;
use doorward_identity::aws::{
    AwsConfig, AwsProvider, CredentialSource, CredentialSourceError, IdentityError, NodesConfig, Reply, RoleCheck,
    StaticCredentials, Transport, TransportError,
};
use doorward_sigv4::{Credentials, PayloadHash, Request, query};
use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;

const PROFILE: &str = "arn:aws:iam::123456789012:instance-profile/path/nodes";

type Form = Vec<(String, String)>;

#[derive(Default)]
struct Ec2 {
    /// Name and profile by id.
    instances: Mutex<BTreeMap<String, (String, Option<String>)>>,
    /// The role's id by profile.
    profiles: Mutex<BTreeMap<String, String>>,
    /// An answer in place of all others.
    instead: Mutex<Option<(u16, String)>>,
    /// The forms that came, and for which service they were signed.
    calls: Mutex<Vec<(String, Form)>>,
}

impl Ec2 {
    fn count(&self, service: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(called, _)| called == service).count()
    }

    fn put(&self, id: &str, name: &str, profile: Option<&str>) {
        self.instances.lock().unwrap().insert(id.to_owned(), (name.to_owned(), profile.map(str::to_owned)));
    }

    fn answer(&self, service: &str, form: &[(String, String)]) -> (u16, String) {
        if let Some(instead) = self.instead.lock().unwrap().clone() {
            return instead;
        }
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if service == "iam" {
            let name = value("InstanceProfileName").unwrap();
            return match self.profiles.lock().unwrap().get(name) {
                None => (404, "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>".to_owned()),
                Some(id) => (
                    200,
                    format!(
                        "<GetInstanceProfileResponse><GetInstanceProfileResult><InstanceProfile><InstanceProfileName>{name}</InstanceProfileName><Roles><member><RoleId>{id}</RoleId></member></Roles></InstanceProfile></GetInstanceProfileResult></GetInstanceProfileResponse>"
                    ),
                ),
            };
        }
        assert_eq!((value("Action"), value("Filter.1.Name")), (Some("DescribeInstances"), Some("instance-id")));
        assert!(!form.iter().any(|(key, _)| key.starts_with("InstanceId")), "an unknown id would fail the batch");
        let known = self.instances.lock().unwrap();
        let asked = form.iter().filter(|(key, _)| key.starts_with("Filter.1.Value.")).map(|(_, value)| value);
        let items: Vec<String> = asked
            .filter_map(|id| known.get(id).map(|found| (id, found)))
            .map(|(id, (name, profile))| {
                let profile = profile.as_ref().map_or(String::new(), |arn| {
                    format!("<iamInstanceProfile><arn>{arn}</arn><id>AIPA</id></iamInstanceProfile>")
                });
                format!("<item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>{id}</instanceId><networkInterfaceSet><item><privateDnsName>ip-of-an-interface</privateDnsName></item></networkInterfaceSet><privateDnsName>{name}</privateDnsName>{profile}</item></instancesSet></item>")
            })
            .collect();
        (
            200,
            format!(
                "<?xml version=\"1.0\"?><DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet>{}</reservationSet></DescribeInstancesResponse>",
                items.concat()
            ),
        )
    }
}

impl Transport for Ec2 {
    fn send(&self, request: http::Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        Box::pin(async move {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            let service = match host.as_str() {
                "ec2.us-west-2.amazonaws.com" => "ec2",
                "iam.amazonaws.com" => "iam",
                other => panic!("{other} was called"),
            };
            assert_eq!(request.uri().to_string(), format!("https://{host}/"));
            let headers: Vec<(&str, &[u8])> =
                request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let signed = Request {
                method: request.method().as_str(),
                path: "/",
                query: "",
                headers: &headers,
                body_sha256: PayloadHash::of(request.body()),
            };
            let caller =
                authenticate(&World::new().directory, &sessions(), &signed, service, Timestamp::now()).unwrap();
            assert_eq!(caller.arn(), "arn:aws:iam::123456789012:user/alice");
            let form = query::pairs(std::str::from_utf8(request.body()).unwrap()).unwrap();
            let (status, body) = self.answer(service, &form);
            self.calls.lock().unwrap().push((service.to_owned(), form));
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Reply { status, content_type: Some("text/xml".to_owned()), is_encoded: false, body: body.into() })
        })
    }
}

fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

fn session(role: &str, role_id: &str, name: &str) -> Principal {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/{role}/{name}");
    Principal::from_caller_identity(&arn, "123456789012", &format!("{role_id}:{name}"), "ASIAX").unwrap()
}

fn node(number: usize) -> Principal {
    session("nodes-role", "AROANODES", &id(number))
}

fn provider(role_check: RoleCheck) -> (Arc<Ec2>, AwsProvider) {
    let ec2 = Arc::new(Ec2::default());
    ec2.profiles.lock().unwrap().insert("nodes".to_owned(), "AROANODES".to_owned());
    let nodes = NodesConfig { region: "us-west-2".to_owned(), ec2_endpoint: None, iam_endpoint: None, role_check };
    let config = AwsConfig { nodes: Some(nodes), ..AwsConfig::default() };
    let credentials = Arc::new(StaticCredentials(credentials()));
    let provider = AwsProvider::with_transport(config, ec2.clone(), credentials).unwrap();
    (ec2, provider)
}

fn named(name: &str) -> Result<Option<String>, IdentityError> {
    Ok(Some(name.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_runs_with_the_callers_role_gives_its_name_once_asked() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    ec2.put(&id(1), "ip-10-0-0-1.us-west-2.compute.internal", Some(PROFILE));
    ec2.put("i-12345678", "ip-10-0-0-2.ec2.internal", Some(PROFILE));
    for _ in 0..10 {
        assert_eq!(provider.private_dns_name(&node(1)).await, named("ip-10-0-0-1.us-west-2.compute.internal"));
    }
    let short = session("nodes-role", "AROANODES", "i-12345678");
    assert_eq!(provider.private_dns_name(&short).await, named("ip-10-0-0-2.ec2.internal"));
    assert_eq!((ec2.count("ec2"), ec2.count("iam")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_names_a_session_after_a_strangers_instance_is_not_that_node() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    ec2.put(&id(2), "ip-2.ec2.internal", Some("arn:aws:iam::999999999999:instance-profile/nodes"));
    ec2.put(&id(3), "ip-3.ec2.internal", None);
    ec2.put(&id(4), "ip-4.ec2.internal", Some("arn:aws:iam::123456789012:instance-profile/gone"));
    ec2.put(&id(5), "ip-5.ec2.internal", Some("arn:aws-cn:iam::123456789012:instance-profile/nodes"));
    ec2.put(&id(6), "ip-6.ec2.internal", Some("arn:aws:iam::123456789012:role/nodes"));
    for stranger in [
        session("other", "AROAOTHER", &id(1)),
        // Its name and not its id: a role made again.
        session("nodes-role", "AROANEWER", &id(1)),
        node(2),
        node(3),
        node(4),
        node(5),
        node(6),
    ] {
        assert_eq!(provider.private_dns_name(&stranger).await, Ok(None), "{stranger:?}");
    }
    assert_eq!(provider.private_dns_name(&node(1)).await, named("ip-1.ec2.internal"));
}

#[tokio::test(start_paused = true)]
async fn the_other_checks_are_as_weak_as_they_say() {
    let (ec2, by_name) = provider(RoleCheck::SameName);
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    assert_eq!(by_name.private_dns_name(&node(1)).await, Ok(None));
    let same = session("nodes", "AROAANY", &id(1));
    assert_eq!(by_name.private_dns_name(&same).await, named("ip-1.ec2.internal"));
    assert_eq!(ec2.count("iam"), 0);
    let (ec2, by_account) = provider(RoleCheck::AccountOnly);
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    ec2.put(&id(2), "ip-2.ec2.internal", Some("arn:aws:iam::999999999999:instance-profile/nodes"));
    assert_eq!(by_account.private_dns_name(&session("other", "AROAOTHER", &id(1))).await, named("ip-1.ec2.internal"));
    assert_eq!(by_account.private_dns_name(&node(2)).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_named_like_an_instance_is_not_asked_about() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    for name in ["i-123456789", "I-12345678", "i-ABCDEF12", "i-ABCDEF_z", "me@x.com", "i-"] {
        assert_eq!(provider.private_dns_name(&session("nodes-role", "AROANODES", name)).await, Ok(None));
    }
    let user = "arn:aws:iam::123456789012:user/i-12345678";
    let user = Principal::from_caller_identity(user, "123456789012", "AIDAX", "AKIAX").unwrap();
    assert_eq!(provider.private_dns_name(&user).await, Ok(None));
    assert!(ec2.calls.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_empty_name_is_not_remembered() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    ec2.put(&id(1), "", Some(PROFILE));
    assert_eq!(provider.private_dns_name(&node(1)).await, Ok(None));
    assert_eq!(provider.private_dns_name(&node(1)).await, Ok(None), "and never taken for a name");
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    assert_eq!(provider.private_dns_name(&node(1)).await, named("ip-1.ec2.internal"));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_no_such_instance_is_remembered_for_a_moment_only() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    for _ in 0..10 {
        assert_eq!(provider.private_dns_name(&node(1)).await, Ok(None));
    }
    assert_eq!(ec2.count("ec2"), 1);
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(provider.private_dns_name(&node(1)).await, named("ip-1.ec2.internal"));
}

#[tokio::test(start_paused = true)]
async fn one_unknown_id_harms_none_of_its_batch() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    for number in 0..20 {
        if number != 7 {
            ec2.put(&id(number), &format!("ip-{number}.ec2.internal"), Some(PROFILE));
        }
    }
    let nodes: Vec<Principal> = (0..20).flat_map(|number| [node(number), node(number)]).collect();
    let names = join_all(nodes.iter().map(|node| provider.private_dns_name(node))).await;
    for (at, name) in names.iter().enumerate() {
        let number = at / 2;
        let expected = if number == 7 { Ok(None) } else { named(&format!("ip-{number}.ec2.internal")) };
        assert_eq!(*name, expected, "{number}");
    }
    assert_eq!((ec2.count("ec2"), ec2.count("iam")), (1, 1), "one call for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_nodes_that_start_together_are_some_ten_calls() {
    let (ec2, provider) = provider(RoleCheck::SameName);
    let nodes: Vec<Principal> = (0..1_000).map(|number| session("nodes", "AROANODES", &id(number))).collect();
    for number in 0..1_000 {
        ec2.put(&id(number), &format!("ip-{number}.ec2.internal"), Some(PROFILE));
    }
    let names = join_all(nodes.iter().map(|node| provider.private_dns_name(node))).await;
    assert!(names.iter().all(|name| matches!(name, Ok(Some(_)))));
    assert!(ec2.count("ec2") <= 11, "{}", ec2.count("ec2"));
}

#[tokio::test(start_paused = true)]
async fn what_would_not_be_a_name_of_dns_is_no_name() {
    let (ec2, provider) = provider(RoleCheck::SameName);
    for (number, name) in ["a:b", "IP-1", "a b", "a..b", "system:masters", "-a", "é"].iter().enumerate() {
        ec2.put(&id(number), name, Some(PROFILE));
        assert_eq!(provider.private_dns_name(&session("nodes", "AROAX", &id(number))).await, Ok(None), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_with_ec2_is_told_apart_and_not_remembered() {
    let (ec2, provider) = provider(RoleCheck::Iam);
    ec2.put(&id(1), "ip-1.ec2.internal", Some(PROFILE));
    let error = |code: &str| {
        format!("<?xml version='1.0'?><Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>")
    };
    let item = format!(
        "<item><instancesSet><item><instanceId>{}</instanceId><privateDnsName>evil</privateDnsName><iamInstanceProfile><arn>{PROFILE}</arn></iamInstanceProfile></item></instancesSet></item>",
        id(1)
    );
    let set = |items: &str, more: &str| {
        format!("<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{more}</DescribeInstancesResponse>")
    };
    for (status, body, reason) in [
        (503, error("RequestLimitExceeded"), "throttled_by_aws"),
        (400, error("Throttling"), "throttled_by_aws"),
        (401, error("AuthFailure"), "no_credentials"),
        (403, error("UnauthorizedOperation"), "no_credentials"),
        (400, error("InvalidFilter"), "unreadable"),
        (200, "<html/>".to_owned(), "unreadable"),
        (200, "{}".to_owned(), "unreadable"),
        (200, format!("<!DOCTYPE a>{}", set(&item, "")), "unreadable"),
        (200, set(&item.repeat(2), ""), "unreadable"),
        (200, set("", "<nextToken>again</nextToken>"), "unreadable"),
        (302, String::new(), "unreadable"),
        (500, error("InternalError"), "server_error"),
    ] {
        *ec2.instead.lock().unwrap() = Some((status, body.clone()));
        assert_eq!(provider.private_dns_name(&node(1)).await.unwrap_err().reason(), reason, "{body}");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    *ec2.instead.lock().unwrap() = None;
    assert_eq!(provider.private_dns_name(&node(1)).await, named("ip-1.ec2.internal"));
}

#[tokio::test(start_paused = true)]
async fn every_case_of_the_corpus_holds() {
    for case in name_case::cases() {
        let (ec2, provider) = provider(RoleCheck::AccountOnly);
        for (number, step) in case.steps.iter().enumerate() {
            tokio::time::advance(Duration::from_secs(step.after)).await;
            if let Some(instances) = &step.instances {
                ec2.instances.lock().unwrap().clear();
                instances.iter().for_each(|(id, name)| ec2.put(id, name, Some(PROFILE)));
            }
            let before = ec2.count("ec2");
            let sessions: Vec<_> = step.asked.keys().map(|id| session("nodes", "AROANODES", id)).collect();
            let names = join_all(sessions.iter().map(|session| provider.private_dns_name(session))).await;
            let names: Vec<_> = names.into_iter().map(Result::unwrap).collect();
            let expected: Vec<_> = step.asked.values().cloned().collect();
            assert_eq!(names, expected, "{} ({}), step {number}", case.id, case.says);
            assert_eq!(ec2.count("ec2") - before, step.calls, "{} ({}), step {number}", case.id, case.says);
        }
    }
}

#[derive(Debug)]
struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>> {
        Box::pin(async { Err(CredentialSourceError("there are none".to_owned())) })
    }
}

#[tokio::test(start_paused = true)]
async fn without_configuration_there_are_no_names_and_without_credentials_no_decision() {
    let ec2 = Arc::new(Ec2::default());
    let static_credentials = Arc::new(StaticCredentials(credentials()));
    let none = AwsProvider::with_transport(AwsConfig::default(), ec2.clone(), static_credentials).unwrap();
    assert_eq!(none.private_dns_name(&node(1)).await, Ok(None));
    let nodes = NodesConfig {
        region: "us-west-2".to_owned(),
        ec2_endpoint: None,
        iam_endpoint: None,
        role_check: RoleCheck::Iam,
    };
    let config = AwsConfig { nodes: Some(nodes), ..AwsConfig::default() };
    let without = AwsProvider::with_transport(config, ec2.clone(), Arc::new(NoCredentials)).unwrap();
    assert_eq!(without.private_dns_name(&node(1)).await.unwrap_err().reason(), "no_credentials");
    assert!(ec2.calls.lock().unwrap().is_empty());
}
