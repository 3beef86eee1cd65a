"""Nova virt driver: a server is a process on its own fixed addresses.

It is nova/virt/fake.py plus a folder $SANDBOX_STATE/nodes/UUID for each server:
  server.json  name, host, fixed IPs, MACs, ports, metadata, flavor, image, root volume, guest agent property, volumes, on (power)
  user_data    as it was given; the process gets its own from the metadata service
  console.log  what the process prints (`openstack console log show`)
  pid          of the process, while it runs
The process is $SANDBOX_NODE_COMMAND, run in that folder when the server is powered on. Its files there are the
server's disk: they outlive a reboot and go with a rebuild, as libvirt's do. The power state is the process's, and
servers outlive nova-compute.
"""
import base64
import fcntl
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import time

from nova import exception
from nova.compute import power_state
from nova.virt import fake
from nova.virt import hardware

STATE = os.environ['SANDBOX_STATE']
COMMAND = os.environ['SANDBOX_NODE_COMMAND']
RECORD = os.path.join(os.environ['SANDBOX_CLOUD'], 'record.sh')


def build_error(name):
    """True if faults/build-error has a line (a shell pattern) for this server; that line is used up."""
    try:
        with open(f'{STATE}/faults/build-error', 'r+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            patterns = file.read().split()
            hit = next((pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)), None)
            if hit is None:
                return False
            patterns.remove(hit)
            file.seek(0)
            file.truncate()
            file.write(''.join(pattern + '\n' for pattern in patterns))
            return True
    except FileNotFoundError:
        return False


