//! From a signed request to a role's session and back: the whole of STS, with real signatures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use common::{KEY_ID, World, account, allowing, counting, credentials, now, sessions, trusting};
use doorward_identity::authenticate::{AuthError, authenticate};
use doorward_identity::caller::{Caller, Identity};
use doorward_identity::directory::{KeyStatus, Tag};
use doorward_identity::node::private_dns_name;
use doorward_identity::session::SessionCredentials;
use doorward_identity::sts::{AssumeRole, StsError, assume_role, get_caller_identity, get_session_token};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, VerifyError, presign, sign_headers};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";

fn call_at(world: &World, credentials: &Credentials, service: &str, now: Timestamp) -> Result<Caller, AuthError> {
    let host: (&str, &[u8]) = ("host", b"127.0.0.1:8090");
    let unsigned =
        Request { method: "POST", path: "/", query: "", headers: &[host], body_sha256: PayloadHash::of(BODY) };
    let signature = sign_headers(&unsigned, credentials, "us-west-2", service, common::now()).unwrap();
    let mut headers = vec![
        host,
        ("authorization", signature.authorization.as_bytes()),
        ("x-amz-date", signature.x_amz_date.as_bytes()),
    ];
    if let Some(token) = &signature.x_amz_security_token {
        headers.push(("x-amz-security-token", token.as_bytes()));
    }
    let request = Request { headers: &headers, ..unsigned };
    authenticate(&world.directory, &sessions(), &request, "sts", now)
}

fn call(world: &World, credentials: &Credentials) -> Result<Caller, AuthError> {
    call_at(world, credentials, "sts", now())
}

fn alice(world: &World) -> Caller {
    call(world, &credentials()).unwrap()
}

fn with_session(session: &SessionCredentials) -> Credentials {
    let secret = SecretKey::new(session.secret_access_key.expose_secret().to_owned());
    let token = session.session_token.expose_secret().to_owned();
    Credentials::new(session.access_key_id.clone(), secret, Some(token)).unwrap()
}

fn assume(
    world: &World,
    caller: &Caller,
    role_arn: &str,
    external_id: Option<&str>,
) -> Result<SessionCredentials, StsError> {
    let request = AssumeRole {
        role_arn,
        session_name: "EKSGetTokenAuth",
        duration_seconds: None,
        external_id,
        region: "us-west-2",
    };
    assume_role(&world.directory, &sessions(), caller, &request, now(), &mut counting()).map(|role| role.credentials)
}

#[test]
fn a_user_is_who_its_key_says() {
    let world = World::new();
    let identity = get_caller_identity(&alice(&world));
    assert_eq!(identity.arn, "arn:aws:iam::123456789012:user/alice");
    assert_eq!(identity.account, "123456789012");
    assert!(identity.user_id.starts_with("AIDA"));
}

#[test]
fn a_request_that_proves_nothing_is_nobodys() {
    let mut world = World::new();
    let with = |id: &str, secret: &str, token: Option<&str>| {
        Credentials::new(id.to_owned(), SecretKey::new(secret.to_owned()), token.map(str::to_owned)).unwrap()
    };
    assert_eq!(call(&world, &with("AKIANOBODY", common::SECRET, None)).unwrap_err(), AuthError::UnknownKey);
    let wrong = call(&world, &with(KEY_ID, "wrong", None)).unwrap_err();
    assert_eq!(wrong, AuthError::Signature(VerifyError::SignatureMismatch));
    assert_eq!(call(&world, &with(KEY_ID, common::SECRET, Some("x"))).unwrap_err(), AuthError::UnknownKey);
    let service = call_at(&world, &credentials(), "iam", now()).unwrap_err();
    assert!(matches!(service, AuthError::Service { .. }));
    let late = call_at(&world, &credentials(), "sts", now() + SignedDuration::from_mins(16)).unwrap_err();
    assert!(matches!(late, AuthError::Signature(VerifyError::Expired { .. })));
    let bare = Request { method: "GET", path: "/", query: "", headers: &[], body_sha256: PayloadHash::empty() };
    let missing = authenticate(&world.directory, &sessions(), &bare, "sts", now());
    assert_eq!(missing.unwrap_err(), AuthError::Missing);
    let (change, _) = world.directory.update_access_key(account(), "alice", KEY_ID, KeyStatus::Inactive).unwrap();
    world.apply(&change);
    assert_eq!(call(&world, &credentials()).unwrap_err(), AuthError::UnknownKey);
}

