//! A local cluster to try Doorward on: etcd, kube-apiserver and Doorward, with the workshop's objects.
