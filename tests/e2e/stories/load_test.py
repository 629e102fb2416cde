"""Each strategy behind each proxy, on booted machines, under a constant load of about 1,000 requests a second: no request fails, and
the share that is seen is the one that was asked for."""
import os
import shutil
import tempfile
import unittest

from programs import instances, proxies, steady_load
from scenario import OnMachines, Scenario
from sshds import SshServer

APP = os.path.join(os.path.dirname(steady_load.__file__), 'small_app.py')
PLACE = '/run/shop$SLOT'
START = 'PORT="${PORT:-8080}"; export PORT; ' + instances.start('python3 app.py', PLACE)
STOP = instances.stop(PLACE)


class UnderLoad:
    """The stories; each proxy has a class of its own below. The proxy runs on a host of its own that is reached over SSH."""

    servers_wanted = 3
    proxy_class = None

    @classmethod
    def setUpClass(cls):
        if not cls.proxy_class.program():
            raise unittest.SkipTest(f'{cls.proxy_class.__name__} is not installed')
        super().setUpClass()
        cls.edge = SshServer(cls.directory, 'edge', cls.fleet.public_key).start()
        cls.addClassCleanup(cls.edge.stop)

    def setUp(self):
        self.shop = self.application()
        self.cluster.apply(self.shop.server_object(self.edge))
        self.place = tempfile.mkdtemp(prefix='proxy-', dir=self.directory)
        self.proxy = self.proxy_class(self.place).start()
        self.addCleanup(self.proxy.stop)
        self.addCleanup(self.end_instances)
        self.url = f'http://127.0.0.1:{self.proxy.port}/version.txt'
        shutil.copy(APP, os.path.join(self.shop.source, 'app.py'))
        self.spec = {'process': {'command': {'start': START, 'stop': STOP}},
                     'health': {'http': {'path': '/version.txt', 'port': 8080}, 'attempts': 50, 'interval': '100ms'},
                     'traffic': {**self.proxy.traffic(), 'servers': ['edge'], 'drainTimeout': '5s'}}
        self.slots = {'slots': {slot: {'port': 8081 + at} for at, slot in enumerate(('blue', 'green'))}}

    def end_instances(self):
        for machine in self.shop.servers:
            machine.shell('for file in /run/shop*.pid; do [ -e "$file" ] && kill $(cat "$file"); rm -f "$file"; done; true')

    def load(self):
        return steady_load.SteadyLoad(self.url, retries=self.proxy.retries)

    def all_on(self, version):
        """Nobody asks while this looks."""
        seen = steady_load.observed(self.url, 0.5, retries=self.proxy.retries)
        self.assertEqual(100, seen.share(version), msg=str(seen.answers))

    def deploy(self, version, outcome='Completed', **spec):
        return self.shop.deploy(version, outcome, **{**self.spec, **spec})

    def check(self, load, *versions):
        print(f'{sum(load.answers.values())} answers, {load.rate:.0f}/s, {load.again} made again; ', end='', flush=True)
        self.assertEqual({}, load.failures)
        self.assertEqual(set(versions), set(load.answers))
        self.assertEqual([], load.broken[:5])

    def test_rolling(self):
        spec = {'strategy': {'type': 'Rolling', 'rolling': {'batchSize': 1}},
                'process': {'command': {'reload': f'{STOP}\n{START}'}},
                'traffic': {**self.spec['traffic'], 'port': 8080}}
        self.deploy('1.0.0', **spec)
        with self.load() as load:
            self.deploy('2.0.0', **spec)
        self.check(load, '1.0.0', '2.0.0')
        self.all_on('2.0.0')

    def test_blue_green(self):
        spec = {**self.slots, 'strategy': {'type': 'BlueGreen', 'blueGreen': {'scaleDownDelay': '1s'}}}
        self.deploy('1.0.0', **spec)
        with self.load() as load:
            self.deploy('2.0.0', **spec)
        self.check(load, '1.0.0', '2.0.0')
        self.all_on('2.0.0')

    def test_canary(self):
        spec = {**self.slots, 'strategy': {'type': 'Canary', 'canary': {
            'steps': [{'setWeight': 20}, {'pause': {}}, {'setWeight': 60}, {'pause': {}}], 'scaleDownDelay': '1s'}}}
        self.deploy('1.0.0', **spec)
        with self.load() as load:
            self.shop.apply('2.0.0', **{**self.spec, **spec})
            for weight in (20, 60):
                self.shop.wait_for_person('2.0.0')
                seen = load.window(2.0)
                self.assertAlmostEqual(weight, steady_load.share(seen, '2.0.0'), delta=2, msg=str(seen))
                token = self.shop.annotate('promote')
                self.assertIn('Accepted', self.shop.verdict('promote', token))
            self.shop.wait_until_ready('2.0.0')
        self.check(load, '1.0.0', '2.0.0')

    def test_a_version_that_does_not_start(self):
        spec = {**self.slots, 'strategy': {'type': 'Canary', 'canary': {'steps': [{'setWeight': 50}], 'scaleDownDelay': '1s'}}}
        self.deploy('1.0.0', **spec)
        with open(os.path.join(self.shop.source, 'broken'), 'w'):
            pass
        with self.load() as load:
            self.deploy('2.0.0', 'RolledBack', **spec)
        self.check(load, '1.0.0')


class LoadBehindNginx(UnderLoad, OnMachines, Scenario):
    proxy_class = proxies.Nginx


class LoadBehindHaProxy(UnderLoad, OnMachines, Scenario):
    proxy_class = proxies.HaProxy


class LoadBehindCaddy(UnderLoad, OnMachines, Scenario):
    proxy_class = proxies.Caddy


class LoadBehindCaddyOfToday(UnderLoad, OnMachines, Scenario):
    proxy_class = proxies.CaddyOfToday


class LoadBehindTraefik(UnderLoad, OnMachines, Scenario):
    proxy_class = proxies.Traefik


if __name__ == '__main__':
    unittest.main()
