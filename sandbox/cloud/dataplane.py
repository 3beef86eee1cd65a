#!/usr/bin/python3
"""The data plane on loopback, for TCP: what routers, security groups and amphorae do, driven by the objects that
Neutron and Octavia keep in their databases.

  floating IP:port  -> fixed IP:port, for every port on which the server listens. A packet that the security groups of
                       the fixed port do not admit is dropped, as the firewall drivers of neutron/agent/linux do: the
                       client's connection times out. Where nothing listens it is refused.
  VIP:port          -> the members of the listener's default pool in turn; one that cannot be reached is passed over
                       (`option redispatch` in octavia/common/jinja/haproxy/combined_jinja). allowed_cidrs are judged by
                       the client's address, and the members' security groups by the VIP's, behind which amphorae hide it.
  floating IP of a VIP port -> as the VIP, with the client's own address.
"""
import asyncio
import ctypes
import itertools
import os
import socket
import struct
import sys
import time
from collections import defaultdict
from ipaddress import collapse_addresses, ip_network
from typing import NamedTuple, Optional

ANY = ip_network('0.0.0.0/0')
INTERVAL = 0.5


# --- judgement: pure

class Port(NamedTuple):
    addresses: list             # fixed IPs
    pairs: list = []            # allowed address pairs
    groups: list = []           # security groups
    secured: bool = True        # port security


class Rule(NamedTuple):         # of ingress, IPv4
    protocol: Optional[str] = None
    low: Optional[int] = None
    high: Optional[int] = None
    networks: Optional[list] = None     # None: no remote prefix or address group
    group: Optional[str] = None         # remote security group


class Listener(NamedTuple):
    vip: str
    vip_port: str
    number: int
    cidrs: list
    members: list               # (address, number)
    idle: float = 50            # seconds until haproxy ends a silent connection: timeout_client_data, timeout_member_data


class Objects(NamedTuple):
    ports: dict                 # id -> Port, those with admin_state_up
    rules: dict                 # security group -> [Rule]
    floating_ips: list          # (floating IP, fixed IP, port id)
    listeners: list


class Route(NamedTuple):
    sources: tuple              # networks whose connections are accepted; those of others are dropped
    targets: tuple              # (address, number)
    idle: Optional[float] = None


def admitted(objects, port, number):
    """The networks from which a port's security groups admit TCP to a port number (neutron/agent/securitygroups_rpc.py)."""
    if not port.secured:
        return [ANY]
    networks = []
    for rule in itertools.chain.from_iterable(objects.rules.get(group, ()) for group in port.groups):
        if rule.protocol not in (None, 'tcp', '6') or not (rule.low or 0) <= number <= (65535 if rule.high is None else rule.high):
            continue
        if rule.group:
            members = [p for p in objects.ports.values() if rule.group in p.groups]
            networks += [ip_network(a) for p in members for a in (*p.addresses, *p.pairs) if ':' not in a]
        else:
            networks += [ANY] if rule.networks is None else rule.networks
    return list(collapse_addresses(networks))


def both(one, other):
    """The intersection of two lists of networks."""
    return [a if a.subnet_of(b) else b for a in one for b in other if a.overlaps(b)]


def guards(objects, address, port_id):
    """The ports whose security groups judge traffic to an address: its own port, or, when the address is shared (an
    allowed address pair), the ports that may hold it; all of them, because which one does is not known here."""
    holders = [p for p in objects.ports.values() if any(':' not in a and ip_network(address).subnet_of(ip_network(a)) for a in p.pairs)]
    return holders or [p for p in [objects.ports.get(port_id)] if p]


def sources(objects, address, port_id, number):
    networks = [ANY]
    for port in guards(objects, address, port_id):
        networks = both(networks, admitted(objects, port, number))
    return tuple(sorted(collapse_addresses(networks)))


