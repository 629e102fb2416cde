#!/usr/bin/env python3
"""The benchmarks behind ./dev bench. run.py --bin DIR [--only release|api] [--servers N] [--rounds N] [--json FILE]

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
import release_bench  # noqa: E402


def machine():
    with open('/proc/meminfo') as file:
        memory = int(file.readline().split()[1]) // 1024
    return f'{os.cpu_count()} processors, {memory} MB, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bin', required=True, help='directory of slipwayd and bench_api_load')
    parser.add_argument('--only', choices=['release', 'api'])
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=3, help='length of one load on the API')
    parser.add_argument('--json', metavar='FILE', help='write all figures there, too')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything started here is ended
    print(f'machine: {machine()}')
    figures = {'machine': machine()}
    with tempfile.TemporaryDirectory(prefix='slipway-bench-') as directory:
        if options.only != 'api':
            figures['release'] = release_bench.run(options, os.path.join(directory, 'release'))
        if options.only != 'release':
            figures['api'] = api_bench.run(options, os.path.join(directory, 'api'))
    if options.json:
        with open(options.json, 'w') as file:
            json.dump(figures, file, indent=2)


if __name__ == '__main__':
    main()
