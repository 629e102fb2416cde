"""Hooks over real sshd's and a small real HTTP server: their order, and that none of them runs twice."""
import http.server
import threading
import time

import processes
from scenario import Scenario
from story import SICK_CHECK

POINTS = ('Backup', 'BeforeBuild', 'AfterBuild', 'BeforeSwitch', 'Drain', 'Restore', 'AfterSwitch', 'AfterRollback', 'OnFailure')


class Listener(http.server.ThreadingHTTPServer):
    """Remembers every request; without `go` the answers are held back."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.seen, self.go = [], threading.Event()
        self.go.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_address[1]}'

    def paths(self):
        return [path for path, _, _ in self.seen]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.go.wait(60)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def hook(at, **more):
    return {'name': at.lower(), 'at': at, **more}


class Hooks(Scenario):
    servers_wanted = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.stop()
        cls.cluster.arguments += ['--allow-outbound', '127.0.0.1']
        cls.cluster.start()

    def setUp(self):
        self.listener = Listener()
        self.addCleanup(self.listener.server_close)
        self.addCleanup(self.listener.shutdown)
        self.addCleanup(self.listener.go.set)
        self.shop = self.application()
        self.rolling = {'type': 'Rolling', 'rolling': {'order': [self.shop.servers[0].name]}}

    def every_hook(self):
        """A request for each point, which tells the listener where the run is."""
        return [hook(at, http={'url': f'{self.listener.url}/{at}/{{{{server}}}}/{{{{version}}}}',
                               'headers': {'X-Run': '{{run}}'}, 'body': '{"before": "{{previousVersion}}"}'}) for at in POINTS]

    def taken(self):
        return [path.rsplit('/', 1)[0].strip('/') for path in self.listener.paths()]

    def test_hooks_run_in_order_over_a_good_and_a_failed_release(self):
        one, two = (server.name for server in self.shop.servers)
        forward = [f'Backup/{one}', f'BeforeBuild/{one}', f'AfterBuild/{one}', f'BeforeSwitch/{one}', f'Drain/{one}',
                   f'Restore/{one}', f'Drain/{two}']
        self.shop.deploy('1.0.0', strategy=self.rolling, health=SICK_CHECK, hooks=self.every_hook())
        self.assertEqual(forward + [f'Restore/{two}', f'AfterSwitch/{one}'], self.taken())
        self.assertEqual(('shop-1', '{"before": ""}'), (self.listener.seen[0][1]['X-Run'], self.listener.seen[0][2]))
        self.listener.seen.clear()
        self.shop.mark(self.shop.servers[1], 'sick')
        self.shop.deploy('2.0.0', 'RolledBack', strategy=self.rolling, health=SICK_CHECK, hooks=self.every_hook())
        self.assertEqual(forward + [f'Restore/{two}', f'Drain/{one}', f'Restore/{one}', f'AfterRollback/{one}',
                                    f'OnFailure/{one}'], self.taken())
        self.assertEqual('{"before": "1.0.0"}', self.listener.seen[-1][2])
        self.assertEqual(['1.0.0'] * 2, self.shop.links())
        _, output = self.cluster.slipway('status', 'shop', '-n', self.shop.namespace)
        self.assertIn('hook backup', output)

    def test_a_failed_backup_changes_nothing(self):
        self.shop.deploy('1.0.0')
        run = self.shop.deploy('2.0.0', 'Failed', hooks=[hook('Backup', run='echo no room for it; exit 3'),
                                                         hook('OnFailure', http={'url': self.listener.url + '/failed'})])
        self.assertIn('exit code 3', run['status']['message'])
        self.assertEqual('no room for it', run['status']['hooks']['backup']['tail'])
        self.assertEqual([['1.0.0']] * 2, [self.shop.prepared(server) for server in self.shop.servers])
        self.assertEqual(['/failed'], self.listener.paths())
        _, output = self.cluster.slipway('logs', 'shop', '-n', self.shop.namespace)
        self.assertIn('no room for it', output)

    def test_a_command_runs_once_although_the_controller_is_killed_in_it(self):
        self.shop.apply('1.0.0', hooks=[hook('Backup', run='echo "$VERSION" >> hooks.log; sleep 3')])
        first = self.shop.servers[0]
        processes.wait_for(lambda: self.shop.lines(first, 'hooks.log'), 30, 'the hook to begin')
        self.cluster.kill()
        self.cluster.start()
        run = self.shop.wait_for_run((), 'Completed')
        self.assertEqual(['1.0.0'], self.shop.lines(first, 'hooks.log'))
        self.assertEqual('Done', run['status']['hooks']['backup']['state'])

    def test_a_request_is_sent_once_and_a_person_decides_what_a_kill_left_open(self):
        self.listener.go.clear()
        self.shop.apply('1.0.0', hooks=[hook('BeforeSwitch', http={'url': self.listener.url + '/mail'})])
        processes.wait_for(lambda: self.listener.seen, 30, 'the request')
        self.cluster.kill()
        self.listener.go.set()
        self.cluster.start()

        def asks():
            runs = self.shop.runs()
            return runs and runs[-1]['status']['phase'] == 'Paused' and runs[-1]
        run = processes.wait_for(asks, 60, 'the question')
        self.assertEqual('HookOutcomeUnknown', run['status']['transitions'][-1]['reason'])
        self.assertIn('nobody knows', run['status']['message'])
        time.sleep(1)
        self.assertEqual(['/mail'], self.listener.paths())
        self.shop.annotate('promote')
        self.shop.wait_for_run((), 'Completed')
        self.assertEqual(['/mail'], self.listener.paths())
