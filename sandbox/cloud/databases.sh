#!/bin/bash
# Makes the databases and their schemas, in two lanes: a first start is bound by the CPU. MariaDB must answer.
set -eu
umask 077
readonly ETC=${SANDBOX_STATE:?}/etc
url=http://127.0.0.1:5000/v3
{
  echo "CREATE OR REPLACE USER root@127.0.0.1; GRANT ALL ON *.* TO root@127.0.0.1;"
  for name in keystone glance placement nova nova_api nova_cell0 neutron cinder octavia; do
    echo "CREATE DATABASE $name CHARACTER SET utf8mb3;"
  done
} | mariadb --no-defaults -uroot -S "$SANDBOX_STATE/mariadb.sock"
lane1() {
  local keystone=(keystone-manage --config-file "$ETC/keystone/keystone.conf")
  mkdir -p "$ETC/keystone/fernet" "$ETC/keystone/credential"
  "${keystone[@]}" db_sync
  "${keystone[@]}" fernet_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
  "${keystone[@]}" credential_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
  "${keystone[@]}" bootstrap --bootstrap-password admin --bootstrap-region-id RegionOne \
    --bootstrap-admin-url $url --bootstrap-internal-url $url --bootstrap-public-url $url
  placement-manage --config-file "$ETC/placement/placement.conf" db sync
  glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync
  octavia-db-manage --config-file "$ETC/octavia/octavia.conf" upgrade head
  cinder-manage --config-file "$ETC/cinder/cinder.conf" db sync
}
lane2() {
  local nova=(nova-manage --config-file "$ETC/nova/nova.conf")
  "${nova[@]}" api_db sync
  "${nova[@]}" cell_v2 map_cell0 --database_connection 'mysql+pymysql://root@127.0.0.1:13306/nova_cell0?charset=utf8'
  "${nova[@]}" db sync
  "${nova[@]}" cell_v2 create_cell --name cell1
  neutron-db-manage --config-file "$ETC/neutron/neutron.conf" --config-file "$ETC/neutron/ml2.ini" upgrade heads
}
(set -e; lane1) &
first=$!
(set -e; lane2) &
second=$!
wait $first
wait $second
touch "$SANDBOX_STATE/databases-made"
