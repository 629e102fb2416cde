"""PHP-FPM keeps compiled files and resolved paths: it runs the new release's code once it was reloaded, and no sooner."""
import os
import unittest

from programs import php_fpm
import processes
from scenario import Scenario

# As `systemctl reload` does it. Told so by a mark, it refuses a version.
RELOAD = '''if [ -e "$HOME/refuse-$RELEASE_ID" ]; then echo cannot reload for "$RELEASE_ID"; exit 9; fi
kill -USR2 "$(cat "$HOME/fpm/fpm.pid")"'''


class OnPhpServers(Scenario):
    @classmethod
    def setUpClass(cls):
        if not php_fpm.program():
            raise unittest.SkipTest('php-fpm is not installed')
        super().setUpClass()

    def setUp(self):
        self.shop = self.application()
        self.masters = []
        for server in self.shop.servers:
            master = php_fpm.PhpFpm(os.path.join(server.home, 'fpm'))
            self.addCleanup(master.stop)
            self.masters.append(master.start())
        self.named = [server.name for server in self.shop.servers[:2]]

    def deploy(self, version, outcome='Completed', process=None, **strategy):
        for name, text in (('lib.php', f"<?php const VERSION = '{version}';"),
                           ('index.php', f"<?php require __DIR__ . '/lib.php'; echo '{version} ', VERSION;")):
            with open(os.path.join(self.shop.source, name), 'w') as file:
                file.write(text)
        return self.shop.deploy(version, outcome, strategy=strategy,
                                process=process or {'command': {'reload': RELOAD, 'servers': self.named}})

    def executed(self, index):
        """What the code on a server says it is: both of its files, so that a mix is seen."""
        return self.masters[index].get(self.shop.on(self.shop.servers[index], 'current-production', 'index.php'))

    def wait_until_executed(self, index, version):
        # The signal is answered at once, the new worker is there a moment later.
        processes.wait_for(lambda: self.executed(index) == f'{version} {version}', 20,
                           f'{version} on server {index}')

    def test_php_fpm_runs_the_new_code_where_it_is_reloaded_and_only_there(self):
        self.deploy('1.0.0')
        for index in range(3):
            self.wait_until_executed(index, '1.0.0')
        before = [master.reloads() for master in self.masters]
        run = self.deploy('2.0.0')
        self.assertEqual(['2.0.0'] * 3, self.shop.links())
        for index in range(2):
            self.wait_until_executed(index, '2.0.0')
        self.assertEqual([1, 1, 0], [master.reloads() - old for master, old in zip(self.masters, before)])
        # Not named, so not reloaded: its link is new, the code it runs is not.
        self.assertEqual('1.0.0 1.0.0', self.executed(2))
        states = [self.shop.step(run, server.name, 'start').get('state') for server in self.shop.servers]
        self.assertEqual(['Done', 'Done', None], states)

    def test_the_manager_of_php_fpm_waits_for_the_new_workers(self):
        first = self.masters[0]
        process = {'phpFpm': {'pidFile': first.pid_path, 'config': first.config_path, 'binary': first.wrapper(),
                              'servers': self.named[:1], 'timeout': '30s'}}
        self.deploy('1.0.0')
        for index in range(3):
            self.wait_until_executed(index, '1.0.0')
        self.deploy('2.0.0', process=process)
        self.assertEqual('2.0.0 2.0.0', self.executed(0), 'at once: the step has waited for the new workers')
        self.assertEqual('1.0.0 1.0.0', self.executed(2), 'not named')

    def test_a_failed_php_fpm_reload_is_named_and_taken_back(self):
        self.deploy('1.0.0')
        bad = self.shop.servers[1]
        with open(os.path.join(bad.home, 'refuse-2.0.0'), 'w'):
            pass
        run = self.deploy('2.0.0', 'RolledBack')
        self.assertIn(f'{bad.name}: reload: ', run['status']['message'])
        step = self.shop.step(run, bad.name, 'start')
        self.assertEqual(('Failed', 9), (step['state'], step['exitCode']))
        self.assertIn('cannot reload for 2.0.0', step['tail'])
        self.assertEqual(['1.0.0'] * 3, self.shop.links())
        for index in range(2):
            self.wait_until_executed(index, '1.0.0')

    def test_a_failed_php_fpm_reload_waits_for_a_person_where_it_shall(self):
        self.deploy('1.0.0')
        bad = self.shop.servers[1]
        mark = os.path.join(bad.home, 'refuse-2.0.0')
        with open(mark, 'w'):
            pass
        known = {run['metadata']['name'] for run in self.shop.runs()}
        with open(os.path.join(self.shop.source, 'index.php'), 'w') as file:
            file.write("<?php echo '2.0.0 2.0.0';")
        self.shop.apply('2.0.0', strategy={'onPartialSwitch': 'Hold'},
                        process={'command': {'reload': RELOAD, 'servers': self.named}})
        processes.wait_for(lambda: self.shop.condition('Paused').get('status') == 'True', 60, 'the pause')
        self.assertIn(bad.name, self.shop.condition('Paused')['message'])
        self.assertEqual(['2.0.0'] * 3, self.shop.links())
        os.remove(mark)
        self.shop.annotate('resume')
        self.shop.wait_for_run(known, 'Completed')
        for index in range(2):
            self.wait_until_executed(index, '2.0.0')


if __name__ == '__main__':
    unittest.main()
