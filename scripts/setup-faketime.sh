#!/usr/bin/env bash
# Puts libfaketime into the cache, with which `make chaos` gives a server a clock that is wrong: the system's, else that
# of Debian's package, unpacked there without installing anything.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

library=$BIN/libfaketime.so.1

link() {
  local found
  found=$(find "$1" -path '*/faketime/libfaketime.so.1' -print -quit 2>/dev/null)
  [ -n "$found" ] && ln -sfn "$found" "$library"
}

from_debian() {
  apt_index
  run_step "fetching libfaketime from Debian's libfaketime package" deb_extract libfaketime "$CACHE/debian"
  link "$CACHE/debian/usr/lib"
}

[ -e "$library" ] || link /usr/lib || (from_debian) || say "libfaketime is not to be had: no clock is set wrong"
