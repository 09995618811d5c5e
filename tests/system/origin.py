# SPDX-License-Identifier: MIT
"""origin: a small HTTP/1.1 service on plain sockets, the local service behind the tunnels under test.

The last path segment before the arguments chooses what happens; what came in is kept in `seen`.

    /echo          the request's head and body as JSON
    /bytes/N       N deterministic bytes with Content-Length
    /chunked/N     the same, chunked                     /close/N   the same, ended by closing
    /drip/N/KEY    half of N bytes, then waits for release(KEY), then the rest
    /upload        {"length":…, "sha256":…} of the body
    /stall/KEY     reads the head, then no body until release(KEY); answers as /upload
    /hold/KEY      answers after release(KEY)            /slow/MS   answers after MS milliseconds
    /sse/N/MS      N server-sent events, MS apart, each the monotonic time at which it was sent
    /ws            a websocket that echoes               /status/N  an empty answer with that status
    /trailers      chunked with trailers, one of them the sum of the request's own
    /etag          304 if If-None-Match says so          /head/K=V&K2=V2   these response fields
    /refuse        417 at once when Expect is there      /early     413 before the body was read
    /die           closes without an answer              /half/N    promises N bytes, sends half, closes
    /halfchunk     a chunked body without its end        /garbage   no HTTP

Run as a program it serves on a port until it is told to end: python3 origin.py PORT [SECONDS-OF-IDLE]
"""

import base64
import hashlib
import json
import random
import socket
import sys
import threading
import time
import urllib.parse

BLOCK = random.Random(20260412).randbytes(1024 * 1024 - 31)    # no power of two: a shifted copy shows
PIECE = 256 * 1024
REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 404: "Not Found", 417: "Expectation Failed",
           413: "Content Too Large"}


def pattern(length, start=0):
    """The deterministic bytes, in pieces."""
    view = memoryview(BLOCK)
    while length:
        offset = start % len(BLOCK)
        piece = view[offset:offset + min(length, PIECE)]
        yield piece
        start += len(piece)
        length -= len(piece)


def pattern_bytes(length):
    return b"".join(pattern(length))


def pattern_sum(length):
    digest = hashlib.sha256()
    for piece in pattern(length):
        digest.update(piece)
    return digest.hexdigest()


class Seen:
    """One request as it arrived."""

    def __init__(self, method, target, version, headers, connection):
        self.method, self.target, self.version, self.headers = method, target, version, headers
        self.connection = connection
        self.trailers = []
        self.length, self.sha256, self.body = 0, None, b""    # the body's first 64 KiB

    def get(self, key, default=None):
        return next((v for k, v in self.headers if k.lower() == key.lower()), default)

    def all(self, key):
        return [v for k, v in self.headers if k.lower() == key.lower()]


class Gone(Exception):
    """The peer ended the connection."""


