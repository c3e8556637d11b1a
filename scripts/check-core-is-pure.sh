#!/usr/bin/env bash
# doorward-core and doorward-sigv4 decide and compute; nothing below them may do I/O, keep time or open a connection.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

forbidden='^(tokio|hyper|hyper-util|kube|kube-client|rustls|axum|reqwest|rusqlite|rustix|doorward-(identity|store|cluster|server|lab|cli))$'
impure=0
for package in doorward-core doorward-sigv4; do
  names=$(cargo tree --locked --quiet -p "$package" --edges normal,build --all-features --prefix none --format '{p}' |
    awk '{print $1}' | sort -u)
  if found=$(grep -E "$forbidden" <<<"$names"); then
    printf '%s must stay pure, but depends on: %s\n' "$package" "$(paste -sd' ' <<<"$found")" >&2
    printf '  See how: cargo tree -p %s -i %s\n' "$package" "$(head -n 1 <<<"$found")" >&2
    impure=1
  fi
done
exit "$impure"
