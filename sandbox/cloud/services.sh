# shellcheck shell=bash
# The processes of the cloud: what they are, starting one, waiting for it, ending it. Sourced by ../sandbox, which sets CLOUD and STATE.

# The order in which they start; they end in the reverse order, hosts before the servers that run on them.
readonly SERVICES=(mariadb memcached epmd rabbitmq keystone placement glance neutron nova-conductor nova-api cinder-api
  octavia-api nova-scheduler cinder-scheduler cinder-volume octavia-worker nova-compute-1 nova-compute-2 factory dataplane)

# SERVICE ADDRESS PORT
readonly PORTS="mariadb 127.0.0.1 13306
memcached 127.0.0.1 11311
epmd 127.0.0.1 14369
rabbitmq 127.0.0.1 15672
rabbitmq 127.0.0.1 15673
keystone 127.0.0.1 5000
placement 127.0.0.1 8778
glance 127.0.0.1 9292
neutron 127.0.0.1 9696
nova-api 127.0.0.1 8774
nova-api 127.0.0.1 8775
cinder-api 127.0.0.1 8776
octavia-api 127.0.0.1 9876
factory 127.77.0.2 8080"

# The environment of every service: Debian's Python, our plugins, no proxy, no files beside our sources.
readonly USER_PATH=$PATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=$CLOUD/plugins PYTHONDONTWRITEBYTECODE=1
export SANDBOX_CLOUD=$CLOUD SANDBOX_STATE=$STATE no_proxy=127.0.0.1,localhost
export SANDBOX_NODE_COMMAND=${SANDBOX_NODE_COMMAND:-env PATH=${STATE%/*}/bin:$PATH talosnode}
export SANDBOX_TALOS_DATA=$CLOUD/../data/talos.json SANDBOX_KWOK_STAGES=${STATE%/*}/bin/kwok-stages.yaml
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY PYTHONHOME
export OS_KEYSTONE_CONFIG_DIR=$STATE/etc/keystone OS_PLACEMENT_CONFIG_DIR=$STATE/etc/placement

command_of() { # SERVICE: sets the array `command`
  local etc=$STATE/etc run=(/usr/bin/python3 "$CLOUD/run.py")
  local nova=(--config-file "$etc/nova/nova.conf") cinder=(--config-file "$etc/cinder/cinder.conf")
  case $1 in
    mariadb)
      command=(mariadbd --no-defaults --user="$(id -un)" --datadir="$STATE/mysql" --socket="$STATE/mariadb.sock" --pid-file="$STATE/mariadb.pid"
        --bind-address=127.0.0.1 --port=13306 --skip-name-resolve --innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=0
        --innodb-buffer-pool-size=256M --max-connections=1000 --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci)
      ;;
    memcached) command=(memcached -u "$(id -un)" -l 127.0.0.1 -p 11311 -m 32 -t 2) ;;
    epmd) command=(epmd -address 127.0.0.1 -port 14369) ;;
    rabbitmq)
      mkdir -p "$STATE/state/rabbitmq"
      command=(env "HOME=$STATE/state/rabbitmq" RABBITMQ_NODENAME=sandbox@localhost "RABBITMQ_MNESIA_BASE=$STATE/mnesia"
        "RABBITMQ_LOGS=$STATE/log/rabbitmq-server.log" "RABBITMQ_CONFIG_FILE=$etc/rabbitmq/rabbitmq.conf"
        "RABBITMQ_ADVANCED_CONFIG_FILE=$etc/rabbitmq/advanced.config" "RABBITMQ_ENABLED_PLUGINS_FILE=$etc/rabbitmq/enabled_plugins"
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_DIST_PORT=15673 ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=14369
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none" /usr/lib/rabbitmq/bin/rabbitmq-server)
      ;;
    keystone) uwsgi keystone 5000 /usr/bin/keystone-wsgi-public ;;
    placement) uwsgi placement 8778 /usr/bin/placement-api ;;
    octavia-api) uwsgi octavia 9876 /usr/bin/octavia-wsgi "--config-file $etc/octavia/octavia.conf" ;;
    glance) command=("${run[@]}" glance-api glance.cmd.api --config-file "$etc/glance/glance-api.conf") ;;
    neutron) command=(/usr/bin/neutron-server --config-file "$etc/neutron/neutron.conf" --config-file "$etc/neutron/ml2.ini") ;;
    nova-compute-*) command=("${run[@]}" nova-compute nova.cmd.compute "${nova[@]}" --config-file "$etc/nova/${1#nova-}.conf") ;;
    nova-*) command=("${run[@]}" "$1" "nova.cmd.${1#nova-}" "${nova[@]}") ;;
    cinder-*) command=("${run[@]}" "$1" "cinder.cmd.${1#cinder-}" "${cinder[@]}") ;;
    octavia-worker) command=(/usr/bin/octavia-worker --config-file "$etc/octavia/octavia-worker.conf") ;;
    dataplane) command=(/usr/bin/python3 "$CLOUD/dataplane.py") ;;
    factory)
      command=("$(factory)" -addr 127.77.0.2:8080 -state "$STATE/factory" -access-log "$STATE/log/factory-access.log"
        -extensions "$CLOUD/../data/extensions.json")
      ;;
    databases) command=("$CLOUD/databases.sh") ;;
  esac
}
uwsgi() { # SERVICE PORT SCRIPT [ARGUMENTS]
  command=(env "SANDBOX_WSGI=$1 $3" uwsgi_python3 --http-socket "127.0.0.1:$2" --wsgi-file "$CLOUD/plugins/access_log.py"
    --master --processes 1 --threads 4 --enable-threads --lazy-apps --die-on-term --buffer-size 65535 --listen 100
    --rem-header Content-Length --add-header "Connection: close" --need-app --disable-logging ${4:+--pyargv "$4"})
}
factory() { # the path of the Image Factory stand-in; fails while it is not built
  local folder
  folder=$(PATH=$USER_PATH "$CLOUD/../install.sh" --list 2>/dev/null | sed -n 's/^factory //p')
  [ -x "$folder/factory" ] && echo "$folder/factory"
}

identity() { # PID: "pid start-time" while it runs
  local stat field
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra field <<<"${stat##*) }"
  [ "${field[0]}" != Z ] && echo "$1 ${field[19]}"
}
alive() { # FILE: prints the pid recorded there (by record.sh) while that very process runs
  local recorded
  recorded=$(cat "$1" 2>/dev/null) && [ -n "$recorded" ] && [ "$(identity "${recorded% *}")" = "$recorded" ] && echo "${recorded% *}"
}
running() { alive "$STATE/pid/$1"; }

spawn() { # SERVICE: starts it detached, unless it runs; its log starts anew
  local command
  if running "$1" >/dev/null; then return; fi
  command_of "$1"
  if [ -e "$STATE/log/$1.log" ]; then mv -f "$STATE/log/$1.log" "$STATE/log/$1.log.1"; fi
  rm -f "$STATE/pid/$1"
  setsid "$CLOUD/record.sh" "$STATE/pid/$1" "${command[@]}" >"$STATE/log/$1.log" 2>&1 </dev/null 9>&- &
  for _ in {1..500}; do if [ -e "$STATE/pid/$1" ]; then break; fi; sleep 0.02; done
}

failed() { # SERVICE WORDS...
  local log=$STATE/log/$1.log
  echo "sandbox: $*; the end of $log:" >&2
  tail -n 15 "$log" >&2
  exit 1
}
await() { # SERVICE SECONDS CHECK...: until CHECK succeeds, while the service runs
  local service=$1 until=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    running "$service" >/dev/null || failed "$service" "ended while starting"
    ((SECONDS < until)) || failed "$service" "did not get ready in time ($*)"
    sleep 0.2
  done
}
await_end() { # SERVICE: until it has ended by itself
  while running "$1" >/dev/null; do sleep 0.2; done
}
tcp() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); } # PORT
http() { [[ $(curl -s -m 5 -o /dev/null -w '%{http_code}' "$1") =~ ^(200|300|401)$ ]]; } # URL
sql() { mariadb --no-defaults -N -uroot -S "$STATE/mariadb.sock" -e "$1"; }
reported() { # DATABASE COUNT SECONDS: that many of its services have reported within the last SECONDS
  [ "$(sql "SELECT count(*) FROM $1.services WHERE NOT deleted AND coalesce(updated_at, created_at) >= utc_timestamp() - interval $3 second")" -ge "$2" ]
}
volume_pools() { # the volume scheduler knows its backend; a volume made earlier would get into ERROR
  local answer token project
  answer=$(curl -s -m 5 -i -H 'Content-Type: application/json' http://127.0.0.1:5000/v3/auth/tokens -d '{"auth": {
    "identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "admin", "domain": {"id": "default"}}}},
    "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}')
  token=$(sed -n 's/^X-Subject-Token: \([^\r]*\).*/\1/Ip' <<<"$answer")
  project=$(tail -n 1 <<<"$answer" | jq -r .token.project.id)
  curl -s -m 5 -H "X-Auth-Token: $token" "http://127.0.0.1:8776/v3/$project/scheduler-stats/get_pools" | jq -e '.pools | length > 0'
}

foreign_ports() { # a line for each port that some other process holds
  local listeners service address port local_address users pid ours=" "
  for service in "${SERVICES[@]}"; do if pid=$(running "$service"); then ours+="$pid "; fi; done
  listeners=$(ss -Hltnp)
  while read -r service address port; do
    while read -r _ _ _ local_address _ users; do
      case $local_address in "$address:$port" | "0.0.0.0:$port" | "*:$port" | "[::]:$port") ;; *) continue ;; esac
      pid=$(sed -n 's/.*pid=\([0-9]*\).*/\1/p' <<<"$users")
      # every process of ours is in the session that setsid made for it
      if [ -n "$pid" ] && [[ $ours == *" $(ps -o sid= -p "$pid" | tr -d ' ') "* ]]; then continue; fi
      echo "port $port ($service) is in use by $(sed -n 's/.*(("\([^"]*\)".*/\1/p' <<<"$users") (pid ${pid:-unknown}) on $local_address"
    done <<<"$listeners"
  done <<<"$PORTS" | sort -u
}

end() { # SIGNAL FILE...: ends the recorded process groups, with SIGKILL those that are still there after 20 s
  local signal=$1 file pid groups=()
  shift
  for file in "$@"; do if pid=$(alive "$file"); then groups+=("$pid"); fi; done
  for pid in "${groups[@]}"; do kill "-$signal" -- "-$pid" 2>/dev/null || true; done
  for _ in {1..200}; do
    for pid in "${groups[@]}"; do if kill -0 -- "-$pid" 2>/dev/null; then sleep 0.1; continue 2; fi; done
    break
  done
  for pid in "${groups[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
  rm -f "$@"
}
end_all() { # [SIGNAL]: hosts, then their servers, then the services, then what those need
  local signal=${1:-TERM} service rest=()
  for service in "${SERVICES[@]:4}" databases; do rest+=("$STATE/pid/$service"); done
  end "$signal" "$STATE"/pid/nova-compute-{1,2}
  end "$signal" "$STATE"/nodes/*/pid
  end "$signal" "${rest[@]}"
  end "$signal" "$STATE"/pid/{rabbitmq,memcached,epmd,mariadb}
}
