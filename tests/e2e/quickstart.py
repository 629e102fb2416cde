#!/usr/bin/env python3
"""What ./dev quickstart and ./dev stop do once the programs are built.

quickstart.py start --state DIR --bin DIR      quickstart.py stop --state DIR [--purge]
quickstart.py break|mend SERVER --state DIR

Every process started is noted in DIR/processes.json with its number and start time; stop ends exactly those.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

import processes
from cluster import Cluster
from sshds import SshFleet, descendants, sshd_program

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLE = os.path.join(TOP, 'manifests', 'samples', 'quickstart')
SECONDS = 180
SERVERS = 3


def say(text):
    print(f'\033[1m== {text}\033[0m', flush=True)


class Notes:
    """DIR/processes.json."""

    def __init__(self, state):
        self.path = os.path.join(state, 'processes.json')

    def read(self):
        try:
            with open(self.path) as file:
                return json.load(file)
        except (OSError, ValueError):
            return []

    def add(self, name, pid, started):
        entries = self.read() + [{'name': name, 'pid': pid, 'started': started}]
        with open(self.path + '.new', 'w') as file:
            json.dump(entries, file, indent=1)
        os.replace(self.path + '.new', self.path)

    def end_all(self):
        """The names of what was still running and was ended."""
        ended = []
        for entry in reversed(self.read()):
            if processes.is_running(entry['pid'], entry['started']):
                processes.end(entry['pid'], entry['started'], 30)
                ended.append(entry['name'])
        if os.path.exists(self.path):
            os.remove(self.path)
        return ended


def names_of_servers(state):
    servers = os.path.join(state, 'servers')
    return sorted(name for name in os.listdir(servers) if os.path.isdir(os.path.join(servers, name))) \
        if os.path.isdir(servers) else []


def listener_of(state, name):
    """The number of the sshd that serves this server's directory; None when there is none."""
    directory = os.path.join(state, 'servers', name)
    try:
        with open(os.path.join(directory, 'sshd.pid')) as file:
            pid = int(file.read())
        with open(f'/proc/{pid}/cmdline') as file:
            return pid if os.path.join(directory, 'sshd_config') in file.read() else None
    except (OSError, ValueError):
        return None


def end_server(state, name):
    """The sshd with its sessions, as a power cut would. False when it is not running."""
    pid = listener_of(state, name)
    if pid is None:
        return False
    for each in [pid] + descendants(pid):
        processes.end(each, processes.start_time(each))
    return True


def end_mended_servers(state):
    return [name for name in names_of_servers(state) if end_server(state, name)]


def break_or_mend(state, command, name):
    if name not in names_of_servers(state):
        print(f'There is no server {name!r}; there are: {", ".join(names_of_servers(state)) or "none, run ./dev quickstart"}.')
        return 2
    if command == 'break':
        print(f'{name}: its sshd and every session are gone.' if end_server(state, name) else f'{name} is not running.')
        return 0
    if listener_of(state, name) is None:
        processes.run(sshd_program(), '-f', os.path.join(state, 'servers', name, 'sshd_config'))
    print(f'{name} is running.')
    return 0


def stop(state, purge):
    ended = Notes(state).end_all() + end_mended_servers(state)
    print(f'Stopped: {", ".join(ended)}.' if ended else 'Nothing of quickstart is running.')
    if purge:
        shutil.rmtree(state, ignore_errors=True)
        print(f'Removed {state}.')
    elif os.path.isdir(state):
        print(f'Data and logs are kept in {state} (./dev stop --purge removes them).')
    return 0


def server_objects(fleet):
    yield {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'quickstart-login', 'namespace': 'default'},
           'stringData': {'ssh-privatekey': fleet.private_key}}
    for server in fleet.servers:
        yield {'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Server',
               'metadata': {'name': server.name, 'namespace': 'default', 'labels': {'fleet': 'quickstart'}},
               'spec': {'address': server.address, 'port': server.port, 'user': server.user,
                        'keySecretRef': {'name': 'quickstart-login'}, 'hostKeys': [server.host_key]}}


