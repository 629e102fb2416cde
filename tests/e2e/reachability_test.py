"""Servers are asked whether they answer, without any release."""
import unittest

import processes
from scenario import Scenario


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


if __name__ == '__main__':
    unittest.main()
