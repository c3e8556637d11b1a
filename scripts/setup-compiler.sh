#!/usr/bin/env bash
# Makes sure that a C compiler works: aws-lc-rs and the bundled SQLite are compiled from C. Where it is missing it is
# installed by root, and named to everybody else.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

compiles() {
  local out
  out=$(mktemp)
  printf '#include <stdio.h>\nint main(void) { return 0; }\n' | "${CC:-cc}" -x c -o "$out" - 2>/dev/null
  local rc=$?
  rm -f "$out"
  return "$rc"
}

install_compiler() {
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends gcc libc6-dev
}

command -v cargo >/dev/null || die "cargo is missing" "Install the Rust toolchain; Cargo.toml names the version (rust-version)"
if compiles; then exit 0; fi
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || die "no working C compiler (${CC:-cc}) was found" \
  "aws-lc-rs and SQLite are compiled from C." \
  "Install one: apt-get install gcc libc6-dev"
run_step "installing a C compiler (gcc, libc6-dev), which aws-lc-rs and SQLite are built with" install_compiler
compiles || die "the C compiler ${CC:-cc} still does not compile a program" "Run it by hand to see why: ${CC:-cc} -x c -"
