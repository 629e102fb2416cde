"""Real OpenSSH servers on loopback, run by the current user, each with a home directory of its own.

They share one file system and one user, so what tells them apart is $HOME: a release whose layout.root begins with ~/
lands in a different directory on each.
"""
import getpass
import os
import pwd
import shutil
import socket
import subprocess

import processes


def sshd_program():
    found = shutil.which('sshd') or shutil.which('sshd', path='/usr/sbin:/usr/local/sbin')
    if not found:
        raise RuntimeError('sshd is not installed: install openssh-server')
    return found


def make_key(path):
    if not os.path.exists(path):
        processes.run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'slipway', '-f', path)
    with open(path + '.pub') as file:
        return file.read().strip()


def descendants(listener):
    """The processes `sshd` below a listener: one or two for each session."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/stat') as file:
                name, _, rest = file.read().partition('(')[2].rpartition(')')
        except OSError:
            continue
        if name == 'sshd':
            parents[int(entry)] = int(rest.split()[1])
    found, level = [], [listener]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level]
        found += level
    return found


class SshServer:
    """One sshd. Everything it needs is in `directory`; `home` below it is what a session sees as $HOME."""

    def __init__(self, directory, name, authorized_key):
        self.directory = os.path.join(os.path.abspath(directory), name)
        self.name, self.home, self.user = name, os.path.join(self.directory, 'home'), getpass.getuser()
        self.address, self.port, self.process, self.pid, self.started = '127.0.0.1', 0, None, 0, None
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.directory, 0o700)
        self.host_key = ' '.join(make_key(self._path('host_key')).split()[:2])
        with open(self._path('authorized_keys'), 'w') as file:
            file.write(authorized_key + '\n')

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _configure(self):
        # An account whose password is locked may only log in through PAM, and only root can ask PAM.
        use_pam = 'yes' if os.getuid() == 0 and os.path.exists('/etc/pam.d/sshd') else 'no'
        with open(self._path('sshd_config'), 'w') as file:
            file.write(f'''{self._listening()}
HostKey {self._path("host_key")}
AuthorizedKeysFile {self._path("authorized_keys")}
PidFile {self._path("sshd.pid")}
StrictModes no
UsePAM {use_pam}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 100
PrintMotd no
{self._homes()}
''')

    def _listening(self):
        return f'ListenAddress {self.address}:{self.port}'

    def _homes(self):
        return f'SetEnv HOME={self.home}'

    def start(self):
        """Listens on the port of the first start; the first start looks for a free one."""
        if os.getuid() == 0:
            os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
        for _ in range(10):
            self.port = self.port or processes.free_port()
            self._configure()
            with open(self._path('sshd.log'), 'ab') as log:
                self.process = subprocess.Popen([sshd_program(), '-D', '-e', '-f', self._path('sshd_config')],
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                                cwd=self.directory)
            self.pid, self.started = self.process.pid, processes.start_time(self.process.pid)
            try:
                processes.wait_for(self.answers, 15, f'sshd {self.name}', self.process)
                return self
            except AssertionError:
                self.stop()
                self.port = 0  # taken by another process in between
        with open(self._path('sshd.log'), errors='replace') as file:
            raise RuntimeError(f'sshd {self.name} does not start: {file.read()[-2000:]}')

    def answers(self):
        try:
            with socket.create_connection((self.address, self.port), timeout=5) as connection:
                return connection.recv(4) == b'SSH-'
        except OSError:
            return False

    def stop(self):
        """Ends the server and its sessions, as a power cut would."""
        for pid, started in [(self.pid, self.started)] + [(each, processes.start_time(each)) for each in descendants(self.pid)]:
            processes.end(pid, started, 5)
        if self.process:
            self.process.wait()

    def path(self, layout_root):
        """Where a directory given as ~/name is for this server."""
        return os.path.join(self.home, layout_root[2:]) if layout_root.startswith('~/') else layout_root

    def shell(self, command):
        """Runs a command as a session of this server would see it; its output."""
        home = pwd.getpwuid(os.getuid()).pw_dir
        return processes.run('/bin/sh', '-c', command, cwd=home, env=dict(os.environ, HOME=self.home))


class Place:
    """One of the servers that a SharedSshd is."""

    def __init__(self, sshd, name, address):
        self.sshd, self.name, self.address, self.user, self.host_key = sshd, name, address, sshd.user, sshd.host_key
        self.home = os.path.join(sshd.directory, name)
        os.makedirs(self.home, exist_ok=True)

    @property
    def port(self):
        return self.sshd.port

    path = SshServer.path


class SharedSshd(SshServer):
    """One sshd that is `count` servers: each has a loopback address, and by it a home directory, of its own."""

    def __init__(self, directory, number, count, authorized_key):
        super().__init__(directory, f'sshd{number}', authorized_key)
        self.address = f'127.77.{number}.1'
        self.places = [Place(self, f'web{number}-{at}', f'127.77.{number}.{at}') for at in range(1, count + 1)]

    def _listening(self):
        return '\n'.join(f'ListenAddress {place.address}:{self.port}' for place in self.places)

    def _homes(self):
        return '\n'.join(f'Match LocalAddress {place.address}\n  SetEnv HOME={place.home}' for place in self.places)


class SshFleet:
    """`count` servers web1, web2, ... with one login key. A context manager."""

    root = '~/shop'

    def __init__(self, directory, count):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.key_path = os.path.join(os.path.abspath(directory), 'login_key')
        public = make_key(self.key_path)
        with open(self.key_path) as file:
            self.private_key = file.read()
        self._found(directory, count, public)

    def _found(self, directory, count, public):
        self.servers = self.sshds = [SshServer(directory, f'web{number + 1}', public) for number in range(count)]

    def start(self):
        for sshd in self.sshds:
            sshd.start()
        return self

    def stop(self):
        for sshd in self.sshds:
            sshd.stop()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()


class SshCrowd(SshFleet):
    """More servers than there could be sshd's: each of these is sixteen, as many addresses as an sshd listens on."""

    def _found(self, directory, count, public):
        self.sshds = [SharedSshd(directory, number, min(16, count - 16 * number), public) for number in range((count + 15) // 16)]
        self.servers = [place for sshd in self.sshds for place in sshd.places]
