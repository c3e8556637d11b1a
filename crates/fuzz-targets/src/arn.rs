//! ARNs of every kind.

use doorward_core::access_policy::AccessPolicyArn;
use doorward_core::arn::Arn;
use doorward_core::principal::{Principal, PrincipalArn, PrincipalKind, canonicalize};

use crate::{Outcome, assert_is_a_message};

/// Whatever is read prints as it was read; parts put together give the whole; the canonical form is canonical already;
/// a caller is only believed under an ARN whose account is its own.
pub fn arn(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return "not text" };
    let arn = match Arn::parse(text) {
        Ok(arn) => arn,
        Err(error) => {
            assert_is_a_message(&error.to_string());
            assert!(PrincipalArn::parse(text).is_err() && canonicalize(text).is_err());
            assert!(AccessPolicyArn::parse(text).is_err());
            return "no ARN";
        }
    };
    assert_eq!(arn.to_string(), text);
    assert!(text.is_ascii() && !text.contains(char::is_whitespace));
    if let Ok(policy) = AccessPolicyArn::parse(text) {
        assert_eq!(policy.as_str(), text);
        assert_eq!(AccessPolicyArn::new(policy.partition(), policy.name()), policy);
        return "access policy";
    }
    let principal = PrincipalArn::parse(text);
    if let Ok(principal) = &principal {
        check_principal(principal, text);
    }
    let Ok((canonical, session)) = canonicalize(text) else { return "no caller" };
    assert_eq!(canonicalize(canonical.as_str()), Ok((canonical.clone(), "")));
    assert_eq!(principal.is_ok(), session.is_empty(), "a session is not its role");
    let account = canonical.account().to_string();
    let user_id = match canonical.kind() {
        PrincipalKind::Role => format!("AROAX:{session}"),
        PrincipalKind::FederatedUser => format!("{account}:{}", canonical.name()),
        PrincipalKind::User | PrincipalKind::Root => "AIDAX".to_owned(),
    };
    if canonical.kind() == PrincipalKind::Role && session.is_empty() {
        assert!(Principal::from_caller_identity(text, &account, &user_id, "AKIA").is_err(), "a role calls by sessions");
        return "role";
    }
    let caller =
        Principal::from_caller_identity(text, &account, &user_id, "AKIA").expect("a caller with its own parts");
    assert_eq!(caller.canonical, canonical);
    assert!(
        Principal::from_caller_identity(text, "999999999999", &user_id, "AKIA").is_err() || account == "999999999999"
    );
    match canonical.kind() {
        PrincipalKind::Role => "session",
        PrincipalKind::User => "user",
        PrincipalKind::Root => "root",
        PrincipalKind::FederatedUser => "federated user",
    }
}

fn check_principal(principal: &PrincipalArn, text: &str) {
    assert_eq!(principal.as_str(), text);
    let (path, name) = (principal.path(), principal.name());
    assert!(path.starts_with('/') && path.ends_with('/') && !name.is_empty() && !name.contains('/'));
    let beginning = format!("arn:{}:", principal.partition());
    let kind = match principal.kind() {
        PrincipalKind::Role => format!("iam::{}:role{path}", principal.account()),
        PrincipalKind::User => format!("iam::{}:user{path}", principal.account()),
        PrincipalKind::Root => format!("iam::{}:", principal.account()),
        PrincipalKind::FederatedUser => format!("sts::{}:federated-user/", principal.account()),
    };
    assert_eq!(format!("{beginning}{kind}{name}"), text);
    let without = principal.without_path();
    assert_eq!((without.path(), without.name(), without.without_path()), ("/", name, without.clone()));
    assert_eq!(PrincipalArn::parse(without.as_str()), Ok(without));
    let json = serde_json::to_string(principal).unwrap();
    assert_eq!(serde_json::from_str::<PrincipalArn>(&json).unwrap(), *principal);
}
