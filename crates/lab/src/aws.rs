//! The IAM and EKS side of the workshop's environment, made with the unmodified `aws` CLI.

use futures::future::try_join_all;

use crate::command::run_shell;
use crate::environment::shell_quote;
use crate::objects::{ACCOUNT_ID, ADMINS_ROLE, CARTS_TEAM_ROLE, DEVELOPERS_ROLE, NODE_ROLE, READ_ONLY_ROLE, role_arn};
use crate::{LabDir, LabError};

/// Creates the workshop's roles, which anybody of the account may assume, and the role of the nodes.
pub(crate) async fn create_roles(dir: &LabDir) -> Result<(), LabError> {
    let account = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT_ID}:root"}}"#);
    let ec2 = r#"{"Service":"ec2.amazonaws.com"}"#.to_owned();
    let roles = [
        (DEVELOPERS_ROLE, &account),
        (READ_ONLY_ROLE, &account),
        (CARTS_TEAM_ROLE, &account),
        (ADMINS_ROLE, &account),
        (NODE_ROLE, &ec2),
    ];
    let creations = roles.map(|(name, principal)| async move {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
        );
        let trust = shell_quote(&trust);
        let script = format!("aws iam create-role --role-name {name} --assume-role-policy-document {trust}");
        run_shell(dir, &script).await
    });
    try_join_all(creations).await.map(|_| ())
}

/// Gives the nodes their access entry, as EKS does when a node group is made.
pub(crate) async fn create_node_access_entry(dir: &LabDir) -> Result<(), LabError> {
    let arn = role_arn(NODE_ROLE);
    let script = format!(
        "aws eks create-access-entry --cluster-name \"$EKS_CLUSTER_NAME\" --principal-arn {arn} --type EC2_LINUX"
    );
    run_shell(dir, &script).await.map(|_| ())
}

/// Writes the context `default`, of the cluster's creator, into `DIR/kubeconfig`.
pub(crate) async fn update_kubeconfig(dir: &LabDir) -> Result<(), LabError> {
    let script = "aws eks update-kubeconfig --name \"$EKS_CLUSTER_NAME\" --alias default --user-alias default";
    run_shell(dir, script).await.map(|_| ())
}

/// Deletes the access entries that a walkthrough creates, where they are left from an earlier one.
pub(crate) async fn delete_walkthrough_entries(dir: &LabDir) -> Result<(), LabError> {
    let listed =
        run_shell(dir, "aws eks list-access-entries --cluster-name \"$EKS_CLUSTER_NAME\" --output text").await?;
    let roles = [READ_ONLY_ROLE, CARTS_TEAM_ROLE, ADMINS_ROLE].map(role_arn);
    for arn in roles.iter().filter(|arn| listed.split_ascii_whitespace().any(|word| word == arn.as_str())) {
        let script = format!("aws eks delete-access-entry --cluster-name \"$EKS_CLUSTER_NAME\" --principal-arn {arn}");
        run_shell(dir, &script).await?;
    }
    Ok(())
}
