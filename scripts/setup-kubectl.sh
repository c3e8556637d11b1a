#!/usr/bin/env bash
# Puts kubectl into the cache: the one of $KUBEBUILDER_ASSETS or PATH, else Debian's, unpacked there without
# installing anything.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usable kubectl && exit 0
link_found kubectl && exit 0
apt_index
run_step "fetching kubectl from Debian's kubernetes-client package" deb_extract kubernetes-client "$CACHE/debian"
ln -sfn "$CACHE/debian/usr/bin/kubectl" "$BIN/kubectl"
usable kubectl || die "Debian's kubernetes-client package has no usr/bin/kubectl" "Put kubectl on PATH and run it again."
