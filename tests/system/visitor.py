# SPDX-License-Identifier: MIT
"""visitor: one public connection, byte by byte: sends what a test wants and parses what comes back."""

import hashlib
import json
import socket
import struct
import sys
import time


class Response:
    """A response. `complete` is False if the connection ended inside the body."""

    def __init__(self):
        self.status = self.reason = self.version = None
        self.headers, self.trailers, self.interims = [], [], []
        self.body = b""
        self.length = 0
        self.sha256 = None
        self.framing = None         # "none", "length", "chunked", "close"
        self.complete = False

    def get(self, key, default=None):
        return next((v for k, v in self.headers if k.lower() == key.lower()), default)

    def all(self, key):
        return [v for k, v in self.headers if k.lower() == key.lower()]

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.get("Adit-Error")

    def __repr__(self):
        return "<%s %s %d bytes%s %r>" % (self.status, self.error or "", self.length,
                                          "" if self.complete else " cut off", self.body[:200])


class HangUp(Exception):
    """The connection ended where a response was expected."""


class Visitor:
    """A connection to a public port. @tls: an SSLContext; @name is its server name."""

    def __init__(self, port, host="127.0.0.1", tls=None, name=None, timeout=20, rcvbuf=None, source=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        try:
            self.sock.connect((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_hostname=name)
        except OSError:
            self.sock.close()
            raise
        self.file = self.sock.makefile("rb", buffering=64 * 1024)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.file.close()
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        """Leaves with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def request(self, host, target="/", method="GET", headers=(), body=None, version="HTTP/1.1"):
        """Sends a request with Content-Length if there is a body."""
        lines = ["%s %s %s" % (method, target, version), "Host: " + host]
        lines += ["%s: %s" % pair for pair in headers]
        if body is not None:
            lines.append("Content-Length: %d" % len(body))
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if body:
            self.send(body)
        return self

    def send_chunked(self, host, target, pieces, headers=(), trailers=(), method="POST"):
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: " + host, "Transfer-Encoding: chunked"]
        lines += ["%s: %s" % pair for pair in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for piece in pieces:
            self.send(b"%x\r\n" % len(piece) + bytes(piece) + b"\r\n")
        self.send(b"0\r\n" + b"".join(b"%s: %s\r\n" % (k.encode(), v.encode()) for k, v in trailers)
                  + b"\r\n")
        return self

    def at_end(self):
        """Waits for the end of the connection; True if nothing more came before it."""
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def line(self):
        try:
            raw = self.file.readline(256 * 1024)
        except ConnectionError:
            raw = b""
        if not raw.endswith(b"\r\n"):
            raise HangUp(raw)
        return raw[:-2].decode("latin-1")

    def fields(self):
        found = []
        while True:
            line = self.line()
            if not line:
                return found
            key, colon, value = line.partition(":")
            assert colon and key and key.strip() == key, "a malformed field line: %r" % line
            found.append((key, value.strip()))

    def head(self):
        """The next response head, final or interim."""
        answer = Response()
        answer.version, status, answer.reason = (self.line().split(" ", 2) + [""])[:3]
        assert answer.version in ("HTTP/1.1", "HTTP/1.0"), answer.version
        assert len(status) == 3, status
        answer.status = int(status)
        answer.headers = self.fields()
        return answer

    def response(self, method="GET", keep=True):
        """The next final response; @keep False keeps only length and checksum of its body."""
        interims = []
        while True:
            answer = self.head()
            if answer.status >= 200 or answer.status == 101:
                break
            interims.append(answer)
        answer.interims = interims
        self.read_body(answer, method, keep)
        return answer

    def read_body(self, answer, method="GET", keep=True):
        digest = hashlib.sha256()
        pieces = []
        try:
            for piece in self.pieces(answer, method):
                digest.update(piece)
                answer.length += len(piece)
                if keep:
                    pieces.append(piece)
            answer.complete = True
        except (HangUp, ConnectionError):
            pass
        answer.sha256 = digest.hexdigest()
        answer.body = b"".join(pieces)

    def pieces(self, answer, method="GET"):
        """The decoded body, as it comes."""
        coding = answer.get("Transfer-Encoding")
        length = answer.get("Content-Length")
        assert len(answer.all("Content-Length")) <= 1, answer.headers
        if method == "HEAD" or answer.status in (101, 204, 304):
            answer.framing = "none"
        elif coding is not None:
            assert coding.lower() == "chunked" and length is None, answer.headers
            answer.framing = "chunked"
            yield from self.chunks(answer)
        elif length is not None:
            answer.framing = "length"
            yield from self.exactly(int(length))
        else:
            answer.framing = "close"
            yield from self.until_end()

    def until_end(self):
        while True:
            piece = self.file.read1(65536)
            if not piece:
                return
            yield piece

    def chunks(self, answer):
        while True:
            size = int(self.line().split(";")[0], 16)
            if size == 0:
                answer.trailers = self.fields()
                return
            yield from self.exactly(size)
            assert self.line() == "", "a chunk is longer than its size"

    def exactly(self, length):
        while length:
            piece = self.file.read1(min(length, 256 * 1024))
            if not piece:
                raise HangUp
            length -= len(piece)
            yield piece


def get(port, host, target="/", method="GET", headers=(), body=None, **options):
    """One request on a connection of its own; asserts that the answer is whole unless @complete is False."""
    keep, complete = options.pop("keep", True), options.pop("complete", True)
    with Visitor(port, **options) as visitor:
        try:
            visitor.request(host, target, method, list(headers) + [("Connection", "close")], body)
        except ConnectionError:
            pass                    # refused early: the answer may be there all the same
        answer = visitor.response(method, keep)
    if complete:
        assert answer.complete, answer
    return answer


def timed(port, host, target="/", **options):
    """(seconds, response)"""
    start = time.monotonic()
    answer = get(port, host, target, **options)
    return time.monotonic() - start, answer


def put_stream(port, host, target, length):
    """Uploads @length deterministic bytes; returns their checksum and the answer."""
    import origin
    digest = hashlib.sha256()
    with Visitor(port, timeout=300) as visitor:
        visitor.send(b"PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (target.encode(),
                                                                                     host.encode(), length))
        for piece in origin.pattern(length):
            digest.update(piece)
            visitor.send(piece)
        return digest.hexdigest(), visitor.response()


def main(argv):
    """visitor.py get PORT HOST TARGET | put PORT HOST TARGET LENGTH: prints length and checksum as JSON."""
    port, host, target = int(argv[2]), argv[3], argv[4]
    if argv[1] == "get":
        answer = get(port, host, target, keep=False, timeout=300)
        print(json.dumps({"status": answer.status, "length": answer.length, "sha256": answer.sha256}))
    else:
        digest, answer = put_stream(port, host, target, int(argv[5]))
        print(json.dumps({"status": answer.status, "sent": digest, "answer": answer.json()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
