#!/usr/bin/env bash
# Puts moto, at the version of requirements-moto.txt, into a virtual environment of the cache, and the EKS tests of its
# source distribution beside it. For `make conformance` alone.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

requirements=$ROOT/scripts/requirements-moto.txt
venv=$CACHE/moto
stamp=$venv/doorward-requirements.txt

install() {
  local moto download
  create_venv "$venv" "$requirements"
  moto=$(grep '^moto==' "$requirements")
  download=$(mktemp -d "$CACHE/moto.XXXXXX")
  "$venv/bin/python" -m pip download --disable-pip-version-check --no-deps --no-binary moto --dest "$download" "$moto"
  mkdir "$venv/source"
  tar -xzf "$download"/moto-*.tar.gz -C "$venv/source" --strip-components=1 --wildcards \
    '*/tests/__init__.py' '*/tests/conftest.py' '*/tests/test_eks/*'
  rm -rf "$download"
  cp "$requirements" "$stamp"
}

if ! cmp -s "$requirements" "$stamp" || ! [ -x "$venv/bin/python" ]; then
  run_step "installing moto and its EKS tests from PyPI" install
fi
