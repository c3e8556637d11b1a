//! IAM over its protocol: what tools send, and what they get.

use doorward_sigv4::query::encode;

use crate::query::testing::{World, text};
use crate::query::{ApiError, Fault, Format, Service};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"eks:*","Resource":"*"}]}"#;

fn ask(world: &mut World, rest: &str) -> Result<String, ApiError> {
    world.ask(super::run, &format!("Version=2010-05-08&Action={rest}"))
}

fn code(world: &mut World, rest: &str) -> (&'static str, u16) {
    let error = ask(world, rest).unwrap_err();
    (error.code, error.status.as_u16())
}

fn create_role(world: &mut World, name: &str, rest: &str) -> Result<String, ApiError> {
    let trust = encode(TRUST);
    ask(world, &format!("CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}{rest}"))
}

#[test]
fn a_role_lives_as_terraform_needs_it() {
    let mut world = World::new();
    let rest = "&Path=%2Fteam%2F&Description=a+b&MaxSessionDuration=7200&Tags.member.1.Key=k&Tags.member.1.Value=v";
    let made = create_role(&mut world, "Dev", rest).unwrap();
    assert_eq!(text(&made, "Arn"), "arn:aws:iam::123456789012:role/team/Dev");
    assert_eq!(text(&made, "CreateDate"), "2026-01-01T12:00:00Z");
    assert_eq!(text(&made, "MaxSessionDuration"), "7200");
    assert_eq!(text(&made, "RequestId"), "a-request");
    assert!(
        made.starts_with(r#"<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult>"#)
    );
    let got = ask(&mut world, "GetRole&RoleName=dev").unwrap();
    assert_eq!(text(&got, "AssumeRolePolicyDocument"), encode(TRUST));
    assert_eq!((text(&got, "Key"), text(&got, "Value")), ("k".to_owned(), "v".to_owned()));
    let policy = format!("PutRolePolicy&RoleName=Dev&PolicyName=p&PolicyDocument={}", encode(ALLOW));
    ask(&mut world, &policy).unwrap();
    let got = ask(&mut world, "GetRolePolicy&RoleName=Dev&PolicyName=p").unwrap();
    assert_eq!(text(&got, "PolicyDocument"), encode(ALLOW));
    assert_eq!(text(&ask(&mut world, "ListRolePolicies&RoleName=Dev").unwrap(), "member"), "p");
    for list in ["ListAttachedRolePolicies", "ListInstanceProfilesForRole"] {
        let got = ask(&mut world, &format!("{list}&RoleName=Dev")).unwrap();
        assert_eq!(text(&got, "IsTruncated"), "false");
        assert!(!got.contains("member"));
    }
    ask(&mut world, "TagRole&RoleName=Dev&Tags.member.1.Key=K&Tags.member.1.Value=w").unwrap();
    assert_eq!(text(&ask(&mut world, "ListRoleTags&RoleName=Dev").unwrap(), "Value"), "w");
    ask(&mut world, "UntagRole&RoleName=Dev&TagKeys.member.1=k").unwrap();
    assert!(!ask(&mut world, "ListRoleTags&RoleName=Dev").unwrap().contains("<Key>"));
    ask(&mut world, "UpdateRole&RoleName=Dev&Description=new").unwrap();
    assert_eq!(text(&ask(&mut world, "GetRole&RoleName=Dev").unwrap(), "Description"), "new");
    let trust = encode(&TRUST.replace("123456789012", "*"));
    ask(&mut world, &format!("UpdateAssumeRolePolicy&RoleName=Dev&PolicyDocument={trust}")).unwrap();
    assert_eq!(text(&ask(&mut world, "GetRole&RoleName=Dev").unwrap(), "AssumeRolePolicyDocument"), trust);
    assert_eq!(code(&mut world, "DeleteRole&RoleName=Dev"), ("DeleteConflict", 409));
    ask(&mut world, "DeleteRolePolicy&RoleName=Dev&PolicyName=p").unwrap();
    ask(&mut world, "DeleteRole&RoleName=Dev").unwrap();
    let gone = ask(&mut world, "GetRole&RoleName=Dev").unwrap_err();
    assert_eq!(gone.message, "The role with name Dev cannot be found.");
    assert_eq!((gone.code, gone.status.as_u16()), ("NoSuchEntity", 404));
}

#[test]
fn a_user_and_its_keys_live_as_terraform_needs_it() {
    let mut world = World::new();
    let made = ask(&mut world, "CreateUser&UserName=bob").unwrap();
    assert_eq!(text(&made, "Arn"), "arn:aws:iam::123456789012:user/bob");
    let key = ask(&mut world, "CreateAccessKey&UserName=bob").unwrap();
    let (id, secret) = (text(&key, "AccessKeyId"), text(&key, "SecretAccessKey"));
    assert_eq!((id.len(), secret.len()), (20, 40));
    let listed = ask(&mut world, "ListAccessKeys&UserName=bob").unwrap();
    assert_eq!((text(&listed, "AccessKeyId"), text(&listed, "Status")), (id.clone(), "Active".to_owned()));
    assert!(!listed.contains(&secret) && !listed.contains("Secret"));
    assert_eq!(text(&ask(&mut world, &format!("GetAccessKeyLastUsed&AccessKeyId={id}")).unwrap(), "UserName"), "bob");
    ask(&mut world, &format!("UpdateAccessKey&UserName=bob&AccessKeyId={id}&Status=Inactive")).unwrap();
    assert_eq!(text(&ask(&mut world, "ListAccessKeys&UserName=bob").unwrap(), "Status"), "Inactive");
    let policy = format!("PutUserPolicy&UserName=bob&PolicyName=p&PolicyDocument={}", encode(ALLOW));
    ask(&mut world, &policy).unwrap();
    assert_eq!(text(&ask(&mut world, "ListUserPolicies&UserName=bob").unwrap(), "member"), "p");
    assert_eq!(code(&mut world, "DeleteUser&UserName=bob"), ("DeleteConflict", 409));
    assert_eq!(code(&mut world, &format!("DeleteAccessKey&UserName=admin&AccessKeyId={id}")), ("NoSuchEntity", 404));
    ask(&mut world, &format!("DeleteAccessKey&UserName=bob&AccessKeyId={id}")).unwrap();
    ask(&mut world, "DeleteUserPolicy&UserName=bob&PolicyName=p").unwrap();
    assert!(ask(&mut world, "ListGroupsForUser&UserName=bob").unwrap().contains("<Groups></Groups>"));
    for list in [
        "ListAttachedUserPolicies",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
    ] {
        assert!(!ask(&mut world, &format!("{list}&UserName=bob")).unwrap().contains("member"), "{list}");
        assert_eq!(code(&mut world, &format!("{list}&UserName=none")), ("NoSuchEntity", 404));
    }
    assert!(ask(&mut world, "ListVirtualMFADevices&AssignmentStatus=Any").is_ok());
    assert_eq!(code(&mut world, "DeleteLoginProfile&UserName=bob"), ("NoSuchEntity", 404));
    ask(&mut world, "DeleteUser&UserName=bob").unwrap();
    assert_eq!(text(&ask(&mut world, "GetUser").unwrap(), "UserName"), "admin");
}

#[test]
fn only_an_operation_with_a_result_answers_one() {
    let mut world = World::new();
    create_role(&mut world, "Dev", "").unwrap();
    let updated = ask(&mut world, "UpdateRole&RoleName=Dev").unwrap();
    assert!(updated.contains("<UpdateRoleResult></UpdateRoleResult>"), "{updated}");
    let deleted = ask(&mut world, "DeleteRole&RoleName=Dev").unwrap();
    assert!(!deleted.contains("Result") && text(&deleted, "RequestId") == "a-request", "{deleted}");
}

#[test]
fn what_iam_refuses_is_refused_in_its_words() {
    let mut world = World::new();
    create_role(&mut world, "Dev", "").unwrap();
    let exists = create_role(&mut world, "dEV", "").unwrap_err();
    assert_eq!((exists.code, exists.message.as_str()), ("EntityAlreadyExists", "Role with name dEV already exists."));
    for (rest, expected) in [
        ("CreateRole&RoleName=a", ("ValidationError", 400)),
        ("CreateRole&RoleName=a&AssumeRolePolicyDocument=%7B%7D", ("MalformedPolicyDocument", 400)),
        ("CreateRole&RoleName=a&AssumeRolePolicyDocument=x", ("MalformedPolicyDocument", 400)),
        ("CreateUser&UserName=a%20b", ("ValidationError", 400)),
        ("CreateUser&UserName=a&Path=x", ("ValidationError", 400)),
        ("CreateUser&UserName=a&PermissionsBoundary=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FX", ("ValidationError", 400)),
        ("CreateUser&UserName=a&Tags.member.1.Key=aws%3Ax&Tags.member.1.Value=", ("InvalidInput", 400)),
        ("CreateUser&UserName=a&UserName=b", ("MalformedQueryString", 404)),
        ("DeleteUser&UserName=none", ("NoSuchEntity", 404)),
        ("ListUsers&MaxItems=0", ("ValidationError", 400)),
        ("ListUsers&Marker=%21", ("ValidationError", 400)),
        ("UpdateAccessKey&UserName=admin&AccessKeyId=x&Status=active", ("ValidationError", 400)),
        ("AttachRolePolicy&RoleName=Dev", ("InvalidAction", 400)),
        ("getuser", ("InvalidAction", 400)),
    ] {
        assert_eq!(code(&mut world, rest), expected, "{rest}");
    }
    let other_version = world.ask(super::run, "Action=GetUser&Version=2011-06-15").unwrap_err();
    assert_eq!(other_version.message, "Could not find operation GetUser for version 2011-06-15");
}

#[test]
fn lists_come_in_pages() {
    let mut world = World::new();
    for name in ["c", "A", "b", "E", "d"] {
        create_role(&mut world, name, if name == "b" { "" } else { "&Path=%2Fx%2F" }).unwrap();
    }
    let (mut names, mut marker) = (Vec::new(), String::new());
    loop {
        let page = ask(&mut world, &format!("ListRoles&PathPrefix=%2Fx&MaxItems=2{marker}")).unwrap();
        names.extend(page.split("<RoleName>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
        if text(&page, "IsTruncated") == "false" {
            assert!(!page.contains("<Marker>"));
            break;
        }
        marker = format!("&Marker={}", text(&page, "Marker"));
    }
    assert_eq!(names, ["A", "c", "d", "E"]);
}

#[test]
fn only_who_may_can() {
    let mut world = World::new();
    ask(&mut world, "CreateUser&UserName=bob").unwrap();
    let policy = ALLOW.replace("eks:*", "iam:Get*");
    ask(&mut world, &format!("PutUserPolicy&UserName=bob&PolicyName=p&PolicyDocument={}", encode(&policy))).unwrap();
    let bob = world.directory.user(world.caller.account, "bob").unwrap().clone();
    world.become_user(&bob);
    assert!(ask(&mut world, "GetUser&UserName=admin").is_ok());
    let denied = ask(&mut world, "CreateUser&UserName=eve").unwrap_err();
    assert_eq!((denied.code, denied.status.as_u16()), ("AccessDenied", 403));
    let expected = "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: iam:CreateUser on resource: \
        arn:aws:iam::123456789012:user/eve because no identity-based policy allows the iam:CreateUser action";
    assert_eq!(denied.message, expected);
    assert_eq!(code(&mut world, "CreateAccessKey&UserName=admin"), ("AccessDenied", 403));
}

#[test]
fn an_error_with_markup_in_it_stays_an_error() {
    let error = ApiError::sender("NoSuchEntity", 404, "<Code>\"&\u{0}");
    let body = error.to_body(Service::Iam, Format::Xml, "r");
    assert!(body.contains("<Message>&lt;Code&gt;&quot;&amp;\u{FFFD}</Message>"), "{body}");
    assert_eq!(error.fault, Fault::Sender);
    let json: serde_json::Value = serde_json::from_str(&error.to_body(Service::Sts, Format::Json, "r")).unwrap();
    assert_eq!(json["Error"]["Code"], "NoSuchEntity");
    assert_eq!((&json["Error"]["Type"], &json["RequestId"]), (&"Sender".into(), &"r".into()));
}

#[test]
fn every_operation_is_listed_once_and_knows_whether_it_writes() {
    for (name, is_write, ..) in super::OPERATIONS {
        assert_eq!(super::OPERATIONS.iter().filter(|(other, ..)| *other == name).count(), 1, "{name}");
        assert_eq!(is_write, !name.starts_with("Get") && !name.starts_with("List"), "{name}");
        assert_eq!(super::is_write(name), is_write);
    }
}
