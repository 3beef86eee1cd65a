#!/bin/bash
# Writes every configuration file under $SANDBOX_STATE/etc. The certificate authority is made once, the rest at each start.
set -eu
readonly STATE=${SANDBOX_STATE:?} ETC=$SANDBOX_STATE/etc
umask 077
mkdir -p "$ETC"/{keystone,glance,placement,nova,neutron,octavia,cinder,rabbitmq} "$STATE"/{images,staging,tasks,state/octavia}

# --- sections that many services share
rpc() { echo "transport_url = rabbit://guest:guest@127.0.0.1:15672/"; }
database() { # NAME [SECTION]
  cat <<X
[${2:-database}]
connection = mysql+pymysql://root@127.0.0.1:13306/$1?charset=utf8
max_pool_size = 10
max_overflow = 20
X
}
account() { # USER: how a service logs in
  cat <<X
auth_type = password
auth_url = http://127.0.0.1:5000/v3
username = $1
password = service
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
X
}
authtoken() { # USER
  cat <<X
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:5000/v3
memcached_servers = 127.0.0.1:11311
service_token_roles = service
service_token_roles_required = true
$(account "$1")
X
}
service_user() { printf '[service_user]\nsend_service_user_token = true\n%s\n' "$(account "$1")"; }
default() { # SERVICE
  mkdir -p "$STATE/state/$1"
  printf '[DEFAULT]\n%s\nstate_path = %s\n' "$(rpc)" "$STATE/state/$1"
}
last() { # SERVICE
  cat <<X
[oslo_concurrency]
lock_path = $STATE/state/$1/lock
[oslo_messaging_rabbit]
heartbeat_timeout_threshold = 0
[oslo_messaging_notifications]
driver = noop
X
}
paste_file() { # SERVICE FILE: Debian's pipelines, with the access log before each that asks for a token
  sed -E 's/^(keystone|keystone_nolimit) = /&access_log /; /^\[pipeline:(glance-api-keystone|meta)\]/{n;s/= /= access_log /}' "/etc/$1/$2" >"$ETC/$1/$2"
  printf '\n[filter:access_log]\npaste.filter_factory = access_log:filter_factory\nservice = %s\n' "$1" >>"$ETC/$1/$2"
}

