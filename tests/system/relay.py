# SPDX-License-Identifier: MIT
"""relay: a TCP relay on loopback that a test can cut, reset, silence or close."""

import socket
import threading

from v1 import frames


class Relay:
    def __init__(self, target_port, port=0):
        self.target = ("127.0.0.1", target_port)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.flowing = threading.Event()
        self.flowing.set()
        self.pairs = []
        self.accepted = 0           # connections so far
        self.bytes = 0              # carried so far, both ways
        self.refusing = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target, timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.accepted += 1
                self.pairs.append((near, far))
            # from here on cut() may have closed both already: the pumps find out by themselves
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        while True:
            try:
                data = source.recv(256 * 1024)
                self.flowing.wait()
                if not data:
                    break
                sink.sendall(data)
                self.bytes += len(data)
            except OSError:
                break
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def alive(self):
        """Connections that are open now."""
        with self.lock:
            return len(self.pairs)

    def cut(self, reset=False):
        """Ends every connection, at both ends, with FIN or RST. New ones are carried again."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for sock in pair:
                frames.reset(sock) if reset else frames.hang_up(sock)
        return len(pairs)

    def freeze(self):
        """Carries nothing more, in connections that stay open: a cable pulled somewhere."""
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def close(self):
        self.refusing = True
        self.thaw()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()
        self.thread.join(5)
