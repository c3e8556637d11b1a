//! Kubernetes role-based access control: what is asked of the API server, which rule covers it, and the objects that
//! bind rules to people.

mod attributes;
mod objects;
mod rule;
mod rule_table;

pub use attributes::{Attributes, NonResourceAttributes, ResourceAttributes};
pub use objects::{Binding, BindingSubject, BoundRole, Rbac, RbacError, Role, RoleRef, service_account_username};
pub use rule::PolicyRule;
pub(crate) use rule_table::{Asked, RuleTable};
