"""How slipwayd's memory grows with the number of servers of one release."""
import os

import workload
from release_bench import Slipway, memory_kilobytes
from sshds import SshCrowd

COUNTS = [5, 50, 500]
PARALLEL = 20
CHATTER = 'i=0; while [ $i -lt 1000 ]; do echo "line $i of what a build step prints, some of it long, most of it unread"; i=$((i+1)); done'


def database_bytes(directory):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(directory) for name in names)


def measure(options, directory, count):
    tree = workload.Tree(os.path.join(directory, 'source'), files=20)
    with SshCrowd(os.path.join(directory, 'servers'), count) as fleet:
        slipway = Slipway(options.bin, fleet, os.path.join(directory, 'daemon'), '~/many').start()
        try:
            figure = {'servers': count, 'before_kb': memory_kilobytes(slipway.cluster.pid)}
            seconds, cpu, (run, _) = slipway.release(
                tree, tree.next(), build=[{'name': 'chatter', 'run': CHATTER}], layout={'root': '~/many'},
                health={'exec': {'run': 'test -f version.txt'}, 'attempts': 3, 'interval': '1s'},
                concurrency={'maxParallel': PARALLEL}, strategy={'switchTimeout': '5m', 'maxSkew': '5m'})
            figure.update(seconds=seconds, cpu=cpu, skew_ms=run['status'].get('skewMs'),
                          peak_kb=memory_kilobytes(slipway.cluster.pid),
                          after_kb=memory_kilobytes(slipway.cluster.pid, 'VmRSS'),
                          stored_bytes=database_bytes(slipway.cluster.data))
            return figure
        finally:
            slipway.stop()


def run(options, directory):
    counts = [count for count in COUNTS if count < options.servers] + [options.servers]
    figures = []
    for count in counts:
        print(f'a release to {count} servers', flush=True)
        figures.append(measure(options, os.path.join(directory, str(count)), count))
    print_table(figures)
    return figures


def print_table(figures):
    print(f'\nslipwayd\'s memory during a cold release, {PARALLEL} builds at a time; an sshd is up to 16 of the servers')
    print(f'{"servers":>8} {"before":>9} {"peak":>9} {"after":>9} {"peak grows by":>22} {"stored":>9} {"wall":>9} {"cpu":>8}')
    for smaller, figure in zip([None] + figures, figures):
        growth = ''
        if smaller:
            growth = f'{(figure["peak_kb"] - smaller["peak_kb"]) / (figure["servers"] - smaller["servers"]):.0f} kB a server'
        print(f'{figure["servers"]:8} {figure["before_kb"] / 1024:6.1f} MB {figure["peak_kb"] / 1024:6.1f} MB '
              f'{figure["after_kb"] / 1024:6.1f} MB {growth:>22} {figure["stored_bytes"] / 1e6:6.1f} MB {figure["seconds"]:7.1f} s '
              f'{figure["cpu"]:6.1f} s')