def write_manifests(state, fleet):
    """servers.yaml (with the private key), hello.yaml and hello-v2.yaml; their paths."""
    app = os.path.join(state, 'app')
    shutil.copytree(os.path.join(SAMPLE, 'app'), app)
    paths = [os.path.join(state, name) for name in ('servers.yaml', 'hello.yaml', 'hello-v2.yaml')]
    with open(os.open(paths[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
        file.write(''.join(f'---\n{json.dumps(each, indent=2)}\n' for each in server_objects(fleet)))
    with open(os.path.join(SAMPLE, 'hello.yaml')) as file:
        template = file.read()
    for path, version in zip(paths[1:], ('1.0.0', '2.0.0')):
        with open(path, 'w') as file:
            file.write(template.replace('{{version}}', version).replace('{{app}}', app))
    return paths


def finished(release):
    """None while the release is on its way; else whether it is live, as its status claims."""
    status = (release or {}).get('status', {})
    ready = next((each for each in status.get('conditions', []) if each['type'] == 'Ready'), {})
    if ready.get('status') == 'True' and status.get('versions', {}).get('applied') == '1.0.0':
        return True
    return False if status.get('lastOutcome') in ('Failed', 'RolledBack', 'Cancelled') else None


def follow(cluster):
    """Shows the live tree until the release has ended, well or badly."""
    watch = subprocess.Popen([os.path.join(cluster.bin, 'slipway'), 'status', 'hello', '-w'], env=cluster.environment(),
                             stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            result = finished(cluster.find('releases', 'hello'))
            if result is not None:
                return result
            time.sleep(0.2)
        print(f'The release has not ended within {SECONDS} s.')
        return False
    finally:
        try:
            watch.wait(3)
        except subprocess.TimeoutExpired:
            watch.terminate()
            watch.wait()


def read_served(fleet, server):
    """What a login on the server reads through `current`: over ssh, with the pinned host key."""
    known = os.path.join(server.directory, 'known_hosts')
    with open(known, 'w') as file:
        file.write(f'[{server.address}]:{server.port} {server.host_key}\n')
    done = subprocess.run(['ssh', '-F', '/dev/null', '-i', fleet.key_path, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes',
                           '-o', f'UserKnownHostsFile={known}', '-p', str(server.port), f'{server.user}@{server.address}',
                           'cat "$HOME/hello/current-production/index.html"'],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return done.stdout.strip()


def hints(state, cluster, fleet, no_kubectl):
    here = os.path.relpath(state, os.getcwd())
    bin_directory = os.path.relpath(cluster.bin, os.getcwd())
    victim = fleet.servers[1].name
    apply = f'{bin_directory}/slipway apply' if no_kubectl else 'kubectl apply'
    look = f'{bin_directory}/slipway get releases' if no_kubectl else 'kubectl get slipway -o wide'
    return f'''
Look around:     export KUBECONFIG={cluster.kubeconfig}
                 {look}; {bin_directory}/slipway status hello
On the servers:  ls -l {here}/servers/*/home/hello
Break a server:  ./dev break {victim}
                 {apply} -f {here}/hello-v2.yaml; {bin_directory}/slipway status hello -w
                 (nothing is switched anywhere; then: ./dev mend {victim}; {bin_directory}/slipway retry hello -w)
Stop everything: ./dev stop
'''


def deploy(state, cluster, fleet):
    no_kubectl = cluster.client()[1]
    if no_kubectl:
        say('kubectl is not installed: using `slipway apply` instead (any kubectl from 1.29 on will do)')
    else:
        say('Applying with kubectl: servers, destination, release')
    for path in write_manifests(state, fleet)[:2]:
        code = subprocess.run(cluster.client()[0] + ['apply', '-f', path], env=cluster.environment()).returncode
        if code:
            return False
    say('Deploying to all three servers at once')
    claimed = follow(cluster)
    say('The result')
    sys.stdout.write(cluster.slipway('status', 'hello')[1])
    if not no_kubectl:
        sys.stdout.write(cluster.try_kubectl('get', 'releases,releaseruns')[1])
    say('What each server serves, read over ssh through the link `current-production`')
    served = {server.name: read_served(fleet, server) for server in fleet.servers}
    for name, text in served.items():
        print(f'{name}: {text}')
    live = all(text == f'<h1>Hello from {name}, release 1.0.0</h1>' for name, text in served.items())
    print(hints(state, cluster, fleet, no_kubectl))
    return claimed and live


def start(state, bin_directory):
    notes = Notes(state)
    if notes.end_all() + end_mended_servers(state):
        say('An earlier quickstart was still running: stopped')
    if os.path.isdir(state):
        shutil.rmtree(state)  # each quickstart shows the whole way, from nothing
    os.makedirs(state, mode=0o700)
    fleet = SshFleet(os.path.join(state, 'servers'), SERVERS)
    cluster = Cluster(bin_directory, state)
    try:
        for server in fleet.servers:
            server.start()
            notes.add(server.name, server.pid, server.started)
        say('Three SSH servers of our own: ' + ', '.join(f'{each.name} on port {each.port}' for each in fleet.servers))
        cluster.start()
        notes.add('slipwayd', cluster.pid, cluster.started)
        say(f'slipwayd serves the Kubernetes API on {cluster.url}')
        live = deploy(state, cluster, fleet)
    except BaseException:
        for part in [cluster, fleet]:
            part.stop()
        notes.end_all()
        raise
    if live:
        say('Live: release 1.0.0 runs on all three servers')
        return 0
    say(f'The release is NOT live on all three servers; the log is {cluster.log_path}')
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=['start', 'stop', 'break', 'mend'])
    parser.add_argument('server', nargs='?', default='')
    parser.add_argument('--state', required=True)
    parser.add_argument('--bin')
    parser.add_argument('--purge', action='store_true')
    arguments = parser.parse_args()
    state = os.path.abspath(arguments.state)
    if arguments.command == 'stop':
        return stop(state, arguments.purge)
    if arguments.command in ('break', 'mend'):
        return break_or_mend(state, arguments.command, arguments.server)
    try:
        return start(state, arguments.bin)
    except KeyboardInterrupt:
        print('Interrupted; what was started has been stopped.')
        return 130
    except (AssertionError, RuntimeError, OSError) as error:
        print(f'quickstart: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
