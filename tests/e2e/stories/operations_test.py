"""What operators ask of the servers of a release between runs, over real sshd's, with real processes."""
import os
import signal
import subprocess
import unittest

import processes
from scenario import Scenario

# Says on both streams what it is, and stays.
APP = '''echo "this is $(cat version.txt)"
echo "a complaint of $(cat version.txt)" >&2
while :; do sleep 1; done
'''


def process(shop):
    """Commands that run it, with its number in the file `pid`; a stop waits as long as there is a file `hold`."""
    top = f'top=$HOME/{shop.root[2:]}; mkdir -p "$top/logs/production"; '
    start = top + ('setsid sh ./app.sh >>"$top/logs/production/out.log" 2>>"$top/logs/production/error.log" </dev/null & '
                   'echo $! >"$top/pid"')
    stop = top + ('while [ -e "$top/hold" ]; do : >"$top/waits"; sleep 0.1; done; '
                  'if [ -s "$top/pid" ]; then kill -KILL "-$(cat "$top/pid")" || true; rm -f "$top/pid"; fi; true')
    return {'command': {'start': start, 'stop': stop, 'reload': f'( {stop} ); {start}'}}


class Operations(Scenario):
    servers_wanted = 2

    def setUp(self):
        self.shop = self.application()
        with open(os.path.join(self.shop.source, 'app.sh'), 'w') as file:
            file.write(APP)
        self.process = process(self.shop)
        self.addCleanup(self.end_processes)

    def end_processes(self):
        for server in self.shop.servers:
            pid = self.pid(server)
            if pid and os.path.isdir(f'/proc/{pid}'):
                os.killpg(pid, signal.SIGKILL)

    def pid(self, server):
        lines = self.shop.lines(server, 'pid')
        return int(lines[0]) if lines else 0

    def pids(self):
        return [self.pid(server) for server in self.shop.servers]

    def slipway(self, *arguments, code=0):
        ended, output = self.cluster.slipway(*arguments, '-n', self.shop.namespace, seconds=120)
        self.assertEqual(code, ended, output)
        return output

    def operations(self):
        return self.cluster.list('operations', self.shop.namespace)

    def test_processes_are_shown_restarted_stopped_and_started(self):
        self.shop.deploy('1.0.0', process=self.process)
        before = self.pids()
        shown = self.slipway('process', 'status', 'shop')
        for server, pid in zip(self.shop.servers, before):
            self.assertRegex(shown, rf'{server.name} +command +{pid} +1\.0\.0 +\S+ +- +[\d.]+ \w+ +- +sh \./app\.sh')
        self.assertEqual([], self.operations(), 'a look leaves no record')

        self.slipway('process', 'restart', 'shop')
        after = self.pids()
        self.assertFalse(set(before) & set(after))
        times = {target['name']: target for target in self.operations()[0]['status']['targets']}
        first, second = (times[server.name] for server in sorted(self.shop.servers, key=lambda each: each.name))
        self.assertLessEqual(first['finishedAt'], second['startedAt'], 'one server after another')

        self.slipway('process', 'stop', 'shop')
        self.assertEqual([0, 0], self.pids())
        self.assertIn('nothing runs', self.slipway('process', 'status', 'shop'))
        self.shop.wait_for_condition('Stopped', 'True')
        self.assertIn('slipway process start shop', self.shop.condition('Stopped')['message'])
        self.assertEqual('False', self.shop.condition('Ready')['status'])
        self.slipway('process', 'start', 'shop')
        self.shop.wait_for_condition('Ready', 'True')
        self.assertEqual({}, self.shop.condition('Stopped'))
        self.assertNotIn(0, self.pids())
        events = self.cluster.request('GET', f'/api/v1/namespaces/{self.shop.namespace}/events')['items']
        self.assertTrue([each for each in events if each['reason'] == 'OperationSucceeded' and 'stop, asked for by' in each['message']])

        self.slipway('process', 'stop', 'shop')
        self.shop.deploy('2.0.0', process=self.process)
        self.shop.wait_for_condition('Ready', 'True')
        self.assertIn('2.0.0', self.slipway('process', 'status', 'shop'))

    def test_logs_are_shown_and_followed_until_nobody_listens(self):
        self.shop.deploy('1.0.0', process=self.process)
        one = self.shop.servers[0]
        out = self.slipway('process', 'logs', 'shop', '--out', '--lines', '1', '--server', one.name)
        self.assertEqual('this is 1.0.0\n', out)
        self.assertIn('a complaint of 1.0.0', self.slipway('process', 'logs', 'shop', '--err'))

        follower = subprocess.Popen([os.path.join(self.cluster.bin, 'slipway'), 'process', 'logs', 'shop', '-f', '--out', '-n',
                                     self.shop.namespace, '--server', one.name], stdout=subprocess.PIPE, text=True,
                                    env=self.cluster.environment())
        self.assertEqual('this is 1.0.0\n', follower.stdout.readline())
        with open(self.shop.on(one, 'logs', 'production', 'out.log'), 'a') as file:
            file.write('later\n')
        self.assertEqual('later\n', follower.stdout.readline())
        log = self.shop.on(one, 'logs', 'production', 'out.log')

        def readers():
            return [pid for pid in filter(str.isdigit, os.listdir('/proc')) if 'tail' in command(pid) and one.name in command(pid)]

        def command(pid):
            return processes.text_of(f'/proc/{pid}/cmdline')
        self.assertTrue(readers(), log)
        follower.send_signal(signal.SIGINT)
        self.assertEqual(130, follower.wait(30))
        follower.stdout.close()
        processes.wait_for(lambda: not readers(), 20, 'the end of what follows the log on the server')
        self.assertEqual([], self.operations())

    def test_room_and_modes_are_shown_and_put_right(self):
        for version in ('1.0.0', '2.0.0', '3.0.0'):
            self.shop.deploy(version)
        one = self.shop.servers[0]
        shown = self.slipway('system', 'shop')
        self.assertRegex(shown, rf'{one.name} +release +3\.0\.0 +\S+ \w+, current')
        self.assertRegex(shown, rf'{one.name} +disk +\S+ +\S+ \w+ free of')
        self.assertRegex(self.slipway('system', '--server', one.name), rf'{one.name} +memory')

        self.slipway('permissions', 'shop')
        os.chmod(self.shop.on(one, 'releases', 'production', '3.0.0', 'version.txt'), 0o600)
        shown = self.slipway('permissions', 'shop', code=1)
        self.assertRegex(shown, rf'{one.name} +releases/production/3\.0\.0/version\.txt +600 +644')
        self.slipway('permissions', 'shop', '--fix')
        self.slipway('permissions', 'shop')

        self.slipway('cleanup', 'shop')
        self.assertEqual(['1.0.0', '2.0.0', '3.0.0'], self.shop.prepared(one), 'as many as are kept after a run')
        self.assertRegex(self.slipway('cleanup', 'shop', '--emergency'), rf'{one.name} +1 +')
        for server in self.shop.servers:
            self.assertEqual(['2.0.0', '3.0.0'], self.shop.prepared(server), 'current and previous')

    def test_a_release_falls_back_to_a_folder_and_returns(self):
        self.shop.deploy('1.0.0', process=self.process)
        self.shop.deploy('2.0.0', process=self.process)
        for server in self.shop.servers:
            old = server.path('~/old')
            os.makedirs(old)
            for name, text in (('version.txt', 'old\n'), ('app.sh', APP)):
                with open(os.path.join(old, name), 'w') as file:
                    file.write(text)
        self.slipway('fallback', 'shop', '--to', '~/old')
        self.assertEqual(['old', 'old'], self.shop.served())
        self.assertEqual(['2.0.0'] * 2, self.shop.links('previous'))
        for server in self.shop.servers:
            self.assertEqual('old', os.path.basename(os.readlink(f'/proc/{self.pid(server)}/cwd')))
        self.slipway('cleanup', 'shop', '--emergency')
        self.slipway('fallback', 'shop', '--return')
        self.assertEqual(['2.0.0', '2.0.0'], self.shop.served())
        for server in self.shop.servers:
            self.assertEqual('2.0.0', os.path.basename(os.readlink(f'/proc/{self.pid(server)}/cwd')))

    def test_an_open_run_is_not_disturbed(self):
        self.shop.deploy('1.0.0', process=self.process)
        wait = {'name': 'wait', 'run': 'while [ ! -e "${RELEASE_PATH%/releases/*}/go" ]; do sleep 0.1; done'}
        self.shop.apply('2.0.0', process=self.process, build=[wait])
        processes.wait_for(lambda: len(self.shop.runs()) == 2, 20, 'the second run')
        self.assertIn('is going on', self.slipway('process', 'stop', 'shop', code=1))
        self.slipway('process', 'status', 'shop')
        for server in self.shop.servers:
            self.shop.mark(server, 'go')
        self.shop.wait_for_run(outcome='Completed')
        self.shop.wait_until_ready('2.0.0')

    def test_a_restart_that_a_crash_interrupts_goes_on(self):
        self.shop.deploy('1.0.0', process=self.process)
        before = self.pids()
        for server in self.shop.servers:
            self.shop.mark(server, 'hold')
        asked = subprocess.Popen([os.path.join(self.cluster.bin, 'slipway'), 'process', 'restart', 'shop', '-n', self.shop.namespace],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.cluster.environment())
        processes.wait_for(lambda: any(os.path.exists(self.shop.on(each, 'waits')) for each in self.shop.servers), 30, 'the stop')
        self.cluster.kill()
        asked.kill()
        asked.wait()
        for server in self.shop.servers:
            self.shop.unmark(server, 'hold')
        self.cluster.start()

        def phase():
            return self.operations()[0].get('status', {}).get('phase')
        processes.wait_for(lambda: phase() in ('Succeeded', 'Failed'), 90, 'the end of the restart')
        self.assertEqual('Succeeded', phase(), self.operations()[0]['status'])
        self.assertFalse(set(before) & set(self.pids()))
        self.slipway('process', 'status', 'shop')


if __name__ == '__main__':
    unittest.main()