#[test]
fn a_role_that_names_the_caller_can_be_assumed_and_its_session_calls() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("arn:aws:iam::123456789012:user/alice"));
    let session = assume(&world, &alice(&world), role.arn.as_str(), None).unwrap();
    assert_eq!(session.expiration, now() + SignedDuration::from_hours(1));
    let caller = call(&world, &with_session(&session)).unwrap();
    assert_eq!(caller.arn(), "arn:aws:sts::123456789012:assumed-role/dev/EKSGetTokenAuth");
    assert_eq!(caller.user_id(), format!("{}:EKSGetTokenAuth", role.id));
    let principal = caller.principal().unwrap();
    assert_eq!((principal.id, principal.session_name.as_str()), (role.id.clone(), "EKSGetTokenAuth"));
    let late = call_at(&world, &with_session(&session), "sts", session.expiration);
    assert_eq!(late.unwrap_err(), AuthError::Expired);
    world.apply(&world.directory.delete_role(account(), "dev").unwrap());
    assert_eq!(call(&world, &with_session(&session)).unwrap_err(), AuthError::UnknownKey);
    world.role("dev", &trusting("arn:aws:iam::123456789012:user/alice"));
    let of_another = call(&world, &with_session(&session)).unwrap_err();
    assert_eq!(of_another, AuthError::UnknownKey, "a session does not pass to a new role of the same name");
}

#[test]
fn a_role_that_trusts_the_account_leaves_it_to_the_callers_policies() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("arn:aws:iam::123456789012:root"));
    let arn = role.arn.as_str();
    let denied = |world: &World| matches!(assume(world, &alice(world), arn, None), Err(StsError::AccessDenied { .. }));
    assert!(denied(&world));
    for (document, expected) in [
        (allowing("Allow", "sts:AssumeRole", "*"), true),
        (allowing("Allow", "sts:AssumeRole", arn), true),
        (allowing("Allow", "sts:AssumeRole", "arn:aws:iam::123456789012:role/other"), false),
        (allowing("Allow", "iam:*", "*"), false),
    ] {
        let (change, _) = world.directory.put_user_policy(account(), "alice", "p", &document).unwrap();
        world.apply(&change);
        assert_eq!(!denied(&world), expected, "{document}");
    }
}

#[test]
fn a_denial_in_the_callers_policies_is_final() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("arn:aws:iam::123456789012:user/alice"));
    let document = allowing("Deny", "sts:*", role.arn.as_str());
    let (change, _) = world.directory.put_user_policy(account(), "alice", "p", &document).unwrap();
    world.apply(&change);
    assert!(matches!(assume(&world, &alice(&world), role.arn.as_str(), None), Err(StsError::AccessDenied { .. })));
}

#[test]
fn a_role_does_not_trust_a_new_user_of_an_old_name() {
    let mut world = World::new();
    world.user("bob");
    let role = world.role("dev", &trusting("arn:aws:iam::123456789012:user/bob"));
    world.key("bob", "AKIABOB1", "bobs secret");
    let bob = || Credentials::new("AKIABOB1".to_owned(), SecretKey::new("bobs secret".to_owned()), None).unwrap();
    assert!(assume(&world, &call(&world, &bob()).unwrap(), role.arn.as_str(), None).is_ok());
    world.apply(&world.directory.delete_access_key(account(), "bob", "AKIABOB1").unwrap());
    world.apply(&world.directory.delete_user(account(), "bob").unwrap());
    world.user("bob");
    world.key("bob", "AKIABOB1", "bobs secret");
    let refused = assume(&world, &call(&world, &bob()).unwrap(), role.arn.as_str(), None);
    assert!(matches!(refused, Err(StsError::AccessDenied { .. })));
}

#[test]
fn durations_and_names_have_their_limits() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("*"));
    let caller = alice(&world);
    let ask = |caller: &Caller, session_name: &str, duration_seconds: Option<u32>| {
        let role_arn = role.arn.as_str();
        let request = AssumeRole { role_arn, session_name, duration_seconds, external_id: None, region: "us-west-2" };
        assume_role(&world.directory, &sessions(), caller, &request, now(), &mut counting())
    };
    for seconds in [0, 899, 43_201] {
        assert!(matches!(ask(&caller, "se", Some(seconds)), Err(StsError::Parameter { name: "durationSeconds", .. })));
    }
    assert!(ask(&caller, "se", Some(900)).is_ok());
    assert_eq!(ask(&caller, "se", Some(3_601)).unwrap_err(), StsError::LongerThanRoleAllows);
    for name in ["", "s", "a b", "a/b", "a:b", "é!", &"s".repeat(65)] {
        assert!(matches!(ask(&caller, name, None), Err(StsError::Parameter { name: "roleSessionName", .. })), "{name}");
    }
}

