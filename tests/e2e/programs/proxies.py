"""Real proxies of the current user's, each with one service that a Release's `spec.traffic` names, and a steady load on them."""
import collections
import http.client
import json
import os
import shutil
import subprocess
import threading

import processes


def _found(name):
    return shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/local/bin')


def _built(name):
    """What tests/support/real/go_program.sh has made."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    path = os.path.join(cache, 'slipway', 'programs', name)
    return path if os.access(path, os.X_OK) else None


class Proxy:
    """In front of a service without a backend that answers, as a person has installed it."""

    retries = 0  # connections that are closed without an answer and made again

    def __init__(self, directory):
        self.directory, self.process = directory, None
        self.port = processes.free_port()
        self.alone = threading.Lock()  # who counts shares is not disturbed by a load: proxies give turns to all together
        os.makedirs(directory, exist_ok=True)

    @staticmethod
    def program():
        raise NotImplementedError

    def command(self):
        """Writes the configuration; what to start."""
        raise NotImplementedError

    def traffic(self):
        """spec.traffic of a Release behind it."""
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def start(self):
        command = self.command()
        with open(os.path.join(self.directory, 'out'), 'ab') as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True)
        processes.wait_for(self._answers, 20, f'{command[0]} to answer', self.process)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def _answers(self):
        try:
            return self.get()[0] > 0
        except OSError:
            return False

    def get(self, path='/version.txt'):
        """(status, body)"""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors='replace').strip()
        finally:
            connection.close()

    def share(self, version, requests=200):
        """Percent of requests that a version answers."""
        with self.alone:
            return 100 * sum(self.get()[1] == version for _ in range(requests)) / requests


class Nginx(Proxy):
    @staticmethod
    def program():
        return _found('nginx')

    def command(self):
        self.file = self.write('shop.conf', 'upstream shop {\n    server 127.0.0.1:9;\n}\n')
        self.pid_path = os.path.join(self.directory, 'nginx.pid')
        bodies = ''.join(f'  {name}_temp_path {self.directory}/{name};\n'
                         for name in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        config = self.write('nginx.conf', f'''daemon off; worker_processes 1; pid {self.pid_path}; worker_shutdown_timeout 10s;
events {{ worker_connections 256; }}
http {{
  access_log off;
{bodies}  include {self.file};
  server {{
    listen 127.0.0.1:{self.port} backlog=1024;
    location / {{ proxy_pass http://shop; }}
  }}
}}
''')
        self.arguments = [self.program(), '-p', self.directory, '-e', os.path.join(self.directory, 'error.log'), '-c', config]
        return self.arguments

    def traffic(self):
        command = ' '.join(self.arguments)
        return {'type': 'nginx', 'service': 'shop', 'file': self.file, 'pidFile': self.pid_path,
                'test': f'{command} -t', 'reload': f'{command} -s reload'}


class HaProxy(Proxy):
    @staticmethod
    def program():
        return _found('haproxy')

    def command(self):
        self.admin = os.path.join(self.directory, 'a')
        self.file = self.write('haproxy.cfg', f'''global
    stats socket {self.admin} mode 600 level admin expose-fd listeners
    hard-stop-after 30s
    maxconn 500
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend public
    bind 127.0.0.1:{self.port} backlog 1024
    default_backend shop
backend shop
    balance roundrobin
    server none 127.0.0.1:9 weight 1
''')
        return [self.program(), '-W', '-db', '-f', self.file]

    def traffic(self):
        return {'type': 'haproxy', 'service': 'shop', 'file': self.file, 'admin': self.admin,
                'test': f'{self.program()} -c -f {self.file}', 'reload': f'kill -USR2 {self.process.pid}'}


class Caddy(Proxy):
    # It opens its listening socket anew at each change: see docs/traffic.md.
    retries = 5  # once is nearly always enough

    @staticmethod
    def program():
        return _found('caddy')

    def command(self):
        self.admin = f'127.0.0.1:{processes.free_port()}'
        handler = {'@id': 'shop', 'handler': 'reverse_proxy', 'upstreams': [{'dial': '127.0.0.1:9'}]}
        server = {'listen': [f'127.0.0.1:{self.port}'], 'automatic_https': {'disable': True}, 'routes': [{'handle': [handler]}]}
        self.file = self.write('caddy.json', json.dumps(
            {'admin': {'listen': self.admin, 'config': {'persist': False}},
             'logging': {'logs': {'default': {'level': 'ERROR'}}},
             'apps': {'http': {'grace_period': '10s', 'servers': {'edge': server}}}}))
        return [self.program(), 'run', '--config', self.file]

    def traffic(self):
        return {'type': 'caddy', 'service': 'shop', 'file': self.file, 'admin': self.admin}


class CaddyOfToday(Caddy):
    @staticmethod
    def program():
        return _built('caddy-v2.10.2')


class Traefik(Proxy):
    @staticmethod
    def program():
        return _found('traefik') or _built('traefik-v3.5.3')

    def command(self):
        self.admin = f'127.0.0.1:{processes.free_port()}'
        dynamic = os.path.join(self.directory, 'dynamic')
        os.makedirs(dynamic, exist_ok=True)
        config = self.write('traefik.yml', f'''entryPoints: {{web: {{address: "127.0.0.1:{self.port}"}}, traefik: {{address: "{self.admin}"}}}}
api: {{insecure: true}}
providers: {{providersThrottleDuration: 500ms, file: {{directory: "{dynamic}", watch: true}}}}
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
log: {{level: ERROR}}
''')
        self.write('dynamic/routers.yml', 'http: {routers: {shop: {rule: "PathPrefix(`/`)", service: shop, entryPoints: [web]}}}\n')
        self.file = self.write('dynamic/shop.yml',
                               'http: {services: {shop: {loadBalancer: {servers: [{url: "http://127.0.0.1:9"}]}}}}\n')
        return [self.program(), f'--configFile={config}']

    def traffic(self):
        return {'type': 'traefik', 'service': 'shop', 'file': self.file, 'admin': self.admin}


class Load:
    """Asks all the time until it is left. `failures` are whatever was not answered with 200; `answers` count versions."""

    def __init__(self, proxy):
        self.proxy, self.failures, self.answers = proxy, [], collections.Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _ask(self):
        while not self.over.is_set():
            for left in range(self.proxy.retries, -1, -1):
                try:
                    with self.proxy.alone:
                        status, body = self.proxy.get()
                except OSError as error:
                    if left == 0:
                        self.failures.append(repr(error))
                    continue
                self.answers[body] += status == 200
                if status != 200:
                    self.failures.append(status)
                break
            self.over.wait(0.002)
