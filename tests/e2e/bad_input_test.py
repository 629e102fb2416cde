"""Bad input: each a precise error that names the field, the file and the line where there is one; nothing is changed."""
import json
import os
import time
import unittest

import processes
from cluster import GROUP, ApiError
from scenario import Scenario

GOOD = '''apiVersion: slipway.dev/v1alpha1
kind: Release
metadata:
  name: shop
spec:
  version: "1.0.0"
  source:
    directory: {path: /srv/source}
  destinations:
    - name: fleet
  layout:
    root: /srv/shop
    keepReleases: 5
'''
BOMB = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'a{n}: &a{n} [{", ".join([f"*a{n - 1}"] * 10)}]\n' for n in range(1, 10)) + 'apiVersion: v1\nkind: ConfigMap\n'


class BadInput(Scenario):
    servers_wanted = 2

    def setUp(self):
        self.app = self.application()
        self.app.deploy('1.0.0')
        self.app.wait_until_ready('1.0.0')
        self.before = self.snapshot()

    def snapshot(self):
        """Everything a bad request could have changed. What the controller observes by itself meanwhile (whether servers
        answer, what runs on them) is left out; a run that it began would be a new object."""
        found = {}
        for path in [f'{GROUP}/releases', f'{GROUP}/servers', f'{GROUP}/destinations', f'{GROUP}/releaseruns',
                     '/api/v1/configmaps', '/api/v1/secrets', '/api/v1/namespaces']:
            for item in self.cluster.request('GET', path)['items']:
                if path.startswith(GROUP):
                    item.pop('status', None)
                    for field in ('resourceVersion', 'managedFields'):
                        item['metadata'].pop(field, None)
                found[path, item['metadata'].get('namespace'), item['metadata']['name']] = item
        return found, self.app.links()

    def assert_nothing_changed(self):
        self.assertEqual(self.before, self.snapshot())

    def file(self, text):
        path = os.path.join(self.directory, f'{self.app.name}.yaml')
        with open(path, 'w') as file:
            file.write(text)
        return path

    def assert_refused(self, text, field, line=None):
        """By kubectl, and by `slipway lint` with file and line."""
        path = self.file(text)
        code, output = self.cluster.try_kubectl('-n', self.app.namespace, 'apply', '-f', path)
        self.assertNotEqual(0, code, output)
        self.assertIn(field, output)
        code, output = self.cluster.slipway('lint', path)
        self.assertEqual(2, code, output)
        self.assertIn(field, output)
        self.assertIn(f'{path}:{line}' if line else path, output)
        self.assert_nothing_changed()

    def test_an_unknown_field(self):
        self.assert_refused(GOOD.replace('    keepReleases', '    keepRelease'), 'spec.layout.keepRelease', 13)

    def test_a_duplicate_key(self):
        """kubectl itself keeps the last of two equal keys before it sends anything: what we see ourselves, we refuse."""
        path = self.file(GOOD.replace('  source:', '  version: "2.0.0"\n  source:'))
        for command in (['lint', path], ['apply', '-n', self.app.namespace, '-f', path]):
            code, output = self.cluster.slipway(*command)
            self.assertEqual(2, code, output)
            self.assertRegex(output, rf'{path}:7:.*version')
        twice = '{"apiVersion":"slipway.dev/v1alpha1","kind":"Release","metadata":{"name":"a","name":"b"},"spec":{}}'
        with self.assertRaises(ApiError) as caught:
            self.cluster.request('POST', f'{GROUP}/namespaces/{self.app.namespace}/releases?fieldValidation=Strict', twice)
        self.assertEqual(400, caught.exception.code)
        self.assertIn('metadata.name', str(caught.exception))
        self.assert_nothing_changed()

    def test_a_wrong_type(self):
        self.assert_refused(GOOD.replace('keepReleases: 5', 'keepReleases: five'), 'spec.layout.keepReleases', 13)

    def test_an_impossible_value(self):
        self.assert_refused(GOOD.replace('keepReleases: 5', 'keepReleases: 0'), 'spec.layout.keepReleases', 13)

    def test_a_missing_required_field(self):
        self.assert_refused(GOOD.replace('    root: /srv/shop\n', ''), 'spec.layout.root')

    def test_two_sources_at_once(self):
        self.assert_refused(GOOD.replace('directory:', 'git: {repository: "https://git.example.com/a.git"}\n    directory:'),
                            'spec.source')

    def test_a_path_that_leaves_its_root(self):
        self.assert_refused(GOOD.replace('root: /srv/shop', 'root: /srv/../etc'), 'spec.layout.root', 12)

    def test_a_yaml_bomb(self):
        began = time.monotonic()
        code, output = self.cluster.slipway('lint', self.file(BOMB))
        self.assertEqual(2, code, output[:2000])
        self.assertLess(time.monotonic() - began, 5)
        with self.assertRaises(ApiError) as caught:
            self.cluster.request('POST', f'/api/v1/namespaces/{self.app.namespace}/configmaps', BOMB, 'application/yaml')
        self.assertIn(caught.exception.code, (400, 413, 415))
        self.assert_nothing_changed()

    def test_a_body_of_ten_megabytes(self):
        body = json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'big'},
                           'data': {'text': 'x' * 10_000_000}})
        try:
            self.cluster.request('POST', f'/api/v1/namespaces/{self.app.namespace}/configmaps', body)
            self.fail('10 MB were accepted')
        except ApiError as error:
            self.assertEqual(413, error.code, error)
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed while we were still sending: also an answer
        self.assertEqual('ok', self.cluster.request('GET', '/healthz').get('message'))
        self.assert_nothing_changed()

    def test_an_unknown_server_is_named_before_anything_is_contacted(self):
        self.cluster.apply({'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'Destination',
                            'metadata': {'name': 'fleet', 'namespace': self.app.namespace},
                            'spec': {'servers': ['web1', 'nosuch']}})
        self.assert_not_started('nosuch')

    def test_an_unknown_destination_is_named(self):
        self.app.spec['destinations'] = [{'name': 'elsewhere'}]
        self.assert_not_started('elsewhere')

    def test_a_missing_key_is_named(self):
        self.cluster.kubectl('-n', self.app.namespace, 'delete', 'secret', 'login')
        self.assert_not_started('login')

    def assert_not_started(self, name):
        """The release says what is missing, and no server saw anything of version 2."""
        self.app.apply('2.0.0')

        def said():
            ready = self.app.condition('Ready')
            return ready.get('status') == 'False' and name in ready.get('message', '')
        try:
            processes.wait_for(said, 60, f'a condition that names {name}')
        except AssertionError as error:
            self.fail(f'{error}: {self.app.describe()}')
        self.assertEqual(['1.0.0'] * 2, self.app.links())
        for server in self.app.servers:
            self.assertNotIn('2.0.0', self.app.prepared(server))


if __name__ == '__main__':
    unittest.main()
