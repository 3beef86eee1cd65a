#!/usr/bin/env bash
# Installs what the sandbox needs on Debian 12 or later, from package registries alone. It may be run again, be interrupted, or run twice at once.
#
#   sandbox/install.sh          everything
#   sandbox/install.sh NAME...  makes only these builds
#   sandbox/install.sh --list   name and folder of each build
#
# Needs Go 1.26 and Node.js 20 or later; the cloud's packages need root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
user_home=${PULUMI_HOME:-$HOME/.pulumi} # before env.sh sets the sandbox's
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$here/env.sh"
cache=$PULUMI_TALOS_OPENSTACK_CACHE
state=$PULUMI_TALOS_OPENSTACK_SANDBOX

export CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false -trimpath' GOWORK=off
builds=(node pulumi openstack talos factory kubernetes kubebox kwok talosctl talosnode generate-sdk)

# recipe NAME: the Go module, the linker's flags, the packages and further folders of a build.
recipe() {
  module=plugins/talos flags='-s -w' packages=("./cmd/$1") also=() stages=()
  case $1 in
    kubernetes) module=plugins/kubernetes flags+=" -X main.version=$(kubernetes_version)" packages=(.) ;;
    kubebox)
      local version=k8s.io/component-base/version release # or the server says v0.0.0
      module=plugins/cluster release=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/plugins/cluster/go.mod")
      flags+=" -X $version.gitVersion=$release -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$release")"
      ;;
    kwok)
      module=plugins/cluster packages=(sigs.k8s.io/kwok/cmd/kwok)
      stages=(node/heartbeat-with-lease/node-heartbeat-with-lease pod/fast/pod-{ready,complete,delete}) # talosnode says when a Node is ready
      ;;
    talosctl | talosnode) module=plugins/cluster ;;
    pulumi)
      module=engine flags+=' -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0'
      packages=(github.com/pulumi/pulumi/pkg/v3/cmd/pulumi ./pulumi-language-nodejs)
      ;;
    generate-sdk) module=engine packages=(./generate-sdk) ;;
    openstack) module=plugins/openstack packages=(.) also=(../../../sdks/schemas) ;;
    talos) packages=(./cmd/pulumi-resource-talos) also=(../../../sdks/schemas) ;;
  esac
}

# kubernetes_version: the npm package's, since the engine asks for a plugin of that version.
kubernetes_version() {
  sed -n '/"node_modules\/@pulumi\/kubernetes": {/,/"version"/s/.*"version": "\(.*\)",/\1/p' "$here/../package-lock.json"
}

# folder NAME: where the build is kept. The name holds the hash of all that goes into it, so a stale one is never used.
folder() {
  local module flags packages also stages package hash
  if [[ $1 == node ]]; then
    hash=$(sha256sum <"$here/package.json")
  else
    recipe "$1"
    hash=$(
      cd "$here/$module"
      {
        go env GOVERSION GOOS GOARCH
        echo "$CGO_ENABLED $GOFLAGS $flags ${packages[*]} ${stages[*]}"
        for package in go.mod go.sum "${packages[@]}" "${also[@]}"; do
          if [[ -e $package ]]; then find "$package" -type f ! -name '*_test.go' -print0; fi
        done | sort -z | xargs -0 sha256sum
      } | sha256sum
    )
  fi
  echo "$cache/builds/$1-${hash%% *}"
}

