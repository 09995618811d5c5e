# SPDX-License-Identifier: MIT
"""server: a server of wire protocol v1 over plain TCP, from the page alone.

A test accepts a session, answers its Hello, sends requests and reads the responses. Every breach of the frame
grammar by the client is kept in `violations`, and check() raises on them. Run as a program it is a small real
server: one client at a time, one public port.

    python3 v1/server.py CONTROLPORT HTTPPORT
"""

import json
import queue
import socket
import sys
import threading
import time

if __package__:
    from . import frames
else:
    import frames


class Closed(Exception):
    """The client closed this request, or the session ended."""


class Exchange:
    """One request that we sent, and its response as it comes."""

    def __init__(self, session, ident):
        self.session, self.id = session, ident
        self.events = queue.Queue()
        self.started = self.ended = False       # ResponseStart, ResponseEnd came
        self.closed = None                      # body of the client's Close
        self.dropped = False                    # we sent Close
        self.raw = self.status = self.headers = None

    def send(self, data, size=frames.SEND_BODY):
        """Request body, in frames of at most @size."""
        for start in range(0, len(data), size):
            self.session.send(frames.REQUEST_BODY, self.id, data[start:start + size])
        return self

    def end(self):
        self.session.send(frames.REQUEST_END, self.id)
        return self

    def close(self, text=b""):
        self.dropped = True
        self.session.send(frames.CLOSE, self.id, text)

    def event(self, deadline):
        try:
            item = self.events.get(timeout=deadline)
        except queue.Empty:
            raise AssertionError("no frame for request %d within %g s" % (self.id, deadline)) from None
        if item is None:
            self.events.put(None)
            raise Closed(self.closed)
        return item

    def head(self, deadline=15):
        """Waits for ResponseStart; returns the status."""
        kind, body = self.event(deadline)
        assert kind == frames.RESPONSE_START
        self.raw = body
        line, self.headers = frames.parse_head(body)
        version, status, _ = (line.split(" ", 2) + [""])[:3]
        assert version == "HTTP/1.1", line
        self.status = int(status)
        return self.status

    def pieces(self, deadline=15):
        """The response body, piece by piece, to its ResponseEnd."""
        while True:
            kind, body = self.event(deadline)
            if kind == frames.RESPONSE_END:
                return
            yield body

    def body(self, deadline=15):
        return b"".join(self.pieces(deadline))

    def get(self, key, default=None):
        return frames.field(self.headers, key, default)

    def result(self, deadline=15):
        """(status, body) of the whole response."""
        status = self.head(deadline)
        return status, self.body(deadline)


class V1Session:
    """One client's connection."""

    def __init__(self, sock, first_id):
        self.sock, self.next_id = sock, first_id
        self.violations = []
        self.exchanges = {}
        self.pongs = queue.Queue()
        self.pings = []                     # (time, body) of each Ping that came
        self.answer_pings = True
        self.ended = threading.Event()
        self.close_zero = None
        self.write_lock = threading.Lock()
        self.reader = frames.FrameReader(sock)
        self.hello = self.hello_raw = self.thread = None

    def read_hello(self):
        frame = self.reader.read()
        assert frame is not None, "the client closed before its Hello"
        kind, ident, body = frame
        assert kind == frames.HELLO, "the first frame is %s" % frames.name(kind)
        assert ident == 0, "Hello with id %d" % ident
        self.hello_raw, self.hello = body, json.loads(body)
        assert self.hello["version"] == 1, body
        assert isinstance(self.hello["token"], str), body

    def welcome(self, subdomain=None, public_url=None, **extra):
        name = subdomain or self.hello.get("subdomain") or "abc123"
        self.welcome_raw(json.dumps(dict({"subdomain": name,
                                          "public_url": public_url or "https://%s.v1.test" % name},
                                         **extra)).encode())
        return self

    def welcome_raw(self, body):
        self.send(frames.WELCOME, 0, body)
        self.thread = threading.Thread(target=self.read_loop, daemon=True)
        self.thread.start()

    def reject(self, reason):
        """@reason: a dict (as JSON) or plain bytes."""
        body = reason if isinstance(reason, bytes) else json.dumps(reason).encode()
        self.send(frames.REJECT, 0, body)
        self.drop()

    def send(self, kind, ident=0, body=b""):
        self.send_raw(frames.pack(kind, ident, body))

    def send_raw(self, data):
        with self.write_lock:
            self.sock.sendall(data)

    def ping(self, body=b"", deadline=10):
        self.send(frames.PING, 0, body)
        return self.pongs.get(timeout=deadline)

    def open(self, head, ident=None):
        """Sends NewRequest with @head (bytes) and nothing else."""
        if ident is None:
            ident = self.next_id
        self.next_id = ident + 1
        exchange = self.exchanges[ident] = Exchange(self, ident)
        self.send(frames.NEW_REQUEST, ident, head)
        return exchange

    def request(self, method="GET", target="/", body=None, headers=(), host="app.v1.test",
                size=frames.SEND_BODY):
        """A whole request: head, body, end."""
        exchange = self.open(make_head(method, target, host, headers, None if body is None else len(body)))
        if body:
            exchange.send(body, size)
        return exchange.end()

    def read_loop(self):
        while True:
            try:
                frame = self.reader.read()
            except AssertionError as error:
                self.violations.append(str(error))
                break
            if frame is None:
                break
            self.take(*frame)
        self.ended.set()
        for exchange in list(self.exchanges.values()):
            exchange.events.put(None)

    def take(self, kind, ident, body):
        if len(body) > frames.SEND_BODY:
            self.complain("%s of %d bytes" % (frames.name(kind), len(body)))
        if kind in frames.CONTROL and ident:
            self.complain("%s with id %d" % (frames.name(kind), ident))
        if kind == frames.PING:
            self.pings.append((time.monotonic(), body))
            if self.answer_pings:
                self.send(frames.PONG, 0, body)
        elif kind == frames.PONG:
            self.pongs.put(body)
        elif kind == frames.CLOSE and ident == 0:
            self.close_zero = body
        elif kind in (frames.RESPONSE_START, frames.RESPONSE_BODY, frames.RESPONSE_END, frames.CLOSE):
            self.take_stream(kind, ident, body)
        else:
            self.complain("%s is no frame a v1 server may get" % frames.name(kind))

    def take_stream(self, kind, ident, body):
        exchange = self.exchanges.get(ident)
        if exchange is None:
            self.complain("%s for the unknown id %d" % (frames.name(kind), ident))
        elif exchange.dropped:
            pass                            # it may have crossed our Close
        elif exchange.ended and kind == frames.CLOSE:
            pass                            # the request's body was not wanted to its end
        elif exchange.ended or exchange.closed is not None:
            self.complain("%s for id %d after its end" % (frames.name(kind), ident))
        elif kind == frames.CLOSE:
            exchange.closed = body
            exchange.events.put(None)
        else:
            self.take_response(exchange, kind, body)

    def take_response(self, exchange, kind, body):
        if (kind == frames.RESPONSE_START) == exchange.started:
            self.complain("%s for id %d out of order" % (frames.name(kind), exchange.id))
        if kind == frames.RESPONSE_END:
            exchange.ended = True
            if body:
                self.complain("ResponseEnd with %d bytes" % len(body))
        if kind == frames.RESPONSE_START:
            exchange.started = True
        exchange.events.put((kind, body))

    def complain(self, text):
        self.violations.append(text)

    def check(self):
        assert not self.violations, self.violations

    def drop(self):
        frames.hang_up(self.sock)
        if self.thread is not None:
            self.thread.join(10)

    def reset(self):
        """Ends the connection with RST."""
        frames.reset(self.sock)
        if self.thread is not None:
            self.thread.join(10)


