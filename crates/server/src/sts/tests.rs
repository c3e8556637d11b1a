//! STS over its protocol.

use crate::query::testing::{World, text};
use crate::query::{ApiError, Format};

fn ask(world: &mut World, rest: &str) -> Result<String, ApiError> {
    world.ask(super::run, &format!("Version=2011-06-15&Action={rest}"))
}

fn with_role(name: &str) -> World {
    let mut world = World::new();
    let trust = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}"#;
    let trust = doorward_sigv4::query::encode(trust);
    let create = format!("Version=2010-05-08&Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}");
    world.ask(crate::iam::run, &create).unwrap();
    world
}

#[test]
fn a_caller_is_told_who_it_is_in_both_forms() {
    let mut world = World::new();
    let xml = ask(&mut world, "GetCallerIdentity").unwrap();
    assert!(xml.starts_with(
        r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>"#
    ));
    assert_eq!(text(&xml, "Arn"), "arn:aws:iam::123456789012:user/admin");
    world.format = Format::Json;
    let json: serde_json::Value = serde_json::from_str(&ask(&mut world, "GetCallerIdentity").unwrap()).unwrap();
    let response = &json["GetCallerIdentityResponse"];
    assert_eq!(response["GetCallerIdentityResult"]["Arn"], "arn:aws:iam::123456789012:user/admin");
    assert_eq!(response["GetCallerIdentityResult"]["Account"], "123456789012");
    assert_eq!(response["ResponseMetadata"]["RequestId"], "a-request");
}

#[test]
fn a_role_is_assumed_as_the_aws_cli_does() {
    let mut world = with_role("dev");
    let arn = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev";
    let xml = ask(&mut world, &format!("AssumeRole&RoleArn={arn}&RoleSessionName=EKSGetTokenAuth")).unwrap();
    assert_eq!(text(&xml, "Arn"), "arn:aws:sts::123456789012:assumed-role/dev/EKSGetTokenAuth");
    assert!(text(&xml, "AssumedRoleId").ends_with(":EKSGetTokenAuth"));
    assert_eq!(text(&xml, "Expiration"), "2026-01-01T13:00:00Z");
    assert!(text(&xml, "AccessKeyId").starts_with("ASIA"));
    assert!(text(&xml, "SessionToken").len() > 200);
}

#[test]
fn what_would_narrow_a_session_is_refused_not_ignored() {
    let mut world = with_role("dev");
    let arn = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev";
    for rest in
        ["&Policy=%7B%7D", "&PolicyArns.member.1.arn=x", "&Tags.member.1.Key=a", "&SerialNumber=1", "&TokenCode=2"]
    {
        let error = ask(&mut world, &format!("AssumeRole&RoleArn={arn}&RoleSessionName=se{rest}")).unwrap_err();
        assert_eq!(error.code, "ValidationError", "{rest}");
    }
}

#[test]
fn what_sts_refuses_is_refused_in_its_words() {
    let mut world = with_role("dev");
    for (rest, code, status) in [
        ("AssumeRole&RoleSessionName=se", "ValidationError", 400),
        ("AssumeRole&RoleArn=x&RoleSessionName=se", "ValidationError", 400),
        ("AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fnone&RoleSessionName=se", "AccessDenied", 403),
        (
            "AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev&RoleSessionName=a%20b",
            "ValidationError",
            400,
        ),
        ("GetSessionToken&DurationSeconds=1", "ValidationError", 400),
        ("GetCallerIdentity&Extra=1", "ValidationError", 400),
        ("AssumeRoleWithSAML", "InvalidAction", 400),
    ] {
        let error = ask(&mut world, rest).unwrap_err();
        assert_eq!((error.code, error.status.as_u16()), (code, status), "{rest}");
    }
    let denied = ask(&mut world, "AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fno&RoleSessionName=se");
    let expected = "User: arn:aws:iam::123456789012:user/admin is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/no";
    assert_eq!(denied.unwrap_err().message, expected);
}

#[test]
fn temporary_credentials_cannot_renew_themselves() {
    let mut world = World::new();
    assert!(ask(&mut world, "GetSessionToken").is_ok());
    world.caller.is_temporary = true;
    assert_eq!(ask(&mut world, "GetSessionToken").unwrap_err().code, "AccessDenied");
}
