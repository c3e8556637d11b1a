#!/usr/bin/env bash
# `make lint`: every check that needs no running server, each named, all of them run even when one fails.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/setup.sh compiler tools
failed=()

check() {
  local name=$1
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

each_crate_alone() {
  local manifest package
  for manifest in crates/*/Cargo.toml; do
    package=$(sed -n 's/^name = "\(doorward-[^"]*\)"/\1/p' "$manifest" | head -n 1)
    cargo check --locked --quiet -p "$package" || return 1
  done
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --workspace --no-deps
}

scripts_parse() {
  local script
  for script in scripts/*.sh .ci/run; do bash -n "$script" || return 1; done
}

advisories() {
  local log
  log=$(mktemp)
  if "$BIN/cargo-deny" --all-features check advisories >"$log" 2>&1; then
    rm "$log"
  elif grep -qiE 'failed to fetch advisory database|unable to fetch|advisory database.*(not|fail)' "$log"; then
    printf 'NOT CHECKED: the advisory database cannot be fetched here; run it again where it can be\n'
    rm "$log"
  else
    cat "$log"
    rm "$log"
    return 1
  fi
}

check "formatting" cargo fmt --all --check
check "scripts" scripts_parse
check "core is pure" bash scripts/check-core-is-pure.sh
check "clippy" cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
check "documentation" documentation
check "each crate compiles alone" each_crate_alone
check "licences, bans, sources" "$BIN/cargo-deny" --log-level error --all-features check licenses bans sources
check "advisories" advisories

if ((${#failed[@]})); then
  printf 'lint failed: %s\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')" >&2
  exit 1
fi
echo "lint: all clean"
