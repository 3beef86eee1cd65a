"""python3 -m unittest sandbox/cloud/test_dataplane.py"""
import os
import socket
import sys
import unittest
from ipaddress import ip_network

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dataplane import ANY, Listener, Objects, Port, Route, Rule, drop_all_but, routes  # noqa: E402

OFFICE = ip_network('127.66.0.0/24')


def objects(rules=(), floating_ips=(), listeners=(), **ports):
    return Objects({'node': Port(['127.78.0.10'], groups=['nodes']), **ports}, {'nodes': list(rules)}, list(floating_ips), list(listeners))


def floating(rules, number=50000, **ports):
    """The sources that reach a number of a node through its floating IP."""
    table = routes(objects(rules, [('127.77.1.1', '127.78.0.10', 'node')], **ports), {'127.78.0.10': [number]})
    assert table['127.77.1.1', number].targets == (('127.78.0.10', number),)
    return table['127.77.1.1', number].sources


class FloatingIp(unittest.TestCase):
    def test_no_rule_admits_nothing(self):
        self.assertEqual(floating([]), ())

    def test_rule_by_prefix_and_range(self):
        rules = [Rule('tcp', 50000, 50001, [OFFICE])]
        self.assertEqual(floating(rules), (OFFICE,))
        self.assertEqual(floating(rules, 50002), ())

    def test_other_protocols_do_not_count_and_any_does(self):
        self.assertEqual(floating([Rule('udp', 50000, 50000, [OFFICE])]), ())
        self.assertEqual(floating([Rule()]), (ANY,))

    def test_remote_group_is_the_addresses_and_pairs_of_its_ports(self):
        peer = Port(['127.78.0.11', 'fd00::1'], pairs=['127.78.9.0/24'], groups=['peers'])
        self.assertEqual(floating([Rule('tcp', group='peers')], peer=peer), (ip_network('127.78.0.11'), ip_network('127.78.9.0/24')))
        self.assertEqual(floating([Rule('tcp', group='nobody')]), ())

    def test_an_empty_address_group_admits_nothing(self):
        self.assertEqual(floating([Rule('tcp', networks=[])]), ())

    def test_port_security_off(self):
        self.assertEqual(floating([], node=Port(['127.78.0.10'], secured=False)), (ANY,))

    def test_only_where_something_listens(self):
        self.assertEqual(routes(objects([Rule()], [('127.77.1.1', '127.78.0.10', 'node')]), {}), {})

    def test_shared_address_is_judged_by_all_ports_that_may_hold_it(self):
        holder = Port(['127.78.0.11'], pairs=['127.78.0.10'], groups=['nodes'])
        other = Port(['127.78.0.12'], pairs=['127.78.0.10'], groups=['none'])
        self.assertEqual(floating([Rule(networks=[OFFICE])], node=Port(['127.78.0.10']), holder=holder), (OFFICE,))
        self.assertEqual(floating([Rule(networks=[OFFICE])], node=Port(['127.78.0.10']), holder=holder, other=other), ())


class LoadBalancer(unittest.TestCase):
    def table(self, rules, cidrs):
        listener = Listener('127.78.0.100', 'vip', 6443, cidrs, [('127.78.0.10', 6443), ('127.78.0.200', 6443)])
        return routes(objects(rules, [('127.77.1.2', '127.78.0.100', 'vip')], [listener]), {})

    def test_allowed_cidrs_judge_the_client_on_the_vip_and_its_floating_ip(self):
        route = Route((OFFICE,), (('127.78.0.10', 6443), ('127.78.0.200', 6443)), 50)
        self.assertEqual(self.table([Rule()], [str(OFFICE)]), {('127.78.0.100', 6443): route, ('127.77.1.2', 6443): route})

    def test_members_groups_judge_the_vip(self):
        table = self.table([Rule('tcp', 6443, 6443, [OFFICE])], [])
        self.assertEqual(table['127.77.1.2', 6443], Route((ANY,), (('127.78.0.200', 6443),), 50))
        table = self.table([Rule('tcp', 6443, 6443, [ip_network('127.78.0.0/24')])], [])
        self.assertEqual(len(table['127.77.1.2', 6443].targets), 2)


class Filter(unittest.TestCase):
    def test_a_connection_from_elsewhere_times_out(self):
        with socket.create_server(('127.77.200.1', 0)) as server:
            drop_all_but(server, [OFFICE])
            socket.create_connection(server.getsockname(), 2, ('127.66.0.1', 0)).close()
            with self.assertRaises(socket.timeout):
                socket.create_connection(server.getsockname(), 0.3, ('127.66.1.1', 0))


if __name__ == '__main__':
    unittest.main()
