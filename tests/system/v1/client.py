# SPDX-License-Identifier: MIT
"""client: a client of wire protocol v1 over plain TCP, from the page alone.

It dials, sends Hello, and gives every NewRequest to a handler in a thread of its own; forward_to() makes the
handler that carries requests to a local HTTP service. It is strict: every breach of the grammar is kept in
`violations`, and check() raises on them.

    python3 v1/client.py HOST:PORT TOKEN LOCALPORT [NAME]
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

HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade")


class Rejected(Exception):
    """The server answered Reject, or hung up before Welcome (then raw is None)."""

    def __init__(self, raw):
        self.raw = raw
        self.code = None
        self.reason = ""
        if raw is not None:
            try:
                value = json.loads(raw)
                self.reason, self.code = value.get("reason", ""), value.get("code")
            except (ValueError, AttributeError):
                self.reason = raw.decode("utf-8", "replace")
        super().__init__("rejected: %s" % self.reason if raw is not None else "no Welcome: connection closed")


class StreamClosed(Exception):
    """The server closed this request."""


class Request:
    """One request as the handler sees it."""

    def __init__(self, client, ident, raw):
        self.client, self.id, self.raw = client, ident, raw
        line, self.headers = frames.parse_head(raw)
        self.method, self.target, self.version = line.split(" ")
        self.chunks = queue.Queue()
        self.received = 0
        self.ended = threading.Event()      # RequestEnd came
        self.closed = threading.Event()     # the server sent Close
        self.close_text = None
        self.finished = False               # we sent ResponseEnd or Close

    def get(self, key, default=None):
        return frames.field(self.headers, key, default)

    def __iter__(self):
        """The body, piece by piece."""
        while True:
            piece = self.chunks.get(timeout=120)
            if piece is None:
                if self.closed.is_set():
                    raise StreamClosed(self.close_text)
                return
            yield piece

    def body(self):
        return b"".join(self)

    def respond(self, status=200, headers=(), reason="OK"):
        lines = ["HTTP/1.1 %d %s" % (status, reason)] + ["%s: %s" % pair for pair in headers]
        self.send(frames.RESPONSE_START, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def write(self, data):
        size = self.client.frame_size
        for start in range(0, len(data), size):
            self.send(frames.RESPONSE_BODY, data[start:start + size])

    def finish(self):
        if not self.finished:
            self.finished = True
            self.client.send(frames.RESPONSE_END, self.id)

    def answer(self, body=b"", status=200, headers=()):
        """A whole response."""
        self.respond(status, [("Content-Length", str(len(body)))] + list(headers))
        self.write(body)
        self.finish()

    def close(self, text=b""):
        self.finished = True
        self.client.send(frames.CLOSE, self.id, text)

    def send(self, kind, body=b""):
        if self.closed.is_set():
            raise StreamClosed(self.close_text)
        self.client.send(kind, self.id, body)


class V1Client:
    """A session. connect() raises Rejected; afterwards `welcome` is the server's JSON."""

    def __init__(self, address, token, subdomain=None, handler=None, frame_size=frames.SEND_BODY):
        self.address, self.token, self.subdomain = address, token, subdomain
        self.handler = handler or (lambda request: request.answer(b"hello from v1\n"))
        self.frame_size = frame_size
        self.violations, self.errors = [], []
        self.requests = {}                  # every request ever, by id
        self.pongs = queue.Queue()
        self.pings_seen = 0
        self.ended = threading.Event()      # the connection is over
        self.close_zero = None              # body of a Close(0)
        self.write_lock = threading.Lock()
        self.sock = self.welcome = self.reader = self.thread = None

    def connect(self, hello=None):
        if hello is None:
            hello = {"version": 1, "token": self.token}
            if self.subdomain is not None:
                hello["subdomain"] = self.subdomain
        body = hello if isinstance(hello, bytes) else json.dumps(hello).encode()
        self.dial()
        self.send(frames.HELLO, 0, body)
        return self.read_welcome()

    def dial(self):
        self.sock = socket.create_connection(self.address, timeout=15)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = frames.FrameReader(self.sock)

    def read_welcome(self):
        frame = self.reader.read()
        if frame is None:
            raise Rejected(None)
        kind, ident, body = frame
        assert ident == 0, "%s with id %d" % (frames.name(kind), ident)
        if kind == frames.REJECT:
            assert self.reader.read() is None, "the server closes after Reject"
            raise Rejected(body)
        assert kind == frames.WELCOME, "the answer to Hello is %s" % frames.name(kind)
        self.welcome = json.loads(body)
        for key in ("subdomain", "public_url"):
            assert isinstance(self.welcome.get(key), str), "Welcome without %s: %r" % (key, body)
        self.sock.settimeout(None)
        self.thread = threading.Thread(target=self.read_loop, daemon=True)
        self.thread.start()
        return self

    @property
    def name(self):
        return self.welcome["subdomain"]

    def send(self, kind, ident=0, body=b""):
        self.send_raw(frames.pack(kind, ident, body))

    def send_raw(self, data):
        with self.write_lock:
            self.sock.sendall(data)

    def ping(self, body=b"", deadline=10):
        """Sends Ping and returns the body of the next Pong."""
        self.send(frames.PING, 0, body)
        return self.pongs.get(timeout=deadline)

    def read_loop(self):
        last = 0
        while True:
            try:
                frame = self.reader.read()
            except AssertionError as error:
                self.violations.append(str(error))
                break
            if frame is None:
                break
            last = self.take(frame, last)
        self.ended.set()
        for request in list(self.requests.values()):
            if not request.ended.is_set() and not request.closed.is_set():
                request.close_text = b"session lost"
                request.closed.set()
                request.chunks.put(None)

    def take(self, frame, last):
        """One frame from the server; returns the highest request id so far."""
        kind, ident, body = frame
        if len(body) > frames.SEND_BODY:
            self.complain("%s of %d bytes" % (frames.name(kind), len(body)))
        if kind in (frames.PING, frames.PONG):
            self.take_ping(kind, ident, body)
        elif kind == frames.NEW_REQUEST:
            if ident <= last:
                self.complain("NewRequest with id %d after %d" % (ident, last))
            self.take_request(ident, body)
            return max(last, ident)
        elif kind in (frames.REQUEST_BODY, frames.REQUEST_END, frames.CLOSE):
            if kind == frames.CLOSE and ident == 0:
                self.close_zero = body
            else:
                self.take_stream(kind, ident, body)
        else:
            self.complain("%s is no frame a v1 client may get" % frames.name(kind))
        return last

    def take_ping(self, kind, ident, body):
        if ident:
            self.complain("%s with id %d" % (frames.name(kind), ident))
        if kind == frames.PONG:
            self.pongs.put(body)
            return
        self.pings_seen += 1
        try:
            self.send(frames.PONG, 0, body)
        except OSError:
            pass

    def take_request(self, ident, body):
        try:
            request = Request(self, ident, body)
            for key in ("Host", "X-Forwarded-For"):
                assert len(frames.field_all(request.headers, key)) == 1, "one %s in %r" % (key, body)
            for key in HOP_BY_HOP:
                assert request.get(key) is None, "hop-by-hop %s in %r" % (key, body)
            assert request.version == "HTTP/1.1", request.version
            assert request.target.startswith("/") or request.target == "*", request.target
        except (AssertionError, ValueError) as error:
            self.complain(str(error))
            self.send(frames.CLOSE, ident, b"bad head")
            return
        self.requests[ident] = request
        threading.Thread(target=self.handle, args=(request,), daemon=True).start()

    def take_stream(self, kind, ident, body):
        request = self.requests.get(ident)
        if request is None:
            self.complain("%s for the unknown id %d" % (frames.name(kind), ident))
            return
        if request.closed.is_set():
            self.complain("%s for id %d after its Close" % (frames.name(kind), ident))
            return
        if kind == frames.CLOSE:
            request.close_text = body
            request.closed.set()
            request.chunks.put(None)
            return
        if request.ended.is_set():
            self.complain("%s for id %d after RequestEnd" % (frames.name(kind), ident))
        elif kind == frames.REQUEST_END:
            self.take_end(request, body)
        else:
            request.received += len(body)
            request.chunks.put(body)

    def take_end(self, request, body):
        if body:
            self.complain("RequestEnd with %d bytes" % len(body))
        wanted = int(request.get("Content-Length", "0"))
        if request.received != wanted:
            self.complain("Content-Length %d and %d bytes of body" % (wanted, request.received))
        request.ended.set()
        request.chunks.put(None)

    def handle(self, request):
        try:
            self.handler(request)
        except (StreamClosed, OSError):
            pass
        except Exception as error:    # a bug in a test's handler: shown by check()
            self.errors.append(repr(error))

    def complain(self, text):
        self.violations.append(text)

    def check(self, deadline=10):
        """Raises if the server broke the grammar, or left a request without its end."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if all(r.ended.is_set() or r.closed.is_set() or r.finished for r in list(self.requests.values())):
                break
            time.sleep(0.01)
        missing = [r.id for r in self.requests.values()
                   if not (r.ended.is_set() or r.closed.is_set() or r.finished)]
        assert not missing, "neither RequestEnd nor Close for %s" % missing
        assert not self.violations, self.violations
        assert not self.errors, self.errors

    def leave(self):
        """Close(0), then the end of the connection."""
        try:
            self.send(frames.CLOSE, 0)
        except OSError:
            pass
        self.drop()

    def drop(self):
        if self.sock is not None:
            frames.hang_up(self.sock)
        if self.thread is not None:
            self.thread.join(10)


def forward_to(address, host=None):
    """A handler that carries each request to the HTTP service at @address, verbatim but for its Host."""
    host = host or "localhost:%d" % address[1]

    def forward(request):
        try:
            local = socket.create_connection(address, timeout=60)
        except OSError:
            request.close(b"local service refuses connections")
            return
        with local:
            local.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pump = threading.Thread(target=send_request, args=(request, local, host), daemon=True)
            pump.start()
            carry_response(request, local)
            pump.join(10)

    return forward


def send_request(request, local, host):
    lines = ["%s %s HTTP/1.1" % (request.method, request.target), "Host: " + host, "Connection: close"]
    lines += ["%s: %s" % (key, value) for key, value in request.headers if key.lower() != "host"]
    try:
        local.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for piece in request:
            local.sendall(piece)
    except StreamClosed:
        frames.hang_up(local)
    except OSError:
        pass


def carry_response(request, local):
    stream = local.makefile("rb", buffering=256 * 1024)
    try:
        while True:
            line, fields = frames.parse_head(read_head(stream))
            version, status, reason = (line.split(" ", 2) + [""])[:3]
            if not 100 <= int(status) < 200:
                break
        kept = [(k, v) for k, v in fields if k.lower() not in HOP_BY_HOP]
        request.respond(int(status), kept, reason)
        bodiless = request.method == "HEAD" or int(status) in (204, 304)
        for piece in [] if bodiless else body_of(stream, fields, request.client.frame_size):
            request.write(piece)
        request.finish()
    except StreamClosed:
        pass
    except (AssertionError, ValueError, OSError) as error:
        request.close(("local service failed: %s" % error).encode()[:200])


def read_head(stream):
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            raise OSError("no response head")
        raw += line
    return raw


def body_of(stream, fields, size):
    """The decoded payload of a response."""
    if frames.field(fields, "Transfer-Encoding"):
        while True:
            length = int(stream.readline().split(b";")[0], 16)
            if length == 0:
                break
            yield from exactly(stream, length, size)
            stream.readline()
        while stream.readline().strip():
            pass
    elif frames.field(fields, "Content-Length") is not None:
        yield from exactly(stream, int(frames.field(fields, "Content-Length")), size)
    else:
        while True:
            piece = stream.read1(size)
            if not piece:
                return
            yield piece


def exactly(stream, length, size):
    while length:
        piece = stream.read1(min(length, size))
        if not piece:
            raise OSError("response body ends early")
        length -= len(piece)
        yield piece


def main(argv):
    if len(argv) not in (4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    host, _, port = argv[1].rpartition(":")
    client = V1Client((host, int(port)), argv[2], argv[4] if len(argv) == 5 else None,
                      forward_to(("127.0.0.1", int(argv[3]))))
    try:
        client.connect()
    except Rejected as error:
        print(error, file=sys.stderr)
        return 3
    print(client.welcome["public_url"], flush=True)
    try:
        client.ended.wait()
    except KeyboardInterrupt:
        client.leave()
        return 0
    for text in client.violations:
        print("violation:", text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
