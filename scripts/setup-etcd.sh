#!/usr/bin/env bash
# Puts etcd and etcdctl into the cache: those of $KUBEBUILDER_ASSETS or PATH, else Debian's packages, unpacked there
# without installing anything.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# from_debian NAME PACKAGE
from_debian() {
  apt_index
  run_step "fetching $1 from Debian's $2 package" deb_extract "$2" "$CACHE/debian"
  ln -sfn "$CACHE/debian/usr/bin/$1" "$BIN/$1"
  usable "$1" || die "Debian's $2 package has no usr/bin/$1" "Put $1 on PATH and run it again."
}

usable etcd || link_found etcd || from_debian etcd etcd-server
usable etcdctl || link_found etcdctl || from_debian etcdctl etcd-client
