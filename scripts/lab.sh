#!/usr/bin/env bash
# `make lab`: starts the lab, plays the walkthrough and stops the lab again, whatever happened in between.
# Exits 0 only if every step answered as it should.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/setup.sh
cargo build --locked --release -p doorward-cli
doorward=${CARGO_TARGET_DIR:-target}/release/doorward
dir=$(mktemp -d "${TMPDIR:-/tmp}/doorward-lab.XXXXXX")

finish() {
  local rc=$?
  trap - EXIT
  "$doorward" lab down --dir "$dir" || rc=1
  if ((rc == 0)); then
    rm -rf "$dir"
  else
    printf 'The lab failed; its logs are in %s\n' "$dir/log" >&2
  fi
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$doorward" lab up --dir "$dir"
"$doorward" lab walkthrough --dir "$dir"