class Conversation:
    """One connection to the origin."""

    def __init__(self, origin, sock, number):
        self.origin, self.sock, self.number = origin, sock, number
        self.file = sock.makefile("rb", buffering=PIECE)
        self.request = None
        self.left = 0               # of the request's body; None: chunked
        self.keep = True
        self.counted = False        # in the origin's `active`

    def run(self):
        try:
            count = 0
            while self.keep and self.read_head():
                count += 1
                if count > 1 and self.origin.drop_reused:
                    self.read_body()
                    return
                self.answer()
        except (Gone, OSError, ValueError):
            pass
        finally:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.file.close()
            self.sock.close()

    def line(self):
        raw = self.file.readline(128 * 1024)
        if not raw.endswith(b"\n"):
            raise Gone
        return raw.rstrip(b"\r\n").decode("latin-1")

    def fields(self):
        found = []
        while True:
            line = self.line()
            if not line:
                return found
            key, _, value = line.partition(":")
            found.append((key, value.strip()))

    def read_head(self):
        try:
            first = self.line()
        except Gone:
            return False
        method, target, version = first.split(" ")
        self.request = Seen(method, target, version, self.fields(), self.number)
        self.origin.seen.append(self.request)
        chunked = "chunked" in (self.request.get("Transfer-Encoding") or "").lower()
        self.left = None if chunked else int(self.request.get("Content-Length", "0"))
        self.keep = version == "HTTP/1.1" and (self.request.get("Connection") or "").lower() != "close"
        return True

    def body(self):
        """The request's body, piece by piece; answers Expect first."""
        if (self.request.get("Expect") or "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.left is not None:
            yield from self.exactly(self.left)
            return
        while True:
            size = int(self.line().split(";")[0], 16)
            if size == 0:
                self.request.trailers = self.fields()
                return
            yield from self.exactly(size)
            if self.line():
                raise ValueError("a chunk is longer than its size")

    def exactly(self, length):
        while length:
            piece = self.file.read1(min(length, PIECE))
            if not piece:
                raise Gone
            length -= len(piece)
            yield piece

    def read_body(self):
        digest = hashlib.sha256()
        request = self.request
        for piece in self.body():
            digest.update(piece)
            request.length += len(piece)
            self.origin.uploaded += len(piece)
            if len(request.body) < 65536:
                request.body += piece[:65536 - len(request.body)]
        request.sha256 = digest.hexdigest()

    def send(self, data):
        self.sock.sendall(data)

    def head(self, status, headers=()):
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status"))]
        lines += ["%s: %s" % pair for pair in headers]
        if not self.keep:
            lines.append("Connection: close")
        self.uncount()
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def reply(self, body=b"", status=200, headers=()):
        self.head(status, [("Content-Length", str(len(body)))] + list(headers))
        if self.request.method != "HEAD":
            self.send(body)

    def reply_json(self, value):
        self.reply(json.dumps(value).encode(), 200, [("Content-Type", "application/json")])

    def answer(self):
        path = self.request.target.split("?")[0]
        words = [w for w in path.split("/") if w] or ["echo"]
        verb = getattr(self, "do_" + words[0], None)
        if words[0] not in ("stall", "refuse", "early", "die"):
            self.read_body()
        self.origin.count(1)
        self.counted = True
        try:
            if verb is None:
                self.reply(b"not here\n", 404)
            else:
                verb(*words[1:])
        finally:
            self.uncount()

    def uncount(self):
        """Before the answer leaves: the next request may come as soon as it is read."""
        if self.counted:
            self.counted = False
            self.origin.count(-1)

    def do_echo(self, *_):
        r = self.request
        self.reply_json({"method": r.method, "target": r.target, "version": r.version, "headers": r.headers,
                         "body": r.body.decode("latin-1"), "length": r.length, "trailers": r.trailers,
                         "connection": r.connection})

    def do_upload(self, *_):
        self.reply_json({"length": self.request.length, "sha256": self.request.sha256})

    def do_stall(self, key):
        self.origin.wait(key)
        self.read_body()
        self.do_upload()

    def do_bytes(self, length):
        self.head(200, [("Content-Length", length), ("Content-Type", "application/octet-stream")])
        if self.request.method != "HEAD":
            for piece in pattern(int(length)):
                self.send(piece)
                self.origin.downloaded += len(piece)

    def do_chunked(self, length):
        self.head(200, [("Transfer-Encoding", "chunked")])
        for piece in pattern(int(length)):
            self.chunk(piece)
        self.send(b"0\r\n\r\n")

    def chunk(self, piece):
        self.send(b"%x\r\n" % len(piece) + bytes(piece) + b"\r\n")

    def do_close(self, length):
        self.keep = False
        self.head(200)
        for piece in pattern(int(length)):
            self.send(piece)

    def do_drip(self, length, key):
        length = int(length)
        self.head(200, [("Content-Length", str(length))])
        for piece in pattern(length // 2):
            self.send(piece)
        self.origin.wait(key)
        for piece in pattern(length - length // 2, length // 2):
            self.send(piece)

    def do_hold(self, key):
        self.origin.wait(key)
        self.reply(b"released\n")

    def do_slow(self, milliseconds):
        self.origin.closing.wait(int(milliseconds) / 1000)
        self.reply(b"slow\n")

    def do_sse(self, count, milliseconds):
        self.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"),
                        ("Cache-Control", "no-cache")])
        for _ in range(int(count)):
            self.chunk(b"data: %.6f\n\n" % time.monotonic())
            if self.origin.closing.wait(int(milliseconds) / 1000):
                return
        self.send(b"0\r\n\r\n")

    def do_status(self, status):
        # 204 and 304 have no body; 304 still tells the length of what it stands for
        headers = [] if status == "204" else [("Content-Length", "77" if status == "304" else "0")]
        self.head(int(status), headers)

    def do_head(self, text=""):
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
        self.reply(b"fields\n", 200, pairs)

    def do_trailers(self, *_):
        self.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum, X-Count")])
        self.chunk(b"with trailers\n")
        self.send(b"0\r\nX-Sum: %s\r\nX-Count: %d\r\n\r\n"
                  % (self.request.sha256.encode(), len(self.request.trailers)))

    def do_etag(self, *_):
        tag = '"v1"'
        if self.request.get("If-None-Match") == tag:
            self.head(304, [("ETag", tag), ("Content-Length", "7")])
        else:
            self.reply(b"tagged\n", 200, [("ETag", tag)])

    def do_refuse(self, *_):
        if self.request.get("Expect"):
            self.keep = False
            self.reply(b"no\n", 417)
        else:
            self.read_body()
            self.reply(b"yes\n")

    def do_early(self, *_):
        self.keep = False
        self.reply(b"too much\n", 413)
        self.sock.shutdown(socket.SHUT_WR)
        for _ in self.body():       # so that the answer is not lost to a reset
            pass

    def do_die(self, *_):
        self.keep = False

    def do_half(self, length):
        self.keep = False
        self.head(200, [("Content-Length", length)])
        for piece in pattern(int(length) // 2):
            self.send(piece)

    def do_halfchunk(self, *_):
        self.keep = False
        self.head(200, [("Transfer-Encoding", "chunked")])
        self.chunk(BLOCK[:1000])
        self.send(b"3e8\r\nonly a part")

    def do_garbage(self, *_):
        self.keep = False
        self.send(b"this is not the protocol you are looking for\r\n\r\n")

    def do_ws(self, *_):
        key = self.request.get("Sec-WebSocket-Key")
        if (self.request.get("Upgrade") or "").lower() != "websocket" or key is None:
            self.reply(b"a websocket is wanted\n", 400)
            return
        self.keep = False
        self.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Accept: " + ws_accept(key) + b"\r\n\r\n")
        while True:
            opcode, payload = ws_read(self.file)
            if opcode == 9:
                opcode = 10
            self.send(ws_frame(opcode, payload))
            if opcode == 8:
                return


def ws_accept(key):
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest)


def ws_frame(opcode, payload, mask=None):
    """One whole message (RFC 6455 5.2); @mask is four bytes, for the client's side."""
    head = bytes([0x80 | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + len(payload).to_bytes(8, "big")
    return head + mask + ws_mask(payload, mask) if mask else head + payload


def ws_mask(payload, mask):
    if not payload:
        return b""
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def ws_read(stream):
    """(opcode, payload) of the next message."""
    def take(length):
        data = stream.read(length)
        if len(data) < length:
            raise Gone
        return data

    first, second = take(2)
    length = second & 0x7f
    if length == 126:
        length = int.from_bytes(take(2), "big")
    elif length == 127:
        length = int.from_bytes(take(8), "big")
    mask = take(4) if second & 0x80 else None
    payload = take(length)
    return first & 0x0f, ws_mask(payload, mask) if mask else payload


class Origin:
    """The listener; @unix a path instead of a port, @tls a server-side SSLContext."""

    def __init__(self, port=0, unix=None, tls=None):
        if unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix)
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(1024)
        self.tls = tls
        self.seen = []
        self.connections = 0
        self.active = self.peak = 0         # requests without their answer now, and at most
        self.uploaded = self.downloaded = 0
        self.drop_reused = False
        self.lock = threading.Lock()
        self.gates = {}
        self.closing = threading.Event()
        self.open = set()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def gate(self, key):
        with self.lock:
            return self.gates.setdefault(key, threading.Event())

    def release(self, key):
        self.gate(key).set()

    def wait(self, key):
        if not self.gate(key).wait(300) or self.closing.is_set():
            raise Gone

    def count(self, change):
        with self.lock:
            self.active += change
            self.peak = max(self.peak, self.active)

    def last(self, target):
        """The newest request for @target."""
        return next(r for r in reversed(self.seen) if r.target == target)

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(sock)
                number = self.connections
            threading.Thread(target=self.converse, args=(sock, number), daemon=True).start()

    def converse(self, sock, number):
        raw = sock
        try:
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            Conversation(self, sock, number).run()
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(raw)
            raw.close()

    def close(self):
        self.closing.set()
        for event in list(self.gates.values()):
            event.set()
        for sock in [self.listener] + list(self.open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        self.thread.join(5)


if __name__ == "__main__":
    service = Origin(int(sys.argv[1]))
    print(service.port, flush=True)
    try:
        service.closing.wait()
    except KeyboardInterrupt:
        service.close()
