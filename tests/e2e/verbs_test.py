"""The command line's verbs against real servers: enrolment, pause and resume, locks, watches, and the kubectl plug-in."""
import os
import signal
import subprocess

import processes
from scenario import Scenario
from story import HELD_BUILD


class Verbs(Scenario):
    servers_wanted = 2

    def slipway(self, app, *arguments, code=0, user=None):
        before = os.environ.get('USER')
        if user:
            os.environ['USER'] = user
        try:
            got, output = self.cluster.slipway(*arguments, '-n', app.namespace)
        finally:
            if user:
                os.environ.pop('USER') if before is None else os.environ.update(USER=before)
        self.assertEqual(code, got, output)
        return output

    def test_an_enrolled_server_is_reached_and_one_with_another_key_is_not(self):
        app = self.application()
        server, other = app.servers
        for each in app.servers:
            self.cluster.kubectl('-n', app.namespace, 'delete', 'server', each.name)
        shown = processes.run('ssh-keygen', '-lf', os.path.join(server.directory, 'host_key.pub')).split()[1]
        self.assertIn('--address', self.slipway(app, 'server', 'enrol', server.name, code=2))
        enrol = ['server', 'enrol', server.name, '--address', server.address, '--port', str(server.port), '--user', server.user,
                 '--key-secret', 'login']
        self.assertIn('no terminal', self.slipway(app, *enrol, code=2))
        output = self.slipway(app, *enrol, '--fingerprint', 'SHA256:' + 'A' * 43, code=1)
        self.assertIn('nothing is recorded', output)
        self.assertIsNone(self.cluster.find('servers', server.name, app.namespace))
        output = self.slipway(app, *enrol, '--fingerprint', shown, '--label', 'role=web')
        self.assertIn(shown, output)
        recorded = self.cluster.get('servers', server.name, app.namespace)
        self.assertEqual([server.host_key], recorded['spec']['hostKeys'])
        self.assertEqual('web', recorded['metadata']['labels']['role'])
        self.assertIn(shown, self.slipway(app, 'server', 'list'))
        self.cluster.apply({'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Destination',
                            'metadata': {'name': 'fleet', 'namespace': app.namespace}, 'spec': {'servers': [server.name]}})
        app.deploy('1.0.0')
        self.assertEqual('1.0.0', app.link(server))
        # The machine at that address is another one from now on.
        self.cluster.merge('servers', server.name, {'spec': {'port': other.port}}, app.namespace)
        run = app.deploy('2.0.0', 'Failed')
        self.assertEqual('Denied', app.step(run, server.name, 'prepare')['code'])
        self.assertIn(f'slipway server enrol {server.name}', app.step(run, server.name, 'prepare')['message'])
        # What the message says, word for word.
        self.assertIn('configured', self.slipway(app, 'server', 'enrol', server.name, '--yes'))
        self.assertEqual(other.port, self.cluster.get('servers', server.name, app.namespace)['spec']['port'])
        app.request('retry')
        self.assertEqual('2.0.0', app.link(other))

    def test_a_paused_run_goes_on_when_told(self):
        app = self.application()
        app.apply('1.0.0', build=HELD_BUILD)
        for server in app.servers:
            processes.wait_for(lambda path=app.on(server, 'holding'): os.path.exists(path), 60, f'the build on {server.name}')
        self.slipway(app, 'pause', 'shop')
        for server in app.servers:
            app.mark(server, 'go-1.0.0')
        name = app.runs()[0]['metadata']['name']
        for server in app.servers:
            app.wait_for_step(name, server.name, 'prepare', ['Done'])
        self.assertEqual('Paused', self.cluster.get('releaseruns', name, app.namespace)['status']['phase'])
        self.assertEqual([None, None], app.links())
        processes.wait_for(lambda: 'prepared 2/2' in self.slipway(app, 'status', 'shop', code=3), 20, 'the count of a paused run')
        self.slipway(app, 'resume', 'shop', '--wait')
        self.assertEqual(['1.0.0'] * 2, app.links())
        described = self.slipway(app, 'describe', f'run/{name}')
        for part in ('Outcome:      Completed', 'Paused', 'commit', 'prepare', 'switch', 'Events:'):
            self.assertIn(part, described)
        self.assertIn(name, self.slipway(app, 'describe', 'release', 'shop'))
        self.assertIn('kubectl describe', self.slipway(app, 'describe', 'server', 'web1', code=2))

    def test_a_lock_is_only_broken_by_force_and_says_who_holds_it(self):
        app = self.application()
        self.slipway(app, 'lock', 'fleet', '-m', 'disk swap', user='alice')
        app.apply('1.0.0')
        processes.wait_for(lambda: 'disk swap' in str(app.runs() or app.release()), 30, 'a run that waits for the lock')
        self.assertIn('alice', self.slipway(app, 'unlock', 'fleet', code=1, user='bob'))
        output = self.slipway(app, 'unlock', 'fleet', '--force', user='bob')
        self.assertIn('unlocked', output)
        # Who broke whose lock stays on record.
        override = self.cluster.get('destinations', 'fleet', app.namespace)['metadata']['annotations']['slipway.dev/lock-override']
        self.assertRegex(override, 'bob@.* lifted the lock of alice@.*: disk swap')
        processes.wait_for(lambda: {'Locked', 'Unlocked', 'LockOverridden'} <= {
            event['reason'] for event in self.cluster.request('GET', f'/api/v1/namespaces/{app.namespace}/events')['items']}, 20, 'the Events of the lock')
        app.wait_for_run(outcome='Completed')
        self.assertIn('not locked', self.slipway(app, 'unlock', 'fleet', user='bob'))

    def test_a_watch_shows_each_change(self):
        app = self.application()
        program, missing = self.cluster.client()
        if missing:
            self.skipTest('kubectl is not installed')
        with open(os.path.join(self.directory, 'watch.out'), 'w+') as out:
            watch = subprocess.Popen([*program, '-n', app.namespace, 'get', 'rel', '-w'], stdout=out, stderr=out,
                                     env=self.cluster.environment())
            try:
                app.deploy('1.0.0')
                app.deploy('2.0.0')

                def seen():
                    with open(out.name) as file:
                        text = file.read()
                    return 'Completed' in text and '2.0.0' in text
                processes.wait_for(seen, 20, 'the versions in the watch')
            finally:
                watch.send_signal(signal.SIGINT)
                watch.wait(20)

    def test_kubectl_finds_the_command_line_as_its_plug_in(self):
        app = self.application()
        program, missing = self.cluster.client()
        if missing:
            self.skipTest('kubectl is not installed')
        app.deploy('1.0.0')
        environment = dict(self.cluster.environment(), PATH=self.cluster.bin + os.pathsep + os.environ['PATH'])
        done = subprocess.run(['kubectl', 'slipway', 'status', 'shop', '-n', app.namespace], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('1.0.0', done.stdout)

    def test_words_that_are_no_command_and_files_that_are_none_are_named(self):
        empty = os.path.join(self.directory, 'empty.yaml')
        with open(empty, 'w'):
            pass
        for arguments, expected in [(['nosuch'], '"nosuch"'), (['server', 'nosuch'], '"server nosuch"'),
                                    (['lint', empty], 'no objects'), (['apply', '-f', empty], 'no objects'),
                                    (['lint', 'nosuch.yaml'], 'nosuch.yaml: cannot be read: No such file'),
                                    (['server', 'enrol', 'x', '--address', '127.0.0.1', '--port', '99999'], '1 to 65535')]:
            code, output = self.cluster.slipway(*arguments)
            self.assertEqual(2, code, output)
            self.assertIn(expected, output)
        code, output = self.cluster.slipway('--kubeconfig', 'nosuch', 'get', 'rel')
        self.assertEqual(1, code, output)
        self.assertIn('No such file', output)
