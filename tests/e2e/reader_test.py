"""A reader that stats a file through `current` in a tight loop never misses it, over many switches."""
import os
import subprocess
import sys
import unittest

from scenario import OnMachines, Scenario

# Prints "reads misses versions" when the stop mark appears. It looks for the mark only now and then.
READER = '''
import os, sys
path, stop = sys.argv[1:3]
reads = misses = 0
seen = set()
while True:
    for _ in range(2000):
        reads += 1
        try:
            seen.add(os.stat(path).st_ino)
        except OSError:
            misses += 1
    if os.path.exists(stop):
        break
print(reads, misses, len(seen))
'''


class ReaderLoop:
    # A thousand with SLIPWAY_FULL=1; fewer by default, because each round is a whole release of five machines.
    switches = 1000 if os.environ.get('SLIPWAY_FULL') else 250

    def start_reader(self, shop, server):
        raise NotImplementedError

    def test_a_reader_never_misses_the_file(self):
        shop = self.application()
        shop.spec['layout'] = {**shop.spec['layout'], 'keepReleases': 2}
        shop.spec['concurrency'] = {'maxParallel': self.servers_wanted}
        shop.deploy('1.0.0')
        readers = [self.start_reader(shop, server) for server in shop.servers]
        try:
            rounds = -(-self.switches // self.servers_wanted)
            for number in range(1, rounds + 1):
                shop.deploy(f'1.0.{number}')
        finally:
            for server in shop.servers:
                shop.mark(server, 'stop-reading')
            answers = [reader.communicate(timeout=60)[0].split() for reader in readers]
        for server, answer in zip(shop.servers, answers):
            reads, misses, versions = map(int, answer)
            print(f'{server.name}: {reads} reads, {misses} misses, {versions} versions seen', flush=True)
            self.assertEqual(0, misses, server.name)
            # A reader that was not awake while links changed would prove nothing.
            self.assertGreater(versions, rounds / 4, server.name)
        self.assertEqual([f'1.0.{rounds}'] * self.servers_wanted, shop.links())


class OnSshServers(ReaderLoop, Scenario):
    switches = 150

    def start_reader(self, shop, server):
        return subprocess.Popen(['nice', '-n', '5', sys.executable, '-c', READER,
                                 shop.on(server, 'current-production', 'version.txt'), shop.on(server, 'stop-reading')],
                                stdout=subprocess.PIPE, text=True)


class OnBootedMachines(OnMachines, ReaderLoop, Scenario):
    def start_reader(self, shop, server):
        command = f"nice -n 5 python3 - '{shop.root}/current-production/version.txt' '{shop.root}/stop-reading'"
        reader = subprocess.Popen(server.ssh_command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        reader.stdin.write(READER)
        reader.stdin.close()
        reader.stdin = None
        return reader


if __name__ == '__main__':
    unittest.main()