class ProcessDriver(fake.FakeDriver):
    def init_host(self, host):
        super().init_host(host)
        os.makedirs(f'{STATE}/nodes', exist_ok=True)
        for uuid in os.listdir(f'{STATE}/nodes'):
            server = self._read(uuid)
            if server and server['host'] == host:
                state = power_state.RUNNING if server['on'] else power_state.SHUTDOWN
                self.instances[uuid] = fake.FakeInstance(server['instance_name'], state, uuid)
                self.resources.claim(server['flavor']['vcpus'], server['flavor']['ram'], server['flavor']['disk'])
                if server['on']:
                    self._start(uuid)

    # --- the folder of a server
    def _path(self, uuid, *name):
        return os.path.join(STATE, 'nodes', uuid, *name)

    def _read(self, uuid):
        try:
            with open(self._path(uuid, 'server.json')) as file:
                return json.load(file)
        except OSError:
            return None

    def _update(self, uuid, /, **values):
        server = {**(self._read(uuid) or {}), **values}
        with open(self._path(uuid, 'server.json.new'), 'w') as file:
            json.dump(server, file, indent=1)
        os.rename(file.name, self._path(uuid, 'server.json'))

    def _define(self, instance, network_info, block_device_info, power_on):
        os.makedirs(self._path(instance.uuid), exist_ok=True)
        with open(self._path(instance.uuid, 'user_data'), 'wb') as file:
            file.write(base64.b64decode(instance.user_data or ''))
        vifs, flavor = network_info or [], instance.flavor
        disks = (block_device_info or {}).get('block_device_mapping') or []
        root = next((disk['connection_info']['serial'] for disk in disks if disk.get('boot_index') == 0), None)
        self._update(
            instance.uuid, uuid=instance.uuid, name=instance.display_name, hostname=instance.hostname,
            instance_name=instance.name, host=self._host, project=instance.project_id,
            metadata=dict(instance.metadata), image=instance.image_ref, root_volume=root, on=power_on,
            qemu_guest_agent=bool(instance.image_meta.properties.get('hw_qemu_guest_agent')),
            flavor=dict(vcpus=flavor.vcpus, ram=flavor.memory_mb, disk=flavor.root_gb),
            fixed_ips=[ip['address'] for vif in vifs for ip in vif.fixed_ips()],
            macs=[vif['address'] for vif in vifs], ports=[vif['id'] for vif in vifs],
            volumes={disk['mount_device']: disk['connection_info']['serial'] for disk in disks})
        if power_on:
            self._start(instance.uuid)

    # --- its process
    def _pid(self, uuid):
        """The process id while it runs: the start time must be the recorded one, or it is someone else's process."""
        try:
            with open(self._path(uuid, 'pid')) as file:
                pid, started = map(int, file.read().split())
            try:
                os.waitpid(pid, os.WNOHANG)     # if it is our child and dead
            except ChildProcessError:
                pass
            with open(f'/proc/{pid}/stat') as file:
                return pid if int(file.read().rpartition(')')[2].split()[19]) == started else None
        except (OSError, ValueError):
            return None

    def _start(self, uuid):
        if not self._pid(uuid):
            with open(self._path(uuid, 'console.log'), 'ab') as log:
                process = subprocess.Popen(
                    [RECORD, self._path(uuid, 'pid'), '/bin/sh', '-c', 'exec ' + COMMAND], cwd=self._path(uuid),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            while not self._pid(uuid) and process.poll() is None:
                time.sleep(0.01)

    def _stop(self, uuid):
        pid = self._pid(uuid)
        for sig, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            end = time.monotonic() + patience
            if pid and self._pid(uuid):
                os.killpg(pid, sig)
            while self._pid(uuid) and time.monotonic() < end:
                time.sleep(0.05)

    def _power(self, uuid, on):
        if self._read(uuid):
            self._update(uuid, on=on)
            (self._start if on else self._stop)(uuid)

    # --- what nova calls
    def spawn(self, context, instance, image_meta, injected_files, admin_password, allocations,
              network_info=None, block_device_info=None, power_on=True, accel_info=None):
        if build_error(instance.display_name):      # as fake.FakeBuildAbortDriver: no other host is tried
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason='sandbox fault build-error')
        super().spawn(context, instance, image_meta, injected_files, admin_password, allocations,
                      network_info, block_device_info, power_on, accel_info)
        self._define(instance, network_info, block_device_info, power_on)

    def power_off(self, instance, timeout=0, retry_interval=0):
        super().power_off(instance, timeout, retry_interval)
        self._power(instance.uuid, False)

    def power_on(self, context, instance, network_info, block_device_info=None, accel_info=None):
        super().power_on(context, instance, network_info, block_device_info, accel_info)
        self._power(instance.uuid, True)

    def reboot(self, context, instance, network_info, reboot_type, *args, **kwargs):
        self._stop(instance.uuid)
        super().reboot(context, instance, network_info, reboot_type, *args, **kwargs)

    def destroy(self, context, instance, network_info, block_device_info=None, destroy_disks=True, *args, **kwargs):
        server = self._read(instance.uuid)
        if not server or server['host'] == self._host:
            self._stop(instance.uuid)
            if destroy_disks:
                shutil.rmtree(self._path(instance.uuid), ignore_errors=True)
        super().destroy(context, instance, network_info, block_device_info, destroy_disks, *args, **kwargs)

    # a resize or migration: the same folder, on another host or with another flavor
    def migrate_disk_and_power_off(self, context, instance, *args, **kwargs):
        self._stop(instance.uuid)

    def finish_migration(self, context, migration, instance, disk_info, network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True):
        super().spawn(context, instance, image_meta, None, None, allocations, network_info, block_device_info, power_on)
        self._define(instance, network_info, block_device_info, power_on)

    def finish_revert_migration(self, context, instance, network_info, migration, block_device_info=None, power_on=True):
        super().finish_revert_migration(context, instance, network_info, migration, block_device_info, power_on)
        self._define(instance, network_info, block_device_info, power_on)

    def attach_volume(self, context, connection_info, instance, mountpoint, *args, **kwargs):
        super().attach_volume(context, connection_info, instance, mountpoint, *args, **kwargs)
        server = self._read(instance.uuid)
        if server:
            self._update(instance.uuid, volumes={**server['volumes'], mountpoint: connection_info['serial']})

    def detach_volume(self, context, connection_info, instance, mountpoint, encryption=None):
        super().detach_volume(context, connection_info, instance, mountpoint, encryption)
        server = self._read(instance.uuid)
        if server:
            server['volumes'].pop(mountpoint, None)
            self._update(instance.uuid, volumes=server['volumes'])

    def get_info(self, instance, use_cache=True):
        if instance.uuid in self.instances and not self._pid(instance.uuid):
            return hardware.InstanceInfo(state=power_state.SHUTDOWN)
        return super().get_info(instance, use_cache)

    def get_console_output(self, context, instance):
        try:
            with open(self._path(instance.uuid, 'console.log'), 'rb') as file:
                return file.read()[-100 * 1024:]     # MAX_CONSOLE_BYTES of nova/virt/libvirt/driver.py
        except OSError:
            return b''
