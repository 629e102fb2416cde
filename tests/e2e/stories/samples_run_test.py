"""Each sample of a strategy behind a proxy is rolled out as it stands, but for where things are and how long they take: twice, behind
the real proxy, by people who promote whatever waits."""
import glob
import os
import re
import shutil
import tempfile
import unittest

import processes
from programs import instances, proxies, steady_load
from samples_test import TOP
from scenario import Application, Scenario
from sshds import SshCrowd, SshServer

APP = os.path.join(os.path.dirname(steady_load.__file__), 'small_app.py')
# Many servers are one machine here: each has an address of its own, which the test has written down in its home.
START = 'export ADDRESS="$(cat "$HOME/address")" PORT="${PORT:-%d}"; ' + instances.start('python3 app.py', '$HOME/one$SLOT')
STOP = instances.stop('$HOME/one$SLOT')
PROXIES = {'nginx': proxies.Nginx, 'haproxy': proxies.HaProxy, 'caddy': proxies.Caddy, 'traefik': proxies.Traefik}


def quicker(value):
    """The same with every duration no longer than 300 ms: pauses and delays are as many, but short. A cookie keeps its age."""
    if isinstance(value, dict):
        return {key: each if key == 'maxAge' else quicker(each) for key, each in value.items()}
    if isinstance(value, list):
        return [quicker(each) for each in value]
    return '300ms' if isinstance(value, str) and re.fullmatch(r'([0-9.]+(ms|s|m|h))+', value) else value


class SamplesBehindProxies(Scenario):
    servers_wanted = 2

    @classmethod
    def make_fleet(cls):
        return SshCrowd(os.path.join(cls.directory, 'servers'), cls.servers_wanted)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(cls.fleet.key_path + '.pub') as file:
            cls.edge = SshServer(cls.directory, 'edge', file.read().strip()).start()
        cls.addClassCleanup(cls.edge.stop)

    def test_each_is_rolled_out(self):
        tried = set()
        for path in sorted(glob.glob(os.path.join(TOP, 'manifests', 'samples', '*.yaml'))):
            with open(path) as file:
                text = file.read()
            if 'traffic:' not in text:
                continue
            name = os.path.basename(path)[:-len('.yaml')]
            with self.subTest(sample=name):
                spec = self.as_admitted(name, text)
                proxy_class = PROXIES[spec['traffic']['type']]
                if not proxy_class.program():
                    print(f'{name}: {spec["traffic"]["type"]} is not installed; ', end='')
                    continue
                self.roll_out(name, spec, proxy_class)
                tried.add((spec['strategy']['type'], spec['traffic']['type']))
        self.assertLessEqual({'Rolling', 'BlueGreen', 'Canary'}, {strategy for strategy, _ in tried})

    def as_admitted(self, name, text):
        """The sample's spec. Where it names a destination that does not exist nothing happens."""
        namespace = f'sample-{name}'
        self.cluster.apply({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': namespace}})
        with tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
            file.write(text)
            file.flush()
            processes.run(os.path.join(os.environ['SLIPWAY_BIN'], 'slipway'), '-n', namespace, 'apply', '-f', file.name,
                          env=self.cluster.environment())
        release = self.cluster.list('releases', namespace)[0]
        return release['spec']

    def roll_out(self, name, spec, proxy_class):
        shop = self.application_named(name)
        place = tempfile.mkdtemp(prefix='proxy-', dir=self.directory)
        proxy = proxy_class(place).start()
        try:
            self.change_places(spec, shop, proxy)
            for version in ('1.0.0', '2.0.0'):
                self.follow(shop, version, spec)
                seen = steady_load.observed(f'http://127.0.0.1:{proxy.port}/', 0.5, retries=proxy.retries)
                self.assertEqual(100, seen.share(version), name)
        finally:
            proxy.stop()
            for server in shop.servers:
                instances.end_all(server.home, ('one', 'oneblue', 'onegreen'))

    def application_named(self, name):
        shop = Application(self.cluster, self.fleet, f'run-{name}').set_up()
        self.cluster.apply(shop.server_object(self.edge))
        for server in shop.servers:
            with open(os.path.join(server.home, 'address'), 'w') as file:
                file.write(server.address)
        for template in self.cluster.list('analysistemplates', f'sample-{name}'):
            self.cluster.apply({**template, 'metadata': {'name': template['metadata']['name'], 'namespace': shop.namespace},
                                'spec': quicker({**template['spec'], 'metrics': [self.measured_here(metric)
                                                                                 for metric in template['spec']['metrics']]})})
        shutil.copy(APP, os.path.join(shop.source, 'app.py'))
        return shop

    @staticmethod
    def measured_here(metric):
        """The metric, with a command in place of the service that it asks: nothing is wrong."""
        kept = {field: value for field, value in metric.items() if field not in ('minSamples', 'noData', 'waitFor')}
        return {**kept, 'provider': {'command': {'run': 'echo 0'}}}

    def change_places(self, spec, shop, proxy):
        port = processes.free_port()
        start = START % port
        spec['source'], spec['destinations'] = shop.spec['source'], shop.spec['destinations']
        spec['layout'] = {**spec['layout'], **shop.spec['layout']}
        spec['strategy'] = quicker(spec['strategy'])
        spec['health'] = {**spec['health'], 'http': {**spec['health']['http'], 'path': '/'}, 'interval': '200ms'}
        spec['traffic'] = {**proxy.traffic(), 'servers': ['edge'], 'drainTimeout': '2s'}
        if 'slots' in spec:
            spec['slots'] = {slot: {'port': processes.free_port()} for slot in spec['slots']}
            spec['process'] = {'command': {'start': start, 'stop': STOP}}
        else:
            spec['process'] = {'command': {'reload': f'{STOP}\n{start}'}}
            spec['health']['http']['port'] = spec['traffic']['port'] = port
        for server, group in zip(shop.servers, spec['strategy'].get('blueGreen', {}).get('groups', [])):
            for label, value in group['matchLabels'].items():
                self.cluster.kubectl('-n', shop.namespace, 'label', '--overwrite', 'server', server.name, f'{label}={value}')
        preview = spec['strategy'].get('blueGreen', {}).get('preview')
        if preview:
            preview['run'] = preview['run'].replace('127.0.0.1', '$(cat "$HOME/address")')

    def follow(self, shop, version, spec):
        """To the end, promoting what waits for a person."""
        shop.apply(version, **spec)
        def ended():
            status = shop.release().get('status', {})
            if status.get('phase') == 'Paused':
                shop.annotate('promote')
            return status.get('versions', {}).get('applied') == version and shop.condition('Ready').get('status') == 'True'
        try:
            processes.wait_for(ended, 90, f'{version} on every server')
        except AssertionError as error:
            raise AssertionError(f'{error}\n{shop.describe()}') from None


if __name__ == '__main__':
    unittest.main()
