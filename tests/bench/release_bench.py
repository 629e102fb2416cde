"""A five-step release on many servers: slipwayd beside loops of plain ssh, cold (nothing there, nothing connected) and warm."""
import http.client
import json
import os
import statistics
import time
import urllib.parse

import workload
from cluster import GROUP, Cluster
from sshds import SshFleet
from ssh_loop import SshLoop

NAMESPACE = 'default'
TICKS = os.sysconf('SC_CLK_TCK')


def processor_seconds(pid):
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kilobytes(pid, name='VmHWM'):
    """The peak of the resident memory, or with VmRSS what it is now."""
    with open(f'/proc/{pid}/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def peak_megabytes(pid):
    return memory_kilobytes(pid) // 1024


class Slipway:
    """A fresh daemon that releases to the fleet; each has a directory of its own on the servers."""

    name = 'slipway'

    def __init__(self, bin_directory, fleet, directory, root):
        self.fleet, self.root = fleet, root
        self.cluster = Cluster(bin_directory, directory)

    def start(self):
        self.cluster.start()
        meta = {'namespace': NAMESPACE}
        self._create('/api/v1', 'secrets', {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {**meta, 'name': 'login'},
                                            'stringData': {'ssh-privatekey': self.fleet.private_key}})
        for server in self.fleet.servers:
            self._create(GROUP, 'servers', self._object('Server', server.name, {
                'address': server.address, 'port': server.port, 'user': server.user, 'keySecretRef': {'name': 'login'},
                'hostKeys': [server.host_key]}))
        self._create(GROUP, 'destinations', self._object('Destination', 'fleet', {
            'servers': [server.name for server in self.fleet.servers]}))
        return self

    def stop(self):
        self.cluster.stop()

    @staticmethod
    def _object(kind, name, spec):
        return {'apiVersion': 'slipway.dev/v1alpha1', 'kind': kind, 'metadata': {'name': name, 'namespace': NAMESPACE}, 'spec': spec}

    def _create(self, group, plural, value):
        return self.cluster.request('POST', f'{group}/namespaces/{NAMESPACE}/{plural}', value)

    def release(self, tree, version, **more):
        """(seconds from the request to the end of the run, processor seconds of the daemon, (the run, its phases)). `more`
        is written over the spec."""
        spec = {'version': version, 'source': {'directory': {'path': tree.directory}}, 'destinations': [{'name': 'fleet'}],
                'layout': {'root': self.root, 'requiredFiles': ['build.id']},
                'build': [{'name': 'dependencies', 'run': workload.DEPENDENCIES}, {'name': 'compile', 'run': workload.COMPILE}],
                'health': {'exec': {'run': f'test "$(cat version.txt)" = {version}'}, 'attempts': 3, 'interval': '1s'},
                'concurrency': {'maxParallel': len(self.fleet.servers)}, **more}
        before = processor_seconds(self.cluster.pid)
        watch = self._watch()
        begin = time.monotonic()
        if self.cluster.find('releases', 'shop'):
            self.cluster.merge('releases', 'shop', {'spec': spec})
        else:
            self._create(GROUP, 'releases', self._object('Release', 'shop', spec))
        run, seen = self._end_of_run(watch, version, begin)
        seconds = time.monotonic() - begin
        if run['status']['outcome'] != 'Completed':
            raise RuntimeError(f'the run ended as {run["status"]["outcome"]}: {json.dumps(run["status"], indent=1)[:3000]}')
        return seconds, processor_seconds(self.cluster.pid) - before, (run, seen)

    def _watch(self):
        address = urllib.parse.urlsplit(self.cluster.url)
        connection = http.client.HTTPSConnection(address.hostname, address.port, context=self.cluster.tls, timeout=300)
        connection.request('GET', f'{GROUP}/namespaces/{NAMESPACE}/releaseruns?watch=1')
        return connection.getresponse()

    @staticmethod
    def _end_of_run(watch, version, begin):
        """(the run, when it entered each phase)"""
        seen = [('applied', begin)]
        for line in watch:
            event = json.loads(line)
            run = event['object']
            if event['type'] not in ('ADDED', 'MODIFIED') or run['spec'].get('version') != version:
                continue
            phase = run.get('status', {}).get('phase')
            if phase and phase != seen[-1][0]:
                seen.append((phase, time.monotonic()))
            if run.get('status', {}).get('outcome'):
                return run, seen
        raise RuntimeError('the watch ended before the run did')


def phases(seen):
    """Seconds between the changes of phase, as a watcher saw them."""
    return [(name, following - at) for (name, at), (_, following) in zip(seen, seen[1:])]


def steps(run):
    """Median and slowest seconds over the servers, by step."""
    found = {}
    for target in run['status'].get('targets', []):
        for name, step in target.get('steps', {}).items():
            if step.get('state') == 'Done':
                found.setdefault(name, []).append(step.get('durationMs', 0) / 1000)
    return {name: (statistics.median(values), max(values)) for name, values in found.items()}


def one_round(options, fleet, directory, number, tree, loops, figures):
    """The servers of all are the same; each has a directory of its own there, and all start as many builds as servers."""
    slipway = Slipway(options.bin, fleet, os.path.join(directory, f'daemon{number}'), f'~/round{number}')
    slipway.start()
    try:
        for temperature in ('cold', 'warm'):
            for loop in loops:
                figures.setdefault((loop.name, temperature), []).append(loop.release(tree, tree.next()))
            figures.setdefault((slipway.name, temperature), []).append(slipway.release(tree, tree.next()))
        return peak_megabytes(slipway.cluster.pid)
    finally:
        slipway.stop()
        for loop in loops:
            loop.close()


def verified(figure):
    """Seconds until the last server was verified: where the loops end. Slipway removes old releases after that."""
    seconds, _, (run, _) = figure
    retire = [target['steps']['retire'].get('durationMs', 0) for target in run['status']['targets'] if 'retire' in target.get('steps', {})]
    return seconds - max(retire, default=0) / 1000


def print_table(options, figures, tree, peak):
    median = {key: statistics.median(each[0] for each in values) for key, values in figures.items()}
    cpu = {key: statistics.median(each[1] for each in values) for key, values in figures.items()}
    print(f'\nfive-step release ({", ".join(workload.STEPS)}) of {workload.FILES + 1} files, {tree.bytes / 1e6:.1f} MB, on '
          f'{options.servers} sshd servers, all at once; medians of {options.rounds} interleaved rounds')
    print(f'{"":34} {"cold":>8} {"warm":>8} {"slipway is faster by":>24} {"cpu here, cold":>15} {"warm":>8}')
    for name in dict.fromkeys(name for name, _ in figures):
        cold, warm = median[name, 'cold'], median[name, 'warm']
        ratio = '' if name == 'slipway' else f'{cold / median["slipway", "cold"]:.2f}x cold {warm / median["slipway", "warm"]:.2f}x warm'
        print(f'{name:34} {cold:7.2f}s {warm:7.2f}s {ratio:>24} {cpu[name, "cold"]:14.2f}s {cpu[name, "warm"]:7.2f}s')
    until = {temperature: statistics.median(verified(each) for each in figures['slipway', temperature]) for temperature in ('cold', 'warm')}
    print(f'{"slipway, until verified":34} {until["cold"]:7.2f}s {until["warm"]:7.2f}s')
    print(f'slipwayd peak memory: {peak} MB')
    print('only slipway: what arrived is compared with its digests, the gate, digests again at the gate, required files, journal '
          'and way back, retention; its content, links and journal are synced, as in the synced loop content and links are')


def print_breakdown(figures):
    for temperature in ('cold', 'warm'):
        rounds = sorted(figures['slipway', temperature], key=lambda each: each[0])
        seconds, _, (run, seen) = rounds[len(rounds) // 2]
        print(f'\nwhere slipway\'s {seconds:.2f} s go, {temperature}:')
        print('  phases: ' + ', '.join(f'{name} {value:.2f}s' for name, value in phases(seen)))
        print('  steps, median (slowest) of the servers: ' +
              ', '.join(f'{name} {middle:.2f} ({slowest:.2f})s' for name, (middle, slowest) in steps(run).items()))
        print(f'  first to last switched: {run["status"].get("skewMs", "?")} ms')
        for key, values in figures.items():
            if key[0] != 'slipway' and key[1] == temperature:
                per_step = [statistics.median(each[2][i] for each in values) for i in range(len(workload.STEPS))]
                print(f'  {key[0]}: ' + ', '.join(f'{name} {value:.2f}s' for name, value in zip(workload.STEPS, per_step)))


def run(options, directory):
    os.makedirs(directory, exist_ok=True)
    tree = workload.Tree(os.path.join(directory, 'source'))
    figures, peaks = {}, []
    print(f'starting {options.servers} sshd servers', flush=True)
    with SshFleet(os.path.join(directory, 'servers'), options.servers) as fleet:
        loops = [SshLoop(fleet, os.path.join(directory, 'loop')), SshLoop(fleet, os.path.join(directory, 'held'), held=True),
                 SshLoop(fleet, os.path.join(directory, 'synced'), held=True, synced=True)]
        for loop in loops:
            loop.prepare()
        for number in range(options.rounds):
            print(f'round {number + 1} of {options.rounds}', flush=True)
            # The plain loop is so much slower that one round says enough.
            peaks.append(one_round(options, fleet, directory, number, tree, loops if number == 0 else loops[1:], figures))
    print_table(options, figures, tree, max(peaks))
    print_breakdown(figures)
    result = {f'{name}, {temperature}': {'seconds': [each[0] for each in values], 'cpu': [each[1] for each in values]}
              for (name, temperature), values in figures.items()}
    for temperature in ('cold', 'warm'):
        result[f'slipway, {temperature}']['verified'] = [verified(each) for each in figures['slipway', temperature]]
    return {**result, 'peak_mb': max(peaks), 'rounds': options.rounds, 'servers': options.servers}
