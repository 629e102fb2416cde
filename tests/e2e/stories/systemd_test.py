"""Units of systemd on booted machines: what counts is what the live process runs."""
import os
import unittest

from scenario import OnMachines, Scenario

# Says which version it is, as its directory tells, and stays; one with the file `broken` ends.
APP = '''echo "this is $(cat version.txt) in $NODE_ENV on ${PORT:-no port}"
if [ -e broken ]; then echo "cannot find its settings"; exit 3; fi
while :; do sleep 1; done
'''
UNIT = {'execStart': 'sh ./app.sh "100%" $NODE_ENV', 'env': {'NODE_ENV': 'production', 'PORT': '4002', 'QUOTED': 'a "b" $c %d'}}


class ManagedBySystemd(OnMachines, Scenario):
    servers_wanted = 2

    def setUp(self):
        self.shop = self.application()
        self.unit = self.id().rsplit('_', 1)[1]
        self.write('app.sh', APP)

    def write(self, name, text):
        with open(os.path.join(self.shop.source, name), 'w') as file:
            file.write(text)

    def deploy(self, version, outcome='Completed', unit=None, **spec):
        return self.shop.deploy(version, outcome, process={'systemd': {'unit': self.unit, **(unit or UNIT), 'timeout': '40s'}}, **spec)

    def live(self, server):
        """The release that the unit's main process has as its directory."""
        return os.path.basename(server.shell(f'readlink /proc/$(systemctl show -P MainPID {self.unit})/cwd').strip())

    def every_live(self):
        return [self.live(server) for server in self.shop.servers]

    def test_a_unit_runs_the_new_release_and_after_a_failure_the_old_one_steady(self):
        first = self.shop.servers[0]
        self.deploy('1.0.0')
        self.assertEqual(['1.0.0'] * 2, self.every_live())
        self.assertEqual('enabled', first.shell(f'systemctl is-enabled {self.unit}').strip())
        environment = first.shell(f'tr "\\0" "\\n" </proc/$(systemctl show -P MainPID {self.unit})/environ')
        self.assertIn('QUOTED=a "b" $c %d\n', environment)
        words = first.shell(f'tr "\\0" "\\n" </proc/$(systemctl show -P MainPID {self.unit})/cmdline').split('\n')
        self.assertEqual(['sh', './app.sh', '100%', 'production'], words[:4])
        self.deploy('2.0.0')
        self.assertEqual(['2.0.0'] * 2, self.every_live())
        self.assertIn('this is 2.0.0 in production on 4002', first.shell(f'journalctl -u {self.unit} --no-pager'))

        self.write('broken', '')
        run = self.deploy('3.0.0', 'RolledBack', unit={**UNIT, 'env': {'NODE_ENV': 'changed'}})
        step = next(self.shop.step(run, server.name, 'start') for server in self.shop.servers
                    if self.shop.step(run, server.name, 'start').get('state') == 'Failed')
        self.assertRegex(step['message'], r'steady.service: .*\(ActiveState \w+, SubState [\w-]+, Result [\w-]+, ExecMainStatus 3\)')
        self.assertIn('cannot find its settings', step['tail'])
        self.assertEqual(['2.0.0'] * 2, self.every_live())
        # As it ran then, not as the release that failed would have it.
        self.assertIn('NODE_ENV=production', first.shell(f'cat /etc/systemd/system/{self.unit}.service'))

    def test_a_reload_that_keeps_the_old_release_becomes_a_restart_keeps(self):
        unit = {**UNIT, 'execReload': 'true', 'onSwitch': 'Reload'}
        self.deploy('1.0.0', unit=unit)
        before = [server.shell(f'systemctl show -P MainPID {self.unit}') for server in self.shop.servers]
        self.deploy('2.0.0', unit=unit)
        self.assertEqual(['2.0.0'] * 2, self.every_live())
        after = [server.shell(f'systemctl show -P MainPID {self.unit}') for server in self.shop.servers]
        self.assertFalse(set(before) & set(after))

    def test_a_unit_that_a_person_keeps_is_used_and_not_written_person(self):
        first = self.shop.servers[0]
        run = self.deploy('1.0.0', 'RolledBack', unit={'render': False})
        self.assertIn('there is no unit person.service', run['status']['message'])
        text = f'[Service]\nWorkingDirectory={self.shop.root}/current-production\nExecStart=/bin/sh ./app.sh\n'
        for server in self.shop.servers:
            server.shell(f"printf '%s' '{text}' >/etc/systemd/system/person.service; systemctl daemon-reload")
        run = self.deploy('2.0.0', 'RolledBack')
        self.assertIn('was not written by slipway', run['status']['message'])
        self.deploy('3.0.0', unit={'render': False})
        self.assertEqual(['3.0.0'] * 2, self.every_live())
        self.assertEqual(text, first.shell('cat /etc/systemd/system/person.service'))

    def test_recreate_and_a_first_release_that_fails_leave_nothing_behind(self):
        first = self.shop.servers[0]
        self.write('broken', '')
        self.deploy('1.0.0', 'RolledBack', strategy={'type': 'Recreate'})
        self.assertEqual([None, None], self.shop.links())
        self.assertNotEqual('active', first.shell(f'systemctl is-active {self.unit} || true').strip())
        os.remove(os.path.join(self.shop.source, 'broken'))
        self.deploy('2.0.0', strategy={'type': 'Recreate'})
        self.deploy('3.0.0', strategy={'type': 'Recreate'})
        self.assertEqual(['3.0.0'] * 2, self.every_live())
        # A process that runs something else is no release that is live.
        first.shell(f'ln -sfn releases/production/2.0.0 {self.shop.root}/current-production; systemctl restart {self.unit}; '
                    f'ln -sfn releases/production/3.0.0 {self.shop.root}/current-production')
        self.assertEqual('2.0.0', self.live(first))


if __name__ == '__main__':
    unittest.main()
