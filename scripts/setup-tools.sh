#!/usr/bin/env bash
# Puts what only `make lint` needs into the cache: cargo-deny, compiled once (a few minutes).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

DENY_VERSION=0.20.2

usable cargo-deny && exit 0
link_found cargo-deny && exit 0
# A target folder of its own, removed afterwards: this build shares nothing with the workspace's.
build=$CACHE/build/cargo-deny
run_step "compiling cargo-deny $DENY_VERSION" \
  cargo install --locked --version "$DENY_VERSION" --root "$CACHE/tools" --target-dir "$build" cargo-deny
rm -rf "$build"
ln -sfn "$CACHE/tools/bin/cargo-deny" "$BIN/cargo-deny"
