#!/usr/bin/python3
"""Proves a running sandbox as a tenant: what a cluster needs works, what must fail fails, a delete leaves nothing."""
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time

import openstack

SANDBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'sandbox')
INSIDE, OUTSIDE = '127.66.0.1', '127.66.9.9'
failures = 0


def check(words, ok, detail=''):
    global failures
    failures += not ok
    print('PASS' if ok else 'FAIL', words, '' if ok else detail, flush=True)


def sandbox(*words):
    return subprocess.run([SANDBOX, *words], check=True, capture_output=True, text=True).stdout


def until(condition, seconds=40):
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return value


def ask(address, port, source=INSIDE):
    """What a node answers to a connection from source: its name, or why there is none."""
    try:
        with socket.create_connection((address, port), 2, (source, 0)) as connection:
            return connection.makefile().readline().strip() or 'closed'
    except socket.timeout:
        return 'timed out'
    except OSError as error:
        return error.strerror


def fails_with(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
        return False
    except openstack.exceptions.HttpException as error:
        return error.status_code == status


def machine(kind):
    text = f'version: v1alpha1\nmachine:\n  type: {kind}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n'
    return base64.b64encode(text.encode()).decode()


cloud = openstack.connect(auth_url='http://127.0.0.1:5000/v3', username='demo', password='demo', project_name='demo',
                          user_domain_name='Default', project_domain_name='Default', region_name='RegionOne')
net, compute, octavia, begun = cloud.network, cloud.compute, cloud.load_balancer, time.time()

# --- image, by web-download as a tenant: any file of this machine served on 127.0.0.1
server = subprocess.Popen([sys.executable, '-m', 'http.server', '18099', '--bind', '127.0.0.1', '--directory', os.path.dirname(SANDBOX)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(0.5)
image = cloud.image.create_image(name='smoke', disk_format='raw', container_format='bare')
cloud.image.import_image(image, method='web-download', uri='http://127.0.0.1:18099/sandbox')
check('image by web-download', until(lambda: cloud.image.get_image(image).status == 'active'))
refused = cloud.image.create_image(name='refused', disk_format='raw', container_format='bare')
check('web-download from elsewhere is refused', cloud.image.post(
    f'/images/{refused.id}/import', json={'method': {'name': 'web-download', 'uri': 'http://127.1.1.1/x'}}).status_code == 400)
cloud.image.delete_image(refused)
server.terminate()

# --- network
public = net.find_network('public')
network = net.create_network(name='smoke')
subnet = net.create_subnet(network_id=network.id, ip_version=4, cidr='127.78.7.0/24', is_dhcp_enabled=False, name='smoke')
router = net.create_router(name='smoke', external_gateway_info={'network_id': public.id})
net.add_interface_to_router(router, subnet_id=subnet.id)
group = net.create_security_group(name='smoke')
for port, prefix in ((50000, INSIDE + '/32'), (6443, subnet.cidr)):
    net.create_security_group_rule(security_group_id=group.id, direction='ingress', protocol='tcp', port_range_min=port,
                                   port_range_max=port, remote_ip_prefix=prefix)
flavor, spread = compute.find_flavor('m1.small'), compute.create_server_group(name='smoke', policy='anti-affinity')


def boot(name, address=None, kind='controlplane', **kwargs):
    port = net.create_port(network_id=network.id, name=name, security_groups=[group.id],
                           **({'fixed_ips': [{'subnet_id': subnet.id, 'ip_address': address}]} if address else {}))
    arguments = dict(name=name, flavor_id=flavor.id, image_id=image.id, networks=[{'port': port.id}], user_data=machine(kind), config_drive=True)
    return compute.create_server(**{**arguments, **kwargs}), port


def settled(item):
    return until(lambda: (s := compute.get_server(item)).status in ('ACTIVE', 'ERROR') and s)


# --- servers
cp1, port1 = boot('cp-1', '127.78.7.11', availability_zone='zone-1', scheduler_hints={'group': spread.id})
cp2, _ = boot('cp-2', '127.78.7.12', availability_zone='zone-2', scheduler_hints={'group': spread.id})
worker, _ = boot('worker-1', '127.78.7.21', 'worker')
check('three servers are ACTIVE', all(settled(s).status == 'ACTIVE' for s in (cp1, cp2, worker)))
check('availability zones', [compute.get_server(s).availability_zone for s in (cp1, cp2)] == ['zone-1', 'zone-2'])
check('control plane on its fixed address', until(lambda: ask('127.78.7.11', 6443) == 'cp-1'))
check('worker on 50000 and not on 6443', until(lambda: ask('127.78.7.21', 50000) == 'worker-1') and ask('127.78.7.21', 6443) == 'Connection refused')
third, _ = boot('cp-3', scheduler_hints={'group': spread.id})
check('no third host for anti-affinity', settled(third).status == 'ERROR')
sandbox('fault', 'build-error', 'broken-*')
broken, _ = boot('broken-1')
settled(broken)
fault = compute.get(f'/servers/{broken.id}').json()['server'].get('fault', {}).get('message', '')
check('build-error fault', 'aborted' in fault, fault)
mended, _ = boot('broken-2')
check('the fault is used up', settled(mended).status == 'ACTIVE')
check('user data for its own source address only',
      '"name": "cp-2"' in (lambda c: c.request('GET', '/openstack/latest/meta_data.json') or c.getresponse().read().decode())(
          http.client.HTTPConnection('127.0.0.1', 8775, source_address=('127.78.7.12', 0))))
check('console log', until(lambda: 'machine configuration: worker' in compute.get_server_console_output(worker)['output']))

# --- volumes
volume = cloud.block_storage.create_volume(size=1, name='smoke')
until(lambda: cloud.block_storage.get_volume(volume).status == 'available')
compute.create_volume_attachment(worker, volume_id=volume.id)
check('volume attached', until(lambda: cloud.block_storage.get_volume(volume).status == 'in-use'))
root = {'boot_index': 0, 'uuid': image.id, 'source_type': 'image', 'destination_type': 'volume', 'volume_size': 10, 'delete_on_termination': True}
from_volume, _ = boot('from-volume', image_id='', block_device_mapping=[root])
check('boot from volume', settled(from_volume).status == 'ACTIVE')

# --- floating IP and security groups
floating = net.create_ip(floating_network_id=public.id, port_id=port1.id).floating_ip_address
check('floating IP, allowed source', until(lambda: ask(floating, 50000) == 'cp-1'), ask(floating, 50000))
check('floating IP, other source is dropped', ask(floating, 50000, OUTSIDE) == 'timed out')
check('floating IP, port not allowed is dropped', ask(floating, 6443) == 'timed out')

# --- load balancer
balancer = octavia.create_load_balancer(name='smoke', vip_subnet_id=subnet.id, vip_address='127.78.7.100', provider='amphora')


def balanced(call, *args, **kwargs):
    until(lambda: octavia.get_load_balancer(balancer).provisioning_status == 'ACTIVE')
    return call(*args, **kwargs)


listener = balanced(octavia.create_listener, name='smoke', load_balancer_id=balancer.id, protocol='TCP', protocol_port=6443, allowed_cidrs=[INSIDE + '/32'])
pool = balanced(octavia.create_pool, name='smoke', listener_id=listener.id, protocol='TCP', lb_algorithm='ROUND_ROBIN')
for address in ('127.78.7.11', '127.78.7.12', '127.78.7.99'):
    balanced(octavia.create_member, pool, address=address, protocol_port=6443, subnet_id=subnet.id)
vip = balanced(net.create_ip, floating_network_id=public.id, port_id=balancer.vip_port_id).floating_ip_address
until(lambda: ask(vip, 6443) in ('cp-1', 'cp-2'))
check('round robin over the members that live', until(lambda: {ask(vip, 6443) for _ in range(6)} == {'cp-1', 'cp-2'}))
check('allowed_cidrs on the VIP and its floating IP', (ask(vip, 6443, OUTSIDE), ask('127.78.7.100', 6443, OUTSIDE)) == ('timed out', 'timed out'))
balanced(octavia.update_listener, listener, allowed_cidrs=[INSIDE + '/32', OUTSIDE + '/32'])
check('allowed_cidrs change', until(lambda: ask(vip, 6443, OUTSIDE) in ('cp-1', 'cp-2')))

# --- power
compute.stop_server(cp2)
until(lambda: compute.get_server(cp2).status == 'SHUTOFF')
check('a dead member is passed over', {ask(vip, 6443) for _ in range(4)} == {'cp-1'})
compute.start_server(cp2)
check('start', until(lambda: ask('127.78.7.12', 50000) == 'cp-2'))
compute.reboot_server(cp2, 'HARD')
time.sleep(1)
check('reboot', settled(cp2).status == 'ACTIVE' and until(lambda: ask('127.78.7.12', 50000) == 'cp-2'))
compute.resize_server(worker, compute.find_flavor('m1.medium').id)
check('resize', until(lambda: compute.get_server(worker).status == 'VERIFY_RESIZE') and until(lambda: ask('127.78.7.21', 50000) == 'worker-1'))
compute.confirm_server_resize(worker)
check('resize confirmed, still answers', settled(worker).status == 'ACTIVE' and until(lambda: ask('127.78.7.21', 50000) == 'worker-1'))
compute.rebuild_server(cp2, image=image.id)
check('rebuild', settled(cp2).status == 'ACTIVE' and until(lambda: ask('127.78.7.12', 6443) == 'cp-2'))

# --- quotas, evidence, nothing left
sandbox('quota', 'instances=7', 'floatingip=2')
check('instance quota', fails_with(403, boot, 'too-many'))
check('floating IP quota', fails_with(409, net.create_ip, floating_network_id=public.id))
sandbox('quota', 'reset')
quiet = time.time()
list(compute.servers())
check('a read is no write', sandbox('writes', '--since', str(quiet)) == '')
written = [json.loads(line) for line in sandbox('writes', '--since', str(begun)).splitlines()]
check('writes are seen', {w['service'] for w in written} >= {'nova', 'neutron', 'glance', 'cinder', 'octavia'})
check('left shows them', len(json.loads(sandbox('left'))['servers']) == 7)
sandbox('clean')
check('clean leaves nothing', not any(json.loads(sandbox('left')).values()), sandbox('left'))
print(f'{failures} failures, {time.time() - begun:.0f} s')
sys.exit(bool(failures))