class V1Server:
    """A listener on loopback; ids of each session begin at @first_id."""

    def __init__(self, port=0, first_id=0x4e21):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.first_id = first_id
        self.sessions = []

    def accept(self, deadline=20):
        """The next client, its Hello read."""
        self.listener.settimeout(deadline)
        sock, _ = self.listener.accept()
        sock.settimeout(15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = V1Session(sock, self.first_id)
        self.sessions.append(session)
        session.read_hello()
        sock.settimeout(None)
        return session

    def close(self):
        self.listener.close()
        for session in self.sessions:
            session.drop()


def make_head(method, target, host, headers=(), length=None):
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: " + host]
    lines += ["%s: %s" % pair for pair in headers]
    if length is not None:
        lines.append("Content-Length: %d" % length)
    if not any(key.lower() == "x-forwarded-for" for key, _ in headers):
        lines.append("X-Forwarded-For: 93.184.216.34")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Front:
    """The public side of the small real server: one connection, one request, one response, closed."""

    def __init__(self, port=0):
        self.session = None
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                visitor, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.visit, args=(visitor,), daemon=True).start()

    def visit(self, visitor):
        with visitor:
            try:
                self.carry(visitor)
            except (Closed, AssertionError, OSError, ValueError) as error:
                try:
                    visitor.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n"
                                    b"Connection: close\r\n\r\n")
                except OSError:
                    print("visitor:", error, file=sys.stderr)

    def carry(self, visitor):
        stream = visitor.makefile("rb")
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return
            raw += line
        line, fields = frames.parse_head(raw)
        method, target, _ = line.split(" ")
        hop = ("host", "connection", "content-length")
        kept = [(k, v) for k, v in fields if k.lower() not in hop]
        length = frames.field(fields, "Content-Length")
        exchange = self.session.open(make_head(method, target, frames.field(fields, "Host", ""), kept,
                                               None if length is None else int(length)))
        left = int(length or 0)
        while left:
            piece = stream.read1(min(left, 65536))
            if not piece:
                exchange.close(b"visitor left")
                return
            left -= len(piece)
            exchange.send(piece)
        exchange.end()
        exchange.head(60)
        visitor.sendall(exchange.raw[:-2] + b"Connection: close\r\n\r\n")
        for piece in exchange.pieces(60):
            visitor.sendall(piece)

    def close(self):
        frames.hang_up(self.listener)


def main(argv):
    if len(argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    server, front = V1Server(int(argv[1])), Front(int(argv[2]))
    while True:
        try:
            session = server.accept(None)
        except (AssertionError, ValueError, KeyError) as error:
            print("refused:", error, file=sys.stderr)
            continue
        session.welcome(public_url="http://127.0.0.1:%d" % front.port)
        front.session = session
        print("client:", session.hello.get("subdomain"), flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv))
    except KeyboardInterrupt:
        sys.exit(0)
