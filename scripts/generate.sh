#!/usr/bin/env bash
# Generates what is generated: the provider SDKs in sdks/, the catalogue of extensions, the presets of the policy pack, and what is generated in README.md, policies/README.md and docs/guides.
#
#   scripts/generate.sh          generate
#   scripts/generate.sh --check  is what is there what would be generated?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
  "" | --check) ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac

scripts/generate-sdks.sh "$@"
node scripts/generate-catalogue.mjs "$@"
scripts/build.sh
node scripts/generate-presets.mjs "$@"
node scripts/generate-docs.mjs "$@"
