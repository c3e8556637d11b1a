#!/usr/bin/env bash
# Puts valgrind into the cache, which scripts/instructions.sh counts with: that of PATH, else Debian's package, unpacked
# there without installing anything. Where neither is to be had, nothing is counted, and that is no failure.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The package's program looks for its parts where Debian would install them.
from_debian() {
  apt_index
  run_step "fetching valgrind from Debian's valgrind package" deb_extract valgrind "$CACHE/debian"
  local program=$CACHE/debian/usr/bin/valgrind parts=$CACHE/debian/usr/libexec/valgrind
  [ -x "$program" ] || die "Debian's valgrind package has no usr/bin/valgrind" "Put valgrind on PATH and run it again."
  printf '#!/bin/sh\nVALGRIND_LIB=%s exec %s "$@"\n' "'$parts'" "'$program'" >"$BIN/valgrind"
  chmod +x "$BIN/valgrind"
}

usable valgrind || link_found valgrind || (from_debian) || say "valgrind is not to be had; instructions are not counted"
