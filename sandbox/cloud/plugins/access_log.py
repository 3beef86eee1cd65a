"""WSGI middleware: one JSON line a request in $SANDBOX_STATE/log/access-SERVICE.log.

Two faults as well: `delay` holds writes back, `metadata-404` hides the user data of servers.
As a paste filter (glance, nova, neutron, cinder) and around a whole WSGI script (keystone, placement, octavia)."""
import fnmatch
import glob
import json
import os
import runpy
import time


class AccessLog:
    def __init__(self, app, service):
        self.app = app
        self.service = service
        self.log = open(f"{os.environ['SANDBOX_STATE']}/log/access-{service}.log", 'a', buffering=1)

    def __call__(self, environ, start_response):
        started = time.time()
        line = dict(time=round(started, 3), service=self.service, method=environ['REQUEST_METHOD'],
                    path=environ.get('SCRIPT_NAME', '') + environ.get('PATH_INFO', ''),
                    agent=environ.get('HTTP_USER_AGENT', ''))

        def start(status, *args):
            line['status'] = int(status.split()[0])
            return start_response(status, *args)

        try:
            if line['method'] != 'GET':
                hold_back(line['path'])
            if line['path'].endswith('/user_data') and hidden(environ['REMOTE_ADDR']):
                start('404 Not Found', [])
                return []
            return self.app(environ, start)
        finally:    # keystonemiddleware has put the caller into the environment by now
            line.update(project=environ.get('HTTP_X_PROJECT_NAME'), seconds=round(time.time() - started, 3))
            self.log.write(json.dumps(line) + '\n')


def faults(name):
    try:
        with open(f"{os.environ['SANDBOX_STATE']}/faults/{name}") as file:
            return [line.split() for line in file]
    except FileNotFoundError:
        return []


def hold_back(path):    # once for each such fault
    due = [fault for fault in faults('delay') if fault[0] in path]
    if due:
        rest = [fault for fault in faults('delay') if fault not in due]
        with open(f"{os.environ['SANDBOX_STATE']}/faults/delay", 'w') as file:
            file.writelines(' '.join(fault) + '\n' for fault in rest)
        time.sleep(max(float(fault[1]) for fault in due))


def hidden(address):
    servers = [json.load(open(path)) for path in glob.glob(f"{os.environ['SANDBOX_STATE']}/nodes/*/server.json")] if faults('metadata-404') else []
    return any(address in server['fixed_ips'] and fnmatch.fnmatch(server['hostname'], fault[0])
               for server in servers for fault in faults('metadata-404'))


def filter_factory(global_conf, service, **local_conf):
    return lambda app: AccessLog(app, service)


if 'SANDBOX_WSGI' in os.environ:    # uwsgi: "SERVICE SCRIPT"
    _service, _script = os.environ['SANDBOX_WSGI'].split()
    application = AccessLog(runpy.run_path(_script)['application'], _service)
