//! The Kubernetes side of Doorward.
//!
//! Watching and editing `kube-system/aws-auth` of a cluster, and reading its RBAC; kubeconfigs, both those that this server is given and those
//! that users of `aws eks update-kubeconfig` know; the certificates that a kube-apiserver and the webhooks know each
//! other by, and the files that a kube-apiserver is started with.

pub mod bindings;
pub mod config_map;
pub mod init;
pub mod kubeconfig;
pub mod pki;
pub mod rbac;
pub mod watch;

mod error_text;
mod files;
