#!/usr/bin/env bash
# `make test`: sets up, builds, runs every suite and prints a line for each and a total. Exits non-zero when a test
# failed, when one is marked to be ignored, or when a suite ran no test at all (a suite that proves nothing must not
# look green).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

# NAME|CRATE|which of the crate's test files: all, only those whose name starts with one of some words, or all but those
SUITES=(
  "core|core|but corpus|differential"
  "corpus|core|only corpus"
  "differential|core|only differential"
  "sigv4|sigv4|all"
  "store|store|but etcd"
  "store-etcd|store|only etcd"
  "identity|identity|all"
  "cluster|cluster|all"
  "server|server|all"
  "lab|lab|but differential"
  "rbac|lab|only differential"
  "cli|cli|but end_to_end|conformance|kills|linearizable"
  "kills|cli|only kills"
  "linearizable|cli|only linearizable"
  "conformance|cli|only conformance"
  "rust-sdk|conformance|all"
  "end-to-end|cli|only end_to_end_lab"
  "failover|cli|only end_to_end_replicas"
  "operations|cli|only end_to_end_operations"
  "migrate|cli|only end_to_end_migrate"
  "fuzz|fuzz-targets|all"
  "chaos|chaos|all"
)

# nextest is given a filter and the workspace, and not a package: cargo would choose other features of the dependencies
# for each package and compile them again.
run_nextest() {
  local filter="package(doorward-$1)"
  case $2 in
    only) filter+=" & binary(/^($3)/)" ;;
    but) filter+=" & not binary(/^($3)/)" ;;
  esac
  cargo nextest run --locked --workspace --no-fail-fast --no-tests=pass --color never -E "$filter"
}

run_cargo_test() {
  local file name targets=()
  case $2 in
    only) targets=(--test "$3*") ;;
    but)
      if [ -f "crates/$1/src/lib.rs" ]; then targets+=(--lib); else targets+=(--bins); fi
      for file in "crates/$1"/tests/*.rs; do
        name=$(basename "$file" .rs)
        if [[ -f $file && ! $name =~ ^($3) ]]; then targets+=(--test "$name"); fi
      done
      ;;
  esac
  cargo test --locked --no-fail-fast -p "doorward-$1" "${targets[@]}"
}

# counts LOG: passed and failed tests of a run, from the closing lines of nextest or of cargo test.
counts() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    # nextest: "     Summary [   0.01s] 4 tests run: 3 passed (1 slow), 1 failed, 0 skipped"
    /^ *Summary \[/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) p += $(i - 1)
        if ($i ~ /^(failed|timed)/) f += $(i - 1)
      }
    }
    # cargo test: "test result: ok. 3 passed; 0 failed; 1 ignored; …"
    /^test result:/ { p += $4; f += $6 }
    END { print p + 0, f + 0 }'
}

bash scripts/setup.sh
printf 'building …\n'
cargo build --locked
if cargo nextest --version >/dev/null 2>&1; then
  runner=run_nextest
  cargo nextest run --locked --workspace --no-run
else
  runner=run_cargo_test
  cargo test --locked --workspace --no-run
fi

logs=${CARGO_TARGET_DIR:-target}/test-logs
mkdir -p "$logs"
passed=0 failed=0 broken=0
lines=()

# run_suite NAME CRATE WHICH [WORD]
run_suite() {
  local name=$1 started=$SECONDS rc=0 p f note=
  local log=$logs/$1.log
  printf '%s …\n' "$name"
  "$runner" "${@:2}" >"$log" 2>&1 || rc=$?
  read -r p f < <(counts "$log")
  if ((p + f == 0)); then
    note=" (ran no test)"
  elif ((rc != 0 && f == 0)); then
    note=" (cargo exited $rc)"
  fi
  passed=$((passed + p)) failed=$((failed + f))
  lines+=("$(printf '%-12s %4d passed, %d failed, %d s%s' "$name" "$p" "$f" "$((SECONDS - started))" "$note")")
  if ((rc != 0)) || [ -n "$note" ]; then
    broken=1
    tail -n 60 "$log"
    printf 'The whole log of %s: %s\n' "$name" "$log"
  fi
}

for suite in "${SUITES[@]}"; do
  IFS='|' read -r name crate which <<<"$suite"
  # Two words for some.
  # shellcheck disable=SC2086
  run_suite "$name" "$crate" $which
done

if ignored=$(grep -rn '#\[ignore' crates --include='*.rs'); then
  printf '\nTests that are ignored prove nothing:\n%s\n' "$ignored"
  broken=1
fi

printf '\n'
printf '%s\n' "${lines[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && broken == 0))
