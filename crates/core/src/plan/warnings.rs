//! What a reader should know beside the rows and the steps.

use super::known::Known;
use super::rows::Judged;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::Effect;
use crate::permissions::MASTERS;
use crate::rbac::{Attributes, NonResourceAttributes, ResourceAttributes, RoleRef};

/// The quota "Access entries per cluster" (L-C56B9FC3), which AWS does not adjust.
const MOST_ENTRIES: usize = 3000;

pub(super) fn warnings(known: &Known<'_>, judged: &[Judged]) -> Vec<String> {
    let mut warnings: Vec<String> = known
        .world
        .aws_auth()
        .problems
        .iter()
        .filter(|problem| {
            matches!(problem.kind.effect(), Effect::SectionUnreadable | Effect::KeyIgnored | Effect::TextIgnored)
        })
        .map(ToString::to_string)
        .collect();
    if !known.world.mode().uses_aws_auth() {
        warnings.push("the authentication mode is API already: aws-auth is ignored".to_owned());
    }
    if known.world.mode() == AuthenticationMode::ConfigMap && known.world.entry_count() > 0 {
        warnings.push(
            "there are access entries that do not count yet; as soon as the mode uses entries, each counts instead of \
             its row, before any other step"
                .to_owned(),
        );
    }
    let made: usize = judged.iter().map(|row| row.made.len()).sum();
    if known.world.entry_count() + made > MOST_ENTRIES {
        warnings.push(format!(
            "there would be {} access entries, and EKS allows {MOST_ENTRIES} on a cluster",
            known.world.entry_count() + made
        ));
    }
    let is_bridged = judged.iter().flat_map(|row| &row.made).any(|(_, steps)| steps.bridged.contains(MASTERS));
    if is_bridged && !cluster_admin_may_do_everything(known) {
        warnings.push(
            "the ClusterRole `cluster-admin` is missing or does not allow everything: administrators have less in the \
             moment between their entry and its policy"
                .to_owned(),
        );
    }
    warnings
}

/// Whether the role that tides administrators over is what it is on every cluster; taken for granted where nobody read
/// it.
fn cluster_admin_may_do_everything(known: &Known<'_>) -> bool {
    let Some(rbac) = known.rbac else { return true };
    let binding = crate::rbac::Binding {
        namespace: None,
        name: String::new(),
        role: RoleRef::ClusterRole("cluster-admin".to_owned()),
        subjects: Vec::new(),
    };
    // A verb, a group, a resource and a path that no rule names but with a star.
    let resource = ResourceAttributes { verb: "*", group: "*", resource: "*", ..ResourceAttributes::default() };
    let path = NonResourceAttributes { verb: "*", path: "*" };
    let allows = |asked: Attributes<'_>| {
        rbac.role_of(&binding).is_some_and(|role| role.rules.iter().any(|rule| rule.covers(&asked)))
    };
    allows(Attributes::Resource(resource)) && allows(Attributes::NonResource(path))
}
