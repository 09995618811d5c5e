# SPDX-License-Identifier: MIT
"""frames: the thirteen bytes of wire v1, packing and reading.

    offset 0  type    one byte
    offset 1  req_id  unsigned 64 bits, big-endian, 0 for control frames
    offset 9  length  unsigned 32 bits, big-endian, bytes of the body alone
    offset 13 body
"""

import ctypes
import json
import socket
import struct

HELLO, WELCOME, REJECT, PING, PONG = 0x00, 0x01, 0x02, 0x03, 0x04
NEW_REQUEST, REQUEST_BODY, REQUEST_END = 0x10, 0x11, 0x12
RESPONSE_START, RESPONSE_BODY, RESPONSE_END = 0x20, 0x21, 0x22
CLOSE = 0x30

CONTROL = (HELLO, WELCOME, REJECT, PING, PONG)
NAMES = {
    HELLO: "Hello", WELCOME: "Welcome", REJECT: "Reject", PING: "Ping", PONG: "Pong",
    NEW_REQUEST: "NewRequest", REQUEST_BODY: "RequestBody", REQUEST_END: "RequestEnd",
    RESPONSE_START: "ResponseStart", RESPONSE_BODY: "ResponseBody", RESPONSE_END: "ResponseEnd",
    CLOSE: "Close",
}

MAX_BODY = 16 * 1024 * 1024    # what the page allows
SEND_BODY = 64 * 1024          # what a polite peer sends, and what we demand of the program under test

HEADER = struct.Struct(">BQI")


def pack(kind, ident=0, body=b""):
    """One frame as bytes."""
    return HEADER.pack(kind, ident, len(body)) + body


def pack_json(kind, value):
    return pack(kind, 0, json.dumps(value).encode())


def name(kind):
    return NAMES.get(kind, "type 0x%02x" % kind)


class FrameReader:
    """Reads whole frames from a socket. Ends with None at the end of the stream, clean or not."""

    def __init__(self, sock):
        self.file = sock.makefile("rb", buffering=256 * 1024)
        self.truncated = False

    def read(self):
        try:
            header = self.file.read(HEADER.size)
            if len(header) < HEADER.size:
                self.truncated = bool(header)
                return None
            kind, ident, length = HEADER.unpack(header)
            if length > MAX_BODY:
                raise AssertionError("%s announces %d bytes, more than a frame may hold" % (name(kind),
                                                                                            length))
            body = self.file.read(length)
        except (OSError, ValueError):
            return None
        if len(body) < length:
            self.truncated = True
            return None
        return kind, ident, body


def hang_up(sock):
    """Ends a connection also for a thread that reads it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


def reset(sock):
    """Ends a connection with RST, also while a thread reads it: a connect to no address disconnects."""
    ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16)
    sock.close()


def parse_head(raw):
    """A head as (first line, [(name, value), …]); asserts CRLF lines and one blank line at the end."""
    assert raw.endswith(b"\r\n\r\n"), "a head ends with an empty line: %r" % raw[-40:]
    assert raw.count(b"\r\n\r\n") == 1, "exactly one head in a frame: %r" % raw
    lines = raw[:-4].decode("latin-1").split("\r\n")
    fields = []
    for line in lines[1:]:
        key, colon, value = line.partition(":")
        assert colon and key and key == key.strip(), "a malformed field line: %r" % line
        fields.append((key, value.strip()))
    return lines[0], fields


def field(fields, key, default=None):
    """The first value of a field, its name in any case."""
    for have, value in fields:
        if have.lower() == key.lower():
            return value
    return default


def field_all(fields, key):
    return [value for have, value in fields if have.lower() == key.lower()]
