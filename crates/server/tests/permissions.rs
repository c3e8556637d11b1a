//! Who may call: a delegate that may let teams look at their own namespaces, and every way around that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod common;

use common::{ACCOUNT, Response, Server, encode};
use doorward_sigv4::Credentials;
use serde_json::{Value, json};

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

/// May make plain entries for `team-*` and let them view the namespaces `team-*`, nothing else.
fn delegation() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Action": "eks:CreateAccessEntry",
            "Resource": format!("arn:aws:eks:us-west-2:{ACCOUNT}:cluster/demo"),
            "Condition": {
                "ArnLike": { "eks:principalArn": format!("arn:aws:iam::{ACCOUNT}:role/team-*") },
                "StringEquals": { "eks:accessEntryType": "STANDARD" },
                "Null": { "eks:username": "true", "eks:kubernetesGroups": "true" },
            },
        },
        {
            "Effect": "Allow",
            "Action": "eks:AssociateAccessPolicy",
            "Resource": format!("arn:aws:eks:us-west-2:{ACCOUNT}:access-entry/demo/role/{ACCOUNT}/team-*/*"),
            "Condition": {
                "ArnEquals": { "eks:policyArn": VIEW },
                "StringEquals": { "eks:accessScope": "namespace" },
                "ForAllValues:StringLike": { "eks:namespaces": "team-*" },
                "Null": { "eks:namespaces": "false" },
            },
        },
        {
            "Effect": "Allow",
            "Action": ["eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"],
            "Resource": format!("arn:aws:eks:us-west-2:{ACCOUNT}:access-entry/demo/role/*/team-*/*"),
        },
    ] })
}

struct Delegate {
    server: Server,
    _folder: tempfile::TempDir,
    who: Credentials,
    own_arn: String,
}

impl Delegate {
    /// A cluster, some roles, and a session of the role `delegate` with this policy.
    async fn new(policy: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path()).await;
        server.register("demo", "API").await;
        server.register("prod", "API").await;
        for name in ["team-a", "team-b", "secret", "delegate"] {
            server.create_role("/", name).await;
        }
        server.create_role("/team-x/", "boss").await;
        let own_arn = role("delegate");
        let delegate = Self { who: server.assume(&own_arn, "me").await, server, _folder: folder, own_arn };
        delegate.put_policy("p", policy).await;
        delegate
    }

    async fn put_policy(&self, name: &str, policy: &Value) {
        let response = self.iam_as(&self.server.admin, &put_policy_form(name, policy)).await;
        assert_eq!(response.status, 200, "{}", response.text);
    }

    async fn eks(&self, method: &str, path: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.call_as(&self.who, "eks", method, path, &body).await
    }

    async fn iam(&self, form: &str) -> Response {
        self.iam_as(&self.who, form).await
    }

    async fn iam_as(&self, who: &Credentials, form: &str) -> Response {
        self.server.query(who, "iam", &format!("Version=2010-05-08&Action={form}")).await
    }
}

