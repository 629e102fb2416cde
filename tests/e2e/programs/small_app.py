"""An application for tests: answers every request with the version it was started with. Needs no more than python3-minimal.

It listens a moment after it was started, so that whoever sends it requests before it is ready gets none answered.
"""
import os
import socket
import sys
import time

with open('version.txt') as file:
    VERSION = file.read()
if os.path.exists('broken'):
    sys.exit('this version does not start')
time.sleep(0.5)
listener = socket.create_server((os.environ.get('ADDRESS', ''), int(os.environ['PORT'])), backlog=1024, reuse_port=False)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        try:
            data = b''
            while b'\r\n\r\n' not in data:
                more = connection.recv(4096)
                if not more:
                    break
                data += more
            else:
                connection.sendall(f'HTTP/1.1 200 OK\r\nContent-Length: {len(VERSION)}\r\nConnection: close\r\n\r\n{VERSION}'.encode())
        except OSError:
            pass
