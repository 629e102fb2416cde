"""The stories on three real sshd's of the current user, and one release to many servers: no root needed."""
import os
import shutil
import tempfile
import unittest

from cluster import Cluster
from scenario import BIN, Application, Scenario
from sshds import SshCrowd, sshd_program
from story import Stories

FEW, MANY = 16, 96
KILOBYTES_PER_SERVER = 800
# 1 MB on each server.
CHATTER = 'i=0; while [ $i -lt 10000 ]; do printf "%0100d\\n" $i; i=$((i+1)); done'


def peak_kilobytes(pid):
    with open(f'/proc/{pid}/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM'))


class OnSshServers(Stories, Scenario):
    pass


class ManyServers(unittest.TestCase):
    """slipwayd's memory does not grow with what servers print, and by little for each of them."""

    @classmethod
    def setUpClass(cls):
        try:
            sshd_program()
        except RuntimeError as error:
            raise unittest.SkipTest(str(error))

    def test_memory_grows_by_little_for_each_server(self):
        directory = tempfile.mkdtemp(prefix='slipway-e2e-')
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with SshCrowd(os.path.join(directory, 'servers'), MANY) as fleet, Cluster(BIN, os.path.join(directory, 'daemon')) as cluster:
            peaks = []
            for name, servers in (('few', fleet.servers[:FEW]), ('many', fleet.servers)):
                shop = Application(cluster, fleet, name, servers).set_up()
                run = shop.deploy('1.0.0', build=[{'name': 'chatter', 'run': CHATTER}], strategy={'maxSkew': '5m'})
                self.assertEqual(len(run['status']['targets']), len(servers))
                peaks.append(peak_kilobytes(cluster.pid))
            growth = (peaks[1] - peaks[0]) / (MANY - FEW)
            print(f'{peaks[0] // 1024} MB, {peaks[1] // 1024} MB, {growth:.0f} kB a server ... ', end='', flush=True)
            self.assertLess(growth, KILOBYTES_PER_SERVER)


if __name__ == '__main__':
    unittest.main()
