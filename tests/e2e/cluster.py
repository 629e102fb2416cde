"""A `slipwayd serve` of one's own, and the two ways to talk to it: kubectl as a user has it, and plain HTTPS for polling."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.parse

import processes

GROUP = '/apis/slipway.dev/v1alpha1'


def kubectl_program():
    return shutil.which('kubectl')


class ApiError(Exception):
    def __init__(self, code, status):
        super().__init__(f'{code} {status.get("reason")}: {status.get("message")}')
        self.code, self.status = code, status


class Cluster:
    """Starts, kills and restarts one daemon over one data directory. A context manager."""

    def __init__(self, bin_directory, directory, arguments=()):
        self.bin, self.directory, self.arguments = os.path.abspath(bin_directory), os.path.abspath(directory), list(arguments)
        os.makedirs(self.directory, exist_ok=True)
        self.data = os.path.join(self.directory, 'data')
        self.kubeconfig = os.path.join(self.directory, 'kubeconfig')
        self.log_path = os.path.join(self.directory, 'slipwayd.log')
        self.listen, self.url, self.process, self.pid, self.started, self.tls = '127.0.0.1:0', None, None, 0, None, None

    def start(self, seconds=60):
        """Until the ready line is printed. A restart listens where the first start did."""
        command = [os.path.join(self.bin, 'slipwayd'), 'serve', '--data-dir', self.data, '--listen', self.listen,
                   '--kubeconfig-out', self.kubeconfig] + self.arguments
        out = os.path.join(self.directory, 'slipwayd.out')
        with open(out, 'wb') as stdout, open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
                                            start_new_session=True, cwd=self.directory)
        self.pid, self.started = self.process.pid, processes.start_time(self.process.pid)

        def ready():
            with open(out, errors='replace') as file:
                return re.search(r'(https://([\w.\[\]:]+:\d+))\S*.*\n', file.read())
        try:
            found = processes.wait_for(ready, seconds, 'slipwayd serve', self.process)
        except AssertionError as error:
            raise AssertionError(f'{error}; its log ends with:\n{self.log()[-3000:]}') from None
        self.url, self.listen = found.group(1), found.group(2)
        self._load_credentials()
        return self

    def _load_credentials(self):
        with open(self.kubeconfig) as file:
            text = file.read()

        def data(name):
            found = re.search(rf'"?{name}"?:\s*"?([A-Za-z0-9+/=]+)', text)
            return base64.b64decode(found.group(1)).decode() if found else None
        self.tls = ssl.create_default_context(cadata=data('certificate-authority-data'))
        with tempfile.NamedTemporaryFile('w') as file:
            file.write(data('client-certificate-data') + '\n' + data('client-key-data'))
            file.flush()
            self.tls.load_cert_chain(file.name)

    def log(self):
        return processes.text_of(self.log_path)

    def kill(self):
        """As a power cut would: no warning, no clean-up."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError('slipwayd did not stop within 30 s of SIGTERM') from None
        return self.process.returncode

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- kubectl, or our own client where there is none ---------------------------------------------------------------

    def client(self):
        """(command line, does it say that kubectl is missing)"""
        found = kubectl_program()
        if found:
            return [found, '--kubeconfig', self.kubeconfig], False
        return [os.path.join(self.bin, 'slipway')], True

    def environment(self):
        return dict(os.environ, KUBECONFIG=self.kubeconfig, KUBECACHEDIR=os.path.join(self.directory, 'kubectl-cache'))

    def try_kubectl(self, *arguments, stdin=None, seconds=60):
        """(exit code, output with errors)"""
        done = subprocess.run(self.client()[0] + list(arguments), input=stdin, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.environment(), timeout=seconds)
        return done.returncode, done.stdout

    def kubectl(self, *arguments, stdin=None, seconds=60):
        code, output = self.try_kubectl(*arguments, stdin=stdin, seconds=seconds)
        if code:
            raise AssertionError(f'kubectl {" ".join(arguments)} ended with {code}: {output}')
        return output

    def slipway(self, *arguments, stdin=None, seconds=60):
        """(exit code, output with errors) of our own command line."""
        done = subprocess.run([os.path.join(self.bin, 'slipway')] + list(arguments), input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment(), timeout=seconds)
        return done.returncode, done.stdout

    def apply(self, *objects):
        return self.kubectl('apply', '-f', '-', stdin=''.join('---\n' + json.dumps(each) + '\n' for each in objects))

    # --- plain requests -----------------------------------------------------------------------------------------------

    def request(self, method, path, body=None, content_type='application/json', seconds=30):
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPSConnection(address.hostname, address.port, context=self.tls, timeout=seconds)
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, text, {'Accept': 'application/json', 'Content-Type': content_type})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            value = json.loads(content) if content else {}
        except ValueError:
            value = {'message': content.decode(errors='replace')}
        if response.status >= 400:
            raise ApiError(response.status, value)
        return value

    def get(self, plural, name, namespace='default'):
        return self.request('GET', f'{GROUP}/namespaces/{namespace}/{plural}/{name}')

    def find(self, plural, name, namespace='default'):
        try:
            return self.get(plural, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, plural, namespace='default'):
        return self.request('GET', f'{GROUP}/namespaces/{namespace}/{plural}')['items']

    def merge(self, plural, name, patch, namespace='default'):
        return self.request('PATCH', f'{GROUP}/namespaces/{namespace}/{plural}/{name}', patch,
                            'application/merge-patch+json')
