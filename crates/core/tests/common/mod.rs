//! What several suites need.

use doorward_core::principal::Principal;

/// What STS would say of the caller with this ARN.
pub(crate) fn principal(arn: &str, access_key_id: &str, private_dns_name: Option<String>) -> Principal {
    let sections: Vec<_> = arn.splitn(6, ':').collect();
    let (account, resource) = (sections[4], sections[5]);
    let user_id = match resource.split_once('/') {
        Some(("assumed-role", role)) => format!("AROAEXAMPLE:{}", role.split_once('/').unwrap().1),
        Some(("federated-user", name)) => format!("{account}:{name}"),
        Some(_) => "AIDAEXAMPLE".to_owned(),
        None => account.to_owned(),
    };
    let principal = Principal::from_caller_identity(arn, account, &user_id, access_key_id).unwrap();
    Principal { private_dns_name, ..principal }
}