#[test]
fn a_chain_of_roles_is_capped_at_an_hour() {
    let mut world = World::new();
    let first = world.role("first", &trusting("*"));
    let second = world.role("second", &trusting(first.arn.as_str()));
    let update = doorward_identity::directory::RoleUpdate { max_session_duration: Some(7_200), ..Default::default() };
    let (change, _) = world.directory.update_role(account(), "second", &update).unwrap();
    world.apply(&change);
    let session = assume(&world, &alice(&world), first.arn.as_str(), None).unwrap();
    let caller = call(&world, &with_session(&session)).unwrap();
    let ask = |seconds: u32| {
        let role_arn = second.arn.as_str();
        let request = AssumeRole {
            role_arn,
            session_name: "se",
            duration_seconds: Some(seconds),
            external_id: None,
            region: "us-west-2",
        };
        assume_role(&world.directory, &sessions(), &caller, &request, now(), &mut counting())
    };
    assert!(ask(3_600).is_ok());
    assert_eq!(ask(7_200).unwrap_err(), StsError::LongerThanChainAllows);
}

#[test]
fn a_role_that_is_not_there_answers_as_one_that_does_not_trust() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("999999999999"));
    for arn in [role.arn.as_str(), "arn:aws:iam::123456789012:role/none", "arn:aws:iam::123456789012:role/path/dev"] {
        let denied = assume(&world, &alice(&world), arn, None).unwrap_err();
        assert!(matches!(denied, StsError::AccessDenied { .. }), "{arn}: {denied}");
    }
    for arn in ["", "dev", "arn:aws:iam::123456789012:user/alice", "arn:aws:sts::123456789012:assumed-role/dev/x"] {
        let refused = assume(&world, &alice(&world), arn, None).unwrap_err();
        assert!(matches!(refused, StsError::Parameter { name: "roleArn", .. }), "{arn}");
    }
}

#[test]
fn a_session_token_is_for_long_term_keys_and_is_the_same_user() {
    let world = World::new();
    let session = get_session_token(&sessions(), &alice(&world), None, now(), &mut counting()).unwrap();
    assert_eq!(session.expiration, now() + SignedDuration::from_hours(12));
    let caller = call(&world, &with_session(&session)).unwrap();
    assert_eq!(caller.arn(), alice(&world).arn());
    assert!(caller.is_temporary && matches!(caller.identity, Identity::User(_)));
    let again = get_session_token(&sessions(), &caller, None, now(), &mut counting());
    assert_eq!(again.unwrap_err(), StsError::Temporary);
}

#[test]
fn a_session_token_of_one_session_does_not_serve_another_key() {
    let mut world = World::new();
    let role = world.role("dev", &trusting("*"));
    let session = assume(&world, &alice(&world), role.arn.as_str(), None).unwrap();
    let token = session.session_token.expose_secret().to_owned();
    let mixed = Credentials::new(KEY_ID.to_owned(), SecretKey::new(common::SECRET.to_owned()), Some(token)).unwrap();
    assert_eq!(call(&world, &mixed).unwrap_err(), AuthError::UnknownKey);
    let secret = SecretKey::new(session.secret_access_key.expose_secret().to_owned());
    let without = Credentials::new(session.access_key_id, secret, None).unwrap();
    assert_eq!(call(&world, &without).unwrap_err(), AuthError::UnknownKey);
}

/// Whoever steals a token has a presigned request of STS: it says who its owner is, and opens nothing else.
#[test]
fn a_stolen_token_serves_for_nothing_but_what_it_says() {
    let world = World::new();
    let headers: [(&str, &[u8]); 2] = [("host", b"127.0.0.1:8090"), ("x-k8s-aws-id", b"demo")];
    let request = Request {
        method: "GET",
        path: "/",
        query: "Action=GetCallerIdentity&Version=2011-06-15",
        headers: &headers,
        body_sha256: PayloadHash::empty(),
    };
    let query = presign(&request, &credentials(), "us-west-2", "sts", now(), 60).unwrap();
    let send = |query: &str, service: &str, method: &str, headers: &[(&str, &[u8])], body: &[u8]| {
        let request = Request { method, path: "/", query, headers, body_sha256: PayloadHash::of(body) };
        authenticate(&world.directory, &sessions(), &request, service, now()).map(|caller| caller.arn())
    };
    assert!(send(&query, "sts", "GET", &headers, b"").is_ok());
    assert!(send(&query, "eks", "GET", &headers, b"").is_err(), "another service");
    assert!(send(&query, "iam", "GET", &headers, b"").is_err(), "another service");
    assert!(send(&query.replace("Identity", "Identitz"), "sts", "GET", &headers, b"").is_err(), "another action");
    assert!(send(&format!("{query}&RoleArn=x"), "sts", "GET", &headers, b"").is_err(), "one parameter more");
    assert!(send(&query, "sts", "POST", &headers, b"").is_err(), "another method");
    assert!(send(&query, "sts", "GET", &headers, b"Action=AssumeRole").is_err(), "a body");
    assert!(send(&query, "sts", "GET", &headers[..1], b"").is_err(), "without the cluster");
    let other: [(&str, &[u8]); 2] = [headers[0], ("x-k8s-aws-id", b"other")];
    assert!(send(&query, "sts", "GET", &other, b"").is_err(), "another cluster");
    let twice: [(&str, &[u8]); 3] = [headers[0], headers[1], ("x-k8s-aws-id", b"other")];
    assert!(send(&query, "sts", "GET", &twice, b"").is_err(), "two clusters");
    let from: [(&str, &[u8]); 2] = [("host", b"sts.us-west-2.amazonaws.com"), headers[1]];
    assert!(send(&query, "sts", "GET", &from, b"").is_err(), "another host");
}

