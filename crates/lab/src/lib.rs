//! A local cluster to try Doorward on: etcd, kube-apiserver and Doorward, with the workshop's objects.
//!
//! [`up`] starts the processes and leaves them running in the background, [`status`] tells how they are, [`down`]
//! stops them by their ids, and [`walkthrough`] plays the EKS workshop's access-management section on them with the
//! unmodified `aws` and `kubectl`. Everything a lab is lies in one folder, described by [`LabDir`]; what runs is
//! written in its `lab.json`, so every verb works from another terminal and after a crash.

mod aws;
mod binaries;
mod command;
mod doorward;
mod down;
mod environment;
mod error;
mod etcd;
mod kube_apiserver;
mod kubernetes;
mod layout;
mod objects;
mod pki;
mod ports;
mod process;
mod readiness;
mod state;
mod status;
mod up;
mod walkthrough;
mod workloads;

pub use binaries::{Binaries, find_binary};
pub use down::{Stopped, down};
pub use environment::shell_path;
pub use error::LabError;
pub use kube_apiserver::WebhookFiles;
pub use kubernetes::KubernetesApi;
pub use layout::LabDir;
pub use ports::Addresses;
pub use state::{CLUSTER_NAME, LabState};
pub use status::{ProcessStatus, Status, status};
pub use up::{UpOptions, restart, up, up_kubernetes, up_kubernetes_with_webhooks};
pub use walkthrough::{Outcome, walkthrough};
pub use workloads::{keep_workloads, reconcile};
