"""Booted systemd machines for tests: a Debian root folder each, with its own PID 1, sshd, journal and network.

Needs root, systemd-nspawn, debootstrap and iproute2; why_not() says what is missing. The Debian folder is made once and
kept in the cache; machines share it through overlay mounts. Nothing else outlives a fleet: what an earlier run that was
killed has left is removed by the next.

machines.py boots five, logs in to each, ends them and checks that nothing is left: a test of itself.
"""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import processes
from sshds import make_key

RELEASE = 'bookworm'
PACKAGES = 'systemd,systemd-sysv,openssh-server,dbus,curl,python3-minimal'
FORMAT = 1  # raise when the folder has to be made anew
MANY = 25   # machines from which on the kernel's default number of inotify instances does not suffice


def cache_directory():
    home = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(home, 'slipway', 'machines')


def why_not():
    """Why machines cannot be booted here; None when they can."""
    if os.getuid() != 0:
        return 'booting machines needs root'
    for program in ('systemd-nspawn', 'debootstrap', 'ip'):
        if not shutil.which(program) and not shutil.which(program, path='/usr/sbin:/sbin'):
            return f'booting machines needs {program}'
    try:
        processes.run('ip', 'netns', 'add', 'slw-probe')
        processes.run('ip', 'netns', 'delete', 'slw-probe')
    except RuntimeError as error:
        return f'booting machines needs network namespaces: {error}'
    return None


def _mirror():
    """Where this machine's own packages come from."""
    lines = processes.run('apt-get', 'indextargets', '--format', '$(REPO_URI) $(CODENAME) $(COMPONENT)',
                          'Created-By: Packages').split('\n')
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[1:] == [RELEASE, 'main']:
            return words[0]
    return None


