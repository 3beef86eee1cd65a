#!/usr/bin/env bash
# Generates the Node.js SDKs sdks/openstack and sdks/talos from sdks/schemas.
#
#   scripts/generate-sdks.sh          generate
#   scripts/generate-sdks.sh --check  is what is committed what would be generated?
#   scripts/generate-sdks.sh --build  compile those that changed since their last build
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
packages=(openstack talos)

generate() { # generate DIRECTORY
  local generator package
  sandbox/install.sh generate-sdk >&2
  generator=$(sandbox/install.sh --list | awk '$1 == "generate-sdk" { print $2 }')
  for package in "${packages[@]}"; do
    rm -rf "${1:?}/$package"
    "$generator/generate-sdk" "sdks/schemas/$package.json" "$1/$package"
  done
}

case "${1:-}" in
  "")
    generate sdks
    ;;
  --check)
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    generate "$fresh"
    for package in "${packages[@]}"; do
      if ! diff -r -q -x bin -x node_modules "sdks/$package" "$fresh/$package"; then
        echo "sdks/$package is not what sdks/schemas/$package.json yields: run scripts/generate-sdks.sh" >&2
        exit 1
      fi
    done
    ;;
  --build)
    for package in "${packages[@]}"; do
      built=sdks/$package/bin/package.json # written last
      if [[ ! -e $built || -n $(find "sdks/$package" -newer "$built" -type f -not -path '*/bin/*' -not -path '*/node_modules/*' -print -quit) ]]; then
        (cd "sdks/$package" && PATH="$root/node_modules/.bin:$PATH" && tsc && cp package.json bin/)
      fi
    done
    ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
