#!/usr/bin/env python3
"""The benchmarks behind ./dev bench. run.py --bin DIR [--only release|api|memory] [--servers N] [--rounds N] [--json FILE]

Compared programs run in turns in the same run, and medians are shown: on a shared machine the ratios are what to trust,
not the absolute figures. Everything is on this machine, started here and ended here; no right of root is needed.
"""
import argparse
import json
import os
import platform
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'e2e')]

import api_bench  # noqa: E402
import memory_bench  # noqa: E402
import release_bench  # noqa: E402


BENCHES = {'release': release_bench, 'api': api_bench, 'memory': memory_bench}


def machine():
    with open('/proc/meminfo') as file:
        memory = int(file.readline().split()[1]) // 1024
    return f'{os.cpu_count()} processors, {memory} MB, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bin', required=True, help='directory of slipwayd and bench_api_load')
    parser.add_argument('--only', choices=['release', 'api', 'memory'])
    parser.add_argument('--servers', type=int, help='of the release (20); with --only memory, the most of it (500)')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=2, help='length of one load on the API')
    parser.add_argument('--json', metavar='FILE', help='write all figures there, too; - for standard output, after the tables')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything started here is ended
    print(f'machine: {machine()}')
    figures = {'machine': machine()}
    with tempfile.TemporaryDirectory(prefix='slipway-bench-') as directory:
        # The memory of hundreds of servers takes minutes, and is measured only when asked for.
        benches = [options.only] if options.only else ['release', 'api']
        options.servers = options.servers or (500 if options.only == 'memory' else 20)
        for name in benches:
            figures[name] = BENCHES[name].run(options, os.path.join(directory, name))
    if options.json == '-':
        print(json.dumps(figures))
    elif options.json:
        with open(options.json, 'w') as file:
            json.dump(figures, file, indent=2)


if __name__ == '__main__':
    main()
