#!/bin/bash
# Proves the front command on a cloud of its own, in a temporary folder and a network namespace, so that it does not meet
# one that runs: interruptions, two commands at once, foreign ports. `lifecycle.sh smoke` runs smoke.py there as well.
set -uo pipefail
if [ -z "${SANDBOX_NAMESPACE:-}" ]; then SANDBOX_NAMESPACE=1 exec unshare --net "$0" "$@"; fi
ip link set lo up
sandbox=$(cd "$(dirname "$0")/.." && pwd)/sandbox
PULUMI_TALOS_OPENSTACK_SANDBOX=$(mktemp -d)
export PULUMI_TALOS_OPENSTACK_SANDBOX
state=$PULUMI_TALOS_OPENSTACK_SANDBOX/cloud out=$PULUMI_TALOS_OPENSTACK_SANDBOX/out failures=0

check() { # OUTCOME WORDS
  if (($1)); then echo "FAIL $2"; sed 's/^/     /' "$out"; failures=$((failures + 1)); else echo "PASS $2"; fi
}
processes() { # of this cloud that still run
  grep -alz "^SANDBOX_STATE=$state$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}
kill_during() { # SECONDS: SIGKILL to a start after so long
  "$sandbox" start >"$out" 2>&1 &
  sleep "$1"
  kill -KILL $!
  local outcome=$?
  wait $! 2>/dev/null
  return $outcome
}
api() { curl -sf -o /dev/null "http://127.0.0.1:$1"; }

/usr/bin/python3 -m http.server 9696 --bind 127.0.0.1 >/dev/null 2>&1 &
foreign=$!
sleep 0.5
! "$sandbox" start >"$out" 2>&1 && grep -q "port 9696 (neutron) is in use by python3 (pid $foreign)" "$out" && [ -z "$(processes)" ]
check $? "a foreign process on port 9696 is named, nothing is started"
kill $foreign

for seconds in 0.7 3 9 25; do
  kill_during $seconds && [ ! -e "$state/made" ]
  check $? "first start killed after $seconds s"
done
"$sandbox" start >"$out" 2>&1 && api 9696/ && api 8774/
check $? "the next start makes it anew: $(tail -n 1 "$out")"
"$sandbox" start >"$out" 2>&1 && grep -q 'runs already' "$out"
check $? "a second start does nothing"

"$sandbox" stop >"$out" 2>&1 && [ -z "$(processes)" ]
check $? "stop leaves no process"
bash -c 'exec -a bystander sleep 600' &
bystander=$!
echo "$bystander 1" >"$state/pid/mariadb"
"$sandbox" stop >"$out" 2>&1 && kill -0 $bystander
check $? "a stale pid file does no harm to the process that now has its pid"
kill $bystander

kill_during 6 && "$sandbox" start >"$out" 2>&1 && api 9696/ && api 8774/
check $? "warm start after one killed at 6 s: $(tail -n 1 "$out")"
"$sandbox" stop
"$sandbox" start >"$out" 2>&1 &
sleep 0.5
! "$sandbox" stop >"$out.stop" 2>&1 && grep -q 'another start' "$out.stop"
check $? "a stop during a start is refused"
wait $!
check $? "and the start goes on: $(tail -n 1 "$out")"

kill -KILL -- "-$(cut -d' ' -f1 "$state/pid/nova-conductor")"
sleep 1
"$sandbox" status >"$out"
[ $? = 3 ] && grep -q 'nova-conductor: not running' "$out"
check $? "status shows a dead service"
"$sandbox" start >"$out" 2>&1 && "$sandbox" status >>"$out"
check $? "start mends it"
if [ "${1:-}" = smoke ]; then
  "$(dirname "$sandbox")/cloud/smoke.py"
  check $? "smoke test"
fi
"$sandbox" wipe >"$out" 2>&1 && [ -z "$(processes)" ] && [ ! -e "$state/mysql" ]
check $? "wipe leaves nothing"
rm -rf "$PULUMI_TALOS_OPENSTACK_SANDBOX"
echo "$failures failures, $SECONDS s"
exit $((failures > 0))
