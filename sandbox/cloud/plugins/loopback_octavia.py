"""Octavia network driver of the worker: does nothing (octavia/network/drivers/noop_driver), except that the VIP port
is deleted with its load balancer (octavia/network/drivers/neutron/allowed_address_pairs.py, deallocate_vip)."""
from octavia.network import base
from octavia.network.drivers.neutron import allowed_address_pairs
from octavia.network.drivers.noop_driver import driver as noop


class LoopbackNetworkDriver(noop.NoopNetworkDriver):
    def deallocate_vip(self, vip):
        neutron = allowed_address_pairs.AllowedAddressPairsDriver()
        try:
            # a port that the user brought stays
            if neutron.get_port(vip.port_id).device_owner == allowed_address_pairs.OCTAVIA_OWNER:
                neutron.neutron_client.delete_port(vip.port_id)
        except base.PortNotFound:
            pass
