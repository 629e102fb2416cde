"""A steady load: so many requests a second, each over a connection of its own, in a process of its own.

steady_load.py URL RATE RETRIES asks until SIGINT or SIGTERM, then prints one line of JSON; one more at each SIGUSR1. A connection
that ends without one byte of an answer is made again RETRIES times, as browsers do, and counted in `again`; then it is `broken`.
"""
import collections
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

WORKERS = 16


class Asking:
    def __init__(self, url, rate, retries):
        parts = urllib.parse.urlsplit(url)
        self.place = (parts.hostname, parts.port)
        self.request = f'GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n'.encode()
        self.interval, self.retries, self.over = WORKERS / rate, retries, False
        self.lock, self.answers, self.again, self.broken = threading.Lock(), collections.Counter(), 0, []

    def _ask(self):
        """The answer; None when the connection ended before it."""
        with socket.create_connection(self.place, timeout=20) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(self.request)
            data = b''
            while True:
                more = connection.recv(65536)
                if not more:
                    return data or None
                data += more

    def _answer(self):
        for _ in range(self.retries + 1):
            try:
                data, trouble = self._ask(), 'no answer'
            except ConnectionError as error:
                data, trouble = None, repr(error)
            if data:
                head, _, body = data.decode(errors='replace').partition('\r\n\r\n')
                status = head.split(' ')[1] if ' ' in head else head[:20]
                with self.lock:
                    self.answers[body.strip() if status == '200' else f'status {status}'] += 1
                return
            with self.lock:
                self.again += 1
        with self.lock:
            self.again -= 1
            self.broken.append(trouble)

    def report(self, began):
        with self.lock:
            print(json.dumps({'answers': self.answers, 'again': self.again, 'broken': self.broken,
                              'rate': sum(self.answers.values()) / (time.monotonic() - began)}), flush=True)

    def work(self, at):
        due = time.monotonic() + self.interval * at / WORKERS
        while not self.over:
            time.sleep(max(0, due - time.monotonic()))
            try:
                self._answer()
            except OSError as error:
                with self.lock:
                    self.broken.append(repr(error))
            # Who is late does not catch up: the load is steady, not a burst after a stall.
            due = max(due + self.interval, time.monotonic())


def main():
    asking = Asking(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # also in the threads to come: they are waited for below
    began = time.monotonic()
    threads = [threading.Thread(target=asking.work, args=(at,)) for at in range(WORKERS)]
    for thread in threads:
        thread.start()
    print('{}', flush=True)
    while signal.sigwait(signals) == signal.SIGUSR1:
        asking.report(began)
    asking.over = True
    for thread in threads:
        thread.join()
    asking.report(began)


class SteadyLoad:
    """Asks until it is left. Then `answers` count versions and other statuses; see above for the others."""

    def __init__(self, url, rate=1000, retries=0):
        self.command = [sys.executable, os.path.abspath(__file__), url, str(rate), str(retries)]
        self.answers, self.again, self.broken, self.rate = {}, 0, [], 0.0

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()  # it is asking: a signal is not lost
        return self

    def counted(self):
        """The answers until now."""
        self.process.send_signal(signal.SIGUSR1)
        return collections.Counter(json.loads(self.process.stdout.readline())['answers'])

    def window(self, seconds):
        """The answers of so many seconds from now. They are all that the proxy gave, no sample of them: while nobody else asks, their
        shares are the proxy's own."""
        before = self.counted()
        time.sleep(seconds)
        return self.counted() - before

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=60)
        for name, value in json.loads(output).items():
            setattr(self, name, value)

    @property
    def failures(self):
        return {key: count for key, count in self.answers.items() if key.startswith('status ')}

    def share(self, version):
        return share(self.answers, version)


def share(answers, version):
    """In percent."""
    return 100 * answers.get(version, 0) / max(sum(answers.values()), 1)


def observed(url, seconds=2.0, **options):
    """What a load of so many seconds got."""
    with SteadyLoad(url, **options) as load:
        time.sleep(seconds)
    return load


if __name__ == '__main__':
    main()
