#!/usr/bin/env bash
# `make chaos`: every bad day tried on real processes under load, and a table of what came of each.
#   CHAOS_SECONDS   how long each fault lasts at least [4]
#   CHAOS_ONLY      rows alone whose name has one of these words in it: `member`, or `killed,full`
#   CHAOS_OUT       where the rows go, JSON lines [target/chaos/rows.jsonl]
#   CHAOS_LIMIT     seconds after which a run is ended, whatever it is doing [540]
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/setup.sh compiler etcd kube-apiserver faketime
cargo build --locked --release -p doorward-cli -p doorward-chaos
target=${CARGO_TARGET_DIR:-$ROOT/target}
export CHAOS_OUT=${CHAOS_OUT:-$target/chaos/rows.jsonl}
export CHAOS_FAKETIME=$BIN/libfaketime.so.1
export CHAOS_DOORWARD=$target/release/doorward CHAOS_LAB=$target/chaos/lab
# A run that was killed could not remove what it had here.
export TMPDIR=$target/chaos/tmp
rm -rf "$TMPDIR" "$(dirname "$CHAOS_OUT")"/doorward-chaos.*
mkdir -p "$TMPDIR" "$(dirname "$CHAOS_OUT")"
# Thousands of clients are files of one process.
ulimit -Sn "$(ulimit -Hn)"
# What it starts ends with it, however it ends: the kernel sees to that (setpriv --pdeathsig), and this to the lab.
trap '"$CHAOS_DOORWARD" lab down --dir "$CHAOS_LAB" >/dev/null 2>&1; rm -rf "$TMPDIR"' EXIT
timeout --kill-after=10 "${CHAOS_LIMIT:-540}" "$target/release/doorward-chaos"
