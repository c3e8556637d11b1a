//! The walkthrough as data: chapters, commands, and what each must answer.

use super::Identity;
use super::expectation::{Check, Expectation};
use Check::{Json, JsonCount, JsonLike, Line, Lines, NoLine};

/// A chapter of the workshop.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) steps: &'static [Step],
}

/// One command, as somebody types it into sh with the lab's `env` sourced.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) command: &'static str,
    pub(super) expectation: Expectation,
    /// What must be so before the command is run.
    pub(super) wait: Option<Wait>,
    /// Only where the caller's identity is asked for in this way.
    pub(super) identity: Option<Identity>,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait {
    /// The clock's second has changed, so that the next token is a new one.
    NextSecond,
    /// Every workload has its pods again.
    PodsBack,
}

const fn works(title: &'static str, command: &'static str, checks: &'static [Check]) -> Step {
    let expectation = Expectation { success: true, checks };
    Step { title, command, expectation, wait: None, identity: None }
}

const fn refused(title: &'static str, command: &'static str, checks: &'static [Check]) -> Step {
    let expectation = Expectation { success: false, checks };
    Step { title, command, expectation, wait: None, identity: None }
}

impl Step {
    const fn after(self, wait: Wait) -> Self {
        Self { wait: Some(wait), ..self }
    }

    const fn asked_by(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }
}

pub(super) const ALL: &[Chapter] = &[
    Chapter { title: "1 Understanding access policies", steps: UNDERSTANDING },
    Chapter { title: "2 Managing access entries", steps: MANAGING },
    Chapter { title: "3 Associating access policies", steps: ASSOCIATING },
    Chapter { title: "4 Kubernetes RBAC", steps: RBAC },
    Chapter { title: "5 Migrating from aws-auth", steps: MIGRATING },
    Chapter { title: "6 The same migration, safely", steps: MIGRATING_SAFELY },
    Chapter { title: "7 Cleaning up", steps: CLEANING_UP },
];

const UNDERSTANDING: &[Step] = &[works(
    "The access policies there are",
    "aws eks list-access-policies --output table",
    &[
        Line("*arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy *| AmazonEKSAdminPolicy *"),
        Line("*arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy *| AmazonEKSClusterAdminPolicy *"),
        Line("*arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy *| AmazonEKSEditPolicy *"),
        Line("*arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy *| AmazonEKSViewPolicy *"),
    ],
)];

