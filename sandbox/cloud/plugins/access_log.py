"""WSGI middleware: one JSON line a request in $SANDBOX_STATE/log/access-SERVICE.log.

As a paste filter (glance, nova, neutron, cinder) and around a whole WSGI script (keystone, placement, octavia)."""
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
            return self.app(environ, start)
        finally:    # keystonemiddleware has put the caller into the environment by now
            line.update(project=environ.get('HTTP_X_PROJECT_NAME'), seconds=round(time.time() - started, 3))
            self.log.write(json.dumps(line) + '\n')


def filter_factory(global_conf, service, **local_conf):
    return lambda app: AccessLog(app, service)


if 'SANDBOX_WSGI' in os.environ:    # uwsgi: "SERVICE SCRIPT"
    _service, _script = os.environ['SANDBOX_WSGI'].split()
    application = AccessLog(runpy.run_path(_script)['application'], _service)
