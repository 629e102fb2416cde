"""What people do without a release tool: for each step, ssh to every server at once, and wait for all."""
import os
import resource
import subprocess
import time

import workload

CHEAP = ['-o', 'KexAlgorithms=curve25519-sha256']


class SshLoop:
    """`held`: one connection per server stays open (ControlMaster), with the cheap key exchange: the best a loop can do.
    `synced`: what is built, and the link, are on the disk before the next step begins, as they are with slipway."""

    def __init__(self, fleet, directory, held=False, synced=False):
        self.fleet, self.directory, self.held, self.synced = fleet, directory, held, synced
        os.makedirs(directory, exist_ok=True)
        self.root = 'synced' if synced else 'held' if held else 'plain'
        self.name = 'ssh loop' + (', held connections' if held else '') + (', synced' if synced else '')

    def command(self, server):
        known = os.path.join(self.directory, 'known_hosts')
        common = ['ssh', '-F', 'none', '-T', '-o', 'BatchMode=yes', '-o', f'UserKnownHostsFile={known}', '-o', 'IdentitiesOnly=yes',
                  '-i', self.fleet.key_path, '-p', str(server.port)]
        if self.held:
            common += CHEAP + ['-o', f'ControlPath={os.path.join(self.directory, server.name)}']
        return common + [f'{server.user}@{server.address}']

    def prepare(self):
        with open(os.path.join(self.directory, 'known_hosts'), 'w') as file:
            for server in self.fleet.servers:
                file.write(f'[{server.address}]:{server.port} {server.host_key}\n')

    def close(self):
        if self.held:
            for server in self.fleet.servers:
                subprocess.run(self.command(server)[:-1] + ['-O', 'exit', self.command(server)[-1]], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)

    def _connect(self):
        masters = [subprocess.Popen(self.command(server)[:-1] + ['-M', '-N', '-f', '-o', 'ControlPersist=yes', self.command(server)[-1]],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for server in self.fleet.servers if not os.path.exists(os.path.join(self.directory, server.name))]
        if any(master.wait() for master in masters):
            raise RuntimeError('a held connection could not be opened')

    def release(self, tree, version):
        """(seconds, processor seconds of this side, seconds per step)"""
        archive = os.path.join(self.directory, 'tree.tar')
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        tree.tar(archive)
        if self.held:
            self._connect()
        per_step = []
        for number, step in enumerate(workload.remote_steps(version, self.root, self.synced)):
            started = begin if number == 0 else time.monotonic()
            self._everywhere(step, archive if number == 0 else os.devnull)
            per_step.append(time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.monotonic() - begin, cpu, per_step

    def _everywhere(self, step, stdin):
        running = []
        for server in self.fleet.servers:
            with open(stdin, 'rb') as source:
                running.append((server, subprocess.Popen(self.command(server) + [step], stdin=source, stdout=subprocess.DEVNULL,
                                                         stderr=subprocess.PIPE)))
        for server, process in running:
            error = process.communicate()[1]
            if process.returncode:
                raise RuntimeError(f'{server.name}: {error.decode(errors="replace")[-500:]}')
