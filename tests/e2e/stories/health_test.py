"""Health that takes more than one good answer: applications that flap, start slowly, or crash again and again."""
import os
import signal

import processes
from scenario import Scenario

# Well twice, then unwell once, and so on.
FLAPPING = ('n=$(cat "$HOME/asked" 2>/dev/null || echo 0); echo $((n + 1)) >"$HOME/asked"; '
            'if [ $((n % 3)) = 2 ]; then echo "not well now"; exit 1; fi')
# Up three seconds after it was started.
SLOW = 'rm -f up; setsid sh -c "sleep 3; : >up" >/dev/null 2>&1 </dev/null &'
# Starts the application again whenever it ends.
KEEPER = '''while :; do
  sh ./app.sh & echo $! >"$HOME/app.pid"
  wait
  sleep 0.2
done
'''
RELOAD = ('if [ -e "$HOME/keeper.pid" ]; then kill -9 -- "-$(cat "$HOME/keeper.pid")"; fi; '
          'setsid sh ./keeper.sh >/dev/null 2>&1 </dev/null & echo $! >"$HOME/keeper.pid"')


class Health(Scenario):
    servers_wanted = 2

    def setUp(self):
        self.shop = self.application()
        self.addCleanup(self.end_keepers)

    def end_keepers(self):
        for server in self.shop.servers:
            pid = processes.text_of(os.path.join(server.home, 'keeper.pid')).strip()
            if pid:
                try:
                    os.killpg(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def write(self, name, text):
        with open(os.path.join(self.shop.source, name), 'w') as file:
            file.write(text)

    def verify(self, run):
        return [self.shop.step(run, server.name, 'verify') for server in self.shop.servers]

    def flap(self, version, threshold, outcome):
        for server in self.shop.servers:
            with open(os.path.join(server.home, 'asked'), 'w') as file:
                file.write('0')
        return self.shop.deploy(version, outcome, health={'exec': {'run': FLAPPING}, 'attempts': 7, 'interval': '200ms',
                                                          'successThreshold': threshold})

    def test_a_flapping_application_does_not_pass_three_in_a_row(self):
        run = self.flap('1.0.0', 2, 'Completed')
        self.assertEqual([2, 2], [step['consecutiveSuccesses'] for step in self.verify(run)])
        self.assertEqual({'total': 2, 'successful': 2}, run['status']['instances'])
        run = self.flap('2.0.0', 3, 'RolledBack')
        self.assertIn('healthy 1 of 3 times in a row after 7 attempts', run['status']['message'])
        self.assertEqual({'total': 2, 'successful': 0}, run['status']['instances'])
        self.assertEqual(['1.0.0'] * 2, self.shop.links())

    def test_a_slow_starter_passes_with_an_initial_delay(self):
        health = {'exec': {'run': '[ -e up ]'}, 'attempts': 1, 'interval': '100ms'}
        self.shop.deploy('1.0.0', 'RolledBack', process={'command': {'reload': SLOW}}, health=health)
        run = self.shop.deploy('2.0.0', 'Completed', process={'command': {'reload': SLOW}}, health={**health, 'initialDelay': '5s'})
        self.assertEqual([1, 1], [step['tries'] for step in self.verify(run)])
        waits = [name for name in run['status']['waits'] if name.startswith('initial-delay-verify-')]
        self.assertEqual(1, len(waits), 'one for both servers, which come up together')

    def test_a_process_that_crashes_again_and_again_is_caught(self):
        self.write('keeper.sh', KEEPER)
        self.write('app.sh', 'if [ -e broken ]; then sleep 0.3; exit 1; fi\nexec sleep 1000\n')
        for pid_file in ({'pidFile': '~/app.pid'}, {}):
            with self.subTest(**pid_file):
                spec = {'process': {'command': {'reload': RELOAD}},
                        'health': {'process': {'minUptime': '2s', **pid_file}, 'attempts': 12, 'interval': '500ms'}}
                number = 1 if pid_file else 3
                self.shop.deploy(f'{number}.0.0', 'Completed', **spec)
                self.write('broken', '')
                run = self.shop.deploy(f'{number + 1}.0.0', 'RolledBack', **spec)
                os.remove(os.path.join(self.shop.source, 'broken'))
                self.assertRegex(run['status']['message'], r'process: .*(again and again|has ended|no process runs)')
                self.assertEqual([f'{number}.0.0'] * 2, self.shop.links())

    def test_what_can_never_be_healthy_is_refused_with_the_fields_path(self):
        for path, spec in {
                'spec.health.successThreshold': {'health': {'tcp': {'port': 80}, 'attempts': 2, 'successThreshold': 3}},
                'spec.health.failureThreshold': {'health': {'tcp': {'port': 80}, 'attempts': 2, 'failureThreshold': 3}},
                'spec.health.freshness': {'health': {'tcp': {'port': 80}, 'freshness': '5s'}},
                'spec.health.process.minUptime': {'process': {'command': {'reload': 'true'}},
                                                  'health': {'process': {'minUptime': '1m'}, 'attempts': 5}},
                'spec.health.process': {'health': {'process': {}}},
                'spec.health.process.pidFile': {'process': {'systemd': {'execStart': 'x'}},
                                                'health': {'process': {'pidFile': 'x.pid'}}}}.items():
            with self.subTest(path=path):
                with self.assertRaises(AssertionError) as refused:
                    self.shop.apply('1.0.0', **spec)
                self.assertIn(f'{path}:', str(refused.exception))
