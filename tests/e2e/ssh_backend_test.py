"""The ways to reach servers end alike: one process, one ssh program for each command, and one command at a time."""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile

import processes
from cluster import Cluster
from scenario import BIN, Scenario
from story import SICK_CHECK

FAILING = [{'name': 'assets', 'run': 'if [ -e ../../../broken ]; then echo cannot make assets; exit 7; fi'}]


class SshBackends(Scenario):
    @contextlib.contextmanager
    def with_backend(self, backend):
        """An application with a daemon of its own on the class's servers, which are as before afterwards."""
        directory, before = tempfile.mkdtemp(prefix='slipway-e2e-'), self.cluster
        try:
            with Cluster(BIN, directory, ['--ssh-backend', backend]) as self.cluster:
                shop = self.application()
                yield shop
        finally:
            self.cluster = before
            shutil.rmtree(directory, ignore_errors=True)
            for server in self.fleet.servers:
                shutil.rmtree(shop.on(server), ignore_errors=True)

    def tell(self, shop):
        """The same tale for each back end. What came of it."""
        ends = [shop.deploy('1.0.0', build=FAILING, health=SICK_CHECK), shop.deploy('2.0.0', build=FAILING, health=SICK_CHECK)]
        shop.mark(shop.servers[1], 'broken')
        ends.append(shop.deploy('3.0.0', 'Failed', build=FAILING, health=SICK_CHECK))
        shop.unmark(shop.servers[1], 'broken')
        shop.mark(shop.servers[2], 'sick')
        ends.append(shop.deploy('4.0.0', 'RolledBack', build=FAILING, health=SICK_CHECK))
        shop.unmark(shop.servers[2], 'sick')
        outcomes = [run['status']['outcome'] for run in ends]
        steps = [{(target['name'], name): (step['state'], step.get('exitCode')) for target in run['status']['targets']
                  for name, step in target['steps'].items()} for run in ends]
        return outcomes, steps, shop.links(), shop.links('previous'), shop.served()

    def compare(self, shop):
        got = self.tell(shop)
        self.assertEqual(['Completed', 'Completed', 'Failed', 'RolledBack'], got[0])
        self.assertEqual((['2.0.0'] * 3, ['1.0.0'] * 3, ['2.0.0'] * 3), got[2:])
        failed = got[1][2]
        self.assertEqual(('Failed', 7), failed[shop.servers[1].name, 'prepare'])
        self.assertFalse([key for key in failed if key[1] == 'switch'])
        return got[1]

    def metric(self, name):
        body = self.cluster.request('GET', '/metrics')['message']
        return float(re.search(rf'^{name} (\S+)$', body, re.M).group(1))

    def reasons(self, shop):
        events = self.cluster.request('GET', f'/api/v1/namespaces/{shop.namespace}/events')['items']
        return {event['reason'] for event in events}

    def test_every_back_end_ends_with_the_same_state(self):
        """The sequential one says that it is; the others are not."""
        seen = {}
        for backend in ('libssh', 'openssh', 'sequential'):
            with self.subTest(backend), self.with_backend(backend) as shop:
                seen[backend] = self.compare(shop)
                alone = backend == 'sequential'
                self.assertEqual(0 if alone else 1, self.metric('slipway_ssh_parallel'))
                self.assertEqual(alone, 'one server at a time' in self.cluster.log())
                processes.wait_for(lambda: 'Completed' in self.reasons(shop), 10, 'events')
                self.assertEqual(alone, 'SwitchInTurn' in self.reasons(shop))
                if backend == 'openssh':
                    self.assertEqual([], os.listdir(os.path.join(self.cluster.data, 'ssh')), 'private files were left')
        self.assertEqual(seen['libssh'], seen['openssh'])
        self.assertEqual(seen['libssh'], seen['sequential'])

    def test_one_at_a_time_an_abort_ends_the_build_that_runs(self):
        with self.with_backend('sequential') as shop:
            self.abort_and_go_on(shop)

    def abort_and_go_on(self, shop):
        shop.deploy('1.0.0')
        known = [run['metadata']['name'] for run in shop.runs()]
        shop.apply('2.0.0', build=[{'name': 'hold', 'run': ': > ../../../holding; sleep 600'}])
        processes.wait_for(lambda: any(os.path.exists(shop.on(each, 'holding')) for each in shop.servers), 60, 'a build')
        self.assertRegex(shop.verdict('abort', shop.annotate('abort')), '^Accepted')
        shop.wait_for_run(known, 'Cancelled')
        self.assertEqual(['1.0.0'] * 3, shop.links())
        shop.deploy('3.0.0')
        self.assertEqual(['3.0.0'] * 3, shop.links())

    def test_a_backend_that_is_none_is_refused(self):
        code, output = self.daemon('--ssh-backend', 'telnet')
        self.assertEqual(2, code, output)
        self.assertIn('--ssh-backend', output)
        code, output = self.daemon('--ssh-backend', 'openssh', path='/nonexistent')
        self.assertEqual(1, code, output)
        self.assertIn('install the OpenSSH client', output)

    def daemon(self, *arguments, path=None):
        directory = tempfile.mkdtemp(prefix='slipway-e2e-')
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        environment = dict(os.environ, PATH=path) if path else None
        done = subprocess.run([os.path.join(BIN, 'slipwayd'), 'serve', '--data-dir', directory, '--listen', '127.0.0.1:0',
                               *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                              timeout=60)
        return done.returncode, done.stdout