def base_root():
    """The shared Debian folder, made on first use."""
    cache = cache_directory()
    os.makedirs(cache, mode=0o700, exist_ok=True)
    root = os.path.join(cache, f'{RELEASE}-{FORMAT}')
    with open(os.path.join(cache, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(root):
            print(f'making a Debian folder for machines (once, about a minute): {root}', flush=True)
            shutil.rmtree(root + '.new', ignore_errors=True)
            mirror = _mirror()
            processes.run('debootstrap', '--variant=minbase', f'--include={PACKAGES}', RELEASE, root + '.new',
                          *([mirror] if mirror else []))
            for unit in ('systemd-timesyncd.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer'):
                processes.run('systemctl', '--root', root + '.new', 'mask', unit)
            os.rename(root + '.new', root)
    return root


class Machine:
    def __init__(self, fleet, number):
        self.fleet, self.number, self.name = fleet, number, f'web{number}'
        self.namespace = f'{fleet.tag}n{number}'
        self.link = f'{fleet.tag}v{number}'
        self.address, self.port, self.user = f'{fleet.network}.{number + 1}', 22, 'root'
        self.directory = os.path.join(fleet.directory, self.name)
        self.root = os.path.join(self.directory, 'root')
        self.nspawn, self.pid, self.host_key = None, 0, ''

    def _ip(self, *words):
        processes.run('ip', *words)

    def _connect(self):
        self._ip('netns', 'add', self.namespace)
        self._ip('link', 'add', self.link, 'type', 'veth', 'peer', 'name', 'host0', 'netns', self.namespace)
        self._ip('link', 'set', self.link, 'master', self.fleet.tag, 'up')
        self._ip('-n', self.namespace, 'link', 'set', 'lo', 'up')
        self._ip('-n', self.namespace, 'addr', 'add', f'{self.address}/24', 'dev', 'host0')
        self._ip('-n', self.namespace, 'link', 'set', 'host0', 'up')

    def _furnish(self):
        for name in ('root', 'upper', 'work'):
            os.makedirs(os.path.join(self.directory, name))
        processes.run('mount', '-t', 'overlay', self.namespace, '-o', f'lowerdir={self.fleet.base},upperdir={self.directory}/upper,'
                      f'workdir={self.directory}/work', self.root)
        ssh = os.path.join(self.root, 'root', '.ssh')
        os.makedirs(ssh, mode=0o700, exist_ok=True)
        with open(os.path.join(ssh, 'authorized_keys'), 'w') as file:
            file.write(self.fleet.public_key + '\n')
        os.chmod(file.name, 0o600)
        with open(os.path.join(self.root, 'etc', 'hostname'), 'w') as file:
            file.write(self.name + '\n')
        key = os.path.join(self.root, 'etc', 'ssh', 'ssh_host_ed25519_key')
        for old in (key, key + '.pub'):
            if os.path.exists(old):
                os.remove(old)
        self.host_key = ' '.join(make_key(key).split()[:2])

    def prepare(self):
        self._connect()
        self._furnish()

    def boot(self):
        """Starts PID 1; does not wait."""
        log = open(os.path.join(self.directory, 'console.log'), 'ab')
        with log:
            self.nspawn = subprocess.Popen(
                ['systemd-nspawn', '-q', '-D', self.root, '-M', self.namespace, '--register=no', '--keep-unit', '-b',
                 '--console=pipe', f'--network-namespace-path=/run/netns/{self.namespace}'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def wait_until_up(self, seconds=60):
        self.pid = processes.wait_for(self._first_child, seconds, f'{self.name}: PID 1', self.nspawn)
        processes.wait_for(self.answers, seconds, f'{self.name}: sshd', self.nspawn)

    def _first_child(self):
        try:
            with open(f'/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children') as file:
                children = file.read().split()
        except OSError:
            return None
        for child in children:
            try:
                with open(f'/proc/{child}/comm') as file:
                    if file.read().strip() == 'systemd':
                        return int(child)
            except OSError:
                continue
        return None

    def answers(self):
        done = subprocess.run(self.ssh_command('true'), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        return done.returncode == 0

    def ssh_command(self, command):
        known = os.path.join(self.directory, 'known_hosts')
        with open(known, 'w') as file:
            file.write(f'{self.address} {self.host_key}\n')
        return ['ssh', '-F', '/dev/null', '-i', self.fleet.key_path, '-o', f'UserKnownHostsFile={known}', '-o', 'BatchMode=yes',
                '-o', 'ConnectTimeout=3', '-o', 'LogLevel=ERROR', f'root@{self.address}', command]

    def shell(self, command):
        return processes.run(*self.ssh_command(command), stdin=subprocess.DEVNULL)

    def path(self, inside):
        """A path of the machine, as seen from here."""
        return self.root + inside

    def power_cut(self):
        """Ends PID 1 and with it everything in the machine. Ending nspawn would leave it running."""
        pid = self._first_child() if self.nspawn else None
        if pid:
            os.kill(pid, signal.SIGKILL)
        if self.nspawn:
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        self.nspawn = None

    def unplug(self):
        self._ip('link', 'set', self.link, 'down')

    def plug(self):
        self._ip('link', 'set', self.link, 'up')

    # The names the tests use for both kinds of server.
    def start(self):
        self.boot()
        self.wait_until_up()
        return self

    def stop(self):
        self.power_cut()


class MachineFleet:
    """`count` booted machines web1, web2, ... on a bridge of their own. A context manager."""

    root = '/srv/shop'

    def __init__(self, count):
        self.base = base_root()
        self.directory = os.path.join(cache_directory(), f'run-{os.getpid()}-{id(self):x}')
        os.makedirs(self.directory, mode=0o700)
        self.tag = f'slw{os.getpid() % 0xffff:04x}'
        self.network = self._free_network()
        self.key_path = os.path.join(self.directory, 'login_key')
        self.public_key = make_key(self.key_path)
        with open(self.key_path) as file:
            self.private_key = file.read()
        self.servers = [Machine(self, number + 1) for number in range(count)]
        with open(os.path.join(self.directory, 'owner.json'), 'w') as file:
            json.dump({'pid': os.getpid(), 'started': processes.start_time(os.getpid()), 'tag': self.tag, 'count': count}, file)

    @staticmethod
    def _free_network():
        routes = processes.run('ip', '-o', 'route') + processes.run('ip', '-o', 'addr')
        for third in range(200, 250):
            if f'10.213.{third}.' not in routes:
                return f'10.213.{third}'
        raise RuntimeError('no free network for machines')

    def __enter__(self):
        remove_leftovers()
        if len(self.servers) > MANY:
            processes.run('sysctl', '-qw', 'fs.inotify.max_user_instances=8192', 'fs.inotify.max_user_watches=1048576')
        try:
            processes.run('ip', 'link', 'add', self.tag, 'type', 'bridge')
            processes.run('ip', 'addr', 'add', f'{self.network}.1/24', 'dev', self.tag)
            processes.run('ip', 'link', 'set', self.tag, 'up')
            self._open_firewall('-I')
            for machine in self.servers:
                machine.prepare()
                machine.boot()
            for machine in self.servers:
                machine.wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def _open_firewall(self, action):
        """A firewall that another program left on this host may drop what crosses a bridge."""
        if shutil.which('iptables') and os.path.exists('/proc/sys/net/bridge/bridge-nf-call-iptables'):
            subprocess.run(['iptables', action, 'FORWARD', '-i', self.tag, '-o', self.tag, '-j', 'ACCEPT'],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        return self.__enter__()

    def stop(self):
        for machine in self.servers:
            machine.power_cut()
        self._open_firewall('-D')
        _remove(self.directory, self.tag, len(self.servers))

    def __exit__(self, *_):
        self.stop()


def _remove(directory, tag, count):
    """Mounts, namespaces, links and files of a fleet; what is already gone is no error."""
    def quietly(*command):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for number in range(1, count + 1):
        root = os.path.join(directory, f'web{number}', 'root')
        if os.path.ismount(root):
            quietly('umount', root)
        if os.path.ismount(root):
            quietly('umount', '--lazy', root)
        quietly('ip', 'netns', 'delete', f'{tag}n{number}')
        quietly('ip', 'link', 'delete', f'{tag}v{number}')
    quietly('ip', 'link', 'delete', tag)
    shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers():
    """Of fleets whose owner was killed."""
    for name in os.listdir(cache_directory()):
        directory = os.path.join(cache_directory(), name)
        try:
            with open(os.path.join(directory, 'owner.json')) as file:
                owner = json.load(file)
        except (OSError, ValueError):
            continue
        if processes.is_running(owner['pid'], owner['started']):
            continue
        for entry in filter(str.isdigit, os.listdir('/proc')):
            _end_if_nspawn(int(entry), owner['tag'])
        _remove(directory, owner['tag'], owner['count'])


def _end_if_nspawn(pid, tag):
    try:
        with open(f'/proc/{pid}/cmdline') as file:
            words = file.read().split('\0')
        if words[0].endswith('systemd-nspawn') and any(word.startswith(f'{tag}n') for word in words):
            with open(f'/proc/{pid}/task/{pid}/children') as file:
                children = [int(child) for child in file.read().split()]
            for child in children + [pid]:
                os.kill(child, signal.SIGKILL)
            started = processes.start_time(pid)
            processes.end(pid, started)
    except OSError:
        return


def _self_test(count):
    reason = why_not()
    if reason:
        sys.exit(reason)
    started = time.monotonic()
    with MachineFleet(count) as fleet:
        print(f'{count} machines up after {time.monotonic() - started:.1f} s')
        names = [machine.shell('hostname; cat /proc/1/comm').split() for machine in fleet.servers]
        assert names == [[machine.name, 'systemd'] for machine in fleet.servers], names
        first = fleet.servers[0]
        first.power_cut()
        assert not first.answers()
        first.start()
        tag, directory = fleet.tag, fleet.directory
    left = processes.run('ip', '-o', 'link') + processes.run('ip', 'netns') + processes.run('cat', '/proc/mounts')
    assert tag not in left and directory not in left and not os.path.exists(directory), 'something is left'
    print('nothing is left')


if __name__ == '__main__':
    _self_test(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
