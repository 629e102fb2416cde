#!/usr/bin/env python3
"""The API conformance checks against a `slipwayd serve` of our own: conformance_test.py --bin DIR [--only REGEX]

known_failures.txt names the checks that do not pass yet. One that fails and is not named there fails this test, and so
does one that is named there and passes: the list can only become shorter, and nothing begins to fail unseen.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.dont_write_bytecode = True
from cluster import Cluster, kubectl_program  # noqa: E402


def known_failures():
    with open(os.path.join(HERE, 'known_failures.txt')) as file:
        return {line.split()[0] for line in file if line.strip() and not line.startswith('#')}


def run_checks(bin_directory, only):
    """ident → {passed, title, output}"""
    directory = tempfile.mkdtemp(prefix='slipway-conformance-')
    try:
        with Cluster(bin_directory, directory) as cluster:
            results = os.path.join(directory, 'results.json')
            subprocess.run([sys.executable, os.path.join(HERE, 'run.py'), '--kubeconfig', cluster.kubeconfig,
                            '--json', results, '--only', only], env=cluster.environment())
            with open(results) as file:
                return json.load(file)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', required=True)
    parser.add_argument('--only', default='')
    arguments = parser.parse_args()
    with open(os.path.join(HERE, 'checks.txt')) as file:
        total = sum(bool(re.match(r'[A-Z]\d\d ', line)) for line in file)
    missing = [name for name in ('kubectl', 'jq', 'curl') if not shutil.which(name)]
    if missing or not kubectl_program():
        print(f'skipped: the checks need {", ".join(missing)}')
        print(f'0 passed, 0 failed, {total} skipped')
        return 0
    known = {ident for ident in known_failures() if re.match(arguments.only, ident)}
    results = run_checks(arguments.bin, arguments.only)
    failing = {ident for ident, result in results.items() if not result['passed']}
    for ident in sorted(failing - known):
        print(f'{ident} {results[ident]["title"]}: fails, and is not in known_failures.txt')
    for ident in sorted(known - failing):
        print(f'{ident}: is in known_failures.txt and passes now (or is gone): take it off the list')
    if known & failing:
        print(f'known not to pass yet: {" ".join(sorted(known & failing))}')
    unexpected = (failing - known) | (known - failing)
    print(f'{len(results) - len(failing | unexpected)} passed, {len(unexpected)} failed, {len(known & failing)} skipped')
    return 1 if unexpected else 0


if __name__ == '__main__':
    sys.exit(main())
