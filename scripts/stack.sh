#!/usr/bin/env bash
# stack.sh up|preview|down STACK: Pulumi on the stack of the sandbox, with the environment of sandbox/env.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command=$1 stack=$2

# The Kubernetes provider leaves the kubeconfig in a temporary file.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

mkdir -p "$PULUMI_TALOS_OPENSTACK_BACKEND"
pulumi --non-interactive stack select --create "$stack" >/dev/null

# An update that was killed leaves a lock and operations of which nobody knows whether they went through.
pulumi cancel --yes --stack "$stack" >/dev/null 2>&1 || true

case $command in
  up)
    node dist/cli/index.js repair --yes --stack "$stack"
    if ! pulumi up --yes --stack "$stack" --refresh=false; then
      # What broke, in the words of the cloud. The next `up` repairs it.
      node dist/cli/index.js repair --stack "$stack" </dev/null || true
      exit 1
    fi
    node dist/cli/index.js health --stack "$stack" --wait 120
    node scripts/summary.mjs "$stack"
    ;;
  preview)
    pulumi preview --stack "$stack" --diff
    ;;
  down)
    pulumi destroy --yes --stack "$stack"
    pulumi stack rm --yes --preserve-config "$stack"
    ;;
  *)
    echo "usage: stack.sh up|preview|down STACK" >&2
    exit 2
    ;;
esac
