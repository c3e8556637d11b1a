#!/usr/bin/env bash
# `make test`: sets up, builds, runs every suite and prints a line for each and a total. Exits non-zero when a test
# failed, was skipped, or when a suite ran no test at all (a suite that proves nothing must not look green).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

# others CRATE PREFIX: the unit tests of a crate and those of its test files whose name does not start with PREFIX, as
# arguments for cargo.
others() {
  local file name
  [ -f "crates/$1/src/lib.rs" ] && printf ' --lib'
  [ -f "crates/$1/src/main.rs" ] && printf ' --bins'
  for file in "crates/$1"/tests/*.rs; do
    name=$(basename "$file" .rs)
    [ -f "$file" ] && [[ $name != "$2"* ]] && printf ' --test %s' "$name"
  done
  return 0
}

# NAME|what cargo is asked to run
SUITES=(
  "core|-p doorward-core$(others core corpus)"
  "corpus|-p doorward-core --test corpus*"
  "sigv4|-p doorward-sigv4"
  "store|-p doorward-store"
  "identity|-p doorward-identity"
  "cluster|-p doorward-cluster"
  "server|-p doorward-server"
  "lab|-p doorward-lab"
  "cli|-p doorward-cli$(others cli end_to_end)"
  "end-to-end|-p doorward-cli --test end_to_end*"
)

bash scripts/setup.sh
printf 'building …\n'
cargo build --locked
cargo test --locked --no-run --quiet

logs=${CARGO_TARGET_DIR:-target}/test-logs
mkdir -p "$logs"
passed=0 failed=0 broken=0
lines=()

# counts LOG: passed, failed and skipped tests of a run, from the closing lines of nextest or of cargo test.
counts() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    # nextest: "     Summary [   0.01s] 4 tests run: 3 passed, 1 failed, 0 skipped"
    /^ *Summary \[/ { for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) p += $(i - 1)
        if ($i ~ /^(failed|timed)/) f += $(i - 1)
        if ($i ~ /^skipped/) s += $(i - 1) } }
    # cargo test: "test result: ok. 3 passed; 0 failed; 1 ignored; …"
    /^test result:/ { p += $4; f += $6; s += $8 }
    END { print p + 0, f + 0, s + 0 }'
}

run_suite() {
  local name=$1 started=$SECONDS rc=0 p f s note=
  local log=$logs/${name//[^a-z0-9]/-}.log
  shift
  printf '%s …\n' "$name"
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --no-fail-fast --no-tests=pass --color never "$@" >"$log" 2>&1 || rc=$?
  else
    cargo test --locked --no-fail-fast "$@" >"$log" 2>&1 || rc=$?
  fi
  read -r p f s < <(counts "$log")
  if ((rc != 0 && f == 0)); then note=" (cargo exited $rc)"; fi
  if ((p + f == 0)); then note=" (ran no test)"; fi
  if ((s > 0)); then note+=" ($s skipped)"; fi
  passed=$((passed + p)) failed=$((failed + f))
  lines+=("$(printf '%-12s %4d passed, %d failed, %ds%s' "$name" "$p" "$f" "$((SECONDS - started))" "$note")")
  if ((rc != 0)) || [ -n "$note" ]; then
    broken=1
    tail -n 60 "$log"
    printf 'The whole log of %s: %s\n' "$name" "$log"
  fi
}

# Patterns of test names are for cargo, not for the shell.
set -f
for suite in "${SUITES[@]}"; do
  # The second field is a list of words on purpose.
  # shellcheck disable=SC2086
  run_suite "${suite%%|*}" ${suite#*|}
done

printf '\n'
printf '%s\n' "${lines[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && broken == 0))
