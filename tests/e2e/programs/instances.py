"""Instances of an application that a release starts and stops itself, two on a server, each known by a file with its process's id."""
import os
import signal

import processes

SLOTS = ('blue', 'green')
AT_HOME = '$HOME/$SLOT'


def start(command, place=AT_HOME):
    """What starts an instance whose log and process id go to files that begin with `place`."""
    return f'setsid {command} >"{place}.log" 2>&1 </dev/null & echo $! >"{place}.pid"'


def stop(place=AT_HOME):
    return f'if [ -e "{place}.pid" ]; then kill "$(cat "{place}.pid")"; rm -f "{place}.pid"; fi; true'


def end_all(home, names=SLOTS):
    """What a test has left running in a server's home."""
    for name in names:
        path = os.path.join(home, f'{name}.pid')
        pid = processes.text_of(path).strip()
        if pid:
            os.remove(path)
            try:
                os.kill(int(pid), signal.SIGTERM)
            except ProcessLookupError:
                pass


def left(home):
    """The slots of which an instance was not stopped."""
    return [slot for slot in SLOTS if os.path.exists(os.path.join(home, f'{slot}.pid'))]
