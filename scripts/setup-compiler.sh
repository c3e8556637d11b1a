#!/usr/bin/env bash
# Makes sure that a C compiler and protoc work: aws-lc-rs and the bundled SQLite are compiled from C, and the client for
# etcd from its protocol's definitions. Where one is missing it is installed by root, and named to everybody else.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

compiles() {
  local out
  out=$(mktemp)
  printf '#include <stdio.h>\nint main(void) { return 0; }\n' | "${CC:-cc}" -x c -o "$out" - 2>/dev/null
  local rc=$?
  rm -f "$out"
  return "$rc"
}

# install PACKAGE…
install() {
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@"
}

can_install() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

command -v cargo >/dev/null || die "cargo is missing" "Install the Rust toolchain; Cargo.toml names the version (rust-version)"
if ! compiles; then
  can_install || die "no working C compiler (${CC:-cc}) was found" \
    "aws-lc-rs and SQLite are compiled from C." \
    "Install one: apt-get install gcc libc6-dev"
  run_step "installing a C compiler (gcc, libc6-dev), which aws-lc-rs and SQLite are built with" install gcc libc6-dev
  compiles || die "the C compiler ${CC:-cc} still does not compile a program" "Run it by hand to see why: ${CC:-cc} -x c -"
fi
# With the definitions that every other may import (Debian has them in a package of their own).
generates() {
  local dir rc=0
  dir=$(mktemp -d)
  printf 'syntax = "proto3";\nimport "google/protobuf/descriptor.proto";\n' >"$dir/probe.proto"
  "${PROTOC:-protoc}" --proto_path="$dir" --descriptor_set_out=/dev/null probe.proto 2>/dev/null || rc=$?
  rm -rf "$dir"
  return "$rc"
}

if ! generates; then
  can_install || die "no working protoc (${PROTOC:-protoc}) was found" \
    "The client for etcd is made from its protocol's definitions, by protoc." \
    "Install it: apt-get install protobuf-compiler libprotobuf-dev"
  run_step "installing protoc (protobuf-compiler, libprotobuf-dev), which the client for etcd is built with" \
    install protobuf-compiler libprotobuf-dev
  generates || die "protoc still does not work" "Run it by hand to see why: ${PROTOC:-protoc} --version"
fi
