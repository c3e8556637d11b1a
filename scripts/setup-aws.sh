#!/usr/bin/env bash
# Puts the aws CLI and boto3, at the versions of requirements.txt, into a virtual environment of the cache. An aws of
# PATH is not used: the lab's transcript and the tests need to know which client they ran.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

requirements=$ROOT/scripts/requirements.txt
venv=$CACHE/venv
stamp=$venv/doorward-requirements.txt

install() {
  create_venv "$venv" "$requirements"
  "$venv/bin/python" -c 'import awscli, boto3'
  cp "$requirements" "$stamp"
}

if ! cmp -s "$requirements" "$stamp" || ! [ -x "$venv/bin/python" ]; then
  run_step "installing the aws CLI and boto3 from PyPI" install
fi
usable aws || ln -sfn "$venv/bin/aws" "$BIN/aws"
