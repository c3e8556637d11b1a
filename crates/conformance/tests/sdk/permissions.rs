//! Who may do nothing.

use crate::refusal::refused;
use crate::server::{ACCOUNT, REGION, Server};

#[tokio::test]
async fn who_may_do_nothing_is_told_so_in_aws_words() {
    let server = Server::with(&[("closed", "API")]);
    let arn = server.role("nobody", "/").await;
    let (eks, _) = server.clients_of(&server.assume(&arn, "me").await);
    let told = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/nobody/me is not authorized to perform: eks:{action} on \
             resource: {resource} because no identity-based policy allows the eks:{action} action"
        )
    };
    let cluster = format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/closed");
    let create = eks.create_access_entry().cluster_name("closed").principal_arn(&arn).send().await;
    refused(create, 403, "AccessDeniedException", &told("CreateAccessEntry", &cluster));
    let describe = eks.describe_cluster().name("closed").send().await;
    refused(describe, 403, "AccessDeniedException", &told("DescribeCluster", &cluster));
    refused(eks.list_access_policies().send().await, 403, "AccessDeniedException", &told("ListAccessPolicies", "*"));
}
