#!/usr/bin/env bash
# Installs what is missing: the sandbox's programs, the npm packages, the compiled package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sandbox/install.sh
# shellcheck source=sandbox/env.sh
source sandbox/env.sh

# npm records what it installed: newer than the lock file means nothing to do.
if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
  echo "npm packages …"
  npm ci --no-progress --loglevel=error
  touch node_modules/.package-lock.json
fi
scripts/build.sh
