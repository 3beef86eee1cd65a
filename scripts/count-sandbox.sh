#!/usr/bin/env bash
# The sandbox stays small: its own programs (without tests, blank lines and comments) have at most 5,700 lines
# (docs/decisions/0007-the-sandbox-grows-by-the-machine.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
limit=5700

lines=$(git ls-files sandbox |
  grep -E '(\.go|\.py|\.sh|^sandbox/sandbox)$' |
  grep -vE '(_test\.go|/test_[^/]*\.py|/smoke\.py|/lifecycle\.sh)$' |
  xargs cat | grep -cvE '^[[:space:]]*(#|//|$)')
echo "sandbox: $lines lines of its own, at most $limit"
if ((lines > limit)); then
  echo "sandbox: found $lines lines, required at most $limit: cut before adding" >&2
  exit 1
fi
