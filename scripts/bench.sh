#!/usr/bin/env bash
# `make bench`: Doorward beside nginx, the machine's own fsync rate and `aws eks get-token`, in one run.
#   BENCH_SECONDS   length of one round of one measurement [1]
#   BENCH_ROUNDS    rounds, interleaved [5]
#   BENCH_ENTRIES   access entries of the large cluster [1000000]
#   BENCH_REVOCATIONS  times that something is taken away in a lab [1000]
#   BENCH_ONLY      a part alone: core, server, webhook, aws, write, cli, revocation; or `webhook/token, seen before`
#   BENCH_OUT       where the raw rows go, JSON lines [target/bench/rows.jsonl]
# Whatever is measured runs on the first core that this process may use, whoever asks it on the last.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/instructions.sh --webhooks
bash scripts/setup.sh compiler nginx aws etcd kube-apiserver kubectl
cargo build --locked --release -p doorward-cli -p doorward-bench
target=${CARGO_TARGET_DIR:-$ROOT/target}
export BENCH_OUT=${BENCH_OUT:-$target/bench/rows.jsonl} BENCH_NGINX=$BIN/nginx BENCH_AWS=$BIN/aws
export BENCH_DOORWARD=$target/release/doorward BENCH_LAB=$target/bench/lab
mkdir -p "$(dirname "$BENCH_OUT")"
# What it starts ends with it, however it ends: the kernel sees to that (setpriv --pdeathsig), and this to the lab.
trap '"$BENCH_DOORWARD" lab down --dir "$BENCH_LAB" >/dev/null' EXIT
timeout --kill-after=10 "${BENCH_LIMIT:-1500}" "$target/release/doorward-bench"
