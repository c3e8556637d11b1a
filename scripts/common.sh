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
# of the log and $HINT, if set, when it fails.
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
    die "$name failed (exit $rc)" ${HINT:+"$HINT"} "The whole log: $log"
  fi
  say "$name: done in $((SECONDS - started))s"
}

# A private package index, so that no step needs root, changes the machine's own lists, or depends on their age.
apt_private() {
  local apt=$CACHE/apt
  apt-get -qq \
    -o Dir::State="$apt/state" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$apt/cache" \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any "$@"
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
  [ -s "$apt/sources.list" ] || die "no Debian 12 (bookworm) mirror is configured for apt" \
    "Set up /etc/apt/sources.list.d/debian.sources, or put kube-apiserver, etcd, etcdctl and kubectl on PATH" \
    "or in \$KUBEBUILDER_ASSETS, and run it again."
  HINT="The mirrors of $apt/sources.list must be reachable this once; afterwards no network is needed." \
    run_step "reading Debian's package index" apt_private update
  touch "$apt/ready"
}

# Mirror and suite of each configured Debian archive. From the index targets where apt has lists; a fresh container
# has sources but no lists, and apt then names no target, so the source files themselves are read.
debian_suites() {
  local rows
  rows=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$3 == "main" {print $1 "|" $2}')
  [ -n "$rows" ] || rows=$(configured_suites)
  printf '%s\n' "$rows" | awk -F'|' '$2 ~ /^bookworm/' | sort -u
}

# The same rows from one-line (*.list) and deb822 (*.sources) source files.
configured_suites() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -E 's/#.*//; s/^deb[[:space:]]+\[[^]]*\]/deb/' "$file" | awk '$1 == "deb" && / main( |$)/ {print $2 "|" $3}'
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    grep -v '^#' "$file" | awk -v RS= -F'\n' '
      {
        uris = suites = components = enabled = ""
        for (i = 1; i <= NF; i++) {
          key = tolower($i); sub(/:.*/, "", key)
          value = $i; sub(/^[^:]*:[ \t]*/, "", value)
          if (key == "uris") uris = value
          if (key == "suites") suites = value
          if (key == "components") components = value
          if (key == "enabled") enabled = tolower(value)
        }
        if (enabled == "no" || (" " components " ") !~ / main /) next
        count = split(uris, uri, " "); each = split(suites, suite, " ")
        for (u = 1; u <= count; u++) for (s = 1; s <= each; s++) print uri[u] "|" suite[s]
      }'
  done
}

# deb_extract PACKAGE… DIR: downloads packages and unpacks them below DIR. An index older than the mirror names files
# that are gone, so one failure is answered by reading the index again.
deb_extract() {
  local dir=${*: -1} work
  work=$(mktemp -d "$CACHE/deb.XXXXXX")
  if ! (cd "$work" && apt_private download "${@:1:$#-1}"); then
    apt_private update
    (cd "$work" && apt_private download "${@:1:$#-1}")
  fi
  mkdir -p "$dir"
  for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$dir"; done
  rm -rf "$work"
}

# usable NAME: whether the cache has a NAME that runs (a link whose target was removed does not).
usable() { [ -x "$BIN/$1" ]; }

# link_found NAME: links a NAME of $KUBEBUILDER_ASSETS or PATH into the cache; fails when there is none.
link_found() {
  local name=$1 found=
  if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$name" ]; then
    found=$KUBEBUILDER_ASSETS/$name
  else
    found=$(PATH=$(path_without_cache) command -v "$name") || return 1
  fi
  say "$name: using $found"
  ln -sfn "$(realpath "$found")" "$BIN/$name"
}

# PATH without the cache's own folder, so that a link there is never made to point at itself.
path_without_cache() {
  local dir kept=
  local IFS=:
  for dir in $PATH; do [ "$dir" = "$BIN" ] || kept+=${kept:+:}$dir; done
  printf '%s' "$kept"
}

# create_venv DIR REQUIREMENTS: a virtual environment, made anew. Debian's python3 has no ensurepip unless python3-venv is
# installed; pip itself can then fill an environment made without it, and virtualenv brings its own pip where that pip is
# too old to.
create_venv() {
  local venv=$1 requirements=$2
  command -v python3 >/dev/null || die "python3 is missing" "Install it: apt-get install python3 python3-pip"
  rm -rf "$venv"
  if python3 -c 'import ensurepip' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements"
  elif python3 -m venv --without-pip "$venv" && python3 -m pip --python "$venv/bin/python" --version; then
    python3 -m pip --python "$venv/bin/python" install --disable-pip-version-check -r "$requirements"
  elif rm -rf "$venv" && python3 -m virtualenv "$venv"; then
    "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements"
  else
    die "python3 has neither ensurepip nor a recent pip nor virtualenv, so nothing can be installed from PyPI" \
      "Install one of them: apt-get install python3-venv"
  fi
}
