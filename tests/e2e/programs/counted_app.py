"""An application for tests: answers every request with its version, and /metrics with how many orders it took and lost.

With a file `careless` in its release it loses every second order; nobody who asks can tell.
"""
import http.server
import os
import threading

with open('version.txt') as file:
    VERSION = file.read().strip()
CARELESS = os.path.exists('careless')
LOCK = threading.Lock()
ORDERS = {'taken': 0, 'lost': 0}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.path == '/metrics':
            body = ''.join(f'shop_orders_total{{version="{VERSION}",result="{name}"}} {count}\n'
                           for name, count in ORDERS.items())
        else:
            with LOCK:
                ORDERS['lost' if CARELESS and sum(ORDERS.values()) % 2 else 'taken'] += 1
            body = VERSION
        data = body.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


Server(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
