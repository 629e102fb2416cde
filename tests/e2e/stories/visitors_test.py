"""Visitors who keep their cookies stay with the version that answered them first, as long as the canary goes on."""
import http.client
import unittest

import processes
from programs import proxies
from scenario import Scenario
from traffic_test import InSlots

COOKIE = 'shop-version'


class Visitor:
    def __init__(self, proxy):
        self.proxy, self.cookie = proxy, None

    def visit(self):
        """The version that answers."""
        for left in range(self.proxy.retries, -1, -1):
            connection = http.client.HTTPConnection('127.0.0.1', self.proxy.port, timeout=10)
            try:
                connection.request('GET', '/version.txt', headers={'Cookie': self.cookie} if self.cookie else {})
                answer = connection.getresponse()
                for name, value in answer.getheaders():
                    if name.lower() == 'set-cookie':
                        self.cookie = value.split(';')[0]
                return answer.read().decode().strip()
            except OSError:
                if left == 0:
                    raise
            finally:
                connection.close()


class VisitorsBehind(InSlots):
    """The stories; each proxy has a class of its own below."""

    def setUp(self):
        super().setUp()
        self.spec['traffic']['servers'] = [self.shop.servers[0].name]

    def strategy(self):
        return {'type': 'Canary', 'canary': {'stickiness': {'cookie': COOKIE}, 'scaleDownDelay': '1s',
                                             'steps': [{'setWeight': 30}, {'pause': {}}, {'setWeight': 70}, {'pause': {}}]}}

    def test_visitors_stay_while_the_weight_grows_and_go_on_when_it_is_over(self):
        self.content()
        self.shop.deploy('1.0.0', strategy=self.strategy(), **self.spec)
        self.assertIsNone(self.after_visit(Visitor(self.proxy)), 'one version: no cookie')
        with proxies.Load(self.proxy) as load:
            self.shop.apply('2.0.0', strategy=self.strategy(), **self.spec)
            self.shop.wait_for_person('2.0.0')
            visitors = [Visitor(self.proxy) for _ in range(60)]
            first = [visitor.visit() for visitor in visitors]
            self.assertEqual({'1.0.0', '2.0.0'}, set(first))
            self.assertTrue(all(visitor.cookie.startswith(f'{COOKIE}=') for visitor in visitors))
            for _ in range(3):
                self.assertEqual(first, [visitor.visit() for visitor in visitors])
            token = self.shop.annotate('promote')
            self.assertIn('Accepted', self.shop.verdict('promote', token))
            self.shop.wait_for_reason('2.0.0', 'AwaitingPromotion')
            self.wait_for_weight(70)
            self.assertEqual(first, [visitor.visit() for visitor in visitors])
            self.assertAlmostEqual(70, self.proxy.share('2.0.0'), delta=15)
            self.shop.annotate('promote')
            self.shop.wait_until_ready('2.0.0')
            self.assertEqual({'2.0.0'}, {visitor.visit() for visitor in visitors})
        self.assertEqual([], load.failures[:5])
        self.assertIsNone(self.after_visit(Visitor(self.proxy)), 'the cookie is gone')

    def test_an_abort_gives_all_visitors_back_to_the_old_version(self):
        self.content()
        self.shop.deploy('1.0.0', strategy=self.strategy(), **self.spec)
        with proxies.Load(self.proxy) as load:
            self.shop.apply('2.0.0', strategy=self.strategy(), **self.spec)
            self.shop.wait_for_person('2.0.0')
            visitors = [Visitor(self.proxy) for _ in range(40)]
            self.assertIn('2.0.0', {visitor.visit() for visitor in visitors})
            self.shop.annotate('abort')
            self.shop.wait_for_run({self.shop.runs()[0]['metadata']['name']}, 'RolledBack')
            self.assertEqual({'1.0.0'}, {visitor.visit() for visitor in visitors})
        self.assertEqual([], load.failures[:5])
        self.assertIsNone(self.after_visit(Visitor(self.proxy)), 'the cookie is gone')

    def wait_for_weight(self, percent):
        processes.wait_for(lambda: self.shop.release()['status'].get('weight', {}).get('verified') == percent, 60, f'{percent} %')

    @staticmethod
    def after_visit(visitor):
        visitor.visit()
        return visitor.cookie


class VisitorsBehindHaProxy(VisitorsBehind, Scenario):
    proxy_class = proxies.HaProxy


class VisitorsBehindCaddy(VisitorsBehind, Scenario):
    proxy_class = proxies.Caddy


class VisitorsBehindCaddyOfToday(VisitorsBehind, Scenario):
    proxy_class = proxies.CaddyOfToday


class VisitorsBehindTraefik(VisitorsBehind, Scenario):
    proxy_class = proxies.Traefik


class VisitorsBehindNginx(Scenario):
    servers_wanted = 1

    def test_a_cookie_is_refused_at_admission(self):
        shop = self.application()
        with self.assertRaises(AssertionError) as refused:
            shop.apply('1.0.0', slots={'blue': {'port': 1}, 'green': {'port': 2}},
                       process={'command': {'start': 'true', 'stop': 'true'}},
                       strategy={'type': 'Canary', 'canary': {'stickiness': {}, 'steps': [{'setWeight': 5}]}},
                       traffic={'type': 'nginx', 'service': 'shop', 'servers': ['edge']})
        self.assertIn('spec.strategy.canary.stickiness', str(refused.exception))
        self.assertIn('open source nginx sets no cookie', str(refused.exception))


if __name__ == '__main__':
    unittest.main()
