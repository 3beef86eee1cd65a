#!/usr/bin/python3
"""Stand-in for a machine whose image is not of Talos: talosnode leaves such a server to this, in the server's folder.

Gets its user data from the metadata service as the Talos platform code does
(internal/app/machined/pkg/runtime/v1alpha1/platform/openstack/openstack.go), checks that it is a machine
configuration, and answers one line with its name on 50000 and, on control planes, on 6443. It speaks no Talos API.
"""
import http.client
import json
import signal
import socket
import sys
import threading
import time

import yaml

METADATA = ('127.0.0.1', 8775)


def log(*words):
    print(time.strftime('%H:%M:%S'), *words, flush=True)


def user_data(address):
    """Asks from the server's own address, by which the metadata service knows it; Talos too asks until it gets an answer."""
    while True:
        try:
            connection = http.client.HTTPConnection(*METADATA, timeout=10, source_address=(address, 0))
            connection.request('GET', '/openstack/latest/user_data')
            response = connection.getresponse()
            if response.status in (200, 404):
                return response.read().decode() if response.status == 200 else ''
            log('user data: HTTP', response.status)
        except OSError as error:
            log('user data:', error)
        time.sleep(1)


def machine_type(text):
    """The machine type of a multi-document Talos configuration; ValueError if it is none."""
    documents = [d for d in yaml.safe_load_all(text) if d is not None]
    for document in documents:
        if not isinstance(document, dict) or not ('version' in document or 'apiVersion' in document):
            raise ValueError('a document is neither v1alpha1 nor has an apiVersion')
    v1alpha1 = next((d for d in documents if d.get('version') == 'v1alpha1'), None)
    kind = ((v1alpha1 or {}).get('machine') or {}).get('type')
    if kind not in ('controlplane', 'worker', 'init'):
        raise ValueError('no v1alpha1 document with a machine type')
    return kind


def serve(address, port, line):
    listener = socket.create_server((address, port))
    log('listening on', f'{address}:{port}')
    while True:
        client, _ = listener.accept()
        with client:
            client.sendall(line)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open('server.json') as file:
        server = json.load(file)
    log('boot', server['name'], *server['fixed_ips'])
    text = user_data(server['fixed_ips'][0])
    ports = [50000]
    try:
        kind = machine_type(text)
        log('machine configuration:', kind)
        if kind != 'worker':
            ports.append(6443)
    except (ValueError, yaml.YAMLError) as error:       # Talos then waits for one in maintenance mode, on 50000
        log('no machine configuration:', str(error).replace('\n', ' '))
    for address in server['fixed_ips']:
        for port in ports:
            threading.Thread(target=serve, args=(address, port, server['name'].encode() + b'\n'), daemon=True).start()
    while True:
        signal.pause()


main()
