#!/usr/bin/env bash
# Puts the aws CLI and boto3, at the versions of requirements.txt, into a virtual environment of the cache. An aws of
# PATH is not used: the lab's transcript and the tests need to know which client they ran.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

requirements=$ROOT/scripts/requirements.txt
venv=$CACHE/venv
stamp=$venv/doorward-requirements.txt

# Debian's python3 has no ensurepip unless python3-venv is installed; pip itself can then fill an environment made
# without it, and virtualenv brings its own pip where that pip is too old to.
create_venv() {
  rm -rf "$venv"
  if python3 -c 'import ensurepip' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements"
  elif python3 -m venv --without-pip "$venv" && python3 -m pip --python "$venv/bin/python" --version; then
    python3 -m pip --python "$venv/bin/python" install --disable-pip-version-check -r "$requirements"
  else
    rm -rf "$venv"
    python3 -m virtualenv "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check -r "$requirements"
  fi
  "$venv/bin/python" -c 'import awscli, boto3'
  cp "$requirements" "$stamp"
}

if ! cmp -s "$requirements" "$stamp" || ! [ -x "$venv/bin/python" ]; then
  command -v python3 >/dev/null || die "python3 is missing, which the aws CLI runs on" \
    "Install it: apt-get install python3 python3-pip"
  python3 -c 'import ensurepip' 2>/dev/null || python3 -m pip --version >/dev/null 2>&1 ||
    python3 -m virtualenv --version >/dev/null 2>&1 ||
    die "python3 has neither pip nor ensurepip nor virtualenv, so the aws CLI cannot be installed" \
      "Install one of them: apt-get install python3-venv"
  run_step "installing the aws CLI and boto3 from PyPI" create_venv
fi
usable aws || ln -sfn "$venv/bin/aws" "$BIN/aws"
