"""Blue and green as two groups of servers, each of which runs one version, behind real proxies under load."""
import os
import shutil
import tempfile
import unittest

import processes
from programs import instances, proxies, steady_load
from scenario import Scenario
from sshds import SshCrowd, SshServer

APP = os.path.join(os.path.dirname(steady_load.__file__), 'small_app.py')
PLACE = '$HOME/one'
GROUPS = [{'name': name, 'matchLabels': {'side': name}} for name in ('north', 'south')]


class GroupsBehind:
    """The stories; each proxy has a class of its own below. It runs on a host of its own; the servers have an address each."""

    servers_wanted = 4
    proxy_class = None

    @classmethod
    def make_fleet(cls):
        return SshCrowd(os.path.join(cls.directory, 'servers'), cls.servers_wanted)

    @classmethod
    def setUpClass(cls):
        if not cls.proxy_class.program():
            raise unittest.SkipTest(f'{cls.proxy_class.__name__} is not installed')
        super().setUpClass()
        with open(cls.fleet.key_path + '.pub') as file:
            cls.edge = SshServer(cls.directory, 'edge', file.read().strip()).start()
        cls.addClassCleanup(cls.edge.stop)

    def setUp(self):
        self.shop = self.application()
        self.cluster.apply(self.shop.server_object(self.edge))
        self.proxy = self.proxy_class(tempfile.mkdtemp(prefix='proxy-', dir=self.directory)).start()
        self.addCleanup(self.proxy.stop)
        for at, server in enumerate(self.shop.servers):
            self.label(server, 'north' if at < 2 else 'south')
            with open(os.path.join(server.home, 'address'), 'w') as file:
                file.write(server.address)
            self.addCleanup(instances.end_all, server.home, ('one',))
        shutil.copy(APP, os.path.join(self.shop.source, 'app.py'))
        self.port = processes.free_port()
        start = f'export ADDRESS="$(cat "$HOME/address")" PORT={self.port}; ' + instances.start('python3 app.py', PLACE)
        self.spec = {'process': {'command': {'reload': f'{instances.stop(PLACE)}\n{start}'}},
                     'health': {'http': {'path': '/', 'port': self.port}, 'attempts': 50, 'interval': '200ms'},
                     'traffic': {**self.proxy.traffic(), 'servers': ['edge'], 'port': self.port, 'drainTimeout': '5s'}}

    def label(self, server, side):
        self.cluster.kubectl('-n', self.shop.namespace, 'label', '--overwrite', 'server', server.name, f'side={side}')

    def strategy(self, **settings):
        return {'type': 'BlueGreen', 'blueGreen': {'groups': GROUPS, 'scaleDownDelay': '1s', **settings}}

    def deploy(self, version, outcome='Completed', **settings):
        return self.shop.deploy(version, outcome, strategy=self.strategy(**settings), **self.spec)

    def check(self, load, *versions):
        self.assertEqual([], load.failures[:5])
        self.assertEqual(set(versions), set(load.answers))

    def wait_for_group(self, name):
        """The release says so soon after its run has ended: they are two objects."""
        processes.wait_for(lambda: self.shop.release()['status'].get('liveGroup') == name, 20, f'{name} to have the traffic')

    def test_the_groups_take_turns_and_no_request_is_lost(self):
        self.deploy('1.0.0')
        self.wait_for_group('north')
        with proxies.Load(self.proxy) as load:
            self.deploy('2.0.0')
            self.wait_for_group('south')
            self.assertEqual(['2.0.0'] * 4, self.shop.links())
            self.shop.apply('3.0.0', strategy=self.strategy(autoPromote=False), **self.spec)
            self.shop.wait_for_person('3.0.0')
            self.assertEqual(100, self.proxy.share('2.0.0', 50))
            self.assertEqual(['3.0.0', '3.0.0', '2.0.0', '2.0.0'], self.shop.links())
            self.shop.annotate('promote')
            self.shop.wait_until_ready('3.0.0', 90)
        self.check(load, '1.0.0', '2.0.0', '3.0.0')
        self.assertEqual(100, self.proxy.share('3.0.0', 50))

    def test_a_rollback_to_the_group_that_was_kept_moves_the_traffic(self):
        self.deploy('1.0.0', oldGroup='Keep')
        self.deploy('2.0.0', oldGroup='Keep')
        self.assertEqual(['1.0.0', '1.0.0', '2.0.0', '2.0.0'], self.shop.links())
        self.deploy('3.0.0', oldGroup='Keep')
        self.assertEqual(['3.0.0', '3.0.0', '2.0.0', '2.0.0'], self.shop.links())
        with proxies.Load(self.proxy) as load:
            self.shop.request('rollback')
        self.check(load, '3.0.0', '2.0.0')
        self.assertEqual(100, self.proxy.share('2.0.0', 50))
        self.assertEqual(['3.0.0', '3.0.0', '2.0.0', '2.0.0'], self.shop.links())
        self.wait_for_group('south')

    def test_a_version_that_does_not_start_is_seen_by_nobody(self):
        self.deploy('1.0.0')
        with open(os.path.join(self.shop.source, 'broken'), 'w'):
            pass
        self.spec['health']['attempts'] = 5
        with proxies.Load(self.proxy) as load:
            self.deploy('2.0.0', 'RolledBack')
        self.check(load, '1.0.0')
        self.assertEqual(['1.0.0'] * 4, self.shop.links())
        self.wait_for_group('north')

    def test_an_abort_or_a_third_version_takes_back_what_waits(self):
        self.deploy('1.0.0')
        with proxies.Load(self.proxy) as load:
            self.shop.apply('2.0.0', strategy=self.strategy(autoPromote=False), **self.spec)
            self.shop.wait_for_person('2.0.0')
            self.deploy('3.0.0')
            self.shop.apply('4.0.0', strategy=self.strategy(scaleDownDelay='10m'), **self.spec)
            self.shop.wait_for_reason('4.0.0', 'KeepingOld')
            self.assertEqual(100, self.proxy.share('4.0.0', 50))
            self.shop.annotate('abort')
            self.shop.wait_for_run({run['metadata']['name'] for run in self.shop.runs()[:-1]}, 'RolledBack')
        self.check(load, '1.0.0', '3.0.0', '4.0.0')
        self.assertEqual(100, self.proxy.share('3.0.0', 50))
        self.assertEqual(['3.0.0'] * 4, self.shop.links())

    def test_a_server_in_neither_group_is_refused_with_the_fields_path(self):
        self.label(self.shop.servers[3], 'east')
        self.shop.apply('1.0.0', strategy=self.strategy(), **self.spec)
        self.shop.wait_for_condition('Stalled', 'True')
        self.assertIn(f"spec.strategy.blueGreen.groups: server '{self.shop.servers[3].name}' is in neither",
                      self.shop.condition('Stalled')['message'])
        self.assertEqual([], self.shop.runs())


class GroupsBehindNginx(GroupsBehind, Scenario):
    proxy_class = proxies.Nginx


class GroupsBehindHaProxy(GroupsBehind, Scenario):
    proxy_class = proxies.HaProxy


if __name__ == '__main__':
    unittest.main()