fn put_policy_form(name: &str, policy: &Value) -> String {
    format!("PutRolePolicy&RoleName=delegate&PolicyName={name}&PolicyDocument={}", encode(&policy.to_string()))
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn entry(cluster: &str, principal: &str) -> String {
    format!("/clusters/{cluster}/access-entries/{}", encode(principal))
}

fn view(namespaces: &[&str]) -> Value {
    json!({ "policyArn": VIEW, "accessScope": { "type": "namespace", "namespaces": namespaces } })
}

fn denied(response: &Response, what: &str) -> String {
    let found = (response.status, response.error_type.as_deref());
    assert!(
        matches!(found, (403, Some("AccessDeniedException" | "AccessDenied"))),
        "{what}: {found:?} {}",
        response.text
    );
    response.text.clone()
}

#[tokio::test]
async fn a_delegate_does_what_it_may_and_finds_no_way_around() {
    let delegate = Delegate::new(&delegation()).await;
    let entries = "/clusters/demo/access-entries";
    let team_a = entry("demo", &role("team-a"));
    let policies = format!("{team_a}/access-policies");
    let made = delegate.eks("POST", entries, &json!({ "principalArn": role("team-a") })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let entry_arn = made.json()["accessEntry"]["accessEntryArn"].as_str().unwrap().to_owned();
    assert_eq!(delegate.eks("POST", &policies, &view(&["team-a", "team-a-*"])).await.status, 200);
    assert_eq!(delegate.eks("GET", &team_a, &Value::Null).await.status, 200);
    assert_eq!(delegate.eks("GET", &policies, &Value::Null).await.status, 200);

    let create = |more: Value| {
        let mut body = json!({ "principalArn": role("team-b") });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (what, body) in [
        ("itself", json!({ "principalArn": delegate.own_arn })),
        ("another role", json!({ "principalArn": role("secret") })),
        ("a role in another case", json!({ "principalArn": role("TEAM-b") })),
        ("a user", json!({ "principalArn": format!("arn:aws:iam::{ACCOUNT}:user/team-b") })),
        ("another account", json!({ "principalArn": "arn:aws:iam::210987654321:role/team-b" })),
        ("no principal", json!({})),
        ("a group", create(json!({ "kubernetesGroups": ["admins"] }))),
        ("a reserved group", create(json!({ "kubernetesGroups": ["system:masters"] }))),
        ("an empty group", create(json!({ "kubernetesGroups": [""] }))),
        ("a username", create(json!({ "username": "root" }))),
        ("a node", create(json!({ "type": "EC2_LINUX" }))),
        ("a node in lower case", create(json!({ "type": "ec2_linux" }))),
        ("an unknown type", create(json!({ "type": "GOD" }))),
        ("a type of Auto Mode", create(json!({ "type": "EC2" }))),
        ("tags", create(json!({ "tags": { "team": "x" } }))),
    ] {
        denied(&delegate.eks("POST", entries, &body).await, what);
    }
    for (what, body) in [
        (
            "another policy",
            json!({ "policyArn": ADMIN, "accessScope": { "type": "namespace", "namespaces": ["team-a"] } }),
        ),
        ("the whole cluster", json!({ "policyArn": VIEW, "accessScope": { "type": "cluster" } })),
        (
            "the cluster with namespaces",
            json!({ "policyArn": VIEW, "accessScope": { "type": "cluster", "namespaces": ["team-a"] } }),
        ),
        ("another namespace", view(&["team-a", "kube-system"])),
        ("all namespaces", view(&["*"])),
        ("a pattern that reaches further", view(&["team*"])),
        ("no namespace", view(&[])),
        ("no scope", json!({ "policyArn": VIEW })),
        (
            "a policy in another partition",
            json!({ "policyArn": VIEW.replace("arn:aws:", "arn:aws-cn:"), "accessScope": { "type": "namespace", "namespaces": ["team-a"] } }),
        ),
        ("nothing", json!({})),
    ] {
        denied(&delegate.eks("POST", &policies, &body).await, what);
    }
    let tags = format!("/tags/{}", encode(&entry_arn));
    let cluster_tags = format!("/tags/{}", encode(&format!("arn:aws:eks:us-west-2:{ACCOUNT}:cluster/demo")));
    let twice = format!(r#"{{"principalArn":"{}","principalArn":"{}"}}"#, role("team-b"), role("secret"));
    for (what, method, path, body) in [
        (
            "entries of another cluster",
            "POST",
            "/clusters/prod/access-entries".to_owned(),
            json!({ "principalArn": role("team-a") }),
        ),
        (
            "a policy for another role",
            "POST",
            format!("{}/access-policies", entry("demo", &role("secret"))),
            view(&["team-a"]),
        ),
        (
            "a policy for itself",
            "POST",
            format!("{}/access-policies", entry("demo", &delegate.own_arn)),
            view(&["team-a"]),
        ),
        (
            "a policy for the creator",
            "POST",
            format!("{}/access-policies", entry("demo", &format!("arn:aws:iam::{ACCOUNT}:user/administrator"))),
            view(&["team-a"]),
        ),
        (
            "a policy by a name that is no ARN",
            "POST",
            format!("{}/access-policies", entry("demo", "team-a")),
            view(&["team-a"]),
        ),
        ("groups afterwards", "POST", team_a.clone(), json!({ "kubernetesGroups": ["admins"] })),
        ("taking a policy away", "DELETE", format!("{policies}/{}", encode(VIEW)), Value::Null),
        ("deleting", "DELETE", team_a.clone(), Value::Null),
        ("listing", "GET", entries.to_owned(), Value::Null),
        ("the cluster", "GET", "/clusters/demo".to_owned(), Value::Null),
        ("clusters", "GET", "/clusters".to_owned(), Value::Null),
        ("access policies", "GET", "/access-policies".to_owned(), Value::Null),
        (
            "the mode",
            "POST",
            "/clusters/demo/update-config".to_owned(),
            json!({ "accessConfig": { "authenticationMode": "API" } }),
        ),
        ("deleting the cluster", "DELETE", "/clusters/demo".to_owned(), Value::Null),
        ("tags of the entry", "POST", tags.clone(), json!({ "tags": { "team": "x" } })),
        ("untagging", "DELETE", format!("{tags}?tagKeys=team"), Value::Null),
        ("tags of the cluster", "POST", cluster_tags, json!({ "tags": { "team": "x" } })),
        ("reading tags", "GET", tags, Value::Null),
    ] {
        denied(&delegate.eks(method, &path, &body).await, what);
    }
    let response = delegate.server.call_as(&delegate.who, "eks", "POST", entries, &twice).await;
    assert_eq!(response.error_type.as_deref(), Some("SerializationException"), "{}", response.text);
    for (what, method, path) in [
        ("registering", "PUT", "/doorward/v1/clusters/mine"),
        ("an instance", "PUT", "/doorward/v1/instances/i-0123456789abcdef0"),
        ("status", "GET", "/doorward/v1/status"),
    ] {
        let body = match path.contains("clusters") {
            true => common::registration("API"),
            false => json!({ "roleName": "team-a", "privateDnsName": "n" }).to_string(),
        };
        denied(&delegate.server.call_as(&delegate.who, "doorward", method, path, &body).await, what);
    }
    delegate.server.stop().await;
}

#[tokio::test]
async fn nobody_widens_its_own_permissions() {
    let delegate = Delegate::new(&delegation()).await;
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let trust = encode(r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#);
    for form in [
        put_policy_form("mine", &everything),
        put_policy_form("p", &everything),
        "DeleteRolePolicy&RoleName=delegate&PolicyName=p".to_owned(),
        format!("UpdateAssumeRolePolicy&RoleName=secret&PolicyDocument={trust}"),
        format!("CreateRole&RoleName=team-evil&AssumeRolePolicyDocument={trust}"),
        "CreateUser&UserName=team-evil".to_owned(),
        "CreateAccessKey&UserName=administrator".to_owned(),
        "CreateAccessKey".to_owned(),
        "TagRole&RoleName=delegate&Tags.member.1.Key=team&Tags.member.1.Value=x".to_owned(),
        "UpdateRole&RoleName=delegate&MaxSessionDuration=43200".to_owned(),
        "GetRole&RoleName=secret".to_owned(),
        "ListRoles".to_owned(),
        "ListVirtualMFADevices".to_owned(),
        "GetAccessKeyLastUsed&AccessKeyId=AKIAX".to_owned(),
    ] {
        denied(&delegate.iam(&form).await, &form);
    }
    let assume = format!("Version=2011-06-15&Action=AssumeRole&RoleArn={}&RoleSessionName=me", encode(&role("secret")));
    denied(&delegate.server.query(&delegate.who, "sts", &assume).await, "another role");
    delegate.server.stop().await;
}

#[tokio::test]
async fn a_refusal_does_not_tell_what_exists() {
    let delegate = Delegate::new(&delegation()).await;
    let body = json!({ "principalArn": role("secret") }).to_string();
    assert_eq!(delegate.server.call("POST", "/clusters/demo/access-entries", &body).await.status, 200);
    let nothing = role("hidden");
    for (there, not_there) in [
        (("demo", role("secret")), ("demo", nothing.clone())),
        (("prod", role("secret")), ("none", nothing)),
        (("demo", role("secret")), ("demo", "arn:aws:iam::123456789012:role/team-x/hidden".to_owned())),
    ] {
        for (method, below, body) in [
            ("GET", "", Value::Null),
            ("DELETE", "", Value::Null),
            ("POST", "", json!({ "username": "x" })),
            ("GET", "/access-policies", Value::Null),
            ("POST", "/access-policies", view(&["team-a"])),
        ] {
            let ask = async |(cluster, principal): &(&str, String)| {
                let response = delegate.eks(method, &format!("{}{below}", entry(cluster, principal)), &body).await;
                denied(&response, below).replace(cluster, "CLUSTER").replace("hidden", "secret")
            };
            assert_eq!(ask(&there).await, ask(&not_there).await, "{method} {below}");
        }
    }
    for (there, not_there) in
        [("/clusters/prod", "/clusters/none"), ("/clusters/prod/updates", "/clusters/none/updates")]
    {
        let ask =
            async |path: &str| denied(&delegate.eks("GET", path, &Value::Null).await, path).replace("none", "prod");
        assert_eq!(ask(there).await, ask(not_there).await);
    }
    for (there, not_there) in [
        ("GetRole&RoleName=boss", "GetRole&RoleName=none"),
        ("GetUser&UserName=administrator", "GetUser&UserName=none"),
    ] {
        let normal = |text: &str| {
            let (_, after) = text.split_once("<Message>").unwrap();
            after
                .split_once("</Message>")
                .unwrap()
                .0
                .replace("none", "NAME")
                .replace("boss", "NAME")
                .replace("administrator", "NAME")
        };
        let ask = async |form: &str| normal(&denied(&delegate.iam(form).await, form));
        assert_eq!(ask(there).await, ask(not_there).await);
    }
    delegate.server.stop().await;
}

#[tokio::test]
async fn refusals_are_in_awss_words() {
    let delegate = Delegate::new(&json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "eks:Delete*", "Resource": "*" },
        { "Effect": "Deny", "NotAction": ["eks:*", "iam:G*"], "Resource": "*" },
        { "Effect": "Deny", "Action": "iam:G*", "Resource": "*" },
    ] }))
    .await;
    let message = |response: &Response| response.json()["message"].as_str().unwrap().to_owned();
    let caller = format!("User: arn:aws:sts::{ACCOUNT}:assumed-role/delegate/me is not authorized to perform:");
    let explicit = "with an explicit deny in an identity-based policy";
    let refused = delegate.eks("DELETE", &entry("demo", "nonsense"), &Value::Null).await;
    assert_eq!(
        message(&refused),
        format!(
            "{caller} eks:DeleteAccessEntry on resource: arn:aws:eks:us-west-2:{ACCOUNT}:access-entry/demo////* {explicit}"
        )
    );
    let refused = delegate.eks("DELETE", &entry("demo", &role("team-a")), &Value::Null).await;
    let team_a = format!("access-entry/demo/role/{ACCOUNT}/team-a/*");
    let expected =
        format!("{caller} eks:DeleteAccessEntry on resource: arn:aws:eks:us-west-2:{ACCOUNT}:{team_a} {explicit}");
    assert_eq!(message(&refused), expected);
    let refused = delegate.iam("GetRole&RoleName=secret").await;
    assert!(
        refused.text.contains(&format!("{caller} iam:GetRole on resource: role secret {explicit}")),
        "{}",
        refused.text
    );
    let refused = delegate.server.call_as(&delegate.who, "doorward", "GET", "/doorward/v1/status", "").await;
    assert_eq!(message(&refused), format!("{caller} doorward:GetStatus on resource: * {explicit}"));
    delegate
        .put_policy(
            "p",
            &json!({ "Statement": { "Effect": "Allow", "Action": "eks:ListAccessPolicies", "Resource": "*" } }),
        )
        .await;
    let implicit = |action: &str| format!("because no identity-based policy allows the {action} action");
    let refused = delegate.eks("GET", "/clusters", &Value::Null).await;
    assert_eq!(
        message(&refused),
        format!(
            "{caller} eks:ListClusters on resource: arn:aws:eks:us-west-2:{ACCOUNT}:cluster/* {}",
            implicit("eks:ListClusters")
        )
    );
    assert_eq!(refused.json()["__type"], Value::Null);
    assert_eq!(delegate.eks("GET", "/access-policies", &Value::Null).await.status, 200);
    let refused = delegate.iam("CreateRole&RoleName=r&Path=%2Fp%2F&AssumeRolePolicyDocument=x").await;
    let expected =
        format!("iam:CreateRole on resource: arn:aws:iam::{ACCOUNT}:role/p/r {}", implicit("iam:CreateRole"));
    assert!(refused.text.contains(&expected), "{}", refused.text);
    delegate.server.stop().await;
}

#[tokio::test]
async fn a_node_needs_the_right_to_pass_its_role() {
    let allow = |action: &str, resource: &str| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    let create = allow("eks:CreateAccessEntry", "*");
    let delegate = Delegate::new(&json!({ "Statement": [create] })).await;
    let node = async |name: &str, kind: &str| {
        let body = json!({ "principalArn": role(name), "type": kind });
        delegate.eks("POST", "/clusters/demo/access-entries", &body).await
    };
    let text = denied(&node("team-a", "EC2_LINUX").await, "without PassRole");
    let expected = format!(
        "iam:PassRole on resource: {} because no identity-based policy allows the iam:PassRole action",
        role("team-a")
    );
    assert!(text.contains(&expected), "{text}");
    denied(&node("team-a", "Ec2_Windows").await, "in another spelling");
    assert_eq!(node("team-b", "STANDARD").await.status, 200);
    let mut pass = allow("iam:PassRole", &role("team-a"));
    pass["Condition"] = json!({ "StringEquals": { "iam:PassedToService": "eks.amazonaws.com" } });
    delegate.put_policy("pass", &json!({ "Statement": pass })).await;
    denied(&node("secret", "EC2_LINUX").await, "another role");
    assert_eq!(node("team-a", "EC2_LINUX").await.status, 200);
    delegate.server.stop().await;
}

#[tokio::test]
async fn tags_decide_only_for_those_who_may_not_change_them() {
    let own = json!({ "StringEquals": { "aws:ResourceTag/team": "blue" } });
    let asked = json!({ "StringEquals": { "aws:RequestTag/team": "blue" }, "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } });
    let delegate = Delegate::new(&json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["eks:DeleteAccessEntry", "eks:UpdateAccessEntry"], "Resource": "*", "Condition": own },
        { "Effect": "Allow", "Action": ["eks:CreateAccessEntry", "eks:TagResource"],
          "Resource": [format!("arn:aws:eks:*:{ACCOUNT}:cluster/demo"), format!("arn:aws:eks:*:{ACCOUNT}:access-entry/demo/role/*/team-*/*")],
          "Condition": asked },
    ] }))
    .await;
    let create = async |name: &str, tags: Value| {
        delegate
            .eks("POST", "/clusters/demo/access-entries", &json!({ "principalArn": role(name), "tags": tags }))
            .await
    };
    denied(&create("team-a", json!({})).await, "no tag");
    denied(&create("team-a", json!({ "team": "red" })).await, "another team");
    denied(&create("team-a", json!({ "team": "blue", "more": "x" })).await, "a tag too many");
    denied(&create("team-a", json!({ "team": "blue", "Team": "blue" })).await, "the tag in both cases");
    denied(&create("secret", json!({ "team": "blue" })).await, "an entry that it may not tag");
    let made = create("team-a", json!({ "team": "blue" })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let body = json!({ "principalArn": role("team-b"), "tags": { "team": "red" } }).to_string();
    let red = delegate.server.call("POST", "/clusters/demo/access-entries", &body).await.json();
    let red = format!("/tags/{}", encode(red["accessEntry"]["accessEntryArn"].as_str().unwrap()));
    denied(&delegate.eks("DELETE", &entry("demo", &role("team-b")), &Value::Null).await, "an entry of the other team");
    denied(&delegate.eks("DELETE", &format!("{red}?tagKeys=team"), &Value::Null).await, "removing its tag");
    denied(&delegate.eks("POST", &red, &json!({ "tags": { "TEAM": "blue" } })).await, "adding the tag in another case");
    assert_eq!(delegate.eks("DELETE", &entry("demo", &role("team-a")), &Value::Null).await.status, 200);
    delegate.server.stop().await;
}

#[tokio::test]
async fn a_cluster_is_in_one_region_whatever_the_request_was_signed_for() {
    let delegate = Delegate::new(&json!({ "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": format!("arn:aws:eks:us-west-2:{ACCOUNT}:cluster/prod") },
        { "Effect": "Deny", "Action": "eks:ListAccessEntries", "Resource": "*", "Condition": { "StringEquals": { "aws:RequestedRegion": "us-west-2" } } },
    ] }))
    .await;
    for path in ["/clusters/prod", "/clusters/demo/access-entries"] {
        for region in ["us-west-2", "eu-west-1"] {
            let response = delegate.server.call_in(&delegate.who, region, "eks", "GET", path, "").await;
            let text = denied(&response, path);
            assert!(text.contains(&format!("arn:aws:eks:{region}:")), "{text}");
        }
    }
    delegate.server.stop().await;
}
