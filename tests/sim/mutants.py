#!/usr/bin/env python3
"""./dev sim --mutants: does every engine see what it is there to see?

Each file of tests/sim/mutants is one bug: a patch of the product, with a line that says what goes wrong. It is applied to a
copy of the tree, what the engines need is built, and they run, the cheap ones first, until one finds something. Caught is:
an invariant or a test failed, the program crashed, or it did not come to its end in time. Before that the engines run on
the copy as it is: what they find there says nothing about a mutant and does not count, and an engine that does not come to
its end there is left out.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PATCHES = TOP / 'tests/sim/mutants'
COPIES = TOP / 'build-mutants'

# name, program, arguments, seconds. The simulator says after how many seeds or cases it stopped.
SIM = [('random', ['--engine', 'random', '--seeds', '150'], 120),
       ('crash points', ['--engine', 'crash', '--pairs', '0'], 240),
       ('acto', ['--engine', 'acto', '--seeds', '50'], 300),
       ('sieve', ['--engine', 'sieve'], 400),
       ('more random', ['--engine', 'random', '--seed', '200150', '--seeds', '2000'], 900)]
SIM = [(name, 'slipway-sim', [*arguments, '--jobs', '1', '--json'], seconds) for name, arguments, seconds in SIM]
HISTORIES = [('histories', 'test_history', [], 300)]
STORE_IMAGES = [('crash images of the store', 'test_crash', ['--gtest_filter=StoreImages*'], 300)]
HOST_IMAGES = [('crash images of a host', 'test_crash', ['--gtest_filter=HostImages*'], 600)]
# Which engines look at which part, by the patched file: those that are made for it come first.
PARTS = [('providers/vm/host/', HOST_IMAGES), ('reconciler/store/', STORE_IMAGES + HISTORIES),
         ('reconciler/apiserver/', HISTORIES + SIM), ('', SIM)]


def engines_for(patch):
    return next(engines for part, engines in PARTS if patched_file(patch).startswith(part))


def key(engine):
    return ' '.join([engine[1], *engine[2]])


def in_time(engine):
    """The same, ending by itself at its first finding or when its time is over."""
    name, program, arguments, seconds = engine
    if program != 'slipway-sim':
        return name, program, arguments, 3 * seconds
    return name, program, [*arguments, '--stop', '--seconds', str(seconds)], 3 * seconds


def patched_file(patch):
    return re.search(r'^\+\+\+ b/(\S+)', patch.read_text(), re.M).group(1)


def sentence(patch):
    return patch.read_text().split('\n', 1)[0]


class Copy:
    """A copy of the tree with a build of its own."""

    def __init__(self, number):
        self.top = COPIES / str(number)
        self.log = COPIES / f'{number}.log'
        self.top.mkdir(parents=True, exist_ok=True)
        self.sync()
        self.run(['cmake', '--preset', 'release', '-DSLIPWAY_TESTS=ON'], 300)

    def sync(self):
        listed = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=TOP,
                                capture_output=True, check=True).stdout.decode().split('\0')
        for name in filter(None, listed):
            source, target = TOP / name, self.top / name
            if source.is_symlink() or not source.is_file():
                continue
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
                os.utime(target)

    def run(self, command, seconds):
        """Exit code and standard output; None as the code when it did not end."""
        environment = {**os.environ, 'CCACHE_BASEDIR': str(self.top), 'CCACHE_NOHASHDIR': '1'}
        with open(self.log, 'a') as log:
            log.write(f'$ {" ".join(map(str, command))}\n')
            log.flush()
            process = subprocess.Popen(command, cwd=self.top, env=environment, stdout=subprocess.PIPE, stderr=log,
                                       start_new_session=True)
            try:
                output = process.communicate(timeout=seconds)[0].decode(errors='replace')
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.communicate()
                return None, ''
            log.write(output)
        return process.returncode, output

    def build(self, program):
        code, output = self.run(['nice', 'ninja', '-C', 'build-release', '-j', '1' if len(os.sched_getaffinity(0)) < 3 else '2',
                                 program], 3600)
        if code != 0:
            raise RuntimeError(f'{program} does not build: {output[-2000:]}')

    def patch(self, patch, *flags):
        subprocess.run(['patch', '-p1', '-s', *flags, '-i', str(patch)], cwd=self.top, check=True, stdout=subprocess.DEVNULL)

    def findings(self, engine):
        """What it finds, by seed, scenario or test, in its order; None when it did not come to its end, and how many seeds."""
        _, program, arguments, seconds = engine
        code, output = self.run(['build-release/bin/' + program, *arguments], seconds)
        if code is None:
            return None, 0
        try:
            told = json.loads(output)
            found = {f'{each.get("scenario") or ""} seed {each.get("seed")} {each["invariant"]}': each for each in told['violations']}
            return {name: each['what'] for name, each in found.items()}, told['seeds']
        except (ValueError, KeyError, TypeError):
            failed = re.findall(r'\[  FAILED  \] (\S+)', output)
            return {name: name for name in failed} if code == 0 or failed else {'crash': f'ended with {code}'}, 1

    def try_engines(self, engines, baseline):
        """The first one that finds something that the tree as it is does not have."""
        built = set()
        for engine in engines:
            if baseline is None:  # the tree is clean: the first finding is one, and time that is over says nothing
                engine = in_time(engine)
                baseline_of = {}
            else:
                baseline_of = baseline.get(key(engine), {})
            if baseline_of is None:
                continue
            if engine[1] not in built:
                self.build(engine[1])
                built.add(engine[1])
            found, seeds = self.findings(engine)
            if found is None:
                return {'engine': engine[0], 'seeds': seeds, 'how': 'did not come to its end'}
            new = [name for name in found if name not in baseline_of]
            if new:
                at = re.search(r'seed (\d+)', new[0])
                return {'engine': engine[0], 'seeds': int(at.group(1)) if at else seeds, 'how': f'{new[0]}: {found[new[0]]}'}
        return None

    def examine(self, patch, engines, baseline):
        began = time.monotonic()
        row = {'mutant': patch.stem, 'bug': sentence(patch), 'file': patched_file(patch), 'engine': None, 'seeds': None}
        self.patch(patch)
        try:
            row.update(self.try_engines(engines, baseline) or {})
        except RuntimeError as error:
            row['error'] = str(error)
        finally:
            self.patch(patch, '-R')
        row['seconds'] = round(time.monotonic() - began, 1)
        return row


def arguments():
    parser = argparse.ArgumentParser(prog='./dev sim --mutants', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default='', metavar='REGEX', help='only mutants of this name')
    parser.add_argument('--jobs', type=int, default=2, help='copies of the tree that work side by side (2)')
    parser.add_argument('--engines', default='', metavar='REGEX', help='only engines of this name')
    parser.add_argument('--clean', action='store_true',
                        help='the engines have been seen to find nothing in the tree as it is: do not run them on it first')
    parser.add_argument('--json', action='store_true', help='one object on standard output')
    return parser.parse_args()


def as_it_is(copy, engines):
    """By engine what it finds in the tree without a mutant; None for one that does not come to its end."""
    out = {}
    for engine in engines:
        copy.build(engine[1])
        found, _ = copy.findings(engine)
        out[key(engine)] = found
        if found is None:
            print(f'left out, it does not come to its end in {engine[3]} s on the tree as it is: {key(engine)}', file=sys.stderr)
        elif found:
            print(f'found in the tree as it is, and not counted: {len(found)} by {key(engine)}', file=sys.stderr)
    return out


def report(row):
    what = f'{row["engine"]}, {row["seeds"]} seeds: {row["how"]}' if row['engine'] else row.get('error', 'NOT CAUGHT')
    print(f'{"caught" if row["engine"] else "MISSED"}  {row["mutant"]}  {row["seconds"]} s  {what[:160]}', file=sys.stderr,
          flush=True)


def main():
    options = arguments()
    patches = [patch for patch in sorted(PATCHES.glob('*.patch')) if re.search(options.only, patch.stem)]
    if not patches:
        sys.exit(f'no mutant is called {options.only}')
    copies = queue.Queue()
    for number in range(1, min(options.jobs, len(patches)) + 1):
        copies.put(Copy(number))

    def with_copy(work):
        copy = copies.get()
        try:
            return work(copy)
        finally:
            copies.put(copy)

    def chosen(patch):
        return [engine for engine in engines_for(patch) if re.search(options.engines, engine[0])]

    engines = list({key(engine): engine for patch in patches for engine in chosen(patch)}.values())
    baseline = None if options.clean else with_copy(lambda copy: as_it_is(copy, engines))
    with concurrent.futures.ThreadPoolExecutor(copies.qsize()) as pool:
        rows = []
        for row in pool.map(lambda patch: with_copy(lambda copy: copy.examine(patch, chosen(patch), baseline)), patches):
            report(row)
            rows.append(row)
    caught = sum(1 for row in rows if row['engine'])
    by_engine = {name: sum(1 for row in rows if row['engine'] == name) for name in sorted({row['engine'] for row in rows if row['engine']})}
    print(f'{caught} of {len(rows)} caught; {by_engine}', file=sys.stderr)
    if options.json:
        print(json.dumps({'total': len(rows), 'caught': caught, 'engines': by_engine, 'mutants': rows}, indent=1))
    sys.exit(0 if caught == len(rows) else 1)


if __name__ == '__main__':
    main()