# --- keystone
cat >"$ETC/keystone/keystone.conf" <<X
[DEFAULT]
max_token_size = 255
[cache]
enabled = true
backend = dogpile.cache.memory
$(database keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $ETC/keystone/fernet
[credential]
key_repository = $ETC/keystone/credential
[identity]
password_hash_rounds = 4
X

# --- glance: an explicit empty port list allows every port; the hosts are this machine and the Image Factory
paste_file glance glance-api-paste.ini
cp -r /etc/glance/metadefs "$ETC/glance/"
cat >"$ETC/glance/glance-api.conf" <<X
$(default glance)
bind_host = 127.0.0.1
bind_port = 9292
workers = 0
enabled_backends = file:file
worker_self_reference_url = http://127.0.0.1:9292
enabled_import_methods = [glance-direct,web-download,copy-image]
$(database glance)
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $STATE/images
[os_glance_staging_store]
filesystem_store_datadir = $STATE/staging
[os_glance_tasks_store]
filesystem_store_datadir = $STATE/tasks
[import_filtering_opts]
allowed_ports = []
allowed_hosts = [127.0.0.1,127.77.0.2]
allowed_schemes = [http,https]
$(authtoken glance)
[paste_deploy]
flavor = keystone
config_file = $ETC/glance/glance-api-paste.ini
$(last glance)
X

# --- placement
cat >"$ETC/placement/placement.conf" <<X
[api]
auth_strategy = keystone
$(database placement placement_database)
$(authtoken placement)
X

# --- nova: service_metadata_proxy stays false, so the metadata service knows a server by the source address of its
# request; without metadata_cache_expiration an address would keep its former server's metadata for 15 s
paste_file nova api-paste.ini
cat >"$ETC/nova/nova.conf" <<X
$(default nova)
my_ip = 127.0.0.1
host = controller
compute_driver = process_virt.ProcessDriver
osapi_compute_listen = 127.0.0.1
osapi_compute_workers = 1
enabled_apis = osapi_compute,metadata
metadata_listen = 127.0.0.1
metadata_workers = 1
service_down_time = 120
report_interval = 20
max_concurrent_builds = 20
block_device_allocate_retries_interval = 1
shutdown_timeout = 0
sync_power_state_interval = 15
[api]
auth_strategy = keystone
metadata_cache_expiration = 0
$(database nova_api api_database)
$(database nova)
$(authtoken nova)
$(service_user nova)
[wsgi]
api_paste_config = $ETC/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
[filter_scheduler]
enabled_filters = AvailabilityZoneFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter
track_instance_changes = false
[glance]
api_servers = http://127.0.0.1:9292
[placement]
$(account placement)
[neutron]
$(account neutron)
[cinder]
os_region_name = RegionOne
catalog_info = volumev3::internalURL
$(account cinder)
[vnc]
enabled = false
[quota]
instances = 200
cores = 800
ram = 1638400
server_groups = 50
$(last nova)
X
for host in 1 2; do printf '[DEFAULT]\nhost = compute-%s\n' $host >"$ETC/nova/compute-$host.conf"; done

# --- neutron: the trunk plugin needs openvswitch to be listed as well
paste_file neutron api-paste.ini
cat >"$ETC/neutron/neutron.conf" <<X
$(default neutron)
bind_host = 127.0.0.1
bind_port = 9696
auth_strategy = keystone
core_plugin = ml2
service_plugins = router,qos,trunk,port_forwarding
api_paste_config = $ETC/neutron/api-paste.ini
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
dhcp_agent_notification = false
dns_domain = sandbox.example.
[quotas]
quota_network = 200
quota_subnet = 200
quota_port = 1000
quota_router = 100
quota_floatingip = 200
quota_security_group = 200
quota_security_group_rule = 2000
$(database neutron)
$(authtoken neutron)
[nova]
$(account nova)
[placement]
$(account placement)
$(last neutron)
X
cat >"$ETC/neutron/ml2.ini" <<X
[ml2]
type_drivers = flat,vlan,vxlan,local
tenant_network_types = vxlan
mechanism_drivers = loopback,openvswitch
extension_drivers = port_security,qos,dns_domain_ports
[ml2_type_flat]
flat_networks = *
[ml2_type_vxlan]
vni_ranges = 1:10000
[securitygroup]
enable_security_group = true
X

# --- cinder
paste_file cinder api-paste.ini
cat >"$ETC/cinder/cinder.conf" <<X
$(default cinder)
my_ip = 127.0.0.1
host = controller
osapi_volume_listen = 127.0.0.1
osapi_volume_workers = 1
auth_strategy = keystone
api_paste_config = $ETC/cinder/api-paste.ini
glance_api_servers = http://127.0.0.1:9292
enabled_backends = loopback
backend_stats_polling_interval = 5
periodic_fuzzy_delay = 0
image_conversion_dir = $STATE/state/cinder/conversion
allowed_direct_url_schemes =
resource_query_filters_file = /etc/cinder/resource_filters.json
quota_volumes = 200
quota_gigabytes = 100000
[loopback]
volume_driver = loopback_volume.LoopbackVolumeDriver
volume_backend_name = loopback
$(database cinder)
$(authtoken cinder)
$(service_user cinder)
[nova]
$(account nova)
$(last cinder)
X

# --- octavia: the provider amphora without amphorae; its worker signs certificates for them, so it needs an authority
if [ ! -e "$ETC/octavia/ca.pem" ]; then
  openssl req -x509 -newkey rsa:2048 -days 3650 -subj /CN=sandbox-octavia-ca -passout pass:sandbox \
    -keyout "$ETC/octavia/ca.key" -out "$ETC/octavia/ca.new" 2>/dev/null
  mv "$ETC/octavia/ca.new" "$ETC/octavia/ca.pem"
fi
octavia() { # NETWORK-DRIVER
  cat <<X
[DEFAULT]
$(rpc)
[api_settings]
bind_host = 127.0.0.1
auth_strategy = keystone
enabled_provider_drivers = amphora: The Octavia Amphora driver, octavia: Deprecated alias of the Octavia Amphora driver
default_provider_driver = amphora
[oslo_messaging]
topic = octavia_prov
[controller_worker]
workers = 1
amphora_driver = amphora_noop_driver
compute_driver = compute_noop_driver
network_driver = $1
image_driver = image_noop_driver
volume_driver = volume_noop_driver
amp_image_tag = amphora
amp_boot_network_list = 00000000-0000-0000-0000-000000000001
loadbalancer_topology = SINGLE
client_ca = $ETC/octavia/ca.pem
[certificates]
cert_generator = local_cert_generator
ca_certificate = $ETC/octavia/ca.pem
ca_private_key = $ETC/octavia/ca.key
ca_private_key_passphrase = sandbox
server_certs_key_passphrase = insecure-key-do-not-use-this-key
[driver_agent]
status_socket_path = $STATE/state/octavia/status.sock
stats_socket_path = $STATE/state/octavia/stats.sock
get_socket_path = $STATE/state/octavia/get.sock
[health_manager]
heartbeat_key = sandbox
bind_ip = 127.0.0.1
[service_auth]
$(account octavia)
$(database octavia)
$(authtoken octavia)
$(last octavia)
X
}
octavia allowed_address_pairs_driver >"$ETC/octavia/octavia.conf" # the API makes real VIP ports
octavia loopback_network_driver >"$ETC/octavia/octavia-worker.conf"

# --- RabbitMQ
cat >"$ETC/rabbitmq/rabbitmq.conf" <<X
listeners.tcp.local = 127.0.0.1:15672
loopback_users.guest = true
log.console = false
X
echo '[{kernel,[{inet_dist_use_interface,{127,0,0,1}}]}].' >"$ETC/rabbitmq/advanced.config"
