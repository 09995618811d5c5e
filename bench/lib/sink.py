# SPDX-License-Identifier: MIT
"""sink: fetches one large body and throws it away inside the kernel; prints bytes and seconds.

Called as: sink.py PORT PATH HOST. recv with MSG_TRUNC counts the bytes without copying them, so that the
reader costs next to nothing and the proxies are what is measured.
"""

import re
import socket
import struct
import sys
import time


def main():
  port, path, host = int(sys.argv[1]), sys.argv[2], sys.argv[3]
  sock = socket.create_connection(('127.0.0.1', port))
  sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 20, 0))
  begin = time.monotonic()
  sock.sendall(f'GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n'.encode())
  head = b''
  while b'\r\n\r\n' not in head:
    piece = sock.recv(4096)
    if not piece:
      sys.exit('the connection ended inside the head')
    head += piece
  head, early = head.split(b'\r\n\r\n', 1)
  length = re.search(rb'(?im)^content-length: *(\d+)', head)
  if not head.startswith(b'HTTP/1.1 200') or not length:
    sys.exit('not a 200 with a Content-Length: ' + head.decode('latin-1').splitlines()[0])
  left = int(length.group(1)) - len(early)
  waste = bytearray(1 << 20)
  while left > 0:
    count = sock.recv_into(waste, min(left, len(waste)), socket.MSG_TRUNC)
    if count == 0:
      sys.exit(f'the connection ended {left} bytes early')
    left -= count
  print(int(length.group(1)), time.monotonic() - begin)


if __name__ == '__main__':
  main()
