"""kill -9 of slipwayd at random moments of releases on five servers."""
import os
import random
import threading
import time
import unittest

from cluster import ApiError
from scenario import Scenario
from story import SICK_CHECK

KILLS = int(os.environ.get('SLIPWAY_KILLS', 30))
# Appends to a file, so that running it twice shows.
HOOK = [{'name': 'migrate', 'idempotent': False, 'run': 'echo "$RELEASE_ID" >> ../../../migrations.log; sleep 0.2'}]


class Writer(threading.Thread):
    """Creates objects all the time and remembers which were acknowledged."""

    def __init__(self, cluster, namespace):
        super().__init__(daemon=True)
        self.path, self.cluster, self.acknowledged, self.ended = f'/api/v1/namespaces/{namespace}/configmaps', cluster, [], False

    def run(self):
        number = 0
        while not self.ended:
            number += 1
            name = f'write-{number}'
            try:
                self.cluster.request('POST', self.path, {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name},
                                                         'data': {'number': str(number)}}, seconds=5)
                self.acknowledged.append(name)
            except (OSError, ApiError, ValueError):
                pass  # not acknowledged: it may be there or not
            time.sleep(0.02)

    def lost(self):
        there = {item['metadata']['name'] for item in self.cluster.request('GET', self.path)['items']}
        return [name for name in self.acknowledged if name not in there]


class Crashes(Scenario):
    servers_wanted = 5

    def test_every_run_ends_as_it_would_have_after_a_kill_at_any_moment(self):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f'seed {seed}', flush=True)
        dice = random.Random(seed)
        shop = self.application()
        began = time.monotonic()
        shop.deploy('1.0.0', build=HOOK, health=SICK_CHECK)
        usual = time.monotonic() - began
        good, expected = '1.0.0', ['1.0.0']
        for kill in range(KILLS):
            with self.subTest(kill=kill, seed=seed):
                version, bad = f'1.{kill + 1}.0', kill % 5 == 4
                if bad:
                    shop.mark(shop.servers[kill % 3], 'sick')
                good = self.one(shop, version, 'RolledBack' if bad else 'Completed', dice.uniform(0, usual)) or good
                if bad:
                    shop.unmark(shop.servers[kill % 3], 'sick')
                expected.append(version)
                self.assertEqual([good] * 5, shop.links())
                for server in shop.servers:
                    self.assertEqual(expected, shop.lines(server, 'migrations.log'), server.name)

    def one(self, shop, version, outcome, delay):
        """Applies, kills after `delay`, restarts. The version, when it went live."""
        writer = Writer(self.cluster, shop.namespace)
        known = [run['metadata']['name'] for run in shop.runs()]
        writer.start()
        shop.apply(version, build=HOOK, health=SICK_CHECK)
        time.sleep(delay)
        self.cluster.kill()
        writer.ended = True
        writer.join()
        self.cluster.start()
        shop.wait_for_run(known, outcome)
        self.assertEqual([], writer.lost())
        self.cluster.request('DELETE', writer.path)
        new = [run for run in shop.runs() if run['metadata']['name'] not in known]
        self.assertEqual(1, len(new), 'one apply makes one run')
        return version if outcome == 'Completed' else None

    def test_a_stop_by_signal_is_clean_and_keeps_everything(self):
        shop = self.application()
        shop.deploy('1.0.0')
        before = shop.release()
        self.assertEqual(0, self.cluster.stop())
        self.cluster.start()
        self.assertEqual(before['metadata']['uid'], shop.release()['metadata']['uid'])
        self.assertEqual(before['spec'], shop.release()['spec'])
        shop.deploy('2.0.0')
        self.assertEqual(['2.0.0'] * 5, shop.links())


if __name__ == '__main__':
    unittest.main()
