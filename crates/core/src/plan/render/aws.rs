//! The steps of a plan as commands of the aws CLI and of kubectl, in their order.
//!
//! What EKS is told counts after some seconds (Amazon EKS user guide, "Create access entries": eventually consistent), so
//! the script waits before it takes anything away. Rows are removed by a patch that first tests the section's whole text.

use std::fmt::Write as _;

use serde_json::json;

use super::{cluster_name, comment, region};
use crate::access_scope::AccessScope;
use crate::aws_auth::Section;
use crate::plan::{Action, ApplyError, Plan, Step};
use crate::world_document::WorldDocument;

/// Writes the steps of a plan as a script for `sh`.
///
/// # Errors
/// If the document is not the one that the plan was made of.
pub fn aws_commands(plan: &Plan, document: &WorldDocument) -> Result<String, ApplyError> {
    let mut script = Script {
        cluster: cluster_name(document).map_or_else(|| "\"${CLUSTER:?the cluster's name}\"".to_owned(), quoted),
        region: region(document).map(|region| format!(" --region {}", quoted(region))).unwrap_or_default(),
        out: HEAD.to_owned(),
        // Only aws-auth matters to what is written.
        document: WorldDocument {
            aws_auth: document.aws_auth.clone(),
            ..WorldDocument::new(document.authentication_mode, document.authenticator)
        },
        is_settled: true,
    };
    for step in &plan.steps {
        script.step(step)?;
    }
    Ok(script.out)
}

const HEAD: &str = "\
#!/bin/sh
# From aws-auth to access entries, step by step. Keep a copy of aws-auth first:
#   kubectl -n kube-system get configmap aws-auth -o yaml > aws-auth.yaml
set -eu
";

struct Script {
    cluster: String,
    region: String,
    out: String,
    document: WorldDocument,
    /// Whether EKS has had time for what it was told.
    is_settled: bool,
}

impl Script {
    fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        let takes_away = matches!(
            step.action,
            Action::DeleteBinding { .. }
                | Action::RemoveMapping { .. }
                | Action::DeleteEntry { .. }
                | Action::DisassociatePolicy { .. }
                | Action::DeleteAwsAuth
                | Action::SetMode(_)
        ) || step.id.starts_with("settle-entry:");
        if takes_away && !self.is_settled {
            self.out.push_str("\n# What EKS was told counts after some seconds.\nsleep 60\n");
            self.is_settled = true;
        }
        let _ = write!(self.out, "\n# {}\n", comment(&step.why));
        self.action(&step.action)
    }

    fn action(&mut self, action: &Action) -> Result<(), ApplyError> {
        match action {
            Action::SetMode(mode) => {
                let (cluster, region) = (&self.cluster, &self.region);
                let _ = write!(
                    self.out,
                    "update=$(aws eks update-cluster-config --name {cluster}{region} \
                     --access-config authenticationMode={mode} --query update.id --output text)\n\
                     while status=$(aws eks describe-update --name {cluster}{region} --update-id \"$update\" \
                     --query update.status --output text) && [ \"$status\" = InProgress ]; do sleep 5; done\n\
                     [ \"$status\" = Successful ]\n"
                );
            }
            Action::ApplyBinding(manifest) => {
                let _ = write!(self.out, "kubectl apply -f - <<'EOF'\n{}\nEOF\n", json!(manifest));
            }
            Action::DeleteBinding { namespace, name } => {
                let kind = match namespace {
                    None => "clusterrolebinding".to_owned(),
                    Some(namespace) => format!("--namespace {} rolebinding", quoted(namespace)),
                };
                let _ = writeln!(self.out, "kubectl delete --ignore-not-found {kind} {}", quoted(name));
            }
            Action::CreateEntry { principal_arn, r#type, username, groups } => {
                let mut options = vec![("principal-arn", one(principal_arn.as_str())), ("type", one(r#type.name()))];
                options.extend(username.iter().map(|username| ("username", one(username))));
                if !groups.is_empty() {
                    options.push(("kubernetes-groups", groups.clone()));
                }
                self.eks("create-access-entry", &options);
            }
            Action::UpdateEntry { principal_arn, username, groups } => {
                let mut options = vec![("principal-arn", one(principal_arn.as_str()))];
                options.extend(username.iter().map(|username| ("username", one(username))));
                options.push(("kubernetes-groups", groups.clone()));
                self.eks("update-access-entry", &options);
            }
            Action::DeleteEntry { principal_arn } => {
                self.eks("delete-access-entry", &[("principal-arn", one(principal_arn.as_str()))]);
            }
            Action::AssociatePolicy { principal_arn, policy_arn, access_scope } => {
                let options = [
                    ("principal-arn", one(principal_arn.as_str())),
                    ("policy-arn", one(policy_arn.as_str())),
                    ("access-scope", one(&scope(access_scope))),
                ];
                self.eks("associate-access-policy", &options);
            }
            Action::DisassociatePolicy { principal_arn, policy_arn } => {
                let options =
                    [("principal-arn", one(principal_arn.as_str())), ("policy-arn", one(policy_arn.as_str()))];
                self.eks("disassociate-access-policy", &options);
            }
            Action::RemoveMapping { section, .. } | Action::RestoreSection { section, .. } => {
                let before = self.text(*section);
                self.document = action.apply_to(&self.document)?;
                let path = format!("/data/{section}");
                let patch = json!([
                    { "op": "test", "path": path, "value": before },
                    { "op": "replace", "path": path, "value": self.text(*section) },
                ]);
                let _ = write!(
                    self.out,
                    "kubectl --namespace kube-system patch configmap aws-auth --type json --patch-file /dev/stdin \
                     <<'EOF'\n{patch}\nEOF\n"
                );
            }
            Action::DeleteAwsAuth => {
                self.out.push_str("kubectl --namespace kube-system delete --ignore-not-found configmap aws-auth\n");
            }
            Action::RestoreAwsAuth { data } => {
                let metadata = json!({ "name": "aws-auth", "namespace": "kube-system" });
                let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
                let _ = write!(self.out, "kubectl apply -f - <<'EOF'\n{object}\nEOF\n");
            }
        }
        Ok(())
    }

    fn text(&self, section: Section) -> String {
        let data = self.document.aws_auth.as_ref().and_then(|aws_auth| aws_auth.data.get(section.key()));
        data.cloned().unwrap_or_default()
    }

    fn eks(&mut self, verb: &str, options: &[(&str, Vec<String>)]) {
        self.is_settled = false;
        let _ = write!(self.out, "aws eks {verb} --cluster-name {}{}", self.cluster, self.region);
        for (option, values) in options {
            // One value of a list is written as the list, where it could be taken for something else.
            if values.is_empty() || values.iter().any(|value| is_special(value)) {
                let value = if *option == "kubernetes-groups" { json!(values).to_string() } else { values.concat() };
                let _ = write!(self.out, " --{option}={}", quoted(&value));
            } else {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                let _ = write!(self.out, " --{option} {}", values.join(" "));
            }
        }
        self.out.push('\n');
    }
}

fn one(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// Whether the aws CLI would take a value for an option or for JSON.
fn is_special(value: &str) -> bool {
    value.starts_with(['-', '[', '{'])
}

fn scope(scope: &AccessScope) -> String {
    match scope {
        AccessScope::Cluster => "type=cluster".to_owned(),
        AccessScope::Namespaces(patterns) => {
            let names: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
            format!("type=namespace,namespaces={}", names.join(","))
        }
    }
}

/// A word of the shell; in quotes unless it means itself without.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,@+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
