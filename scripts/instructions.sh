#!/usr/bin/env bash
# Counts the instructions of `resolve` and `authorize` under valgrind and compares them with the recorded ones
# (crates/core/benches/instructions.txt). More than 5 % above fails. A count hardly depends on what else the machine
# does, unlike a time; it does depend on the compiler, so a new one may ask for new records.
#   scripts/instructions.sh            compare
#   scripts/instructions.sh --record   write what was counted as the new record
#   scripts/instructions.sh --webhooks count both webhooks too, from a review to its answer, and compare nothing of these:
#                                      what they are made of takes minutes to compile
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

recorded=crates/core/benches/instructions.txt
calls=2000
bash scripts/setup.sh compiler valgrind
if ! usable valgrind; then
  echo "instructions: NOT CHECKED: valgrind is neither on PATH nor to be had from Debian"
  exit 0
fi

# The names of functions are what the profile is read by.
benchmarks=(-p doorward-core --bench instructions)
rows=4
if [ "${1:-}" = --webhooks ]; then
  benchmarks+=(-p doorward-server --bench webhook_instructions)
  rows=8
fi
build() { CARGO_PROFILE_BENCH_STRIP=none cargo bench --locked "${benchmarks[@]}" --no-run 2>&1; }
log=$(build) || die "the benchmarks do not build" "$log"
mapfile -t programs < <(sed -n 's/.*Executable .*(\(.*\))$/\1/p' <<<"$log")
[ "${#programs[@]}" -eq $((rows / 4)) ] || die "cargo did not name each benchmark" "$log"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
functions='resolve|authorize|token_webhook|authorization_webhook'
for entries in ${INSTRUCTIONS_ENTRIES:-10 1000 100000}; do
  echo "instructions: a World of $entries entries …" >&2
  for program in "${programs[@]}"; do
    "$BIN/valgrind" --tool=callgrind --callgrind-out-file="$work/profile" \
      --compress-strings=no --compress-pos=no \
      --toggle-collect='*instructions::resolve_*' --toggle-collect='*instructions::authorize_*' \
      --toggle-collect='*instructions::token_webhook_*' --toggle-collect='*instructions::authorization_webhook_*' \
      "$program" "$entries" "$calls" >"$work/log" 2>&1 || die "valgrind failed" "$(tail -n 5 "$work/log")"
    # Where main calls one of them: `cfn=NAME`, `calls=…`, and a line whose second number is what the call cost.
    awk -v entries="$entries" -v calls="$calls" -v functions="instructions::($functions)_[0-9]+" '
      /^cfn=/ { row = match($0, functions) ? substr($0, RSTART + 14, RLENGTH - 14) : "" }
      /^calls=/ { called = 1; next }
      called { if (row != "") counted[row] += $2; called = 0 }
      END {
        for (row in counted) {
          name = associations = row
          sub(/_[0-9]+$/, "", name)
          sub(/.*_/, "", associations)
          print name, entries, associations, int(counted[row] / calls)
        }
      }
    ' "$work/profile" >>"$work/counted"
  done
done
sort -k1,1 -k3,3n -k2,2n "$work/counted" >"$work/sorted"
[ "$(wc -l <"$work/sorted")" -eq $((rows * $(wc -w <<<"${INSTRUCTIONS_ENTRIES:-10 1000 100000}"))) ] || die "the profile lacks rows" "$(cat "$work/sorted")"

if [ "${1:-}" = --record ]; then
  { echo "# function, entries of the World, associations of the caller's entry, instructions a call"; cat "$work/sorted"; } >"$recorded"
fi
awk '
  NR == FNR { if ($1 != "#") before[$1, $2, $3] = $4; next }
  {
    was = before[$1, $2, $3]
    if ($2 == 10 && $3 == 1) base[$1] = $4
    grown = $1 !~ /webhook/ && (was == 0 || $4 > 1.05 * was)
    failed += grown
    printf "instructions: %-21s %7d entries, %2d associations: %5d (%.2f × the smallest)%s\n",
      $1, $2, $3, $4, $4 / base[$1], grown ? ", recorded are " was + 0 ": MORE THAN 5 % ABOVE" : ""
  }
  END { exit failed > 0 }
' "$recorded" "$work/sorted" || die "more instructions than recorded" \
  "If that is meant to be so: scripts/instructions.sh --record, and say why in the commit."
