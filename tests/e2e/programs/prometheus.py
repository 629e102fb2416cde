"""A real Prometheus of the current user's, that scrapes what it is told to."""
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import processes


class Prometheus:
    def __init__(self, directory, ports):
        self.directory, self.ports, self.process = directory, ports, None
        self.port = processes.free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        os.makedirs(directory, exist_ok=True)

    @staticmethod
    def program():
        return shutil.which('prometheus')

    def start(self):
        targets = ', '.join(f'"127.0.0.1:{port}"' for port in self.ports)
        config = os.path.join(self.directory, 'prometheus.yml')
        with open(config, 'w') as file:
            file.write('global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n'
                       f'scrape_configs: [{{job_name: shop, static_configs: [{{targets: [{targets}]}}]}}]\n')
        command = [self.program(), f'--config.file={config}', f'--storage.tsdb.path={self.directory}/data',
                   f'--web.listen-address=127.0.0.1:{self.port}', '--log.level=warn']
        with open(os.path.join(self.directory, 'out'), 'ab') as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True)
        processes.wait_for(self._ready, 30, 'prometheus to be ready', self.process)
        return self

    def _ready(self):
        try:
            with urllib.request.urlopen(f'{self.url}/-/ready', timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def query(self, text):
        with urllib.request.urlopen(f'{self.url}/api/v1/query?query={urllib.parse.quote(text)}', timeout=5) as answer:
            return json.load(answer)['data']['result']

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
