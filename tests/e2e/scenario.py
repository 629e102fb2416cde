"""What every end-to-end test needs: a fleet of servers, a daemon, and one application of its own per test."""
import atexit
import itertools
import os
import shutil
import tempfile
import unittest

import machines
import processes
from cluster import Cluster
from sshds import SshFleet

BIN = os.environ.get('SLIPWAY_BIN', '')
_tokens = itertools.count(1)


class Application:
    """One Release of its own namespace, on servers of a fleet, with a source directory and a root of its own."""

    def __init__(self, cluster, fleet, name, servers=None):
        self.cluster, self.fleet, self.name = cluster, fleet, name
        self.servers = servers or fleet.servers
        self.namespace, self.root = name, fleet.root.rsplit('/', 1)[0] + '/' + name
        self.source = tempfile.mkdtemp(prefix='slipway-source-')
        atexit.register(shutil.rmtree, self.source, ignore_errors=True)
        self.spec = {'source': {'directory': {'path': self.source}}, 'destinations': [{'name': 'fleet'}],
                     'layout': {'root': self.root, 'requiredFiles': ['version.txt']},
                     'health': {'attempts': 2, 'interval': '1s'}}

    def server_object(self, server, **spec):
        return {'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Server', 'metadata': self._meta(server.name),
                'spec': {'address': server.address, 'port': server.port, 'user': server.user,
                         'keySecretRef': {'name': 'login'}, 'hostKeys': [server.host_key], **spec}}

    def _meta(self, name):
        return {'name': name, 'namespace': self.namespace}

    def set_up(self):
        self.cluster.apply(
            {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': self.namespace}},
            {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': self._meta('login'),
             'stringData': {'ssh-privatekey': self.fleet.private_key}},
            *[self.server_object(server) for server in self.servers],
            {'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Destination', 'metadata': self._meta('fleet'),
             'spec': {'servers': [server.name for server in self.servers]}})
        return self

    def release_object(self, version, **spec):
        return {'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Release', 'metadata': self._meta('shop'),
                'spec': {**self.spec, 'version': version, **spec}}

    def apply(self, version, **spec):
        """Writes the content of `version` and applies the Release; does not wait."""
        with open(os.path.join(self.source, 'version.txt'), 'w') as file:
            file.write(version + '\n')
        self.cluster.apply(self.release_object(version, **spec))

    def deploy(self, version, outcome='Completed', **spec):
        """apply, wait for the end of the run it caused, and compare the outcome. The run."""
        known = {run['metadata']['name'] for run in self.runs()}
        self.apply(version, **spec)
        return self.wait_for_run(known, outcome)

    def request(self, verb, value='', outcome='Completed'):
        """A verb by annotation, as kubectl users do it, and the end of the run that it causes."""
        known = {run['metadata']['name'] for run in self.runs()}
        self.annotate(verb, value)
        return self.wait_for_run(known, outcome)

    def annotate(self, verb, value=''):
        """The token; what became of it is in status.handledRequests."""
        token = f'{value}#{next(_tokens)}'
        self.cluster.kubectl('annotate', '--overwrite', '-n', self.namespace, 'release', 'shop', f'slipway.dev/{verb}={token}')
        return token

    def verdict(self, verb, token, seconds=20):
        def handled():
            entry = self.release()['status'].get('handledRequests', {}).get(verb, {})
            return entry.get('token') == token and entry['result']
        return processes.wait_for(handled, seconds, f'the answer to {verb}')

    def release(self):
        return self.cluster.get('releases', 'shop', self.namespace)

    def runs(self):
        found = self.cluster.list('releaseruns', self.namespace)
        return sorted(found, key=lambda run: (len(run['metadata']['name']), run['metadata']['name']))

    def wait_for_run(self, known=(), outcome=None, seconds=180):
        """The end of the newest run that is not in `known`."""
        def ended():
            new = [run for run in self.runs() if run['metadata']['name'] not in known]
            return new and new[-1].get('status', {}).get('outcome') and new[-1]
        run = self._wait(ended, seconds, 'the end of a run')
        if outcome and run['status']['outcome'] != outcome:
            raise AssertionError(f'the run ended {run["status"]["outcome"]}, expected {outcome}\n{self.describe()}')
        return run

    def wait_for_step(self, run, server, step, states, seconds=60):
        def reached():
            return self.step(self.cluster.get('releaseruns', run, self.namespace), server, step).get('state') in states
        processes.wait_for(reached, seconds, f'{step} of {server} to be {states}')

    @staticmethod
    def step(run, server, step):
        for target in run.get('status', {}).get('targets', []):
            if target['name'] == server:
                return target.get('steps', {}).get(step, {})
        return {}

    def wait_for_person(self, version, seconds=90):
        """Until the run of `version` waits for a person. The run's name."""
        def paused():
            status = self.release().get('status', {})
            return status.get('phase') == 'Paused' and status.get('versions', {}).get('attempted') == version
        self._wait(paused, seconds, f'{version} to wait for a person')
        return self.runs()[-1]['metadata']['name']

    def wait_for_reason(self, version, reason, seconds=90):
        """Until the newest run of `version` is where it is said to be. The run's name."""
        def there():
            runs = [run for run in self.runs() if run['spec']['version'] == version]
            return runs and runs[-1]['status'].get('transitions', [{}])[-1].get('reason') == reason and runs[-1]
        return self._wait(there, seconds, f'{version} to be {reason}')['metadata']['name']

    def _wait(self, what, seconds, name):
        try:
            return processes.wait_for(what, seconds, name)
        except AssertionError as error:
            raise AssertionError(f'{error}\n{self.describe()}') from None

    def wait_until_ready(self, version, seconds=60):
        def ready():
            status = self.release().get('status', {})
            return self.condition('Ready').get('status') == 'True' and status['versions'].get('applied') == version
        processes.wait_for(ready, seconds, f'Ready with {version}')

    def wait_for_condition(self, kind, status, seconds=20):
        """The release says so soon after its run has ended: they are two objects."""
        processes.wait_for(lambda: self.condition(kind).get('status') == status, seconds, f'{kind} to be {status}')

    def condition(self, kind):
        conditions = self.release().get('status', {}).get('conditions', [])
        return next((each for each in conditions if each['type'] == kind), {})

    def describe(self):
        """For messages: what the run, the release and the log say."""
        lines = []
        for run in self.runs()[-2:]:
            status = run.get('status', {})
            lines.append(f'{run["metadata"]["name"]}: {status.get("phase")} {status.get("message")}')
            for target in status.get('targets', []):
                for name, step in target.get('steps', {}).items():
                    if step.get('state') != 'Done':
                        lines.append(f'  {target["name"]} {name}: {step}')
        try:
            lines.append(f'release: {self.release().get("status")}')
        except Exception as error:  # it may not exist
            lines.append(str(error))
        return '\n'.join(lines) + '\nslipwayd: ' + self.cluster.log()[-1500:]

    # --- what is on the servers ---------------------------------------------------------------------------------------

    def on(self, server, *parts):
        return os.path.join(server.path(self.root), *parts)

    def link(self, server, name='current'):
        """The release id a link names; None when there is no such link."""
        try:
            return os.path.basename(os.readlink(self.on(server, f'{name}-production')))
        except FileNotFoundError:
            return None

    def links(self, name='current'):
        return [self.link(server, name) for server in self.servers]

    def served(self):
        out = []
        for server in self.servers:
            with open(self.on(server, 'current-production', 'version.txt')) as file:
                out.append(file.read().strip())
        return out

    def prepared(self, server):
        directory = self.on(server, 'releases', 'production')
        return sorted(os.listdir(directory)) if os.path.isdir(directory) else []

    def mark(self, server, name):
        """A file beside the releases, where the build steps and checks of the tests look for it."""
        os.makedirs(self.on(server), exist_ok=True)
        with open(self.on(server, name), 'w'):
            pass

    def unmark(self, server, name):
        os.remove(self.on(server, name))

    def lines(self, server, name):
        try:
            with open(self.on(server, name)) as file:
                return file.read().split()
        except FileNotFoundError:
            return []


class Scenario(unittest.TestCase):
    """Base of the tests: one fleet and one daemon per class, one Application per test."""

    fleet = cluster = directory = None
    servers_wanted = 3
    daemon_arguments = ()

    @classmethod
    def make_fleet(cls):
        return SshFleet(os.path.join(cls.directory, 'servers'), cls.servers_wanted)

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix='slipway-e2e-')
        if os.environ.get('SLIPWAY_KEEP'):
            print(f'kept: {cls.directory}', flush=True)
        else:
            cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.fleet = cls.make_fleet()
        cls.addClassCleanup(cls.fleet.stop)
        cls.fleet.start()
        cls.cluster = Cluster(BIN, os.path.join(cls.directory, 'slipwayd'), cls.daemon_arguments)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()

    def tearDown(self):
        if self.cluster.process and self.cluster.process.poll() is not None:
            code = self.cluster.process.returncode
            if not os.environ.get('SLIPWAY_KEEP'):
                self.cluster.start()  # the other tests have a daemon again
            self.fail(f'slipwayd ended by itself with {code}; its log ends with:\n{self.cluster.log()[-3000:]}')

    def application(self, servers=None):
        name = self.id().rsplit('.', 1)[1].replace('test_', '').replace('_', '-')[:50].strip('-')
        return Application(self.cluster, self.fleet, name, servers).set_up()


class OnMachines:
    """Mixed in before Scenario: five booted machines instead of sshd's."""

    servers_wanted = 5

    @classmethod
    def make_fleet(cls):
        return machines.MachineFleet(cls.servers_wanted)

    @classmethod
    def setUpClass(cls):
        reason = machines.why_not()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()
