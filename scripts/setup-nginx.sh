#!/usr/bin/env bash
# Puts nginx into the cache, which `make bench` measures beside Doorward: that of PATH, else Debian's package, unpacked
# there without installing anything.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

from_debian() {
  apt_index
  run_step "fetching nginx from Debian's nginx package" deb_extract nginx "$CACHE/debian"
  ln -sfn "$CACHE/debian/usr/sbin/nginx" "$BIN/nginx"
  usable nginx || die "Debian's nginx package has no usr/sbin/nginx" "Put nginx on PATH and run it again."
}

usable nginx || link_found nginx || from_debian
