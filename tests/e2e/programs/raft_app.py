"""A member of a cluster for tests: whoever has the lock on the file `lead` leads, and the kernel gives it to another one
when its process ends. GET /raft/status says the role.

With a file `usurper` in its home it says that it leads whatever is so, with `silent` it answers no requests; a release with
a file `broken` never starts.
"""
import fcntl
import http.server
import json
import os
import sys
import threading
import time

HOME = os.environ['HOME']
if os.path.exists('broken'):
    sys.exit('broken')
with open(os.path.join(HOME, 'address')) as file:
    ADDRESS = file.read().strip()
LEADS = threading.Event()


def elect():
    with open(os.path.join(os.environ['CLUSTER'], 'lead'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        LEADS.set()
        while True:
            time.sleep(60)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if os.path.exists(os.path.join(HOME, 'silent')):
            self.send_response(503)
            self.end_headers()
            return
        leads = LEADS.is_set() or os.path.exists(os.path.join(HOME, 'usurper'))
        body = json.dumps({'raft': {'role': 'LEADER' if leads else 'FOLLOWER'}}).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=elect, daemon=True).start()
http.server.ThreadingHTTPServer((ADDRESS, int(os.environ['PORT'])), Handler).serve_forever()
