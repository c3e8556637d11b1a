//! The rules of EKS access management, as pure functions of values.