# patched FOLDER: upstream's Kubernetes provider with our patch, and a go.mod that uses it.
patched() {
  local name=github.com/pulumi/pulumi-kubernetes/provider/v4
  rm -rf "$1"
  cp -r --no-preserve=mode "$(go list -C "$here/$module" -m -f '{{.Dir}}' $name)" "$1"
  GIT_CEILING_DIRECTORIES=${1%/*} git -C "$1" apply "$here/$module/existing-objects.patch"
  cp "$here/$module/go.mod" "$1/with.mod"
  cp "$here/$module/go.sum" "$1/with.sum"
  go mod edit -replace "$name=$1" "$1/with.mod"
}

# build NAME: is made in a temporary folder and renamed when whole, so an interrupted one is never used either.
build() {
  local module flags packages also stages with=() target new
  target=$(folder "$1")
  if [[ -d $target ]]; then
    touch "$target" # used: see prune
    return
  fi
  new=$cache/builds/.new-$1
  rm -rf "$new"
  mkdir -p "$new"
  if [[ $1 == node ]]; then
    cp "$here/package.json" "$new/"
    step "Node.js" npm install --prefix "$new" --no-audit --no-fund --no-package-lock --loglevel=error
  else
    recipe "$1"
    if [[ $1 == kubernetes ]]; then
      patched "$new-source"
      with=(-modfile "$new-source/with.mod")
    fi
    step "build $1" go build -C "$here/$module" "${with[@]}" -ldflags "$flags" -o "$new/" "${packages[@]}"
    rm -rf "$new-source"
  fi
  if [[ $1 == kwok ]]; then # it has no stages of its own
    local file from
    from=$(go list -C "$here/$module" -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    for file in "${stages[@]}"; do
      echo ---
      cat "$from/$file.yaml"
    done >"$new/stages.yaml"
  fi
  if [[ $1 == pulumi ]]; then # the script that runs dynamic providers is in the SDK's module
    cp "$(go list -C "$here/engine" -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)/nodejs/dist/pulumi-resource-pulumi-nodejs" "$new/"
    chmod 755 "$new/pulumi-resource-pulumi-nodejs"
  fi
  mv -T "$new" "$target"
}

# step TITLE COMMAND...: one line with the duration, a sign of life each half minute, the output only when it fails.
step() {
  local title=$1 start=$SECONDS log
  shift
  log=$(mktemp)
  set -m # a process group of its own, which the trap can end with all that it started
  "$@" >"$log" 2>&1 9>&- &
  job=$!
  set +m
  until timeout 30 tail -s 0.2 --pid="$job" -f /dev/null; do
    echo "  $title: running for $((SECONDS - start)) s"
  done
  if ! wait "$job"; then
    job=
    echo "$title: failed after $((SECONDS - start)) s; the end of its output:" >&2
    tail -n 30 "$log" >&2
    exit 1
  fi
  job=
  rm -f "$log"
  echo "$title: $((SECONDS - start)) s"
}
job='' cloud=''
finish() {
  local group
  for group in $job $cloud; do kill -- "-$group" 2>/dev/null || true; done
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- plugins ------------------------------------------------------------------------------------------------------------------------

# plugin NAME VERSION: the user's own, else a download, else our build.
plugin() {
  local name=$1 version=$2 place origin
  place=$PULUMI_HOME/plugins/resource-$name-v$version
  origin=$user_home/plugins/resource-$name-v$version
  if [[ $user_home == "$PULUMI_HOME" || ! -d $origin ]]; then
    if downloaded "$name" "$version"; then return; fi
    origin=$(folder "$name")
    build "$name"
  fi
  if [[ $(cat "$place/.origin" 2>/dev/null) == "$origin" ]]; then return; fi
  step "plugin $name" pulumi plugin install resource "$name" "$version" --file "$origin/pulumi-resource-$name" --reinstall
  echo "$origin" >"$place/.origin"
}

# downloaded NAME VERSION: tried once; where the first one cannot be had, no other is asked for. Remove $cache/no-downloads to try again.
downloaded() {
  local place=$PULUMI_HOME/plugins/resource-$1-v$2 server=()
  if [[ $(cat "$place/.origin" 2>/dev/null) == download ]]; then return; fi
  if [[ -e $cache/no-downloads ]]; then return 1; fi
  if [[ $1 == talos ]]; then server=(--server github://api.github.com/pulumiverse); fi
  if timeout 20 pulumi plugin install resource "$1" "$2" "${server[@]}" >/dev/null 2>&1; then
    echo download >"$place/.origin"
    echo "plugin $1 $2: downloaded"
  else
    touch "$cache/no-downloads"
    return 1
  fi
}

# users_pulumi: the folder of an installed Pulumi CLI >= 3.250 with its Node.js language host.
users_pulumi() {
  local file version
  while read -r file; do
    version=$("$file" version 2>/dev/null) || continue
    if [[ $file != "$state/"* && -x ${file%/*}/pulumi-language-nodejs ]] && printf 'v3.250.0\n%s\n' "$version" | sort -VC; then
      echo "${file%/*}"
      return
    fi
  done < <(type -ap pulumi)
}

# --- all of it ----------------------------------------------------------------------------------------------------------------------

if [[ ${1:-} == --list ]]; then
  for name in "${builds[@]}"; do echo "$name $(folder "$name")"; done
  exit
fi
mkdir -p "$cache/builds" "$state/bin" "$PULUMI_HOME" "$PULUMI_TALOS_OPENSTACK_BACKEND"
exec 9>"$cache/install.lock"
if ! flock -n 9; then
  echo "waiting for another installation to finish"
  flock 9
fi
if (($#)); then
  for name in "$@"; do build "$name"; done
  exit
fi

if [[ -x $here/cloud/install.sh ]]; then # beside the Go builds: it waits for the network while they need the processor
  set -m
  "$here/cloud/install.sh" 9>&- &
  cloud=$!
  set +m
fi

link() { ln -sfn "$1" "$state/bin/${2:-${1##*/}}"; }
build node
link "$(folder node)/node_modules/.bin/node"
theirs=$(users_pulumi)
if [[ -z $theirs ]]; then
  build pulumi
  for file in "$(folder pulumi)"/*; do link "$file"; done
else
  echo "Pulumi: $theirs"
  rm -f "$state"/bin/pulumi*
fi
hash -r
plugin openstack 5.5.1
plugin talos 0.8.1
build factory
link "$(folder factory)/factory"
plugin kubernetes "$(kubernetes_version)"
for name in kubebox kwok talosctl talosnode; do
  build "$name"
  link "$(folder "$name")/$name"
done
link "$(folder kubebox)/kubebox" kubectl # it goes by the name that it is called by
link "$(folder kwok)/stages.yaml" kwok-stages.yaml

find "$cache/builds" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} + # not used for a month
if [[ -n $cloud ]]; then
  if ! wait "$cloud"; then exit 1; fi
  cloud=
fi
echo "installed in $SECONDS s: . sandbox/env.sh"
