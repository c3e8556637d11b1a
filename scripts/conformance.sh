#!/usr/bin/env bash
# `make conformance`: unmodified clients against a server of the release build, each exchange held against AWS's own
# service models; then the table of it. Names of clients as arguments run those alone.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

bash scripts/setup.sh compiler aws moto
cargo build --locked --release -p doorward-cli
export PYTHONDONTWRITEBYTECODE=1
"$CACHE/venv/bin/python" -m unittest conformance.test_model
exec "$CACHE/venv/bin/python" -m conformance --doorward "${CARGO_TARGET_DIR:-target}/release/doorward" "$@"
