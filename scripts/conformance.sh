#!/usr/bin/env bash
# `make conformance`: unmodified clients against a server of the release build, each exchange held against AWS's own
# service models; then the table of it. Names of clients as arguments run those alone: boto3 awscli rust terraform moto.
# Terraform is not installed: it is run where it is on PATH, with the AWS provider of $DOORWARD_TERRAFORM_PROVIDERS (a
# folder as `terraform providers mirror` makes it), of a usual mirror folder, or of the registry that Terraform is set to.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/setup.sh compiler aws moto
cargo build --locked --release -p doorward-cli
export PYTHONDONTWRITEBYTECODE=1
"$CACHE/venv/bin/python" -m unittest conformance.test_model
exec "$CACHE/venv/bin/python" -m conformance --doorward "${CARGO_TARGET_DIR:-target}/release/doorward" "$@"
