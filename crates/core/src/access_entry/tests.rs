use super::*;
use crate::access_policy::{AccessPolicyArn, Catalogue};
use crate::access_scope::AccessScope;
use crate::partition::Partition;

const ROLE: &str = "arn:aws:iam::123456789012:role/team/dev";

fn request(
    principal: &str,
    kind: Option<&str>,
    username: Option<&str>,
    groups: &[&str],
) -> Result<NewAccessEntry, AccessEntryError> {
    let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
    NewAccessEntry::parse(principal, kind, username, Some(&groups), Tags::new())
}

fn entry(principal: &str, kind: Option<&str>) -> AccessEntry {
    let request = request(principal, kind, None, &[]).unwrap();
    AccessEntry::new(request, None, "id".to_owned(), Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn each_type_has_its_default_username_and_groups() {
    let identity = |principal, kind| {
        let entry = entry(principal, kind);
        (entry.username().as_str().to_owned(), entry.kubernetes_groups().join(","))
    };
    let session = "arn:aws:sts::123456789012:assumed-role/dev/{{SessionName}}";
    assert_eq!(identity(ROLE, None), (session.into(), "".into()));
    let user = "arn:aws:iam::123456789012:user/div/alice";
    assert_eq!(identity(user, Some("STANDARD")), (user.into(), "".into()));
    let by_dns = "system:node:{{EC2PrivateDNSName}}";
    assert_eq!(identity(ROLE, Some("EC2_LINUX")), (by_dns.into(), "system:nodes".into()));
    assert_eq!(identity(ROLE, Some("EC2_Windows")), (by_dns.into(), "eks:kube-proxy-windows,system:nodes".into()));
    let by_session = "system:node:{{SessionName}}";
    assert_eq!(identity(ROLE, Some("FARGATE_LINUX")), (by_session.into(), "system:node-proxier,system:nodes".into()));
    assert_eq!(identity(ROLE, Some("HYBRID_LINUX")), (by_session.into(), "system:nodes".into()));
}

#[test]
fn what_is_no_principal_of_an_entry_is_refused_in_eks_words() {
    for text in [
        "",
        "dev",
        "arn:aws:sts::123456789012:assumed-role/dev/me",
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:group/g",
        "arn:aws:eks:us-west-2:123456789012:access-entry/c/role/123456789012/dev/x",
    ] {
        let error = request(text, None, None, &[]).unwrap_err();
        assert_eq!(error.to_string(), "The principalArn parameter format is not valid", "{text}");
    }
    let linked = "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch";
    assert_eq!(request(linked, None, None, &[]).unwrap_err(), AccessEntryError::ServiceLinkedRole);
}

#[test]
fn reserved_prefixes_are_refused_for_usernames_and_groups_and_others_are_not() {
    for prefix in ["system:", "eks:", "aws:", "amazon:", "iam:"] {
        let name = format!("{prefix}x");
        let error = request(ROLE, None, Some(&name), &[]).unwrap_err();
        assert_eq!(error.to_string(), format!("The username must not begin with {prefix}"));
        let error = request(ROLE, None, None, &[&name]).unwrap_err();
        let expected = format!("The kubernetes group name {name} is invalid, it cannot start with {prefix}");
        assert_eq!(error.to_string(), expected);
    }
    assert!(request(ROLE, None, Some("sts:x"), &["sts:x", "System:x"]).is_ok());
}

#[test]
fn a_session_name_needs_a_colon_before_it() {
    for good in ["a:{{SessionName}}", "x:y-{{SessionNameRaw}}", "plain"] {
        assert!(request(ROLE, None, Some(good), &[]).is_ok(), "{good}");
    }
    for bad in ["{{SessionName}}", "a-{{SessionNameRaw}}", "{{SessionName}}:a"] {
        assert_eq!(request(ROLE, None, Some(bad), &[]).unwrap_err(), AccessEntryError::UsernameWithoutColon);
    }
    for bad in ["a:{{AccountID}}", "a:{{EC2PrivateDNSName}}", "a:{{AccessKeyID}}", "a:{{Unknown}}", "a\nb"] {
        assert!(matches!(request(ROLE, None, Some(bad), &[]), Err(AccessEntryError::Username(_))), "{bad}");
    }
}

#[test]
fn nodes_are_roles_of_the_clusters_account_and_set_nothing() {
    let user = "arn:aws:iam::123456789012:user/alice";
    assert_eq!(request(user, Some("EC2_LINUX"), None, &[]).unwrap_err(), AccessEntryError::NodeMustBeRole);
    let named = request(ROLE, Some("EC2_LINUX"), Some("x"), &[]).unwrap_err();
    let text = "The specified username is invalid: setting username is not allowed when the type is \"EC2_LINUX\"";
    assert_eq!(named.to_string(), text);
    let grouped = request(ROLE, Some("FARGATE_LINUX"), None, &["g"]).unwrap_err();
    assert!(grouped.to_string().contains("setting kubernetesGroups is not allowed when the type is \"FARGATE_LINUX\""));
    let node = request(ROLE, Some("EC2_LINUX"), None, &[]).unwrap();
    assert!(node.check_account("123456789012".parse().unwrap()).is_ok());
    let other = node.check_account("210987654321".parse().unwrap());
    assert_eq!(other.unwrap_err(), AccessEntryError::NodeFromOtherAccount);
    let person = request(ROLE, None, None, &[]).unwrap();
    assert!(person.check_account("210987654321".parse().unwrap()).is_ok());
}

#[test]
fn an_update_changes_what_it_names_and_an_empty_list_clears() {
    let later = Timestamp::from_second(9).unwrap();
    let before = request(ROLE, None, Some("a:b"), &["g"]).unwrap();
    let before = AccessEntry::new(before, None, "id".into(), Timestamp::UNIX_EPOCH).unwrap();
    let after = before.updated(AccessEntryUpdate::parse(Some("c"), None).unwrap(), later).unwrap();
    assert_eq!((after.username().as_str(), after.kubernetes_groups().len(), after.modified_at()), ("c", 1, later));
    let after = before.updated(AccessEntryUpdate::parse(None, Some(&[])).unwrap(), later).unwrap();
    assert_eq!((after.username().as_str(), after.kubernetes_groups().len()), ("a:b", 0));
    let echoed = AccessEntryUpdate::parse(Some("arn:aws:sts::123456789012:assumed-role/dev/{{SessionName}}"), None);
    assert!(before.updated(echoed.unwrap(), later).is_ok());
    let node = entry(ROLE, Some("EC2_LINUX"));
    let error = node.updated(AccessEntryUpdate::parse(None, Some(&[])).unwrap(), later).unwrap_err();
    assert_eq!(error, AccessEntryError::GroupsNotAllowed(EntryType::Ec2Linux));
}

fn associate(
    entry: &AccessEntry,
    name: &str,
    scope: AccessScope,
    at: i64,
) -> Result<(AccessEntry, AssociatedAccessPolicy), AccessEntryError> {
    let arn = AccessPolicyArn::parse(name).unwrap_or_else(|_| AccessPolicyArn::new(Partition::Aws, name));
    let now = Timestamp::from_second(at).unwrap();
    entry.associated(&arn, scope, Catalogue::built_in(), Partition::Aws, now)
}

#[test]
fn associating_again_replaces_the_scope_and_keeps_the_first_time() {
    let carts = AccessScope::parse("namespace", &["carts".into()]).unwrap();
    let (once, _) = associate(&entry(ROLE, None), "AmazonEKSViewPolicy", AccessScope::Cluster, 1).unwrap();
    let (twice, association) = associate(&once, "AmazonEKSViewPolicy", carts.clone(), 2).unwrap();
    assert_eq!(twice.access_policies.len(), 1);
    assert_eq!(association.access_scope, carts);
    let seconds = [association.associated_at, association.modified_at].map(|at| Timestamp::from(at).as_second());
    assert_eq!(seconds, [1, 2]);
    let arn = AccessPolicyArn::new(Partition::Aws, "AmazonEKSViewPolicy");
    let none = twice.disassociated(&arn).unwrap();
    assert!(none.access_policies.is_empty());
    assert_eq!(none.disassociated(&arn).unwrap_err(), AccessEntryError::NotAssociated);
}

#[test]
fn policies_go_with_people_and_auto_mode_nodes_and_only_if_they_exist() {
    let cluster = || AccessScope::Cluster;
    for kind in ["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"] {
        let refused = associate(&entry(ROLE, Some(kind)), "AmazonEKSViewPolicy", cluster(), 1);
        assert_eq!(refused.unwrap_err(), AccessEntryError::NotStandard, "{kind}");
    }
    assert!(associate(&entry(ROLE, Some("EC2")), "AmazonEKSAutoNodePolicy", cluster(), 1).is_ok());
    let person = entry(ROLE, None);
    for unknown in
        ["AmazonEKSGodPolicy", "amazoneksviewpolicy", "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"]
    {
        assert_eq!(associate(&person, unknown, cluster(), 1).unwrap_err(), AccessEntryError::PolicyNotFound);
    }
    let own = associate(&person, "AmazonEKSComputePolicy", cluster(), 1).unwrap_err();
    assert!(matches!(own, AccessEntryError::PolicyForServiceLinkedRoles(_)));
}

#[test]
fn tags_keep_aws_limits() {
    let tag = |key: &str, value: &str| merge_tags(&Tags::new(), Tags::from([(key.to_owned(), value.to_owned())]));
    assert!(tag("k", "").is_ok() && tag(&"k".repeat(128), &"v".repeat(256)).is_ok());
    assert!(tag("", "v").is_err() && tag(&"k".repeat(129), "v").is_err() && tag("k", &"v".repeat(257)).is_err());
    assert!(tag("aws:x", "v").is_err() && tag("AwS:x", "v").is_err());
    let many: Tags = (0..51).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(merge_tags(&Tags::new(), many).unwrap_err(), TagError::TooMany(51));
}

#[test]
fn an_entry_survives_its_json_form() {
    let scope = AccessScope::parse("namespace", &["a".into(), "b-*".into()]).unwrap();
    let (entry, _) = associate(&entry(ROLE, None), "AmazonEKSViewPolicy", scope, 5).unwrap();
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<AccessEntry>(&text).unwrap(), entry);
}

#[test]
fn an_entry_is_stored_as_it_always_was_to_the_byte() {
    let usual = r#"{"principalArn":"arn:aws:iam::123456789012:role/team/dev","principalId":"AROADEV","type":"STANDARD","username":"arn:aws:sts::123456789012:assumed-role/dev/{{SessionName}}","kubernetesGroups":[],"tags":{},"id":"0f8fad5b-d9cb-469f-a165-70867728950e","createdBy":"DNG5k0Vqlf6Yw0jkb5oEFIY3nYZhVDzt9gGXXIsVIZc","createdAt":"2026-11-26T21:30:00.123456789Z","modifiedAt":"2026-11-26T21:30:00.123456789Z","accessPolicies":{"AmazonEKSViewPolicy":{"policyArn":"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy","accessScope":{"type":"namespace","namespaces":["carts"]},"associatedAt":"2026-11-26T21:30:01.5Z","modifiedAt":"2026-11-26T21:30:02Z"}}}"#;
    let unusual = r#"{"principalArn":"arn:aws-cn:iam::123456789012:user/div/a-user-with-a-long-name","type":"STANDARD","username":"team:x","kubernetesGroups":["b","a"],"tags":{"k":"v w"},"id":"an id of another kind","createdAt":"1970-01-01T00:00:00Z","modifiedAt":"2200-01-01T00:00:00Z","accessPolicies":{"AmazonEKSEditPolicy":{"policyArn":"arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSEditPolicy","accessScope":{"type":"cluster","namespaces":[]},"associatedAt":"2026-01-01T00:00:00Z","modifiedAt":"2026-01-01T00:00:00Z"},"PolicyOfAnotherDay":{"policyArn":"arn:aws-cn:eks::aws:cluster-access-policy/PolicyOfAnotherDay","accessScope":{"type":"namespace","namespaces":["z-*","a-namespace-of-more-than-twenty-two-bytes"]},"associatedAt":"2026-01-01T00:00:00Z","modifiedAt":"2026-01-01T00:00:00Z"}}}"#;
    let node = r#"{"principalArn":"arn:aws:iam::123456789012:role/n","principalId":"AROANODE","type":"EC2_LINUX","username":"system:node:{{EC2PrivateDNSName}}","kubernetesGroups":["system:nodes"],"tags":{},"id":"","createdAt":"2026-01-01T00:00:00Z","modifiedAt":"2026-01-01T00:00:00Z","accessPolicies":{}}"#;
    for text in [usual, unusual, node] {
        let entry: AccessEntry = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), text);
        assert_eq!(AccessEntry::from(entry.record()), entry);
    }
}
