#!/usr/bin/env python3
"""The benchmarks: run.py --bin DIR [--servers N] [--rounds N]

A five-step release on N machines (booted ones as root, else sshd's of the current user), cold and warm, in turn with the same
five steps by plain OpenSSH clients, all servers in parallel; then the API's rates. Prints medians with their range, ratios, and
where the time of a release goes.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.dont_write_bytecode = True
import machines  # noqa: E402
import processes  # noqa: E402
from cluster import Cluster  # noqa: E402
from scenario import Application  # noqa: E402
from sshds import SshFleet  # noqa: E402

FILES, FILE_BYTES = 40, 4096
STEPS = [{'name': 'dependencies', 'run': 'cp file-1 dependencies.lock'}, {'name': 'assets', 'run': 'cat file-* > assets.bundle'},
         {'name': 'warm-up', 'run': 'test -s assets.bundle'}]


def summary(name, seconds):
    middle = statistics.median(seconds)
    print(f'  {name:<44} {middle * 1000:8.0f} ms   ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f}, {len(seconds)} rounds)')
    return middle


def timed(action):
    began = time.monotonic()
    value = action()
    return time.monotonic() - began, value


class PlainSsh:
    """The same five steps (files, three commands, switch) by one `ssh` process per step and server, servers in parallel."""

    def __init__(self, app, directory):
        self.app, self.directory, self.number = app, directory, 0

    def _options(self, server, warm):
        known = os.path.join(self.directory, f'known-{server.name}')
        with open(known, 'w') as file:
            name = server.address if server.port == 22 else f'[{server.address}]:{server.port}'
            file.write(f'{name} {server.host_key}\n')
        master = ['-o', 'ControlMaster=auto', '-o', f'ControlPath={self.directory}/m-{server.name}', '-o', 'ControlPersist=300']
        return ['ssh', '-F', '/dev/null', '-i', self.app.fleet.key_path, '-o', f'UserKnownHostsFile={known}', '-o', 'BatchMode=yes',
                '-o', 'LogLevel=ERROR', '-p', str(server.port)] + (master if warm else []) + [f'{server.user}@{server.address}']

    def release(self, warm):
        self.number += 1
        root = f'$HOME/plain/{"warm" if warm else "cold"}'
        release = f'{root}/releases/{self.number}'
        processes.run('tar', '-C', self.app.source, '-cf', os.path.join(self.directory, 'source.tar'), '.')

        def one(server):
            ssh = self._options(server, warm)
            with open(os.path.join(self.directory, 'source.tar'), 'rb') as tar:
                subprocess.run(ssh + [f'mkdir -p {release} && tar -C {release} -xf -'], stdin=tar, check=True)
            for step in STEPS:
                subprocess.run(ssh + [f'cd {release} && {step["run"]}'], stdin=subprocess.DEVNULL, check=True)
            subprocess.run(ssh + [f'ln -s {release} {root}/next && mv -T {root}/next {root}/current'],
                           stdin=subprocess.DEVNULL, check=True)

        with concurrent.futures.ThreadPoolExecutor(len(self.app.servers)) as pool:
            list(pool.map(one, self.app.servers))

    def close(self):
        for server in self.app.servers:
            if os.path.exists(f'{self.directory}/m-{server.name}'):
                subprocess.run(self._options(server, True)[:-1] + ['-O', 'exit', f'{server.user}@{server.address}'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def where_time_goes(run):
    def seconds(text):
        whole, _, rest = text.rstrip('Z').partition('.')
        return time.mktime(time.strptime(whole, '%Y-%m-%dT%H:%M:%S')) + float('0.' + (rest or '0'))
    status = run['status']
    for row in status['transitions']:
        if row.get('exitedAt'):
            print(f'    {row["phase"]:<18} {(seconds(row["exitedAt"]) - seconds(row["enteredAt"])) * 1000:8.0f} ms')
    steps = {}
    for target in status['targets']:
        for name, step in target['steps'].items():
            if step.get('durationMs', -1) >= 0:
                steps.setdefault(name, []).append(step['durationMs'])
    for name, values in steps.items():
        print(f'    step {name:<13} {statistics.median(values):8.0f} ms median per server, slowest {max(values)} ms')
    print(f'    first to last switch {status["skewMs"]:5} ms')


def bench_release(cluster, fleet, rounds, directory):
    app = Application(cluster, fleet, 'bench').set_up()
    app.spec.update(build=STEPS, concurrency={'maxParallel': len(fleet.servers)})
    for number in range(FILES):
        with open(os.path.join(app.source, f'file-{number}'), 'wb') as file:
            file.write(os.urandom(FILE_BYTES))
    plain, version = PlainSsh(app, directory), 0
    figures = {'slipway cold': [], 'slipway warm': [], 'ssh cold': [], 'ssh warm': []}
    plain.release(True)
    for _ in range(rounds):
        cluster.stop()
        cluster.start()
        for kind in ('cold', 'warm'):
            version += 1
            spent, run = timed(lambda v=version: app.deploy(f'{v}.0.0'))
            figures[f'slipway {kind}'].append(spent)
            figures[f'ssh {kind}'].append(timed(lambda k=kind: plain.release(k == 'warm'))[0])
    plain.close()
    print(f'\nFive-step release on {len(fleet.servers)} servers, {FILES} files of {FILE_BYTES} bytes (apply to Completed)')
    middle = {name: summary(name, seconds) for name, seconds in figures.items()}
    for kind in ('cold', 'warm'):
        print(f'  ratio {kind}: plain ssh takes {middle["ssh " + kind] / middle["slipway " + kind]:.2f} times as long as slipway')
    print('  plain ssh has no gate, no verification, no record and no way back; slipway\'s time includes all of these')
    print('  where the time of the last warm release went:')
    where_time_goes(run)


def rate(cluster, threads, seconds, request):
    """Requests per second over `threads` kept-open connections."""
    address = urllib.parse.urlsplit(cluster.url)
    deadline = time.monotonic() + seconds

    def one(worker):
        connection = http.client.HTTPSConnection(address.hostname, address.port, context=cluster.tls, timeout=30)
        count = 0
        while time.monotonic() < deadline:
            method, path, body = request(worker, count)
            connection.request(method, path, body, {'Content-Type': 'application/json', 'Accept': 'application/json'})
            response = connection.getresponse()
            response.read()
            if response.status >= 400:
                raise RuntimeError(f'{method} {path}: {response.status}')
            count += 1
        connection.close()
        return count

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(one, range(threads)))
    return total / (time.monotonic() - began)


def bench_api(cluster):
    print('\nAPI, TLS, one Python client (which is itself a limit), 2 KiB ConfigMaps, durable writes')
    path = '/api/v1/namespaces/default/configmaps'
    data = {'text': 'x' * 2000}

    def create(threads):
        return lambda worker, count: ('POST', path, json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'data': data,
                                                                'metadata': {'name': f'b{threads}-{worker}-{count}'}}))
    for threads in (1, 16):
        print(f'  create, {threads:2} connections {rate(cluster, threads, 5, create(threads)):10.0f}/s')
    for threads in (1, 16):
        print(f'  get,    {threads:2} connections {rate(cluster, threads, 5, lambda *_: ("GET", path + "/b1-0-0", None)):10.0f}/s')
    count = len(cluster.request('GET', path)['items'])
    seconds, _ = timed(lambda: cluster.request('GET', path, seconds=60))
    print(f'  list of {count} objects {seconds * 1000:10.0f} ms')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', required=True)
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix='slipway-bench-')
    reason = machines.why_not()
    print(f'{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; servers: '
          + (f'sshd on loopback ({reason})' if reason else 'booted systemd machines'))
    fleet = SshFleet(os.path.join(directory, 'servers'), arguments.servers) if reason else machines.MachineFleet(arguments.servers)
    try:
        with fleet, Cluster(arguments.bin, os.path.join(directory, 'slipwayd')) as cluster:
            bench_release(cluster, fleet, arguments.rounds, directory)
            bench_api(cluster)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == '__main__':
    main()
