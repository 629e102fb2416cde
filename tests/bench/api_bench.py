"""How fast slipwayd's API answers: create, get, list and watch over TLS with client certificates, beside what they cannot
beat."""
import base64
import json
import os
import re
import subprocess
import time

from cluster import Cluster

CONNECTIONS = [1, 16, 64]
WATCHERS = [1, 16, 64]
CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'


def credentials(cluster, directory):
    """Files with the authority, the certificate and the key of the kubeconfig."""
    with open(cluster.kubeconfig) as file:
        text = file.read()
    paths = []
    for name in ('certificate-authority-data', 'client-certificate-data', 'client-key-data'):
        path = os.path.join(directory, name)
        with open(path, 'wb', opener=lambda at, flags: os.open(at, flags, 0o600)) as file:
            file.write(base64.b64decode(re.search(rf'"?{name}"?:\s*"?([A-Za-z0-9+/=]+)', text).group(1)))
        paths.append(path)
    return paths


def syncs_per_second(directory, seconds=1.0):
    """What the disk allows a program that makes each 2 kB write durable by itself."""
    count, end = 0, time.monotonic() + seconds
    with open(os.path.join(directory, 'sync'), 'wb', buffering=0) as file:
        while time.monotonic() < end:
            file.write(b'x' * 2048)
            os.fdatasync(file.fileno())
            count += 1
    return count / seconds


class Load:
    def __init__(self, options, cluster, directory):
        self.options, self.cluster, self.directory = options, cluster, directory
        host, port = cluster.listen.rsplit(':', 1)
        self.command = [os.path.join(options.bin, 'bench_api_load'), host, port] + credentials(cluster, directory)
        self.figures = {}

    def measure(self, name, connections, method, path, body=None, known=1):
        command = self.command + [str(self.options.seconds), str(connections), method, path]
        if body is not None:
            file_name = os.path.join(self.directory, 'body')
            with open(file_name, 'w') as file:
                json.dump(body, file)
            command.append(file_name)
        before = self._processor_seconds()
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, BENCH_RANGE=str(known)))
        if done.returncode:
            raise RuntimeError(f'{name}: {done.stdout}{done.stderr}')
        figure = json.loads(done.stdout)
        figure['rate'] = figure['requests'] / figure['seconds']
        figure['cpu_us'] = (self._processor_seconds() - before) / max(1, figure['requests']) * 1e6
        self.figures[f'{name}, {connections} connections'] = figure
        return figure

    def _processor_seconds(self):
        with open(f'/proc/{self.cluster.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def config_map(prefix):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': f'{prefix}-@@', 'labels': {'bench': prefix}},
            'data': {f'key{number}': 'value ' * 20 for number in range(14)}}  # about 2 kB


def run(options, directory):
    os.makedirs(directory, exist_ok=True)
    with Cluster(options.bin, os.path.join(directory, 'daemon')) as cluster:
        load = Load(options, cluster, directory)
        rows = []
        for connections in CONNECTIONS:
            prefix = f'load{connections}'
            rows.append(('GET /version', connections, load.measure('version', connections, 'GET', '/version')))
            created = load.measure('create', connections, 'POST', CONFIG_MAPS, config_map(prefix))
            rows.append(('create a 2 kB ConfigMap', connections, created))
            # Every number was used by exactly one request, so each of them exists.
            rows.append(('get it', connections, load.measure('get', connections, 'GET', f'{CONFIG_MAPS}/{prefix}-##',
                                                             known=created['requests'])))
            rows.append(('list 500 of them', connections, load.measure('list', connections, 'GET', f'{CONFIG_MAPS}?limit=500')))
        for watchers in WATCHERS:
            # A collection of its own each: what is there already would be events, too.
            path = f'/api/v1/namespaces/watch{watchers}/configmaps'
            cluster.request('POST', '/api/v1/namespaces', {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': f'watch{watchers}'}})
            rows.append(('watch: write to event', watchers, load.measure('watch', watchers, 'WATCH', path, config_map('watch'))))
        syncs = syncs_per_second(directory)
        print_table(options, rows, syncs, cluster)
    return {**load.figures, 'syncs_per_second': syncs}


def print_table(options, rows, syncs, cluster):
    print(f'\nAPI over TLS with client certificates, {options.seconds:g} s each; the load runs on the same machine')
    print(f'{"":26} {"connections":>11} {"per second":>11} {"median":>9} {"99 %":>9} {"slipwayd cpu":>13}  {"":30}')
    floor = {}
    for name, connections, figure in rows:
        if name == 'GET /version':
            floor[connections] = figure['rate']
            note = 'the least that any request costs'
        elif name.startswith('create'):
            note = f'{figure["rate"] / syncs:.2f} durable writes per disk sync ({syncs:.0f}/s)'
        elif name.startswith('watch'):
            note = f'{figure["rate"] / connections:.0f} writes/s by one writer, each seen by all'
        elif name.startswith('list'):
            note = f'{500 * figure["rate"]:.0f} objects/s, {figure["bytes"] / figure["seconds"] / 1e6:.0f} MB/s'
        else:
            note = f'{figure["rate"] / floor[connections]:.2f} of the rate of GET /version'
        print(f'{name:26} {connections:11} {figure["rate"]:11.0f} {figure["p50_us"] / 1000:7.2f}ms {figure["p99_us"] / 1000:7.2f}ms '
              f'{figure["cpu_us"]:9.0f} us/r  {note}')
    with open(f'/proc/{cluster.pid}/status') as file:
        peak = next(int(line.split()[1]) // 1024 for line in file if line.startswith('VmHWM'))
    print(f'slipwayd peak memory: {peak} MB')
