"""A cluster with a leader over real sshd's: followers first, the leader last, and never without a quorum."""
import json
import os
import shutil
import tempfile
import urllib.request

import processes
from programs import steady_load
from scenario import Application, Scenario
from sshds import SshCrowd

APP = os.path.join(os.path.dirname(steady_load.__file__), 'raft_app.py')
# The old process has ended when the new one begins.
RESTART = '''pid="$(cat "$HOME/pid" 2>/dev/null)"
if [ -n "$pid" ]; then kill "$pid" 2>/dev/null; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done; fi
CLUSTER=%s PORT=%d setsid python3 app.py >"$HOME/out" 2>&1 </dev/null & echo $! >"$HOME/pid"'''


class Cluster(Scenario):
    servers_wanted = 3

    @classmethod
    def make_fleet(cls):
        return SshCrowd(os.path.join(cls.directory, 'servers'), cls.servers_wanted)

    def setUp(self):
        self.shop = self.application()
        self.port, self.lead = processes.free_port(), tempfile.mkdtemp(dir=self.directory)
        shutil.copy(APP, os.path.join(self.shop.source, 'app.py'))
        for server in self.shop.servers:
            for name in ('usurper', 'silent'):
                self.tell(server, name, False)
            with open(os.path.join(server.home, 'address'), 'w') as file:
                file.write(server.address)
        self.addCleanup(self.stop_all)
        self.spec = {
            'strategy': {'type': 'Rolling', 'rolling': {'batchSize': 1}},
            'process': {'command': {'reload': RESTART % (self.lead, self.port)}},
            'cluster': {'roleProbe': {'http': {'port': self.port, 'field': 'raft.role'}, 'interval': '300ms'},
                        'settleTimeout': '20s'}}
        run = self.shop.deploy('1.0.0', **self.spec)
        self.assertNotIn('surveys', run['status'].get('cluster', {}), 'there was no cluster yet')
        processes.wait_for(lambda: sorted(self.roles()) == ['FOLLOWER', 'FOLLOWER', 'LEADER'], 20, 'a leader')

    def stop_all(self):
        for server in self.shop.servers:
            pid = processes.text_of(os.path.join(server.home, 'pid')).strip()
            if pid:
                try:
                    os.kill(int(pid), 15)
                except ProcessLookupError:
                    pass
                os.remove(os.path.join(server.home, 'pid'))

    @staticmethod
    def tell(server, name, what):
        path = os.path.join(server.home, name)
        if what:
            with open(path, 'w'):
                pass
        elif os.path.exists(path):
            os.remove(path)

    def role(self, server):
        try:
            with urllib.request.urlopen(f'http://{server.address}:{self.port}/raft/status', timeout=5) as answer:
                return json.load(answer)['raft']['role']
        except OSError:
            return ''

    def roles(self):
        return [self.role(server) for server in self.shop.servers]

    def leader(self):
        return next(server for server in self.shop.servers if self.role(server) == 'LEADER')

    def followers(self):
        return [server for server in self.shop.servers if self.role(server) == 'FOLLOWER']

    def waits_for(self, reason):
        def so():
            runs = self.shop.runs()
            return runs[-1]['status'].get('transitions', [{}])[-1].get('reason') == reason and runs[-1]
        return processes.wait_for(so, 40, reason)

    def test_followers_go_first_and_the_leader_last(self):
        leader = self.leader().name
        run = self.shop.deploy('2.0.0', **self.spec)
        batches = run['status']['cluster']['batches']
        self.assertEqual([1, 1, 1], [len(batch) for batch in batches])
        self.assertEqual([leader], batches[-1])
        self.assertEqual(['2.0.0'] * 3, self.shop.links())
        self.assertEqual(1, self.roles().count('LEADER'))
        self.assertGreaterEqual(run['status']['cluster']['surveys'], 4)

    def test_a_split_brain_blocks_before_anything_is_changed(self):
        self.tell(self.followers()[0], 'usurper', True)
        run = self.shop.deploy('2.0.0', 'Failed', **self.spec)
        self.assertEqual('SplitBrain', run['status']['transitions'][-1]['reason'])
        self.assertIn('more than one member says that it leads', run['status']['message'])
        self.assertEqual(['1.0.0'] * 3, self.shop.links())

    def test_a_rollout_waits_while_a_member_is_down_and_goes_on_when_it_is_back(self):
        silent = self.followers()[0]
        self.tell(silent, 'silent', True)
        self.shop.apply('2.0.0', **self.spec)
        run = self.waits_for('WaitingQuorumAtRisk')
        self.assertIn(f'down are {silent.name}', run['status']['message'])
        self.assertEqual([[silent.name]], run['status']['cluster']['batches'], 'what is down already goes first')
        self.assertEqual(1, self.shop.links().count('2.0.0'))
        self.tell(silent, 'silent', False)
        self.shop.wait_for_run({'shop-1'}, 'Completed')
        self.assertEqual(['2.0.0'] * 3, self.shop.links())

    def test_a_brain_that_splits_on_the_way_is_held_and_a_person_goes_on(self):
        self.shop.apply('2.0.0', **{**self.spec, 'strategy': {'type': 'Rolling', 'rolling': {'batchSize': 1, 'pauseBetween': '2s'}}})
        self.waits_for('WaitingBetweenBatches')
        usurper = self.followers()[0]
        self.tell(usurper, 'usurper', True)
        run = self.waits_for('SplitBrain')
        self.assertEqual('Paused', run['status']['phase'])
        self.assertEqual(1, self.shop.links().count('2.0.0'))
        self.tell(usurper, 'usurper', False)
        self.shop.annotate('resume')
        self.shop.wait_for_run({'shop-1'}, 'Completed')

    def test_a_version_that_does_not_start_never_costs_the_quorum(self):
        with open(os.path.join(self.shop.source, 'broken'), 'w'):
            pass
        spec = {**self.spec, 'cluster': {**self.spec['cluster'], 'settleTimeout': '2s'}}
        leader = self.leader()
        self.shop.apply('2.0.0', **spec)
        self.waits_for('QuorumAtRisk')
        self.assertEqual(1, self.shop.links().count('2.0.0'))
        self.assertEqual('LEADER', self.role(leader))
        self.shop.annotate('abort')
        self.shop.wait_for_run({'shop-1'}, 'RolledBack')
        self.assertEqual(['1.0.0'] * 3, self.shop.links())

    def test_a_command_may_say_the_role(self):
        ask = ('import json, os, urllib.request; address = open(os.path.expanduser("~/address")).read().strip(); '
               f'print(json.load(urllib.request.urlopen("http://%s:{self.port}/raft/status" % address))["raft"]["role"])')
        probe = {'exec': {'run': f"echo asked\npython3 -c '{ask}'"}, 'interval': '300ms', 'timeout': '20s'}
        leader = self.leader().name
        run = self.shop.deploy('2.0.0', **{**self.spec, 'cluster': {'roleProbe': probe, 'settleTimeout': '20s'}})
        self.assertEqual([leader], run['status']['cluster']['batches'][-1])
