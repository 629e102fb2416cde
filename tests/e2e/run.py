#!/usr/bin/env python3
"""Runs the end-to-end tests: run.py --bin DIR [--filter REGEX]

The last line is "N passed, N failed, N skipped"; why a test was skipped is printed.
"""
import argparse
import os
import re
import signal
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True


class Result(unittest.TextTestResult):
    """One line per test, with how long it took."""

    passed = 0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        super(unittest.TextTestResult, self).addSuccess(test)
        self.passed += 1
        self.stream.writeln(f'ok in {time.monotonic() - self.began:.1f} s')
        self.stream.flush()


def flatten(suite):
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flatten(each)
        else:
            yield each


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bin', required=True)
    parser.add_argument('--filter', default='')
    arguments = parser.parse_args()
    os.environ['SLIPWAY_BIN'] = os.path.abspath(arguments.bin)
    # An end from outside still ends what the tests started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))
    found = unittest.defaultTestLoader.discover(HERE, '*_test.py')
    tests = [test for test in flatten(found) if re.search(arguments.filter, test.id())]
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result, failfast=False).run(unittest.TestSuite(tests))
    reasons = {reason for _, reason in result.skipped}
    for reason in sorted(reasons):
        print(f'skipped: {reason}')
    # A class that cannot be set up says so once, for all its tests: what did not pass has failed or was skipped.
    did_not_pass = len(tests) - result.passed
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = did_not_pass if bad == 0 else min(did_not_pass - 1, sum(count_of(each, tests) for each, _ in result.skipped))
    print(f'{result.passed} passed, {did_not_pass - skipped} failed, {skipped} skipped')
    return 1 if bad else 0


def count_of(skipped, tests):
    """1 for a test, the number of its tests for a class."""
    whole_class = re.match(r'setUpClass \(\w*\.?(\w+)\)', str(skipped))
    return sum(type(test).__name__ == whole_class.group(1) for test in tests) if whole_class else 1


if __name__ == '__main__':
    sys.exit(main())