#[test]
fn a_node_is_only_what_really_runs_with_its_role() {
    let mut world = World::new();
    let node = world.role("node", &trusting("*"));
    let other = world.role("other", &trusting("*"));
    let id = "i-0123456789abcdef0";
    let (change, _) = world.directory.put_instance(account(), id, "node", "ip-10-0-0-1.ec2.internal").unwrap();
    world.apply(&change);
    let dns_name = |world: &World, role_arn: &str, session_name: &str| {
        let request =
            AssumeRole { role_arn, session_name, duration_seconds: None, external_id: None, region: "us-west-2" };
        let assumed =
            assume_role(&world.directory, &sessions(), &alice(world), &request, now(), &mut counting()).unwrap();
        let caller = call(world, &with_session(&assumed.credentials)).unwrap();
        private_dns_name(&world.directory, &caller.principal().unwrap()).map(str::to_owned)
    };
    let name = Some("ip-10-0-0-1.ec2.internal".to_owned());
    assert_eq!(dns_name(&world, node.arn.as_str(), id), name);
    assert_eq!(dns_name(&world, other.arn.as_str(), id), None);
    assert_eq!(dns_name(&world, node.arn.as_str(), "i-0123456789abcdef1"), None);
    assert_eq!(dns_name(&world, node.arn.as_str(), "someone"), None);
    world.apply(&world.directory.delete_instance(account(), id).unwrap());
    assert_eq!(dns_name(&world, node.arn.as_str(), id), None);
}

/// What a condition sees, in the role's trust policy and in the caller's own.
#[test]
fn conditions_are_evaluated_on_both_sides_of_assume_role() {
    let mut world = World::new();
    let tag = |value: &str| vec![Tag { key: "team".to_owned(), value: value.to_owned() }];
    world.apply(&world.directory.tag_user(account(), "alice", tag("blue")).unwrap().0);
    let role = world.role("dev", &trusting("arn:aws:iam::123456789012:root"));
    world.apply(&world.directory.tag_role(account(), "dev", tag("blue")).unwrap().0);
    let arn = role.arn.as_str();
    let with =
        |document: String, condition: &str| document.replace("}]}", &format!(r#","Condition":{condition}}}]}}"#));
    for (condition, external_id, expected) in [
        (r#"{"StringEquals":{"sts:ExternalId":"x"}}"#, Some("x"), true),
        (r#"{"StringEquals":{"sts:ExternalId":"x"}}"#, Some("X"), false),
        (r#"{"StringEquals":{"sts:ExternalId":"x"}}"#, None, false),
        (r#"{"StringLike":{"sts:RoleSessionName":"EKS*"}}"#, None, true),
        (r#"{"StringLike":{"sts:RoleSessionName":"${aws:username}*"}}"#, None, false),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/alice"}}"#, None, true),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/bob"}}"#, None, false),
        (r#"{"StringEquals":{"aws:PrincipalTag/team":"${aws:ResourceTag/Team}"}}"#, None, true),
        (r#"{"StringEquals":{"iam:ResourceTag/team":"red"}}"#, None, false),
        (r#"{"NumericLessThanEquals":{"sts:DurationSeconds":"3600"}}"#, None, true),
        (r#"{"NumericLessThan":{"sts:DurationSeconds":"3600"}}"#, None, false),
        (r#"{"StringEquals":{"aws:RequestedRegion":"us-west-2"}}"#, None, true),
        (r#"{"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}"#, None, false),
        (r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#, None, false),
        (r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}"#, None, true),
        (r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#, None, false),
    ] {
        for in_trust in [true, false] {
            let (mut trust, mut own) =
                (trusting("arn:aws:iam::123456789012:root"), allowing("Allow", "sts:AssumeRole", arn));
            let document = if in_trust { &mut trust } else { &mut own };
            *document = with(document.clone(), condition);
            world.apply(&world.directory.update_assume_role_policy(account(), "dev", &trust).unwrap().0);
            world.apply(&world.directory.put_user_policy(account(), "alice", "p", &own).unwrap().0);
            let outcome = assume(&world, &alice(&world), arn, external_id);
            assert_eq!(outcome.is_ok(), expected, "{condition} with {external_id:?}, in trust: {in_trust}");
        }
    }
}