def routes(objects, listening):
    """(address, number) -> Route. listening: fixed IP -> the port numbers on which something listens there."""
    table, by_vip_port = {}, defaultdict(list)
    owner = {address: port_id for port_id, port in objects.ports.items() for address in port.addresses}
    for listener in objects.listeners:
        vip = ip_network(listener.vip)
        targets = [(address, number) for address, number in listener.members if address not in owner
                   or any(vip.subnet_of(network) for network in sources(objects, address, owner[address], number))]
        route = Route(tuple(sorted(map(ip_network, listener.cidrs))) or (ANY,), tuple(targets), listener.idle)
        table[listener.vip, listener.number] = route
        by_vip_port[listener.vip_port].append((listener.number, route))
    vip_ports = set(by_vip_port)
    for floating, fixed, port_id in objects.floating_ips:
        if port_id in vip_ports:
            table.update({(floating, number): route for number, route in by_vip_port[port_id]})
        elif port_id in objects.ports:
            for number in listening.get(fixed, ()):
                table[floating, number] = Route(sources(objects, fixed, port_id, number), ((fixed, number),))
    return table


# --- what is: Neutron's and Octavia's objects, and the listening sockets. Their databases are read, because the same
# through the APIs would keep a processor busy.

SETTLED = "provisioning_status NOT IN ('PENDING_CREATE', 'PENDING_DELETE', 'DELETED', 'ERROR')"


def read_objects(query):
    def grouped(statement):
        groups = defaultdict(list)
        for key, *values in query(statement):
            groups[key].append(values[0] if len(values) == 1 else values)
        return groups

    addresses = grouped('SELECT port_id, ip_address FROM neutron.ipallocations')
    pairs = grouped('SELECT port_id, ip_address FROM neutron.allowedaddresspairs')
    groups = grouped('SELECT port_id, security_group_id FROM neutron.securitygroupportbindings')
    secured = dict(query('SELECT port_id, port_security_enabled FROM neutron.portsecuritybindings'))
    ports = {p: Port(addresses[p], pairs[p], groups[p], bool(secured.get(p, True)))
             for p, in query('SELECT id FROM neutron.ports WHERE admin_state_up')}
    address_groups = grouped('SELECT address_group_id, address FROM neutron.address_associations')
    rules = defaultdict(list)
    for group, protocol, low, high, prefix, remote_group, remote_addresses in query(
            'SELECT security_group_id, protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id, remote_address_group_id '
            "FROM neutron.securitygrouprules WHERE direction = 'ingress' AND ethertype = 'IPv4'"):
        remote = [prefix] if prefix else address_groups[remote_addresses] if remote_addresses else None
        rules[group].append(Rule(protocol, low, high, remote and [ip_network(a, strict=False) for a in remote], remote_group))
    floating_ips = query('SELECT floating_ip_address, fixed_ip_address, fixed_port_id FROM neutron.floatingips WHERE fixed_port_id IS NOT NULL')
    cidrs = grouped('SELECT listener_id, cidr FROM octavia.listener_cidr')
    members = grouped('SELECT pool_id, ip_address, protocol_port FROM octavia.member '
                      f'WHERE enabled AND weight > 0 AND {SETTLED} ORDER BY ip_address, protocol_port')
    listeners = [
        Listener(vip, vip_port, number, cidrs[listener], [tuple(m) for m in members[pool]], min(client, member) / 1000)
        for listener, vip, vip_port, number, pool, client, member in query(
            'SELECT l.id, v.ip_address, v.port_id, l.protocol_port, p.id, l.timeout_client_data, l.timeout_member_data '
            f'FROM (SELECT * FROM octavia.listener WHERE enabled AND {SETTLED}) l '
            f'JOIN (SELECT * FROM octavia.load_balancer WHERE enabled AND {SETTLED}) b ON b.id = l.load_balancer_id '
            'JOIN octavia.vip v ON v.load_balancer_id = b.id '
            # the members of a PROXY pool would get a header that is not written here
            "LEFT JOIN octavia.pool p ON p.id = l.default_pool_id AND p.enabled AND p.protocol IN ('TCP', 'HTTP', 'HTTPS') "
            "WHERE l.protocol IN ('TCP', 'HTTP', 'HTTPS')")]
    return Objects(ports, rules, floating_ips, listeners)


