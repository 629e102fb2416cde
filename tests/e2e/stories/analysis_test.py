"""A canary that is judged by a real Prometheus, over what it really scraped."""
import os
import shutil
import tempfile
import unittest

import processes
from programs import instances, proxies
from programs.prometheus import Prometheus
from scenario import Scenario

APP = os.path.join(os.path.dirname(proxies.__file__), 'counted_app.py')
START, STOP = instances.start('python3 app.py'), instances.stop()
ORDERS = 'sum(rate(shop_orders_total{version="{{args.version}}"%s}[3s]))'
CANARY = {'type': 'Canary', 'canary': {'steps': [{'setWeight': 50}, {'analysis': {'templates': ['lost']}}],
                                       'scaleDownDelay': '0s'}}


@unittest.skipUnless(Prometheus.program(), 'prometheus is not installed')
@unittest.skipUnless(proxies.Nginx.program(), 'nginx is not installed')
class JudgedByPrometheus(Scenario):
    servers_wanted = 1
    daemon_arguments = ('--allow-outbound', '127.0.0.0/8')

    def setUp(self):
        self.shop = self.application()
        self.home = self.shop.servers[0].home
        place = tempfile.mkdtemp(prefix='proxy-', dir=self.directory)
        self.proxy = proxies.Nginx(place).start()
        self.addCleanup(self.proxy.stop)
        self.addCleanup(instances.end_all, self.home)
        ports = {slot: processes.free_port() for slot in ('blue', 'green')}
        self.prometheus = Prometheus(os.path.join(place, 'prometheus'), list(ports.values())).start()
        self.addCleanup(self.prometheus.stop)
        shutil.copy(APP, os.path.join(self.shop.source, 'app.py'))
        self.spec = {'slots': {slot: {'port': port} for slot, port in ports.items()},
                     'process': {'command': {'start': START, 'stop': STOP}},
                     'health': {'http': {'path': '/'}, 'attempts': 50, 'interval': '200ms'},
                     'traffic': {**self.proxy.traffic(), 'drainTimeout': '5s'}}
        self.template()

    def template(self, address=None, **metric):
        lost = ORDERS % ',result="lost"' + ' / ' + ORDERS % ''
        self.cluster.apply({
            'apiVersion': 'slipway.dev/v1alpha1', 'kind': 'AnalysisTemplate',
            'metadata': {'name': 'lost', 'namespace': self.shop.namespace},
            'spec': {'metrics': [{
                'name': 'share', 'provider': {'prometheus': {'address': address or self.prometheus.url, 'query': lost,
                                                             'samples': ORDERS.replace('rate', 'increase') % ''}},
                'minSamples': 3, 'interval': '500ms', 'count': 3, 'timeout': '5s',
                'successCondition': 'result < 0.05', **metric}]}})

    def careless(self):
        with open(os.path.join(self.shop.source, 'careless'), 'w'):
            pass

    def analysis(self, run):
        return self.cluster.get('releaseruns', run, self.shop.namespace)['status']['analyses']['1']

    def begin(self, version, reason):
        """Applies, and waits until the run is where it is said to be. The run's name."""
        self.shop.apply(version, strategy=CANARY, **self.spec)
        return self.shop.wait_for_reason(version, reason)

    def deploy(self, version, outcome='Completed'):
        return self.shop.deploy(version, outcome, strategy=CANARY, **self.spec)

    def test_a_good_version_is_promoted_and_a_bad_one_taken_back_without_a_failed_request(self):
        self.deploy('1.0.0')
        with proxies.Load(self.proxy) as load:
            run = self.deploy('2.0.0')
            good = self.analysis(run['metadata']['name'])
            self.assertEqual('Successful', good['verdict'], good)
            self.assertEqual('lost/share', good['metrics'][0]['name'])
            self.assertEqual(3, good['metrics'][0]['successful'])
            self.careless()
            run = self.deploy('3.0.0', 'RolledBack')
        self.assertEqual([], load.failures[:5])
        bad = self.analysis(run['metadata']['name'])
        self.assertEqual('Failed', bad['verdict'], bad)
        self.assertEqual('AnalysisFailed', run['status']['decisions']['revertReason'])
        self.assertIn('metric lost/share', run['status']['decisions']['revertMessage'])
        self.assertEqual(100, self.proxy.share('2.0.0', 50))
        events = self.cluster.kubectl('-n', self.shop.namespace, 'get', 'events')
        self.assertIn('AnalysisSuccessful', events)
        self.assertIn('AnalysisFailed', events)
        self.assertIn('AnalysisFailed', self.cluster.slipway('status', 'shop', '-n', self.shop.namespace)[1])
        history = self.cluster.slipway('history', 'shop', '-n', self.shop.namespace)[1]
        self.assertRegex(history, r'2\.0\.0 +Completed .*analysis: step 2 Successful')
        self.assertRegex(history, r'3\.0\.0 +RolledBack .*analysis: step 2 Failed')
        listed = self.cluster.kubectl('-n', self.shop.namespace, 'get', 'at')
        self.assertRegex(listed, r'lost +share')

    def test_a_dead_prometheus_asks_a_person_and_never_says_yes(self):
        self.deploy('1.0.0')
        self.template(address=f'http://127.0.0.1:{processes.free_port()}', consecutiveErrorLimit=2)
        run = self.begin('2.0.0', 'AnalysisInconclusive')
        found = self.analysis(run)
        self.assertEqual('Inconclusive', found['verdict'], found)
        self.assertIn('3 errors in a row', found['message'])
        self.assertAlmostEqual(50, self.proxy.share('2.0.0'), delta=2)
        token = self.shop.annotate('abort')
        self.assertIn('Accepted', self.shop.verdict('abort', token))
        self.shop.wait_for_run({self.shop.runs()[0]['metadata']['name']}, 'RolledBack')
        self.assertEqual(100, self.proxy.share('1.0.0', 50))

    def test_no_data_fails_where_the_template_says_so_and_otherwise_is_waited_for(self):
        self.deploy('1.0.0')
        self.template(noData='Fail', minSamples=1000000)
        with proxies.Load(self.proxy):  # without one there is nothing to divide, which is no data either
            run = self.deploy('2.0.0', 'RolledBack')
        self.assertRegex(self.analysis(run['metadata']['name'])['message'], 'TooFewSamples|NaN|EmptyVector')
        self.template(waitFor='2s', minSamples=1000000)
        run = self.begin('3.0.0', 'AnalysisInconclusive')
        self.assertIn('no data for 2s', self.analysis(run)['message'])
        token = self.shop.annotate('promote')
        self.assertIn('Accepted', self.shop.verdict('promote', token))
        self.shop.wait_until_ready('3.0.0')

    def test_a_third_version_and_a_restart_in_the_middle_of_an_analysis(self):
        self.deploy('1.0.0')
        self.template(interval='2s', count=5, minSamples=0)
        with proxies.Load(self.proxy) as load:
            second = self.begin('2.0.0', 'Analysing')
            third = self.begin('3.0.0', 'Analysing')
            self.assertEqual('RolledBack', self.cluster.get('releaseruns', second, self.shop.namespace)['status']['outcome'])
            processes.wait_for(lambda: self.analysis(third)['metrics'][0]['measured'] >= 2, 60, 'two measurements')
            self.cluster.kill()
            self.cluster.start()
            self.shop.wait_until_ready('3.0.0', 90)
        self.assertEqual([], load.failures[:5])
        found = self.analysis(third)
        self.assertEqual(('Successful', 5), (found['verdict'], found['metrics'][0]['measured']), found)
        self.assertLessEqual(found['metrics'][0]['started'], 8)

    def test_a_template_that_is_missing_or_wrong_is_refused_with_the_fields_path(self):
        with self.assertRaises(AssertionError) as refused:
            self.shop.apply('1.0.0', strategy={'type': 'Canary', 'canary': {
                'steps': [{'setWeight': 5}, {'analysis': {'templates': ['lost', 'gone']}}]}}, **self.spec)
        self.assertIn('spec.strategy.canary.steps[1].analysis.templates[1]: Not found: "gone"', str(refused.exception))
        for field, value, path in (('successCondition', 'result <', 'spec.metrics[0].successCondition'),
                                   ('failureCondition', 'result > "a"', 'spec.metrics[0].failureCondition'),
                                   ('interval', '0s', 'spec.metrics[0].interval')):
            with self.assertRaises(AssertionError) as refused:
                self.template(**{field: value})
            self.assertIn(path, str(refused.exception))


if __name__ == '__main__':
    unittest.main()
