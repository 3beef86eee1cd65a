#!/usr/bin/python3
"""The operator's part of the sandbox: accounts, provision, clean, left, quota."""
import json
import sys
import time

import openstack

TENANT = 'demo'


def connect(name):
    return openstack.connect(auth_url='http://127.0.0.1:5000/v3', username=name, password=name, project_name=name,
                             user_domain_name='Default', project_domain_name='Default', region_name='RegionOne')


def accounts(cloud):
    """Roles, the services' users, an ordinary tenant and the catalogue."""
    identity = cloud.identity
    roles = {role.name: role for role in identity.roles()}
    for name in ('service', 'creator', 'load-balancer_member', 'load-balancer_admin'):
        roles[name] = roles.get(name) or identity.create_role(name=name)

    def user(name, password, project, granted):
        account = identity.create_user(name=name, password=password, default_project_id=project.id, domain_id='default')
        for role in granted:
            identity.assign_project_role_to_user(project, account, roles[role])

    project = identity.create_project(name='service', domain_id='default')
    for service, kind, url in (
            ('glance', 'image', 'http://127.0.0.1:9292'), ('placement', 'placement', 'http://127.0.0.1:8778'),
            ('nova', 'compute', 'http://127.0.0.1:8774/v2.1'), ('neutron', 'network', 'http://127.0.0.1:9696'),
            ('cinder', 'volumev3', 'http://127.0.0.1:8776/v3/%(project_id)s'),
            ('octavia', 'load-balancer', 'http://127.0.0.1:9876')):
        user(service, 'service', project, ('admin', 'service'))
        entry = identity.create_service(name=service, type=kind)
        for interface in ('public', 'internal', 'admin'):
            identity.create_endpoint(service_id=entry.id, interface=interface, url=url, region_id='RegionOne')
    user(TENANT, TENANT, identity.create_project(name=TENANT, domain_id='default'), ('member', 'load-balancer_member'))
    identity.assign_project_role_to_user(identity.find_project('admin'), identity.find_user('admin'), roles['load-balancer_admin'])


def provision(cloud):
    """External network, flavors, and one availability zone for each host."""
    network = cloud.network.create_network(name='public', is_router_external=True, provider_network_type='flat',
                                           provider_physical_network='external')
    # Neutron takes subnets inside 127.0.0.0/8, where every address answers, as long as they have no DHCP.
    cloud.network.create_subnet(network_id=network.id, name='public', ip_version=4, cidr='127.77.0.0/16', is_dhcp_enabled=False,
                                gateway_ip='127.77.0.1', allocation_pools=[dict(start='127.77.1.1', end='127.77.1.250')])
    for name, vcpus, ram, disk in (('m1.tiny', 1, 512, 1), ('m1.small', 2, 2048, 10), ('m1.medium', 2, 4096, 20), ('m1.large', 4, 8192, 40)):
        cloud.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
    for number in (1, 2):
        aggregate = cloud.compute.create_aggregate(name=f'zone-{number}', availability_zone=f'zone-{number}')
        cloud.compute.add_host_to_aggregate(aggregate, f'compute-{number}')


def resources(cloud):
    """Everything that tenants have, by kind."""
    network = cloud.network
    external = {n.id for n in network.networks() if n.name == 'public' and n.is_router_external}
    groups = cloud.compute.get('/os-server-groups?all_projects=True', microversion='2.15').json()['server_groups']
    return {
        'servers': list(cloud.compute.servers(all_projects=True)),
        'loadBalancers': list(cloud.load_balancer.load_balancers()),
        'floatingIps': list(network.ips()),
        'trunks': list(network.trunks()),
        'routers': list(network.routers()),
        'ports': list(network.ports()),
        'subnets': [s for s in network.subnets() if s.network_id not in external],
        'networks': [n for n in network.networks() if n.id not in external],
        'securityGroups': [g for g in network.security_groups() if g.name != 'default'],
        'snapshots': list(cloud.block_storage.snapshots(all_projects=True)),
        'volumes': list(cloud.block_storage.volumes(all_projects=True)),
        'images': list(cloud.image.images()),
        'serverGroups': groups,
    }


