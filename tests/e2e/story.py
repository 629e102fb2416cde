"""The stories of a release, told once and run on both kinds of server: see sshd_test.py and machine_test.py."""
import os

import processes

# A build step that fails where the mark `broken` is, and counts its runs.
COUNTED_BUILD = [{'name': 'count', 'run': 'echo "$RELEASE_ID" >> ../../../builds.log'},
                 {'name': 'assets', 'run': 'if [ -e ../../../broken ]; then echo cannot make assets; exit 7; fi'}]
# One that waits for the mark `go-VERSION`.
HELD_BUILD = [{'name': 'hold', 'run': ': > ../../../holding; until [ -e "../../../go-$RELEASE_ID" ]; do sleep 0.1; done'},
              COUNTED_BUILD[0]]
SICK_CHECK = {'exec': {'run': 'if [ -e ../../../sick ]; then echo sick; exit 3; fi; grep -qx "$RELEASE_ID" version.txt'},
              'attempts': 2, 'interval': '1s'}


class Stories:
    """Mixed in after a Scenario."""

    def every(self, value):
        return [value] * self.servers_wanted

    def test_a_release_goes_live_on_every_server(self):
        shop = self.application()
        run = shop.deploy('1.0.0', build=COUNTED_BUILD, health=SICK_CHECK)
        self.assertEqual(self.every('1.0.0'), shop.links())
        self.assertEqual(self.every('1.0.0'), shop.served())
        self.assertEqual(self.every(None), shop.links('previous'))
        self.assertLess(run['status']['skewMs'], 500)
        shop.wait_until_ready('1.0.0')
        out = self.cluster.kubectl('-n', shop.namespace, 'wait', '--for=condition=Ready', 'release/shop', '--timeout=10s')
        self.assertIn('condition met', out)
        table = self.cluster.kubectl('-n', shop.namespace, 'get', 'rel')
        self.assertRegex(table, r'NAME +READY +PHASE +STEP +WEIGHT +VERSION +DRIFT +AGE')
        self.assertRegex(table, r'shop +True .* 1\.0\.0 ')
        described = self.cluster.kubectl('-n', shop.namespace, 'describe', 'release', 'shop')
        self.assertIn('Events:', described)
        self.assertNotIn('Events:  <none>', described)
        phases = [each['phase'] for each in run['status']['transitions']]
        self.assertEqual(['Pending', 'Preparing', 'Deploying', 'HealthCheck', 'Completed'], phases)
        shop.deploy('1.1.0', build=COUNTED_BUILD, health=SICK_CHECK)
        self.assertEqual(self.every('1.1.0'), shop.links())
        self.assertEqual(self.every('1.0.0'), shop.links('previous'))

    def test_one_failed_build_switches_nothing_and_retry_touches_only_that_server(self):
        shop = self.application()
        shop.deploy('1.0.0', build=COUNTED_BUILD)
        broken = shop.servers[1]
        shop.mark(broken, 'broken')
        run = shop.deploy('2.0.0', 'Failed', build=COUNTED_BUILD)
        self.assertEqual(self.every('1.0.0'), shop.links())
        step = shop.step(run, broken.name, 'prepare')
        self.assertEqual(('Failed', 'assets', 7), (step['state'], step['phase'], step['exitCode']))
        self.assertIn('cannot make assets', step['tail'])
        self.assertIn(broken.name, run['status']['message'])
        for server in shop.servers:
            state = shop.step(run, server.name, 'prepare')['state']
            self.assertEqual('Failed' if server is broken else 'Done', state)
            self.assertIn('2.0.0', shop.prepared(server))
        code, output = self.cluster.slipway('logs', run['metadata']['name'], '-n', shop.namespace, '--server', broken.name)
        self.assertEqual((0, True), (code, 'cannot make assets' in output), output)
        shop.wait_for_condition('Ready', 'False')
        shop.unmark(broken, 'broken')
        shop.request('retry')
        self.assertEqual(self.every('2.0.0'), shop.links())
        for server in shop.servers:
            builds = shop.lines(server, 'builds.log')
            self.assertEqual(2 if server is broken else 1, builds.count('2.0.0'), server.name)

    def test_an_unreachable_host_at_the_gate_switches_nothing(self):
        shop = self.application()
        shop.deploy('1.0.0')
        first, lost = shop.servers[0], shop.servers[-1]
        for server in shop.servers[1:]:
            shop.mark(server, 'go-2.0.0')
        known = [run['metadata']['name'] for run in shop.runs()]
        shop.apply('2.0.0', build=HELD_BUILD)
        name = processes.wait_for(lambda: [run['metadata']['name'] for run in shop.runs()
                                           if run['metadata']['name'] not in known], 30, 'a run')[0]
        shop.wait_for_step(name, lost.name, 'prepare', ['Done'])
        lost.stop()
        try:
            shop.mark(first, 'go-2.0.0')
            run = shop.wait_for_run(known, 'Failed', seconds=300)
        finally:
            lost.start()
        self.assertEqual(self.every('1.0.0'), shop.links())
        self.assertIn(lost.name, run['status']['message'])
        self.assertEqual('', run['status'].get('decisions', {}).get('commit', ''))
        shop.request('retry')
        self.assertEqual(self.every('2.0.0'), shop.links())
        for server in shop.servers:
            self.assertEqual(1, shop.lines(server, 'builds.log').count('2.0.0'), server.name)

    def test_a_failed_check_after_the_switch_takes_every_server_back(self):
        shop = self.application()
        shop.deploy('1.0.0', health=SICK_CHECK)
        shop.deploy('1.1.0', health=SICK_CHECK)
        shop.mark(shop.servers[2], 'sick')
        run = shop.deploy('2.0.0', 'RolledBack', health=SICK_CHECK)
        self.assertEqual(self.every('1.1.0'), shop.links())
        self.assertEqual(self.every('1.0.0'), shop.links('previous'))
        self.assertEqual(self.every('1.1.0'), shop.served())
        self.assertIn(shop.servers[2].name, run['status']['message'])
        phases = [each['phase'] for each in run['status']['transitions']]
        self.assertEqual(['RollingBack', 'RolledBack'], phases[-2:])
        shop.wait_for_condition('RolledBack', 'True')
        self.assertNotEqual('True', shop.condition('Ready').get('status'))
        versions = shop.release()['status']['versions']
        self.assertEqual(('2.0.0', '1.1.0'), (versions['desired'], versions['stable']))

    def test_a_rolling_release_goes_batch_by_batch_and_comes_back(self):
        shop = self.application()
        rolling = {'type': 'Rolling', 'rolling': {'batchSize': 1, 'pauseBetween': '1s', 'order': [shop.servers[-1].name]}}
        run = shop.deploy('1.0.0', strategy=rolling, health=SICK_CHECK)
        self.assertEqual(self.every('1.0.0'), shop.links())
        moments = []
        for server in [shop.servers[-1], *shop.servers[:-1]]:
            switch, verify = shop.step(run, server.name, 'switch'), shop.step(run, server.name, 'verify')
            moments += [switch['startedAt'], verify['finishedAt']]
        self.assertEqual(sorted(moments), moments, 'a batch began before the one before it was verified')
        waits = run['status']['waits']
        self.assertEqual(self.servers_wanted - 1, len(waits))
        sick = shop.servers[1]
        shop.mark(sick, 'sick')
        run = shop.deploy('2.0.0', 'RolledBack', strategy=rolling, health=SICK_CHECK)
        self.assertEqual(self.every('1.0.0'), shop.links())
        self.assertIn(sick.name, run['status']['message'])
        for server in shop.servers[2:-1]:
            self.assertEqual({}, shop.step(run, server.name, 'switch'), f'{server.name} was switched after the failure')

    def test_rollback_to_the_previous_and_to_a_named_version(self):
        shop = self.application()
        for version in ('1.0.0', '2.0.0', '3.0.0'):
            shop.deploy(version)
        run = shop.request('rollback')
        self.assertEqual('Rollback', run['spec']['reason'])
        self.assertEqual(self.every('2.0.0'), shop.links())
        self.assertEqual(self.every('2.0.0'), shop.served())
        shop.request('rollback', '1.0.0')
        self.assertEqual(self.every('1.0.0'), shop.links())
        token = shop.annotate('rollback', '9.9.9')
        self.assertRegex(shop.verdict('rollback', token), r'^Refused: .*9\.9\.9')
        token = shop.annotate('rollback', '1.0.0')
        self.assertRegex(shop.verdict('rollback', token), r'^Refused: .*1\.0\.0')
        self.assertEqual(self.every('1.0.0'), shop.links())

    def test_retention_keeps_the_newest_and_what_is_needed(self):
        shop = self.application()
        shop.spec['layout'] = {**shop.spec['layout'], 'keepReleases': 2, 'keepFailed': 1}
        for number in range(1, 6):
            shop.deploy(f'{number}.0.0')
        for server in shop.servers:
            self.assertEqual(['4.0.0', '5.0.0'], shop.prepared(server))

    def test_a_wrong_host_key_stops_the_run_at_once(self):
        shop = self.application()
        shop.deploy('1.0.0')
        victim, other = shop.servers[0], shop.servers[1]
        self.cluster.apply(shop.server_object(victim, hostKeys=[other.host_key]))
        run = shop.deploy('2.0.0', 'Failed')
        self.assertEqual(self.every('1.0.0'), shop.links())
        step = shop.step(run, victim.name, 'prepare')
        self.assertEqual('Denied', step['code'])
        self.assertEqual(1, step['tries'])
        self.assertRegex(step['message'].lower(), 'host key')
        self.assertNotIn('2.0.0', shop.prepared(victim))
        self.cluster.apply(shop.server_object(victim))
        shop.request('retry')
        self.assertEqual(self.every('2.0.0'), shop.links())

    def test_a_second_run_waits_for_the_first(self):
        shop = self.application()
        shop.apply('1.0.0', build=HELD_BUILD)
        first = processes.wait_for(shop.runs, 30, 'a run')[0]['metadata']['name']
        for server in shop.servers:
            processes.wait_for(lambda path=shop.on(server, 'holding'): os.path.exists(path), 60, f'the build on {server.name}')
        for server in shop.servers:
            shop.mark(server, 'go-2.0.0')
        shop.apply('2.0.0', build=HELD_BUILD)
        for server in shop.servers:
            shop.mark(server, 'go-1.0.0')
        second = shop.wait_for_run([first], 'Completed')
        self.assertEqual(self.every('2.0.0'), shop.links())
        self.assertTrue(self.cluster.get('releaseruns', first, shop.namespace)['status']['outcome'])
        self.assert_one_after_another(shop.runs())
        self.assertEqual(2, len(shop.runs()), second['metadata']['name'])

    def assert_one_after_another(self, runs):
        ends = ''
        for run in runs:
            self.assertLessEqual(ends, run['status']['startedAt'])
            ends = run['status']['finishedAt']

    def test_abort_before_the_switch_changes_nothing(self):
        shop = self.application()
        shop.deploy('1.0.0')
        known = [run['metadata']['name'] for run in shop.runs()]
        shop.apply('2.0.0', build=HELD_BUILD)
        for server in shop.servers:
            processes.wait_for(lambda path=shop.on(server, 'holding'): os.path.exists(path), 60, f'the build on {server.name}')
        self.assertRegex(shop.verdict('abort', shop.annotate('abort')), '^Accepted')
        shop.wait_for_run(known, 'Cancelled')
        self.assertEqual(self.every('1.0.0'), shop.links())
        for server in shop.servers:
            # The held build itself was ended, not merely forgotten.
            processes.wait_for(lambda each=server: not self.holding(each), 20, f'the end of the build on {server.name}')

    @staticmethod
    def holding(server):
        out = server.shell("ps -e -o args= 2>/dev/null || cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true")
        return 'until [ -e' in out
