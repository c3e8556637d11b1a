//! What holds of the plans of random small Worlds.

use std::collections::BTreeMap;

use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::directory::KnownPrincipal;
use doorward_core::plan::{PlanOptions, plan};
use doorward_core::principal::{PrincipalArn, PrincipalId};
use doorward_core::world_document::{
    AssociationDocument, AwsAuthDocument, ClusterIdentity, EntryDocument, WorldDocument, rbac_objects,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::safety::{self, Sight};

const ROLES: [&str; 7] = ["dev", "Admin", "node", "team/ops", "gone", "AWSServiceRoleForBatch", "AWSReservedSSO_A_0"];
const ARNS: [&str; 15] = [
    "arn:aws:iam::111122223333:role/dev",
    "arn:aws:iam::111122223333:role/ADMIN",
    "arn:aws:iam::111122223333:role/node",
    "arn:aws:iam::111122223333:role/ops",
    "arn:aws:iam::111122223333:role/team/ops",
    "arn:aws:iam::111122223333:role/gone",
    "arn:aws:iam::111122223333:role/AWSServiceRoleForBatch",
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::111122223333:user/div/eve",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::210987654321:role/dev",
    "arn:aws:iam::210987654321:role/node",
    "arn:aws:sts::111122223333:assumed-role/dev/alice",
    "arn:aws-cn:iam::111122223333:role/dev",
    "not-an-arn",
];
const USERNAMES: [&str; 14] = [
    "dev",
    "alice",
    "dev:{{SessionName}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "system:admin",
    "system:serviceaccount:shop:robot",
    "system:node:{{EC2PrivateDNSName}}",
    "system:node:{{SessionName}}",
    "system:node:{{EC2PrivateDNSName}}",
    "{{EC2PrivateDNSName}}",
    "{{AccountID}}-x",
    "{{AccessKeyID}}",
    "eks:{{SessionName}}",
];
const GROUPS: [&str; 14] = [
    "devs",
    "ops",
    "system:masters",
    "system:authenticated",
    "system:nodes",
    "system:bootstrappers",
    "system:node-proxier",
    "eks:kube-proxy-windows",
    "system:developers",
    "eks:admins",
    "aws:view",
    "team-{{AccountID}}",
    "{{SessionName}}",
    "migrated:system:developers",
];
const SUBJECTS: [(&str, &str); 14] = [
    ("Group", "devs"),
    ("Group", "ops"),
    ("Group", "system:masters"),
    ("Group", "system:nodes"),
    ("Group", "system:bootstrappers"),
    ("Group", "system:developers"),
    ("Group", "eks:admins"),
    ("Group", "aws:view"),
    ("User", "alice"),
    ("User", "bob-x.io"),
    ("User", "bob@x.io"),
    ("User", "system:admin"),
    ("User", "eks:alice"),
    ("User", "AKIA1"),
];

fn row(section: &'static str) -> impl Strategy<Value = String> {
    let key = if section == "mapUsers" { "userarn" } else { "rolearn" };
    (select(&ARNS[..]), select(&USERNAMES[..]), subsequence(&GROUPS[..], 0..4)).prop_map(
        move |(arn, username, groups)| format!("- {}\n", json!({ key: arn, "username": username, "groups": groups })),
    )
}

fn aws_auth() -> impl Strategy<Value = BTreeMap<String, String>> {
    let accounts = subsequence(vec!["- \"111122223333\"\n", "- \"210987654321\"\n"], 0..2);
    let roles = prop::collection::vec(row("mapRoles"), 0..5);
    let users = prop::collection::vec(row("mapUsers"), 0..3);
    (roles, users, accounts, any::<bool>()).prop_map(|(roles, users, accounts, is_broken)| {
        let mut roles = roles.concat();
        if is_broken {
            roles.push_str("- username: nobody\n");
        }
        let sections = [("mapRoles", roles), ("mapUsers", users.concat()), ("mapAccounts", accounts.concat())];
        sections.into_iter().map(|(key, text)| (key.to_owned(), text)).collect()
    })
}

fn rbac() -> impl Strategy<Value = String> {
    let roles = "{kind: ClusterRole, metadata: {name: cluster-admin}, rules: [{apiGroups: ['*'], resources: ['*'], verbs: \
                 ['*']}, {nonResourceURLs: ['*'], verbs: ['*']}]}\n---\n{kind: ClusterRole, metadata: {name: reader}, \
                 rules: [{apiGroups: [''], resources: [pods, secrets], verbs: [get]}]}\n---\n{kind: ClusterRole, \
                 metadata: {name: writer}, rules: [{apiGroups: ['', apps], resources: ['*'], verbs: [delete, create]}]}\n";
    let one = (subsequence(&SUBJECTS[..], 1..4), select(vec!["cluster-admin", "reader", "writer", "gone"]), 0..3usize);
    prop::collection::vec(one, 0..5).prop_map(move |bindings| {
        let mut text = roles.to_owned();
        for (at, (subjects, role, namespace)) in bindings.into_iter().enumerate() {
            let subjects: Vec<_> = subjects.iter().map(|(kind, name)| json!({ "kind": kind, "name": name })).collect();
            let (kind, metadata) = match namespace {
                0 => ("ClusterRoleBinding", json!({ "name": format!("b{at}") })),
                namespace => {
                    let namespace = ["shop", "carts"][namespace - 1];
                    ("RoleBinding", json!({ "name": format!("b{at}"), "namespace": namespace }))
                }
            };
            let role = json!({ "kind": "ClusterRole", "name": role });
            let binding = json!({ "kind": kind, "metadata": metadata, "roleRef": role, "subjects": subjects });
            text.push_str(&format!("---\n{binding}\n"));
        }
        text
    })
}

fn directory() -> impl Strategy<Value = Option<Vec<KnownPrincipal>>> {
    let principal = |arn: String, id: String| KnownPrincipal {
        arn: PrincipalArn::parse(&arn).unwrap(),
        unique_id: Some(PrincipalId(id)),
    };
    let all: Vec<KnownPrincipal> = ROLES
        .iter()
        .filter(|role| **role != "gone")
        .map(|role| {
            let path = if role.starts_with("AWSService") { "aws-service-role/batch.amazonaws.com/" } else { "" };
            let name = role.rsplit('/').next().unwrap().replace('_', "");
            principal(format!("arn:aws:iam::111122223333:role/{path}{role}"), format!("AROA{name}"))
        })
        .chain([principal("arn:aws:iam::111122223333:user/bob".into(), "AIDABOB".into())])
        .chain([principal("arn:aws:iam::111122223333:user/div/Eve".into(), "AIDAEVE".into())])
        .collect();
    let foreign = principal("arn:aws:iam::210987654321:role/hub/dev".into(), "AROAFOREIGN".into());
    prop_oneof![Just(None), Just(Some(all.clone())), Just(Some(all.into_iter().chain([foreign]).collect())),]
}

fn entries() -> impl Strategy<Value = Vec<EntryDocument>> {
    let groups = subsequence(vec!["devs", "ops", "migrated:system:developers"], 0..3);
    let policy = select(vec!["", "AmazonEKSViewPolicy", "AmazonEKSClusterAdminPolicy"]);
    let one = (select(vec!["role/dev", "role/Admin", "role/team/ops", "user/bob"]), groups, policy);
    prop::collection::btree_map(select(vec!["role/dev", "role/Admin", "role/team/ops", "user/bob"]), one, 0..3)
        .prop_map(|entries| {
            entries
                .into_iter()
                .map(|(name, (_, groups, policy))| {
                    let arn = PrincipalArn::parse(&format!("arn:aws:iam::111122223333:{name}")).unwrap();
                    let groups = groups.into_iter().map(str::to_owned).collect();
                    let mut entry = EntryDocument::new(arn, "STANDARD", "from-entry", groups);
                    if !policy.is_empty() {
                        let policy = format!("arn:aws:eks::aws:cluster-access-policy/{policy}");
                        let policy = serde_json::from_value(json!(policy)).unwrap();
                        entry.associated_access_policies.push(AssociationDocument::new(policy, AccessScope::Cluster));
                    }
                    entry
                })
                .collect()
        })
}

fn document() -> impl Strategy<Value = WorldDocument> {
    let mode = select(vec![
        AuthenticationMode::ConfigMap,
        AuthenticationMode::ApiAndConfigMap,
        AuthenticationMode::ApiAndConfigMap,
        AuthenticationMode::Api,
    ]);
    let authenticator = select(vec![Authenticator::Eks, Authenticator::Doorward]);
    (mode, authenticator, aws_auth(), rbac(), directory(), entries()).prop_map(
        |(mode, authenticator, data, rbac, directory, entries)| {
            let mut document = WorldDocument::new(mode, authenticator);
            let arn = "arn:aws:eks:us-west-2:111122223333:cluster/shop".to_owned();
            document.cluster = Some(ClusterIdentity { name: "shop".to_owned(), arn: Some(arn) });
            document.aws_auth = Some(AwsAuthDocument { data });
            document.rbac = Some(rbac_objects(&rbac).unwrap());
            document.directory = directory;
            // Of this mode EKS has none.
            if mode != AuthenticationMode::ConfigMap {
                document.access_entries = entries;
            }
            document
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_step_of_any_plan_takes_or_gives_more_than_before_and_after_and_every_step_goes_back(
        document in document(),
        sight in select(vec![Sight::Full, Sight::Full, Sight::WithoutRbac]),
        is_final in any::<bool>(),
        accept_loss in any::<bool>(),
    ) {
        let options = PlanOptions { is_final, accept_loss, cluster_account: None };
        let plan = plan(&sight.of(&document), &options).unwrap();
        // Nobody of another partition can call here.
        let named: Vec<String> =
            ARNS.iter().filter(|arn| arn.starts_with("arn:aws:")).map(|arn| (*arn).to_owned()).collect();
        safety::check(&document, sight, &options, &plan, &named);
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<doorward_core::plan::Plan>(&text).unwrap(), plan);
    }
}
