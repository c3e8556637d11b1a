#!/usr/bin/env bash
# `make fuzz`: looks for inputs that break a property. With a nightly compiler and cargo-fuzz guided by coverage, else
# with the runner of crates/fuzz-targets on stable Rust. A line a target; exits non-zero if anything was found.
#
#   FUZZ_SECONDS  how long each target runs (20)
#   FUZZ_TARGETS  which targets, with spaces between them (all)
#   FUZZ_ENGINE   libfuzzer or stable, whatever is there
#   FUZZ_SEED     where to begin (1)
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

seconds=${FUZZ_SECONDS:-20}
seed=${FUZZ_SEED:-1}
engine=${FUZZ_ENGINE:-}
if [ -z "$engine" ]; then
  engine=stable
  if cargo +nightly fuzz --version >/dev/null 2>&1; then engine=libfuzzer; fi
fi
read -ra targets <<<"${FUZZ_TARGETS:-}"
bash scripts/setup.sh compiler

if [ "$engine" = stable ]; then
  printf 'on stable Rust, without coverage as a guide; %s s a target\n' "$seconds"
  cargo build --locked --quiet -p doorward-fuzz-targets
  FUZZ_SECONDS=$seconds FUZZ_SEED=$seed cargo run --locked --quiet -p doorward-fuzz-targets -- "${targets[@]}"
  exit
fi

if ((${#targets[@]} == 0)); then
  for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
printf 'with cargo-fuzz; %s s a target\n' "$seconds"
# The versions that everything else is built with.
cp Cargo.lock fuzz/Cargo.lock
logs=${CARGO_TARGET_DIR:-target}/fuzz-logs
mkdir -p "$logs"
if ! cargo +nightly fuzz build --fuzz-dir fuzz --sanitizer none >"$logs/build.log" 2>&1; then
  tail -n 30 "$logs/build.log"
  exit 2
fi

broken=0
for target in "${targets[@]}"; do
  log=$logs/$target.log
  work=fuzz/work/$target
  mkdir -p "$work"
  before=$(find "$work" -type f | wc -l)
  started=$SECONDS rc=0
  # New entries go to the first folder, so the committed ones stay as they are.
  cargo +nightly fuzz run --fuzz-dir fuzz --sanitizer none "$target" "$work" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -seed="$seed" -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    >"$log" 2>&1 || rc=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  new=$(($(find "$work" -type f | wc -l) - before))
  printf '%-22s %8s runs %5d s %5d new entries %2d findings\n' "$target" "${runs:-?}" $((SECONDS - started)) "$new" $((rc != 0))
  if ((rc != 0)); then
    broken=1
    grep -aE 'panicked at|ERROR|Test unit written' -A 3 "$log" | head -n 20
    printf 'The whole log of %s: %s\n' "$target" "$log"
  fi
done
exit "$broken"
