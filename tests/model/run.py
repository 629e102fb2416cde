#!/usr/bin/env python3
"""Checks the model of the two-phase release with spin: the design holds, and each seeded design error is found.

Prints for every size the number of states, the time and the properties that held, and for every error the property that
found it. Ends with "N passed, N failed" for ./dev test.

  --full          also the large sizes: minutes and gigabytes
  --size N,C,K    only N servers, C crashes, K coordinators; a fourth number chooses hash-compact storage (1)
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "two_phase.pml")

# Properties, in the order of the model: name, what it says.
PROPERTIES = {
    "noDangling": "current and previous always name a release that is there",
    "gated": "nothing is live anywhere unless every server was prepared",
    "honest": "Completed: every server is on the new version and verified",
    "allOrNothing": "Aborted and RolledBack: no server is on the new version",
    "decidedOnce": "each decision is made once, in order, and never flips",
    "fenced": "no effect of a coordinator that was replaced is accepted",
    "onlyUndo": "who knows of an undo switches nothing forward",
    "planKept": "retention never removes what an open run needs",
    "runEnds": "when nobody is at work the run has ended and its status says how",
}

# Servers, crashes, coordinators. Each is searched completely.
SIZES = [(3, 2, 1), (5, 2, 1), (3, 2, 2)]
FULL = [(4, 1, 2), (4, 2, 2)]

# Servers, crashes, coordinators, with one deletion of the lease, and the number that a server has seen before.
LEASES = [(2, 1, 2, 0), (2, 1, 2, 3)]

# Design errors, and the properties that may find them first.
ERRORS = {
    "VOLATILE_DECISION": "the decision to commit is kept in memory only",
    "COMMIT_ON_ONE": "one prepared server is taken for all",
    "STATUS_EARLY": "the status says Completed before the servers answered",
    "SWITCH_BEFORE_RECORD": "the first server is switched before the decision is recorded",
    "STATUS_FROM_JOURNAL": "after a restart the status is copied from the decision",
    "ABORT_AFTER_SWITCH": "a failed switch aborts without undoing the servers that were switched",
    "NO_VERIFY": "switched servers are not verified",
    "NO_FENCE": "servers do not compare fencing tokens",
    "SAME_TOKEN": "a coordinator that takes over keeps the token",
    "NO_CAS": "the record is written without comparing",
    "NO_CLAIM": "taking over does not write the record, so a replaced coordinator can still decide",
    "UNDO_WITHOUT_RECORD": "the undo begins before it is recorded",
    "UNDO_SKIPS_ONE": "the undo leaves out a server that was not seen to be switched",
    "COLLECTS_OPEN": "retention removes what an open run has prepared",
    "COLLECTS_PREVIOUS": "retention removes what an undo would return to",
}


# Of the lease and its numbers.
LEASE_ERRORS = {
    "LEASE_FORGETS": "a lease that is made again knows nothing of the numbers in the records",
    "NO_RAISE": "a holder whose number is too low for a server gives up",
    "RAISES_BLINDLY": "whose number is too low takes a higher one without holding the lease",
}


class Search:
    def __init__(self, servers, crashes, coordinators, error=None, compact=False, forgotten=None):
        self.name = f"{servers} servers, {crashes} crashes, {coordinators} coordinator{'s' if coordinators > 1 else ''}"
        self.defines = [f"-DN={servers}", f"-DCR={crashes}", f"-DCOORDS={coordinators}"]
        if forgotten is not None:
            self.name += f", a deleted lease, {forgotten} seen before"
            self.defines += ["-DDELETIONS=1", f"-DFORGOTTEN={forgotten}"]
        self.compact = compact
        if error:
            self.defines.append(f"-DERR_{error}")

    def run(self):
        """Returns (states, seconds, violated property or None); raises RuntimeError when the search is not complete."""
        with tempfile.TemporaryDirectory() as folder:
            call(["spin", "-a", *self.defines, MODEL], folder)
            storage = ["-DHC4"] if self.compact else []
            call(["gcc", "-O2", "-w", "-DSAFETY", *storage, "-o", "pan", "pan.c"], folder)
            started = time.monotonic()
            out = call(["./pan", "-m2000000", "-w24"], folder)
            took = time.monotonic() - started
        states = re.search(r"(\d+(?:\.\d+e\+\d+)?) states, stored", out)
        if not states:
            raise RuntimeError(out[-2000:])
        violated = re.search(r"pan:\d+: (.*)", out)
        if violated:
            found = re.search(r"assertion violated (\w+)", violated.group(1))
            return int(float(states.group(1))), took, found.group(1) if found else violated.group(1)
        if re.search(r"Search not completed|max search depth too small|truncated", out) or "errors: 0" not in out:
            raise RuntimeError(out[-2000:])
        return int(float(states.group(1))), took, None


def call(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    out = done.stdout + done.stderr
    if done.returncode != 0 and "states, stored" not in out:
        raise RuntimeError(f"{' '.join(command)}: {out[-2000:]}")
    return out


def sizes_hold(sizes, compact):
    failed = 0
    for size in sizes:
        search = Search(*size[:3], compact=compact, forgotten=size[3] if len(size) > 3 else None)
        try:
            states, seconds, violated = search.run()
        except RuntimeError as error:
            print(f"FAILED {search.name}: {error}", flush=True)
            failed += 1
            continue
        failed += violated is not None
        print(f"{'FAILED ' if violated else ''}{search.name}: {states:,} states in {seconds:.1f} s, "
              f"{violated + ' violated' if violated else 'every property holds'}", flush=True)
    return failed


def errors_found():
    failed = 0
    for error, meaning in {**ERRORS, **LEASE_ERRORS}.items():
        try:
            lease = error in LEASE_ERRORS
            states, seconds, violated = Search(2 if lease else 3, 1, 2, error, forgotten=3 if lease else None).run()
        except RuntimeError as problem:
            violated, states, seconds = None, 0, 0.0
            print(problem)
        caught = violated in PROPERTIES
        failed += not caught
        print(f"{'caught' if caught else 'MISSED'}  {error.lower().replace('_', ' ')} ({meaning}): "
              f"{violated or 'nothing'} after {states:,} states, {seconds:.1f} s", flush=True)
    return failed


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--full", action="store_true")
    options.add_argument("--size", metavar="N,C,K[,1]")
    given = options.parse_args()
    missing = [tool for tool in ("spin", "gcc") if not shutil.which(tool)]
    if missing:
        print(f"skipped: {' and '.join(missing)} not installed (Debian packages spin, gcc)")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    if given.size:
        numbers = [int(part) for part in given.size.split(",")]
        return sizes_hold([tuple(numbers[:3])], compact=len(numbers) > 3 and numbers[3] == 1)
    sizes = SIZES + LEASES + (FULL if given.full else [])
    failed = sizes_hold(sizes, False)
    print("properties:")
    for name, meaning in PROPERTIES.items():
        print(f"  {name}: {meaning}")
    failed += errors_found()
    print(f"{len(sizes) + len(ERRORS) + len(LEASE_ERRORS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
