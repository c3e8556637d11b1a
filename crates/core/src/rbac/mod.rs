//! Kubernetes role-based access control: what is asked of the API server, and which rule covers it.

mod attributes;
mod rule;

pub use attributes::{Attributes, NonResourceAttributes, ResourceAttributes};
pub use rule::PolicyRule;