const MANAGING: &[Step] = &[
    works(
        "The cluster's authentication mode",
        "aws eks describe-cluster --name $EKS_CLUSTER_NAME --query 'cluster.accessConfig'",
        &[Json("/authenticationMode", r#""API_AND_CONFIG_MAP""#)],
    ),
    works(
        "The access entries: the nodes' and the creator's",
        "aws eks list-access-entries --cluster $EKS_CLUSTER_NAME",
        &[
            JsonCount("/accessEntries", 2),
            Lines(2, "\"arn:aws:iam::123456789012:*\"*"),
            Line("\"arn:aws:iam::123456789012:role/eksctl-eks-workshop-nodegroup-defa-NodeInstanceRole-acgt4WAVfXAA\"*"),
        ],
    ),
    works(
        "The nodes' access entry",
        "NODE_ROLE=$(aws eks list-access-entries --cluster $EKS_CLUSTER_NAME --output text | awk '/NodeInstanceRole/ {print $2}')
aws eks describe-access-entry --cluster $EKS_CLUSTER_NAME --principal-arn $NODE_ROLE",
        &[
            Json("/accessEntry/kubernetesGroups", r#"["system:nodes"]"#),
            Json("/accessEntry/username", r#""system:node:{{EC2PrivateDNSName}}""#),
            Json("/accessEntry/type", r#""EC2_LINUX""#),
        ],
    ),
];

const ASSOCIATING: &[Step] = &[
    works(
        "An access entry for the read-only role",
        "aws eks create-access-entry --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE",
        &[
            Json("/accessEntry/principalArn", r#""arn:aws:iam::123456789012:role/eks-workshop-read-only""#),
            Json("/accessEntry/type", r#""STANDARD""#),
            Json("/accessEntry/kubernetesGroups", "[]"),
        ],
    ),
    works(
        "The view policy for the whole cluster",
        "aws eks associate-access-policy --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE \\
  --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy --access-scope type=cluster",
        &[Json("/associatedAccessPolicy/accessScope/type", r#""cluster""#)],
    ),
    works(
        "A kubectl context that assumes the role",
        "aws eks update-kubeconfig --name $EKS_CLUSTER_NAME --role-arn $READ_ONLY_IAM_ROLE --alias readonly --user-alias readonly",
        &[Line("*context readonly *")],
    ),
    works(
        "Who Kubernetes says that is",
        "kubectl --context readonly auth whoami",
        &[
            Line("Username arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth"),
            Line("UID aws-iam-authenticator:123456789012:AROA*"),
            Line("Groups [system:authenticated]"),
            Line("Extra: accessKeyId [ASIA*]"),
            Line("Extra: arn [arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth]"),
            Line("Extra: canonicalArn [arn:aws:iam::123456789012:role/eks-workshop-read-only]"),
            Line("Extra: principalId [AROA*]"),
            Line("Extra: sessionName [EKSGetTokenAuth]"),
        ],
    )
    .asked_by(Identity::WhoAmI),
    works(
        "Who Kubernetes says that is (a TokenReview, as this kubectl or server knows no `auth whoami`)",
        r#"TOKEN=$(aws eks get-token --cluster-name $EKS_CLUSTER_NAME --role-arn $READ_ONLY_IAM_ROLE --query status.token --output text)
echo '{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "'$TOKEN'"}}' |
  kubectl --kubeconfig $DOORWARD_LAB_DIR/admin.kubeconfig create -f - -o jsonpath='{.status}'; echo"#,
        &[
            Json("/authenticated", "true"),
            Json(
                "/user/username",
                r#""arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth""#,
            ),
            JsonLike("/user/uid", "aws-iam-authenticator:123456789012:AROA*"),
            Json("/user/groups", r#"["system:authenticated"]"#),
            JsonLike("/user/extra/accessKeyId/0", "ASIA*"),
            Json(
                "/user/extra/arn",
                r#"["arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth"]"#,
            ),
            Json("/user/extra/canonicalArn", r#"["arn:aws:iam::123456789012:role/eks-workshop-read-only"]"#),
            JsonLike("/user/extra/principalId/0", "AROA*"),
            Json("/user/extra/sessionName", r#"["EKSGetTokenAuth"]"#),
        ],
    )
    .asked_by(Identity::TokenReview),
    works(
        "Viewing works everywhere",
        "kubectl --context readonly get pod -A",
        &[
            Line("carts carts-6d4478747c-* 1/1 Running *"),
            Line("carts carts-dynamodb-* 1/1 Running *"),
            Line("catalog catalog-mysql-0 1/1 Running *"),
            Line("ui ui-* 1/1 Running *"),
        ],
    ),
    refused(
        "Deleting does not",
        "kubectl --context readonly delete pod -n ui --all",
        &[Line(
            "Error from server (Forbidden): pods \"ui-*\" is forbidden: User \"arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth\" cannot delete resource \"pods\" in API group \"\" in the namespace \"ui\"",
        )],
    ),
    works(
        "The view policy again, for one namespace: it replaces the first association",
        "aws eks associate-access-policy --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE \\
  --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy --access-scope type=namespace,namespaces=carts",
        &[Json("/associatedAccessPolicy/accessScope", r#"{"type": "namespace", "namespaces": ["carts"]}"#)],
    ),
    works(
        "Viewing works in that namespace",
        "kubectl --context readonly get pod -n carts",
        &[Lines(2, "carts-* 1/1 Running *")],
    ),
    refused("And nowhere else", "kubectl --context readonly get pod -A", READ_ONLY_CANNOT_LIST_ALL),
    works(
        "One policy is associated",
        "aws eks list-associated-access-policies --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE",
        &[
            JsonCount("/associatedAccessPolicies", 1),
            JsonLike("/associatedAccessPolicies/0/policyArn", "*/AmazonEKSViewPolicy"),
            Json("/associatedAccessPolicies/0/accessScope", r#"{"type": "namespace", "namespaces": ["carts"]}"#),
        ],
    ),
    works(
        "The edit policy for another namespace",
        "aws eks associate-access-policy --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE \\
  --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy --access-scope type=namespace,namespaces=ui",
        &[Json("/associatedAccessPolicy/accessScope", r#"{"type": "namespace", "namespaces": ["ui"]}"#)],
    ),
    works(
        "Deleting works there now",
        "kubectl --context readonly delete pod -n ui --all",
        &[Lines(1, "pod \"ui-*\" deleted*")],
    ),
    works(
        "Two policies are associated, each with its scope",
        "aws eks list-associated-access-policies --cluster-name $EKS_CLUSTER_NAME --principal-arn $READ_ONLY_IAM_ROLE",
        &[
            JsonCount("/associatedAccessPolicies", 2),
            JsonLike("/associatedAccessPolicies/0/policyArn", "*/AmazonEKSEditPolicy"),
            Json("/associatedAccessPolicies/0/accessScope/namespaces", r#"["ui"]"#),
            JsonLike("/associatedAccessPolicies/1/policyArn", "*/AmazonEKSViewPolicy"),
            Json("/associatedAccessPolicies/1/accessScope/namespaces", r#"["carts"]"#),
        ],
    ),
    refused("Two namespaces are still not the cluster", "kubectl --context readonly get pod -A", READ_ONLY_CANNOT_LIST_ALL),
];

const READ_ONLY_CANNOT_LIST_ALL: &[Check] = &[
    Line(
        "Error from server (Forbidden): pods is forbidden: User \"arn:aws:sts::123456789012:assumed-role/eks-workshop-read-only/EKSGetTokenAuth\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
    ),
    NoLine("* Running *"),
];

const RBAC: &[Step] = &[
    works(
        "A Role, bound to the group carts-team",
        "kubectl --context default apply -k $DOORWARD_LAB_DIR/rbac",
        &[
            Line("role.rbac.authorization.k8s.io/carts-team-role created"),
            Line("rolebinding.rbac.authorization.k8s.io/carts-team-role-binding created"),
        ],
    ),
    works(
        "An access entry with that group",
        "aws eks create-access-entry --cluster-name $EKS_CLUSTER_NAME --principal-arn $CARTS_TEAM_IAM_ROLE --kubernetes-groups carts-team",
        &[Json("/accessEntry/kubernetesGroups", r#"["carts-team"]"#)],
    ),
    works(
        "A kubectl context that assumes the role",
        "aws eks update-kubeconfig --name $EKS_CLUSTER_NAME --role-arn $CARTS_TEAM_IAM_ROLE --alias carts-team --user-alias carts-team",
        &[Line("*context carts-team *")],
    ),
    works(
        "What the Role allows: viewing",
        "kubectl --context carts-team get pod -n carts",
        &[Lines(2, "carts-* 1/1 Running *")],
    ),
    works(
        "What the Role allows: deleting pods",
        "kubectl --context carts-team delete pod --all -n carts",
        &[Lines(2, "pod \"carts-*\" deleted*")],
    ),
    refused(
        "What it does not: deployments",
        "kubectl --context carts-team delete deployment --all -n carts",
        &[Line(
            "Error from server (Forbidden): deployments.apps is forbidden: User \"arn:aws:sts::123456789012:assumed-role/eks-workshop-carts-team/EKSGetTokenAuth\" cannot list resource \"deployments\" in API group \"apps\" in the namespace \"carts\"",
        )],
    ),
    refused(
        "What it does not: other namespaces",
        "kubectl --context carts-team get pod -n catalog",
        &[Line(
            "Error from server (Forbidden): pods is forbidden: User \"arn:aws:sts::123456789012:assumed-role/eks-workshop-carts-team/EKSGetTokenAuth\" cannot list resource \"pods\" in API group \"\" in the namespace \"catalog\"",
        )],
    ),
];

const MIGRATING: &[Step] = &[
    works(
        "The old way: a row of aws-auth",
        "kubectl --context default get -n kube-system cm aws-auth -o yaml",
        &[
            Line(
                "rolearn: arn:aws:iam::123456789012:role/eksctl-eks-workshop-nodegroup-defa-NodeInstanceRole-acgt4WAVfXAA",
            ),
            Line("username: system:node:{{EC2PrivateDNSName}}"),
            Line("- system:masters"),
            Line("rolearn: arn:aws:iam::123456789012:role/eks-workshop-admins"),
            Line("username: cluster-admin"),
            Line("mapUsers: |"),
        ],
    ),
    works(
        "A kubectl context that assumes the administrators' role",
        "aws eks update-kubeconfig --name $EKS_CLUSTER_NAME --role-arn $ADMINS_IAM_ROLE --alias admins --user-alias admins",
        &[Line("*context admins *")],
    ),
    works(
        "It has access through aws-auth",
        "kubectl --context admins get pod -n carts",
        &[Lines(2, "carts-* 1/1 Running *")],
    )
    .after(Wait::PodsBack),
    works(
        "Remove the row (what `eksctl delete iamidentitymapping` does)",
        "doorward mapping delete --cluster $EKS_CLUSTER_NAME --arn $ADMINS_IAM_ROLE",
        &[],
    ),
    refused(
        "Access is gone at once",
        "kubectl --context admins get pod -n carts",
        &[Line("error: You must be logged in to the server (Unauthorized)"), NoLine("* Running *")],
    )
    .after(Wait::NextSecond),
    works(
        "The new way: an access entry",
        "aws eks create-access-entry --cluster-name $EKS_CLUSTER_NAME --principal-arn $ADMINS_IAM_ROLE",
        &[Json("/accessEntry/principalArn", r#""arn:aws:iam::123456789012:role/eks-workshop-admins""#)],
    ),
    works(
        "With the cluster administrators' policy",
        "aws eks associate-access-policy --cluster-name $EKS_CLUSTER_NAME --principal-arn $ADMINS_IAM_ROLE \\
  --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy --access-scope type=cluster",
        &[JsonLike("/associatedAccessPolicy/policyArn", "*/AmazonEKSClusterAdminPolicy")],
    ),
    works(
        "Access is back, without aws-auth",
        "kubectl --context admins get pod -n carts",
        &[Lines(2, "carts-* 1/1 Running *")],
    ),
];

const MIGRATING_SAFELY: &[Step] = &[
    works(
        "Back to where the last chapter began: the row first, then the entry goes, and nobody notices",
        "doorward mapping create --cluster $EKS_CLUSTER_NAME --arn $ADMINS_IAM_ROLE --username cluster-admin --group system:masters
aws eks delete-access-entry --cluster-name $EKS_CLUSTER_NAME --principal-arn $ADMINS_IAM_ROLE
kubectl --context admins get pod -n carts",
        &[Line("created: *role/eks-workshop-admins as cluster-admin in system:masters"), Lines(2, "carts-* 1/1 Running *")],
    ),
    works(
        "The plan: what becomes of each row, and the steps",
        "doorward migrate plan --cluster $EKS_CLUSTER_NAME",
        &[
            Line("mapRoles[0] *NodeInstanceRole-acgt4WAVfXAA *"),
            Line("mapRoles[1] *role/eks-workshop-admins entry arn:aws:iam::123456789012:role/eks-workshop-admins *"),
        ],
    ),
    refused(
        "The proof: one difference, which no plan avoids: `system:masters` is a bypass, and no policy is one",
        "doorward migrate prove --cluster $EKS_CLUSTER_NAME",
        &[Line("*bypass-lost:role/eks-workshop-admins*")],
    ),
    refused(
        "Nothing is done as long as it is not accepted",
        "doorward migrate apply --cluster $EKS_CLUSTER_NAME",
        &[Line("error: bypass-lost:role/eks-workshop-admins:*"), Line("error: nothing was changed: 1 difference is not accepted*")],
    ),
    works(
        "With that accepted: a backup, the entry before the row goes, each step checked",
        "DIFFERENCE=$(doorward migrate apply --cluster $EKS_CLUSTER_NAME --dry-run 2>&1 | sed -n 's/^error: \\(bypass-lost:[^ ]*\\): .*/\\1/p')
doorward migrate apply --cluster $EKS_CLUSTER_NAME --accept $DIFFERENCE",
        &[
            Line("everything as it is now is in *"),
            Line("the API server confirmed * requests of 1 principals"),
            Line("applied: * steps are done, each was checked"),
        ],
    ),
    works(
        "Access never went away, and aws-auth is empty",
        "kubectl --context admins get pod -n carts
doorward mapping list --cluster $EKS_CLUSTER_NAME -o json",
        &[Lines(2, "carts-* 1/1 Running *"), Line("[]")],
    ),
    works(
        "Without a confirmation within ten minutes all of it would be taken back",
        "doorward migrate status --cluster $EKS_CLUSTER_NAME",
        &[Line("migration of eks-workshop: applied, and waiting for *"), Line("taken back unless it is confirmed: *")],
    ),
    works(
        "All is well: it stays",
        "doorward migrate confirm --cluster $EKS_CLUSTER_NAME",
        &[Line("confirmed: the migration of eks-workshop is done")],
    ),
];

const CLEANING_UP: &[Step] = &[
    works(
        "The RBAC objects",
        "kubectl --context default delete -k $DOORWARD_LAB_DIR/rbac",
        &[Line("role.rbac.authorization.k8s.io \"carts-team-role\" deleted*")],
    ),
    works(
        "The three access entries",
        "for ROLE in $READ_ONLY_IAM_ROLE $CARTS_TEAM_IAM_ROLE $ADMINS_IAM_ROLE; do
  aws eks delete-access-entry --cluster-name $EKS_CLUSTER_NAME --principal-arn $ROLE || exit 1
done",
        &[],
    ),
    works(
        "None is left",
        "aws eks list-access-entries --cluster $EKS_CLUSTER_NAME",
        &[JsonCount("/accessEntries", 2), NoLine("*role/eks-workshop-*")],
    ),
    refused(
        "And with it went the access",
        "kubectl --context admins get pod -n carts",
        &[Line("error: You must be logged in to the server (Unauthorized)")],
    )
    .after(Wait::NextSecond),
];
