#!/bin/bash
# Installs the OpenStack packages of Debian 12. Starts no service, enables no service; does nothing when all are installed.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly POLICY=/usr/sbin/policy-rc.d KEPT=/usr/sbin/policy-rc.d.before-sandbox
readonly UNITS="mariadb.service rabbitmq-server.service memcached.service epmd.socket epmd.service"

mapfile -t packages <packages.txt
missing() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

# policy-rc.d forbids starting services while packages are installed; the machine's own file comes back afterwards,
# also when an earlier run was killed in between.
restore_policy() {
  if [ -e $KEPT ]; then mv -f $KEPT $POLICY; fi
  if grep -qs '^# sandbox/cloud/install.sh' $POLICY; then rm -f $POLICY; fi
}
[ "$(id -u)" != 0 ] || restore_policy

mapfile -t wanted < <(missing)
if [ ${#wanted[@]} = 0 ]; then echo "OpenStack packages: installed"; exit 0; fi
[ "$(id -u)" = 0 ] || { echo "install.sh: must run as root to install: ${wanted[*]}" >&2; exit 1; }
grep -qs '^VERSION_ID="12"' /etc/os-release || { echo "install.sh: needs Debian 12 (OpenStack Zed)" >&2; exit 1; }

enabled() { # the units that would start at boot
  local unit
  command -v systemctl >/dev/null || return 0
  for unit in $UNITS; do if systemctl is-enabled -q "$unit" 2>/dev/null; then echo "$unit"; fi; done
}
before=" $(enabled | tr '\n' ' ')"
trap restore_policy EXIT
trap 'exit 130' INT TERM
if [ -e $POLICY ]; then cp -p $POLICY $KEPT.new && mv $KEPT.new $KEPT; fi
printf '#!/bin/sh\n# sandbox/cloud/install.sh\nexit 101\n' >$POLICY.new
chmod 755 $POLICY.new
mv $POLICY.new $POLICY

echo "OpenStack packages: installing ${#wanted[@]} and what they need"
log=$(mktemp /tmp/sandbox-install.XXXXXX)
if ! { apt-get update && apt-get install -y --no-install-recommends "${wanted[@]}"; } </dev/null >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "install.sh: apt-get failed, whole log: $log" >&2
  exit 1
fi
rm -f "$log"
for unit in $(enabled); do
  case $before in *" $unit "*) ;; *) systemctl disable "$unit" >/dev/null 2>&1 ;; esac
done
echo "OpenStack packages: installed in $SECONDS s"
