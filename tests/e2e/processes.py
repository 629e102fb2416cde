"""Processes that are started, remembered over runs, and ended: exactly those, by number and start time."""
import os
import signal
import socket
import subprocess
import time


def start_time(pid):
    """When the process began, in ticks since boot; None where there is no such process (or only its exit code is left)."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == 'Z' else int(fields[19])


def is_running(pid, started):
    return started is not None and start_time(pid) == started


def end(pid, started, seconds=10.0):
    """SIGTERM, then SIGKILL after `seconds`. A number that meanwhile belongs to another process is left alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + seconds
        if not is_running(pid, started):
            return
        os.kill(pid, number)
        while is_running(pid, started) and time.monotonic() < deadline:
            time.sleep(0.02)


def text_of(path):
    """What a file holds now; '' when it is not there."""
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what, process=None):
    """The first true value of condition(); AssertionError after `seconds`, or when `process` has ended before."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise AssertionError(f'{what}: the process ended with {process.returncode}')
        if time.monotonic() > deadline:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.05)


def run(*command, **options):
    """Like subprocess.run with text in and out, but its error says what the command printed."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **options)
    if done.returncode:
        raise RuntimeError(f'{" ".join(map(str, command))} ended with {done.returncode}: {done.stderr or done.stdout}')
    return done.stdout
