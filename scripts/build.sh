#!/usr/bin/env bash
# Builds dist/ from the sources: compiled components and runtime, bundled policy pack and CLI. Does only what changed since the last build.
#
#   scripts/build.sh          build
#   scripts/build.sh --clean  build everything anew
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$root/node_modules/.bin:$PATH"

if [[ ${1:-} == --clean ]]; then rm -rf dist; fi

# stale STAMP SOURCE...: is a source newer than the stamp, or was one removed (its folder is newer then)?
stale() {
  local stamp=$1
  shift
  [[ ! -e $stamp || -n $(find "$@" -newer "$stamp" -not -path '*/node_modules/*' -print -quit) ]]
}

if [[ ! -d node_modules ]]; then
  echo "node_modules is missing: run npm ci" >&2
  exit 1
fi
mkdir -p dist
# One build at a time: tests may start several.
exec 9>dist/.lock
flock 9

scripts/generate-sdks.sh --build

common=(tsconfig.json tsconfig.build.json package.json package-lock.json scripts/build.sh scripts/bundle.mjs)

if stale dist/.compiled "${common[@]}" components lib runtime sdks/*/bin/package.json; then
  touch dist/.started # before: what is edited meanwhile is newer
  rm -rf dist/components dist/lib dist/runtime
  tsc -p tsconfig.build.json
  mv dist/.started dist/.compiled
fi
if stale dist/.bundled "${common[@]}" policies cli doctor lib; then
  touch dist/.started
  rm -rf dist/policies dist/cli
  node scripts/bundle.mjs
  mv dist/.started dist/.bundled
fi
