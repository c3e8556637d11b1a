# Shared by the set-up scripts: where things are cached, how progress is shown, and how Debian packages
# are unpacked into the cache without touching the system. Sourced by bash, never run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${DOORWARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/doorward}
BIN=$CACHE/bin
mkdir -p "$BIN"

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# run_step NAME COMMAND…: runs a step with its output in a log, prints a line every ten seconds, and shows the end
# of the log when it fails.
run_step() {
  local name=$1 log started pid rc=0
  shift
  mkdir -p "$CACHE/log"
  log=$CACHE/log/${name//[^A-Za-z0-9]/-}.log
  started=$SECONDS
  say "$name …"
  ("$@") >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    local spent=$((SECONDS - started))
    if ((spent > 0 && spent % 10 == 0)); then say "$name … ${spent}s"; fi
  done
  wait "$pid" || rc=$?
  if ((rc != 0)); then
    tail -n 15 "$log" >&2
    die "$name failed (exit $rc)" "The whole log: $log"
  fi
  say "$name: done in $((SECONDS - started))s"
}

# A private package index, so that no step needs root, changes the machine's own lists, or depends on their age.
apt_private() {
  local apt=$CACHE/apt
  apt-get -qq \
    -o Dir::State="$apt/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$apt/cache" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o APT::Sandbox::User="$(id -un)" "$@"
}

# Prepares the private index from the mirror that the machine itself is configured with.
apt_index() {
  local apt=$CACHE/apt uri suite
  command -v apt-get >/dev/null || die "apt-get is missing" \
    "Doorward's set-up takes kube-apiserver, etcd and kubectl from Debian's packages." \
    "Elsewhere, put kube-apiserver, etcd and kubectl on PATH or in \$KUBEBUILDER_ASSETS and run it again."
  [ -f "$apt/ready" ] && return
  mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/sources.list"
  while IFS='|' read -r uri suite; do
    printf 'deb %s %s main\ndeb-src %s %s main\n' "$uri" "$suite" "$uri" "$suite" >>"$apt/sources.list"
  done < <(debian_suites)
  [ -s "$apt/sources.list" ] || die "no Debian mirror is configured for apt" \
    "Set up /etc/apt/sources.list for Debian 12 (bookworm) and run it again."
  run_step "reading Debian's package index" apt_private update
  touch "$apt/ready"
}

# Mirror and suite of each configured Debian archive. From the index targets where apt has lists, else from the
# source files (a fresh container has sources but no lists).
debian_suites() {
  local rows
  rows=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$3 == "main" && $2 ~ /^bookworm/ {print $1 "|" $2}' | sort -u)
  printf '%s\n' "$rows" | grep .
}

# deb_extract PACKAGE… DIR: downloads packages and unpacks them below DIR.
deb_extract() {
  local dir=${*: -1} work
  work=$(mktemp -d "$CACHE/deb.XXXXXX")
  (cd "$work" && apt_private download "${@:1:$#-1}")
  mkdir -p "$dir"
  for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$dir"; done
  rm -rf "$work"
}