def left(cloud):
    def describe(item):
        return {key: item.get(key) for key in ('id', 'name', 'project_id', 'status') if item.get(key)}
    print(json.dumps({kind: [describe(item) for item in items] for kind, items in resources(cloud).items()}, indent=2))


def clean(cloud):
    """Removes what tenants have, in the order of their dependencies, and their key pairs; a volume or image can be busy for a while."""
    network, end = cloud.network, time.monotonic() + 120

    def remove(kind, delete, gone=True):
        """Calls delete for each resource of a kind until none is left (or once, if Neutron removes them at once)."""
        while True:
            items = resources(cloud)[kind]
            for item in items:
                try:
                    delete(item)
                except openstack.exceptions.HttpException as error:
                    if time.monotonic() > end:
                        sys.exit(f'sandbox: {kind} {item["id"]}: {error}')
            if not items or not gone:
                return
            time.sleep(0.5)

    def remove_router(router):
        for port in network.ports(device_id=router.id, device_owner='network:router_interface'):
            network.remove_interface_from_router(router, port_id=port.id)
        network.delete_router(router.id)

    remove('servers', lambda s: s.task_state == 'deleting' or cloud.compute.delete_server(s.id))
    remove('loadBalancers', lambda b: b.provisioning_status.startswith('PENDING') or cloud.load_balancer.delete_load_balancer(b.id, cascade=True))
    remove('floatingIps', lambda i: network.delete_ip(i.id))
    remove('trunks', lambda t: network.delete_trunk(t.id))
    remove('routers', remove_router)
    remove('ports', lambda p: network.delete_port(p.id))
    remove('networks', lambda n: network.delete_network(n.id))
    remove('securityGroups', lambda g: network.delete_security_group(g.id))
    remove('snapshots', lambda s: cloud.block_storage.delete_snapshot(s.id))
    remove('volumes', lambda v: v.status == 'deleting' or cloud.block_storage.delete_volume(v.id, force=True))
    remove('images', lambda i: cloud.image.delete_image(i.id))
    remove('serverGroups', lambda g: cloud.compute.delete_server_group(g['id']))
    for user in cloud.identity.users():
        for pair in cloud.compute.keypairs(user_id=user.id):
            cloud.compute.delete_keypair(pair.name, user_id=user.id)


def quota(cloud, *settings):
    """Shows the tenant's quotas, sets some (name=number, each name as its service's API has it) or resets all."""
    project = cloud.identity.find_project(TENANT).id
    places = (  # service, path, key of the body
        (cloud.compute, f'/os-quota-sets/{project}', 'quota_set'), (cloud.block_storage, f'/os-quota-sets/{project}', 'quota_set'),
        (cloud.network, f'/quotas/{project}', 'quota'), (cloud.load_balancer, f'/lbaas/quotas/{project}', 'quota'))
    if settings == ('reset',):
        for service, path, _ in places:
            openstack.exceptions.raise_from_response(service.delete(path))
        return
    wanted = {name: int(value) for name, _, value in (s.partition('=') for s in settings)}
    known = []
    for service, path, key in places:
        now = {name: value for name, value in service.get(path).json()[key].items() if isinstance(value, int)}
        known += list(now)
        mine = {name: value for name, value in wanted.items() if name in now}
        if mine:
            openstack.exceptions.raise_from_response(service.put(path, json={key: mine}))
        elif not wanted:
            print(json.dumps({service.service_type: now}))
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f'sandbox: no such quota: {", ".join(unknown)}; there are: {", ".join(sorted(set(known)))}')


if __name__ == '__main__':
    tasks = {task.__name__: task for task in (accounts, provision, clean, left, quota)}
    try:
        tasks[sys.argv[1]](connect('admin'), *sys.argv[2:])
    except openstack.exceptions.HttpException as error:
        sys.exit(f'sandbox: {error}')
