"""Two versions beside one another on one server, behind real proxies, under load: nobody is ever sent to what is not ready."""
import os
import tempfile
import unittest

import processes
from programs import instances, proxies
from scenario import Scenario

START = instances.start('python3 -m http.server --bind 127.0.0.1 "$PORT"')
STOP = instances.stop()


class InSlots:
    """One server with two slots, behind a proxy."""

    servers_wanted = 1
    proxy_class = None

    @classmethod
    def setUpClass(cls):
        if not cls.proxy_class.program():
            raise unittest.SkipTest(f'{cls.proxy_class.__name__} is not installed')
        super().setUpClass()

    def setUp(self):
        self.shop = self.application()
        self.home = self.shop.servers[0].home
        self.proxy = self.proxy_class(tempfile.mkdtemp(prefix='proxy-', dir=self.directory)).start()
        self.addCleanup(self.proxy.stop)
        self.addCleanup(instances.end_all, self.home)
        self.spec = {'slots': {slot: {'port': processes.free_port()} for slot in ('blue', 'green')},
                     'process': {'command': {'start': START, 'stop': STOP}},
                     'health': {'http': {'path': '/ok.txt'}, 'attempts': 20, 'interval': '200ms'},
                     'traffic': {**self.proxy.traffic(), 'drainTimeout': '5s'}}

    def content(self, good=True):
        path = os.path.join(self.shop.source, 'ok.txt')
        if good:
            with open(path, 'w') as file:
                file.write('ok\n')
        elif os.path.exists(path):
            os.remove(path)


class Behind(InSlots):
    """The stories; each proxy has a class of its own below."""

    def deploy(self, version, outcome='Completed', **strategy):
        return self.shop.deploy(version, outcome, strategy=strategy, **self.spec)

    def begin(self, version, **strategy):
        """Applies, and waits until the run waits for a person. The run's name."""
        self.shop.apply(version, strategy=strategy, **self.spec)
        return self.shop.wait_for_person(version, 60)

    def weight(self):
        return self.shop.release()['status'].get('weight', {})

    CANARY = {'type': 'Canary', 'canary': {'steps': [{'setWeight': 25}, {'pause': {}}, {'setWeight': 50}],
                                           'scaleDownDelay': '1s'}}
    BLUE_GREEN = {'type': 'BlueGreen', 'blueGreen': {'autoPromote': False, 'scaleDownDelay': '1s'}}

    def test_a_canary_gets_its_share_and_then_everything(self):
        self.content()
        self.deploy('1.0.0', **self.CANARY)
        self.assertEqual((200, '1.0.0'), self.proxy.get())
        with proxies.Load(self.proxy) as load:
            run = self.begin('2.0.0', **self.CANARY)
            self.assertEqual({'requested': 25, 'set': 25, 'verified': 25}, self.weight())
            self.assertAlmostEqual(25, self.proxy.share('2.0.0'), delta=2)
            token = self.shop.annotate('promote')
            self.assertIn('Accepted', self.shop.verdict('promote', token))
            self.shop.wait_until_ready('2.0.0')
        self.assertEqual([], load.failures[:5])
        self.assertEqual({'1.0.0', '2.0.0'}, set(load.answers))
        self.assertEqual(100, self.proxy.share('2.0.0', 50))
        self.assertEqual('Completed', self.cluster.get('releaseruns', run, self.shop.namespace)['status']['outcome'])
        self.assertEqual(1, len(instances.left(self.home)), 'the old instance was stopped')

    def test_an_aborted_canary_leaves_everything_with_the_old_version(self):
        self.content()
        self.deploy('1.0.0', **self.CANARY)
        with proxies.Load(self.proxy) as load:
            self.begin('2.0.0', **self.CANARY)
            self.shop.annotate('abort')
            run = self.shop.wait_for_run({self.shop.runs()[0]['metadata']['name']}, 'RolledBack')
        self.assertEqual([], load.failures[:5], run['status']['message'])
        self.assertEqual(100, self.proxy.share('1.0.0', 50))
        self.assertEqual(['1.0.0'], self.shop.links())

    def test_a_version_that_is_not_healthy_gets_no_request(self):
        self.content()
        self.deploy('1.0.0', **self.CANARY)
        self.content(good=False)
        with proxies.Load(self.proxy) as load:
            self.deploy('2.0.0', 'RolledBack', **self.CANARY)
        self.assertEqual([], load.failures[:5])
        self.assertEqual({'1.0.0'}, set(load.answers))

    def test_a_third_version_takes_the_place_of_one_under_way(self):
        self.content()
        self.deploy('1.0.0', **self.CANARY)
        with proxies.Load(self.proxy) as load:
            self.begin('2.0.0', **self.CANARY)
            self.begin('3.0.0', **self.CANARY)
            self.assertAlmostEqual(25, self.proxy.share('3.0.0'), delta=2)
            self.shop.annotate('promote-full')
            self.shop.wait_until_ready('3.0.0')
        self.assertEqual([], load.failures[:5])
        self.assertEqual(100, self.proxy.share('3.0.0', 50))

    def test_blue_green_moves_everything_in_one_change(self):
        self.content()
        self.deploy('1.0.0', **self.BLUE_GREEN)
        with proxies.Load(self.proxy) as load:
            self.begin('2.0.0', **self.BLUE_GREEN)
            self.assertEqual({'1.0.0'}, set(load.answers))
            self.assertEqual(0, self.proxy.share('2.0.0', 50))
            self.shop.annotate('promote')
            self.shop.wait_until_ready('2.0.0')
        self.assertEqual([], load.failures[:5])
        self.assertEqual(100, self.proxy.share('2.0.0', 50))


class BehindNginx(Behind, Scenario):
    proxy_class = proxies.Nginx


class BehindHaProxy(Behind, Scenario):
    proxy_class = proxies.HaProxy


class BehindCaddy(Behind, Scenario):
    proxy_class = proxies.Caddy


class BehindCaddyOfToday(Behind, Scenario):
    proxy_class = proxies.CaddyOfToday


class BehindTraefik(Behind, Scenario):
    proxy_class = proxies.Traefik


if __name__ == '__main__':
    unittest.main()