def read_listening():
    found = defaultdict(list)
    with open('/proc/net/tcp') as file:
        for fields in map(str.split, itertools.islice(file, 1, None)):
            if fields[3] == '0A':
                address, number = fields[1].split(':')
                found[socket.inet_ntoa(struct.pack('=I', int(address, 16)))].append(int(number, 16))
    return found


# --- forwarding

def drop_all_but(listener, networks):
    """Attaches a packet filter to a listening socket: a SYN from elsewhere is dropped before any handshake."""
    program = []
    for network in networks:
        program += [(0x20, 0, 0, 0xfff00000 + 12),                      # load the IP header's source address (SKF_NET_OFF)
                    (0x54, 0, 0, int(network.netmask)),
                    (0x15, 0, 1, int(network.network_address)),         # equal: accept, else on
                    (0x06, 0, 0, 0xffffffff)]
    program.append((0x06, 0, 0, 0))
    code = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *line) for line in program))
    SO_ATTACH_FILTER = 26
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('@HP', len(program), ctypes.addressof(code)))


class Forward:
    def __init__(self, key, route):
        self.key, self.turn = key, itertools.count()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(key)
            self.update(route, first=True)
        except OSError:
            self.socket.close()
            raise

    def update(self, route, first=False):
        if first or route.sources != self.route.sources:
            drop_all_but(self.socket, route.sources)
        if first or route != self.route:
            print(*self.key, 'from', *route.sources, 'to', *('%s:%d' % t for t in route.targets), flush=True)
        self.route = route

    async def open(self):
        self.server = await asyncio.start_server(self.client, sock=self.socket, backlog=128)
        return self

    def close(self):
        self.server.close()
        print(*self.key, 'closed', flush=True)

    async def client(self, reader, writer):
        route, first = self.route, next(self.turn)
        for i in range(len(route.targets)):
            try:
                target = asyncio.open_connection(*route.targets[(first + i) % len(route.targets)])
                far_reader, far_writer = await asyncio.wait_for(target, 5)     # timeout_member_connect
                break
            except (OSError, asyncio.TimeoutError):
                continue
        else:
            writer.close()
            return
        last = [time.monotonic()]
        pumps = asyncio.gather(self.pump(reader, far_writer, last), self.pump(far_reader, writer, last))
        while not pumps.done():
            remaining = None if route.idle is None else last[0] + route.idle - time.monotonic()
            if remaining is not None and remaining <= 0:
                break
            await asyncio.wait({pumps}, timeout=remaining)
        for end in (writer, far_writer):
            end.transport.abort() if not pumps.done() else end.close()
        await pumps

    async def pump(self, reader, writer, last):
        try:
            while data := await reader.read(65536):
                last[0] = time.monotonic()
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


async def main():
    import pymysql      # here, so that the judgement can be tested without it
    database, forwards, refused, ready = None, {}, {}, False

    def read():
        nonlocal database
        if database is None:
            database = pymysql.connect(unix_socket=os.environ['SANDBOX_STATE'] + '/mariadb.sock', user='root', autocommit=True)

        def query(statement):
            with database.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        return routes(read_objects(query), read_listening())

    while True:
        try:
            table = await asyncio.to_thread(read)
        except (pymysql.Error, OSError) as error:
            print('objects:', error, file=sys.stderr, flush=True)
            database = None
            await asyncio.sleep(INTERVAL)
            continue
        for key in [key for key in forwards if key not in table]:
            forwards.pop(key).close()
        for key, route in table.items():
            if key in forwards:
                forwards[key].update(route)
                continue
            try:
                forwards[key] = await Forward(key, route).open()
                refused.pop(key, None)
            except OSError as error:
                if refused.get(key) != str(error):
                    print(*key, error, file=sys.stderr, flush=True)
                refused[key] = str(error)
        if not ready:
            print('ready', flush=True)
            ready = True
        await asyncio.sleep(INTERVAL)


if __name__ == '__main__':
    asyncio.run(main())
