//! Nodes: from the session's name to the private DNS name of the instance it names.
//!
//! EC2 names the session of an instance profile after the instance. But whoever may assume a node's role can choose any
//! session name, and would become any node whose id they know. So a name counts only if the instance runs with the very
//! role of the session, by its unique id.

use doorward_core::principal::{Principal, PrincipalKind};

use crate::directory::{Directory, is_instance_id};

/// The private DNS name of the instance that the session is named after, if it runs with the session's role.
pub fn private_dns_name<'a>(directory: &'a Directory, principal: &Principal) -> Option<&'a str> {
    if principal.canonical.kind() != PrincipalKind::Role || !is_instance_id(&principal.session_name) {
        return None;
    }
    let instance = directory.instance(&principal.session_name)?;
    let is_its_role = instance.role_id == principal.id && instance.account == principal.canonical.account();
    is_its_role.then_some(instance.private_dns_name.as_str())
}
