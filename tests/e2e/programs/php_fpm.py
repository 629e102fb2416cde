"""A real PHP-FPM of the current user's, on a Unix socket, and just enough FastCGI to ask it."""
import glob
import os
import shutil
import socket
import struct
import subprocess

import processes


def program():
    """The newest php-fpm, or None."""
    found = shutil.which('php-fpm') or shutil.which('php-fpm', path='/usr/sbin:/usr/local/sbin')
    return found or next(iter(sorted(glob.glob('/usr/sbin/php-fpm[0-9]*'), reverse=True)), None)


class PhpFpm:
    """One master with one worker, which keeps compiled files and resolved paths as a busy server is told to."""

    def __init__(self, directory):
        self.directory, self.process = directory, None
        # A socket's path has about 100 bytes: it is asked for below /proc/self/fd instead.
        os.makedirs(directory, exist_ok=True)
        self.socket = os.path.join(directory, 's')
        self.config_path = os.path.join(directory, 'fpm.conf')
        self.log_path, self.pid_path = os.path.join(directory, 'fpm.log'), os.path.join(directory, 'fpm.pid')

    def start(self):
        account = 'user = root\ngroup = root\n' if os.getuid() == 0 else ''
        with open(self.config_path, 'w') as file:
            file.write(f'''[global]
error_log = {self.log_path}
pid = {self.pid_path}
process_control_timeout = 5s
[pool]
{account}listen = {self.socket}
pm = static
pm.max_children = 1
catch_workers_output = yes
''')
        settings = ['opcache.enable=1', 'opcache.validate_timestamps=0', 'opcache.file_update_protection=0',
                    'realpath_cache_ttl=3600']
        arguments = [part for each in settings for part in ('-d', each)] + (['-R'] if os.getuid() == 0 else [])
        with open(os.path.join(self.directory, 'out'), 'ab') as out:
            self.process = subprocess.Popen([program(), '-F', '-y', self.config_path, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        processes.wait_for(self._answers, 20, f'php-fpm: {self.log()}', self.process)
        return self

    def wrapper(self):
        """php-fpm as it is to be called here: for root's own pools root has to say so."""
        path = os.path.join(self.directory, 'php-fpm')
        with open(path, 'w') as file:
            file.write(f'#!/bin/sh\nexec {program()} {"-R" if os.getuid() == 0 else ""} "$@"\n')
        os.chmod(path, 0o755)
        return path

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def log(self):
        return processes.text_of(self.log_path)

    def reloads(self):
        return self.log().count('reloading: execvp')

    def _answers(self):
        try:
            with self._connect():
                return True
        except OSError:
            return False

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            connection.connect(f'/proc/self/fd/{directory}/s')
        finally:
            os.close(directory)
        return connection

    def get(self, script):
        """What `script`, a path as the web server is configured with it, prints."""
        def record(kind, body):
            return struct.pack('>BBHHBx', 1, kind, 1, len(body), 0) + body

        def pair(name, value):
            name, value = name.encode(), value.encode()
            return struct.pack('>II', len(name) | 1 << 31, len(value) | 1 << 31) + name + value

        wanted = {'SCRIPT_FILENAME': script, 'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '/index.php', 'REQUEST_URI': '/',
                  'SERVER_PROTOCOL': 'HTTP/1.1', 'QUERY_STRING': ''}
        with self._connect() as connection:
            connection.sendall(record(1, struct.pack('>HB5x', 1, 0)) + record(4, b''.join(pair(*each) for each in wanted.items()))
                               + record(4, b'') + record(5, b''))
            stream, answer = connection.makefile('rb'), b''
            while True:
                head = stream.read(8)
                if len(head) < 8:
                    break
                _, kind, _, length, padding = struct.unpack('>BBHHBx', head)
                body = stream.read(length + padding)[:length]
                answer += body if kind == 6 else b''
                if kind == 3:
                    break
        return answer.decode(errors='replace').partition('\r\n\r\n')[2].strip()
