"""Somebody changes a server behind the controller's back: it is seen and said."""
import os
import unittest

import processes
from scenario import Scenario


class OnDriftingServers(Scenario):
    servers_wanted = 2

    def repoint(self, shop, server, version):
        link = shop.on(server, 'current-production')
        os.symlink(f'releases/production/{version}', link + '.by-hand')
        os.rename(link + '.by-hand', link)

    def wait_for_drift(self, shop, value):
        processes.wait_for(lambda: shop.release()['status'].get('drift') == value, 90, f'drift {value}')

    def test_a_link_changed_by_hand_is_reported_and_so_is_its_end(self):
        shop = self.application()
        shop.deploy('1.0.0')
        shop.deploy('2.0.0')
        two = shop.servers[1]
        self.repoint(shop, two, '1.0.0')
        self.wait_for_drift(shop, 'Drifted')
        self.assertEqual(f'{two.name}: current is 1.0.0, expected 2.0.0', shop.condition('Drifted')['message'])
        self.assertEqual(('False', 'Drifted'), (shop.condition('Ready')['status'], shop.condition('Ready')['reason']))
        self.assertRegex(self.cluster.kubectl('-n', shop.namespace, 'get', 'rel'), r'shop +False .* Drifted ')
        self.assertIn('DriftDetected', self.cluster.kubectl('-n', shop.namespace, 'get', 'events'))
        self.assertEqual('1.0.0', shop.link(two), 'it is reported, not changed')
        # A restarted controller looks again soon: what came or went while it was away is seen.
        self.cluster.stop()
        self.repoint(shop, two, '2.0.0')
        self.cluster.start()
        self.wait_for_drift(shop, 'None')
        processes.wait_for(lambda: shop.condition('Ready').get('status') == 'True', 30, 'Ready again')
        self.cluster.stop()
        os.remove(shop.on(two, 'current-production'))
        self.cluster.start()
        self.wait_for_drift(shop, 'Drifted')
        self.assertEqual(f'{two.name}: current is missing, expected 2.0.0', shop.condition('Drifted')['message'])


if __name__ == '__main__':
    unittest.main()
