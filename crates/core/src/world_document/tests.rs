//! Reading documents and pieces, what is refused, and what a digest depends on.

use super::*;
use crate::principal::Principal;
use crate::resolve::resolve;

const ENTRY: &str = r#"{
  "clusterName": "prod", "principalArn": "arn:aws:iam::123456789012:role/team/dev",
  "kubernetesGroups": ["viewers"],
  "accessEntryArn": "arn:aws:eks:us-west-2:123456789012:access-entry/prod/role/123456789012/dev/abc-1",
  "createdAt": "2026-01-31T12:00:00.500000+01:00", "modifiedAt": 1769857200.5, "tags": {"a": "b"},
  "username": "arn:aws:sts::123456789012:assumed-role/dev/{{SessionName}}", "type": "STANDARD",
  "associatedAccessPolicies": [
    {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
     "accessScope": {"type": "namespace", "namespaces": ["ui"]}, "associatedAt": 1769857200, "modifiedAt": 1769857200}]
}"#;

fn world() -> WorldDocument {
    let mut document = WorldDocument::new(AuthenticationMode::ApiAndConfigMap, Authenticator::Eks);
    document.access_entries = access_entries(&format!("[{ENTRY}]")).unwrap().0;
    document.aws_auth = Some(AwsAuthDocument { data: aws_auth_data("mapRoles: '[]'").unwrap() });
    document.rbac = Some(rbac_objects("{kind: ClusterRole, metadata: {name: r, uid: x}, rules: null}").unwrap());
    document.directory =
        Some(directory(r#"[{"arn": "arn:aws:iam::123456789012:role/team/dev", "uniqueId": "AROAX"}]"#).unwrap());
    document
}

#[test]
fn a_document_is_what_was_written_when_it_is_read_again() {
    let document = world();
    assert_eq!(WorldDocument::parse(&document.to_json()).unwrap(), document);
    let value = serde_json::to_value(&document).unwrap();
    assert_eq!(serde_json::from_value::<WorldDocument>(value).unwrap(), document);
    let empty = WorldDocument::new(AuthenticationMode::Api, Authenticator::Doorward);
    assert_eq!(WorldDocument::parse(&empty.to_json()).unwrap(), empty);
}

#[test]
fn times_are_read_as_the_api_and_as_the_cli_print_them() {
    let document = world();
    let entry = &document.access_entries[0];
    assert_eq!(entry.created_at, entry.modified_at);
    assert_eq!(entry.created_at.unwrap().to_string(), "2026-01-31T11:00:00.5Z");
}

#[test]
fn an_entry_is_known_by_the_id_that_the_directory_has_for_exactly_its_arn() {
    let mut document = world();
    let id = |document: &WorldDocument| {
        document.to_world().unwrap().entries().next().unwrap().principal_id().map(str::to_owned)
    };
    assert_eq!(id(&document).as_deref(), Some("AROAX"));
    document.directory =
        Some(directory(r#"[{"arn": "arn:aws:iam::123456789012:role/dev", "uniqueId": "N"}]"#).unwrap());
    assert_eq!(id(&document).as_deref(), Some("gone:arn:aws:iam::123456789012:role/team/dev"));
    document.directory = None;
    assert_eq!(id(&document), None);
}

#[test]
fn a_role_that_was_made_again_under_another_path_is_not_let_in_by_the_old_entry() {
    let mut document = world();
    let listed = r#"[{"arn": "arn:aws:iam::123456789012:role/other/dev", "uniqueId": "AROANEW"}]"#;
    document.directory = Some(directory(listed).unwrap());
    let session = "arn:aws:sts::123456789012:assumed-role/dev/s";
    let let_in = |id: &str| {
        let caller = Principal::from_caller_identity(session, "123456789012", &format!("{id}:s"), "").unwrap();
        resolve(&document.to_world().unwrap(), &caller).is_ok()
    };
    assert!(!let_in("AROANEW") && !let_in("AROAX"));
}

#[test]
fn types_and_policies_of_a_newer_eks_are_kept() {
    let text = ENTRY.replace("STANDARD", "MOON_NODE").replace("AmazonEKSViewPolicy", "AmazonEKSMoonPolicy");
    let mut document = world();
    document.access_entries = access_entries(&format!("[{text}]")).unwrap().0;
    assert_eq!(document.unknown_types().count(), 1);
    assert!(document.to_json().contains("MOON_NODE"));
    let world = document.to_world().unwrap();
    let session = "arn:aws:sts::123456789012:assumed-role/dev/s";
    let caller = crate::principal::Principal::from_caller_identity(session, "123456789012", "AROAX:s", "").unwrap();
    assert!(resolve(&world, &caller).is_ok());
    let access = crate::permissions::permissions(&world, &caller).unwrap();
    assert_eq!(access.permissions.unknown.len(), 1);
}

#[test]
fn aws_auth_is_read_as_a_manifest_as_a_list_and_as_bare_data() {
    for text in [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    []\n",
        r#"{"kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":"[]\n"}}"#,
        r#"{"kind":"List","items":[{"kind":"ConfigMap","metadata":{"name":"x"}},{"kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":"[]\n"}}]}"#,
        "data:\n  mapRoles: |\n    []\n",
        "mapRoles: |\n  []\n",
    ] {
        assert_eq!(aws_auth_data(text).unwrap().get("mapRoles").map(String::as_str), Some("[]\n"), "{text}");
    }
    for (text, words) in [
        ("kind: Secret\ndata: {mapRoles: x}", "holds the kind `Secret`"),
        ("mapRoles: [a]", "`data.mapRoles` is not text"),
        ("- a", "holds no mapping"),
        ("other: x", "holds no `kind`"),
        ("kind: List\nitems: []", "a list without a ConfigMap `aws-auth`"),
        ("a: b: c", "neither JSON nor YAML"),
    ] {
        let error = aws_auth_data(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn an_entry_may_be_printed_below_its_key_and_policies_that_are_not_told_are_named() {
    let wrapped = ENTRY.replace("\"associatedAccessPolicies\"", "\"tags\"");
    assert!(access_entries(&format!("[{wrapped}]")).is_err());
    let text = r#"{"accessEntries": [{"accessEntry": {"principalArn": "arn:aws:iam::123456789012:user/bob"}}]}"#;
    let (entries, silent) = access_entries(text).unwrap();
    assert_eq!(entries[0].username, "arn:aws:iam::123456789012:user/bob");
    assert_eq!(silent, ["arn:aws:iam::123456789012:user/bob"]);
    assert!(access_entries(&format!("[{ENTRY}]")).unwrap().1.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_probably_meant() {
    let change = |from: &str, to: &str| access_entries(&format!("[{}]", ENTRY.replace(from, to))).unwrap_err();
    for (from, to, words) in [
        (
            "kubernetesGroups",
            "kubernetesGroup",
            "accessEntries[0]: unknown key `kubernetesGroup`; did you mean `kubernetesGroups`?",
        ),
        (
            "\"policyArn\"",
            "\"policyARN\"",
            "accessEntries[0].associatedAccessPolicies[0]: unknown key `policyARN`; did you mean `policyArn`?",
        ),
        ("cluster-access-policy/", "policy/", "associatedAccessPolicies[0].policyArn: `arn:aws:eks::aws:policy/"),
        ("\"namespaces\": [\"ui\"]", "\"namespaces\": []", "accessScope: At least 1 namespace"),
        (
            "\"namespaces\": [\"ui\"]",
            "\"namespace\": []",
            "accessScope: unknown key `namespace`; did you mean `namespaces`?",
        ),
        (
            "role/team/dev\"",
            "group/dev\"",
            "accessEntries[0].principalArn: `arn:aws:iam::123456789012:group/dev` is not",
        ),
        ("[\"viewers\"]", "[1]", "accessEntries[0].kubernetesGroups[0]: `1`, expected text"),
        ("1769857200.5", "\"soon\"", "accessEntries[0].modifiedAt: expected seconds since 1970"),
        ("1769857200.5", "1e300", "accessEntries[0].modifiedAt: expected seconds since 1970"),
    ] {
        let error = change(from, to).to_string();
        assert!(error.contains(words), "{error}");
    }
    for (text, words) in [
        ("{", "neither JSON nor YAML"),
        ("[]", "the World: a list, expected an object"),
        ("{}", "`kind` is missing"),
        (r#"{"kind":"World","version":2}"#, "version 2 of the World format"),
        (r#"{"kind":"World","version":1}"#, "`authenticationMode` is missing"),
        (
            r#"{"kind":"World","version":1,"acessEntries":[]}"#,
            "unknown key `acessEntries`; did you mean `accessEntries`?",
        ),
        (
            r#"{"kind":"World","version":1,"authenticationMode":"api","authenticator":"eks"}"#,
            "`api`, expected `CONFIG_MAP`",
        ),
        (r#"{"kind":"World","version":1,"authenticationMode":"API","authenticator":"aws"}"#, "authenticator: `aws`"),
    ] {
        let error = WorldDocument::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let twice = access_entries(&format!("[{ENTRY},{ENTRY}]")).unwrap_err().to_string();
    assert!(twice.contains("has two access entries"), "{twice}");
    let rbac = rbac_objects("{kind: RoleBinding, metadata: {name: b}}").unwrap_err().to_string();
    assert!(rbac.contains("RoleBinding `b`: `metadata.namespace` is missing"), "{rbac}");
    assert!(rbac_objects("just text").is_err());
}

#[test]
fn the_digest_depends_on_what_decides_and_on_nothing_else() {
    let document = world();
    let digest = document.digest();
    assert_eq!(digest.len(), 64);
    let mut same = document.clone();
    same.cluster = Some(ClusterIdentity { name: "other".to_owned(), arn: None });
    same.access_entries[0].tags.clear();
    same.access_entries[0].access_entry_arn = None;
    same.access_entries[0].created_at = None;
    same.access_entries[0].associated_access_policies[0].modified_at = None;
    assert_eq!(same.digest(), digest);
    assert_eq!(WorldDocument::parse(&document.to_json()).unwrap().digest(), digest);
    let changes: [fn(&mut WorldDocument); 8] = [
        |document| document.authentication_mode = AuthenticationMode::Api,
        |document| document.authenticator = Authenticator::Doorward,
        |document| document.access_entries[0].username.push('x'),
        |document| document.access_entries[0].associated_access_policies.clear(),
        |document| document.access_entries[0].kubernetes_groups.clear(),
        |document| document.aws_auth = None,
        |document| document.rbac = None,
        |document| document.directory = None,
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = document.clone();
        change(&mut other);
        assert_ne!(other.digest(), digest, "{at}");
    }
}

#[test]
fn rbac_objects_keep_what_decides_in_a_fixed_order() {
    let list = "kind: List\nitems:\n\
                - {kind: RoleBinding, metadata: {name: b, namespace: n, managedFields: [1]}, roleRef: {kind: Role, name: r}}\n\
                - {kind: ClusterRole, metadata: {name: z, labels: {a: b}}, rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]}\n\
                - {kind: ConfigMap, metadata: {name: c}}\n";
    let objects = rbac_objects(list).unwrap();
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ClusterRole", "RoleBinding"]);
    assert!(objects[1]["metadata"].get("managedFields").is_none());
    let value = pieces::value(list).unwrap();
    assert_eq!(rbac_objects(&value.to_string()).unwrap(), objects);
    assert_eq!(rbac_objects("").unwrap(), Vec::<Value>::new());
}
