#!/usr/bin/env bash
# Puts valgrind into the cache, which scripts/instructions.sh counts with: that of PATH, else Debian's package, unpacked
# there without installing anything. Where neither is to be had, nothing is counted, and that is no failure.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# call_from_cache PROGRAM [ASSIGNMENT]: valgrind looks for its parts beside the name it is called by, so that a link
# would not do.
call_from_cache() {
  printf '#!/bin/sh\n%s exec "%s" "$@"\n' "${2:-}" "$1" >"$BIN/valgrind"
  chmod +x "$BIN/valgrind"
}

from_path() {
  local program
  program=$(PATH=$(path_without_cache) command -v valgrind) && call_from_cache "$program"
}

from_debian() {
  apt_index
  run_step "fetching valgrind from Debian's valgrind package" deb_extract valgrind "$CACHE/debian"
  [ -x "$CACHE/debian/usr/bin/valgrind" ] || die "Debian's valgrind package has no usr/bin/valgrind"
  call_from_cache "$CACHE/debian/usr/bin/valgrind" "VALGRIND_LIB=\"$CACHE/debian/usr/libexec/valgrind\""
}

usable valgrind || from_path || (from_debian) || say "valgrind is not to be had: instructions are not counted"
