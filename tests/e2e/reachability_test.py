"""Servers are asked whether they answer, without any release."""
import json
import os
import unittest

import processes
from scenario import BIN, Scenario


class OnWatchedServers(Scenario):
    servers_wanted = 2

    def test_servers_say_whether_they_answer(self):
        shop = self.application()

        def server(name, kind='Reachable'):
            found = self.cluster.get('servers', name, shop.namespace).get('status', {})
            return next((each for each in found.get('conditions', []) if each['type'] == kind), {})

        def counts():
            found = self.cluster.get('destinations', 'fleet', shop.namespace).get('status', {})
            return found.get('serverCount'), found.get('reachable')

        one, two = shop.servers
        for each in shop.servers:
            self.cluster.merge('servers', each.name, {'spec': {'probe': {'interval': '1s', 'timeout': '5s'}}}, shop.namespace)
            processes.wait_for(lambda: server(each.name).get('status') == 'True', 30, f'{each.name} to answer')
        processes.wait_for(lambda: counts() == (2, 2), 30, 'two of two')
        self.assertEqual('True', server(one.name, 'HostKeyVerified')['status'])
        self.check_capacity(shop)
        two.stop()
        try:
            processes.wait_for(lambda: server(two.name).get('status') == 'False', 30, f'{two.name} to be missed')
            self.assertEqual('Unreachable', server(two.name)['reason'])
            self.assertEqual('False', server(two.name, 'Ready')['status'])
            processes.wait_for(lambda: counts() == (2, 1), 30, 'one of two')
        finally:
            two.start()
        processes.wait_for(lambda: server(two.name).get('status') == 'True', 30, f'{two.name} to be back')
        self.assertIn('Unreachable', self.cluster.kubectl('-n', shop.namespace, 'get', 'events'))
        other = ' '.join(one.host_key.split()[:2])
        self.cluster.merge('servers', two.name, {'spec': {'hostKeys': [other]}}, shop.namespace)
        processes.wait_for(lambda: server(two.name).get('reason') == 'AccessRefused', 30, 'the wrong host key')
        self.assertNotEqual('True', server(two.name, 'HostKeyVerified')['status'])
        self.assertRegex(self.cluster.kubectl('-n', shop.namespace, 'get', 'srv'), r'NAME +READY +REACHABLE +LAST SEEN')

    def check_capacity(self, shop):
        """What servers have is seen, compared before a run exists, and told of for all servers and resources at once."""
        capacity = self.cluster.get('servers', 'web1', shop.namespace)['status']['capacity']
        self.assertEqual(1000 * os.cpu_count(), capacity['cpuMilli'])
        self.assertGreater(capacity['memory'], 1e8)
        self.assertGreater(capacity['diskFree'], 0)
        shop.apply('1.0.0', resources={'cpu': '900', 'memory': '900T', 'disk': '1M'}, strategy={'type': 'Rolling'})
        def refused():
            ready = shop.condition('Ready')
            return ready.get('reason') == 'InsufficientCapacity' and ready['message']
        message = processes.wait_for(refused, 20, 'the refusal')
        for server in ('web1', 'web2'):
            self.assertIn(f'{server}: cpu: needs 1350', message)
            self.assertIn(f'{server}: memory: needs 1350T', message)
        self.assertEqual([], shop.runs())
        listed = json.loads(processes.run(os.path.join(BIN, 'slipway'), '-n', shop.namespace, 'strategies', 'shop', '-o', 'json',
                                          env=self.cluster.environment()))
        self.assertEqual([False] * 5, [each['valid'] for each in listed])
        self.assertIn('provision more', listed[0]['recommendation'])
        shop.deploy('1.0.0', resources={'cpu': '10m', 'memory': '1M', 'disk': '1M'}, strategy={'type': 'Rolling'})


if __name__ == '__main__':
    unittest.main()
