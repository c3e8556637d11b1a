//! The Kubernetes side: aws-auth, kubeconfig and webhook configuration files.
