#!/usr/bin/env python3
"""clang-tidy on a list of files, within a time limit: tidy.py --build DIR [--seconds N] [--jobs N] LISTFILE

The last line is "N passed, N failed, N skipped"; skipped are files the time did not suffice for, and files that the
build does not compile.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def without_precompiled_headers(entry):
    """The compiler's own precompiled header cannot be read by clang: the sources include what they use anyway."""
    words, kept, index = entry['command'].split(' '), [], 0
    while index < len(words):
        if words[index] == '-include' and 'cmake_pch' in words[index + 1]:
            index += 2
            continue
        if words[index] != '-Winvalid-pch':
            kept.append(words[index])
        index += 1
    return dict(entry, command=' '.join(kept))


def check(path, database):
    run = subprocess.run(['clang-tidy-14', '--quiet', '-p', database, path], cwd=TOP, text=True, errors='replace',
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return run.returncode, run.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True)
    parser.add_argument('--seconds', type=float, default=900)
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('list')
    arguments = parser.parse_args()
    with open(arguments.list) as file:
        wanted = [line.strip() for line in file if line.strip()]
    with open(os.path.join(arguments.build, 'compile_commands.json')) as file:
        entries = {os.path.relpath(entry['file'], TOP): entry for entry in json.load(file)}
    files = [path for path in wanted if path in entries]
    end = time.monotonic() + arguments.seconds
    passed = failed = 0
    with tempfile.TemporaryDirectory() as database:
        with open(os.path.join(database, 'compile_commands.json'), 'w') as file:
            json.dump([without_precompiled_headers(entries[path]) for path in files], file)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            jobs = {pool.submit(lambda p: check(p, database) if time.monotonic() < end else None, path): path
                    for path in files}
            for job in concurrent.futures.as_completed(jobs):
                if job.result() is None:
                    continue
                code, output = job.result()
                passed, failed = passed + (code == 0), failed + (code != 0)
                if code != 0:
                    print(f'{jobs[job]}:\n{output}')
    left = len(wanted) - passed - failed
    if left:
        print(f'{left} of {len(wanted)} changed files were not looked at: not compiled here, or the time was used up')
    print(f'{passed} passed, {failed} failed, {left} skipped')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
