#!/usr/bin/env python3
"""How long a developer waits after changing one line: incremental.py --build DIR [--limit SECONDS] [FILE...]

Adds a line to one source file, builds the unit test program of its folder and runs the tests of the file, without ccache;
then puts the file back. Exit code 1 when one of them took longer than the limit.
"""
import argparse
import os
import resource
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# One of each kind: plain values, much templated code, each of the heavy libraries, and the largest test programs.
FILES = ['reconciler/base/json_parse.cc', 'reconciler/planner/two_phase.cc', 'reconciler/schema/yaml.cc',
         'reconciler/store/sqlite_store.cc', 'reconciler/apiserver/listener/http_listener_session.cc',
         'reconciler/runtime/work_queue.cc', 'providers/transport/ssh_job.cc', 'cmd/slipway/object_commands.cc']


def test_target(path):
    """Folders within a layer's folder share its test program."""
    parts = os.path.dirname(path).split('/')[:3 if path.startswith('providers') else 2]
    return 'test_unit_' + '_'.join(parts)


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command, **options):
    began = time.monotonic()
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise SystemExit(f'{" ".join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}')
    return time.monotonic() - began


def suites(path):
    """WorkQueue.* for work_queue.cc; a file without tests of its own name leaves the running out."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return ''.join(word.capitalize() for word in stem.split('_')) + '.*'


def measure(path, build):
    target = test_target(path)
    program = os.path.join(build, 'bin', target)
    plain = dict(os.environ, CCACHE_DISABLE='1')
    source = os.path.join(TOP, path)
    with open(source, 'rb') as file:
        content = file.read()
    try:
        with open(source, 'ab') as file:
            file.write(b'static_assert(sizeof(char) == 1);\n')
        before = processor_seconds()
        built = run(['ninja', '-C', build, target], env=plain)
        used = processor_seconds() - before
        tested = run([program, f'--gtest_filter={suites(path)}'])
    finally:
        with open(source, 'wb') as file:
            file.write(content)
    run(['ninja', '-C', build, target])
    return target, built, used, tested


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', required=True)
    parser.add_argument('--limit', type=float, default=20)
    parser.add_argument('files', nargs='*', default=FILES)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the file is put back
    build = os.path.abspath(options.build)
    run(['ninja', '-C', build] + sorted({test_target(path) for path in options.files}))
    print(f'{"changed file":<56}{"build s":>9}{"cpu s":>8}{"test s":>8}   load {os.getloadavg()[0]:.1f}')
    slow = 0
    for path in options.files:
        target, built, used, tested = measure(path, build)
        slow += built + tested > options.limit
        print(f'{path:<56}{built:>9.1f}{used:>8.1f}{tested:>8.1f}   {target}', flush=True)
    print(f'{len(options.files) - slow} passed, {slow} failed')
    return 1 if slow else 0


if __name__ == '__main__':
    sys.exit(main())
