use super::*;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::Authenticator;
use crate::plan::{PlanOptions, plan};
use crate::world_document::{AwsAuthDocument, ClusterIdentity};

const ROWS: &str = "\
- {rolearn: arn:aws:iam::111122223333:role/admin, username: 'it''s ${x} %{y} \"z\"', groups: [system:masters, '-g', '[h']}
- {rolearn: arn:aws:iam::111122223333:role/node, username: 'system:node:{{EC2PrivateDNSName}}', groups: [system:nodes]}
- {rolearn: arn:aws:iam::210987654321:role/admin, username: 'dev:{{SessionName}}'}
- {rolearn: arn:aws:iam::111122223333:role/old, username: old}
";

fn document() -> WorldDocument {
    let mut document = WorldDocument::new(AuthenticationMode::ApiAndConfigMap, Authenticator::Eks);
    let arn = Some("arn:aws:eks:us-west-2:111122223333:cluster/shop".to_owned());
    document.cluster = Some(ClusterIdentity { name: "shop".to_owned(), arn });
    document.aws_auth = Some(AwsAuthDocument { data: [("mapRoles".to_owned(), ROWS.to_owned())].into() });
    let old = PrincipalArn::parse("arn:aws:iam::111122223333:role/old").unwrap();
    document.access_entries.push(EntryDocument::new(old, "STANDARD", "old", vec![]));
    document
}

fn planned(document: &WorldDocument) -> Plan {
    plan(document, &PlanOptions { is_final: true, ..PlanOptions::default() }).unwrap()
}

#[test]
fn terraform_says_the_entries_at_the_end_and_imports_what_exists() {
    let document = document();
    insta::assert_snapshot!(terraform(&planned(&document), &document).unwrap());
}

#[test]
fn without_a_cluster_terraform_asks_for_its_name() {
    let document = WorldDocument { cluster: None, ..document() };
    let text = terraform(&planned(&document), &document).unwrap();
    assert!(text.contains("variable \"cluster_name\""), "{text}");
    assert!(text.contains("id = \"${var.cluster_name}:arn:aws:iam::111122223333:role/old\""), "{text}");
}

#[test]
fn eksctl_says_the_same_in_its_fields() {
    let document = document();
    insta::assert_snapshot!(eksctl_config(&planned(&document), &document).unwrap());
}

#[test]
fn the_commands_are_the_steps_in_their_order() {
    let document = document();
    insta::assert_snapshot!(aws_commands(&planned(&document), &document).unwrap());
}

#[test]
fn only_bindings_that_stay_are_manifests() {
    let mut document = document();
    assert_eq!(binding_manifests(&planned(&document)), "");
    let row = "- {rolearn: arn:aws:iam::111122223333:role/dev, username: dev, groups: ['eks:devs']}\n";
    document.aws_auth = Some(AwsAuthDocument { data: [("mapRoles".to_owned(), row.to_owned())].into() });
    let rbac = "{kind: RoleBinding, metadata: {name: b, namespace: n}, roleRef: {kind: Role, name: r}, \
                subjects: [{kind: Group, name: 'eks:devs'}]}";
    document.rbac = Some(crate::world_document::rbac_objects(rbac).unwrap());
    insta::assert_snapshot!(binding_manifests(&planned(&document)));
}
