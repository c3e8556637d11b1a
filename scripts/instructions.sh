#!/usr/bin/env bash
# Counts the instructions of `resolve` and `authorize` under valgrind and compares them with the recorded ones
# (crates/core/benches/instructions.txt). More than 5 % above fails. A count hardly depends on what else the machine
# does, unlike a time; it does depend on the compiler, so a new one may ask for new records.
#   scripts/instructions.sh            compare
#   scripts/instructions.sh --record   write what was counted as the new record
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
build() { CARGO_PROFILE_BENCH_STRIP=none cargo bench --locked -p doorward-core --bench instructions --no-run 2>&1; }
log=$(build) || die "the benchmark does not build" "$log"
program=$(sed -n 's/.*Executable .*(\(.*\))$/\1/p' <<<"$log")
[ -x "$program" ] || die "cargo named no benchmark" "$log"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for entries in 10 1000 100000; do
  echo "instructions: a World of $entries entries …" >&2
  "$BIN/valgrind" --tool=callgrind --callgrind-out-file="$work/profile" \
    --compress-strings=no --compress-pos=no \
    --toggle-collect='*instructions::resolve_*' --toggle-collect='*instructions::authorize_*' \
    "$program" "$entries" "$calls" >"$work/log" 2>&1 || die "valgrind failed" "$(tail -n 5 "$work/log")"
  # Where main calls one of the four: `cfn=NAME`, `calls=…`, and a line whose second number is what the call cost.
  awk -v entries="$entries" -v calls="$calls" '
    /^cfn=/ { row = match($0, /instructions::(resolve|authorize)_[0-9]+/) ? substr($0, RSTART + 14, RLENGTH - 14) : "" }
    /^calls=/ { called = 1; next }
    called { if (row != "") counted[row] += $2; called = 0 }
    END { for (row in counted) { split(row, part, "_"); print part[1], entries, part[2], int(counted[row] / calls) } }
  ' "$work/profile" >>"$work/counted"
done
sort -k1,1 -k3,3n -k2,2n "$work/counted" >"$work/sorted"
[ "$(wc -l <"$work/sorted")" -eq 12 ] || die "the profile lacks rows" "$(cat "$work/sorted")"

if [ "${1:-}" = --record ]; then
  { echo "# function, entries of the World, associations of the caller's entry, instructions a call"; cat "$work/sorted"; } >"$recorded"
fi
awk '
  NR == FNR { if ($1 != "#") before[$1, $2, $3] = $4; next }
  {
    was = before[$1, $2, $3]
    if ($2 == 10 && $3 == 1) base[$1] = $4
    grown = was == 0 || $4 > 1.05 * was
    failed += grown
    printf "instructions: %-9s %6d entries, %2d associations: %5d (%.2f × the smallest)%s\n",
      $1, $2, $3, $4, $4 / base[$1], grown ? ", recorded are " was + 0 ": MORE THAN 5 % ABOVE" : ""
  }
  END { exit failed > 0 }
' "$recorded" "$work/sorted" || die "more instructions than recorded" \
  "If that is meant to be so: scripts/instructions.sh --record, and say why in the commit."
