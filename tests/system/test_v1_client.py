# SPDX-License-Identifier: MIT
"""Wire protocol v1: our client with a v1 server that was written from the page alone."""

import json
import threading
import time

import pytest

from harness import MIB, SANITIZED, SCALE, TOKEN, free_port, wait_for
from origin import pattern_bytes, pattern_sum
from v1 import frames
from v1.server import Closed, V1Server, make_head


class Downlink:
    """A v1 server and a client of ours over plain TCP."""

    def __init__(self, world, *args, origin=None, first_id=0x4e21, name="api"):
        self.origin = origin or world.origin()
        self.server = world.keep(V1Server(first_id=first_id))
        names = ("--subdomain", name) if name else ()
        self.client = world.plain_client(self.server.port, "http", self.origin.port, *names, *args)
        self.session = None

    def accept(self, deadline=20, **welcome):
        self.session = self.server.accept(deadline * SCALE).welcome(**welcome)
        return self.session

    def request(self, *args, **options):
        return self.session.request(*args, **options)


@pytest.fixture
def downlink(world):
    def make(*args, accept=True, **options):
        link = Downlink(world, *args, **options)
        if accept:
            link.accept()
            link.client.wait_tunnels()
        return link
    return make


def test_client_hello(downlink):
    link = downlink()
    assert link.session.hello["token"] == TOKEN and link.session.hello["subdomain"] == "api"
    assert len(link.session.hello_raw) < 4096
    assert link.client.url == "https://api.v1.test" and link.client.name == "api"
    link.session.check()


def test_client_takes_the_name_it_is_given(downlink):
    link = downlink(accept=False, name=None)
    session = link.server.accept()
    assert not session.hello.get("subdomain")
    session.welcome("q1w2e3", "https://q1w2e3.v1.test")
    link.client.wait_tunnels()
    assert link.client.name == "q1w2e3" and link.client.url == "https://q1w2e3.v1.test"
    session.drop()
    again = link.server.accept()
    assert again.hello["subdomain"] == "q1w2e3"
    again.welcome()


@pytest.mark.parametrize("welcome", [
    b'{"subdomain":"api","public_url":"https://a"}',
    b' {"public_url" : "https://a", "subdomain":"api", "x": [1, {"y": null}]}\n'])
def test_client_reads_any_welcome(downlink, welcome):
    link = downlink(accept=False)
    session = link.server.accept()
    session.welcome_raw(welcome)
    link.client.wait_tunnels()
    assert link.client.url == "https://a"
    assert session.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


@pytest.mark.parametrize("first_id", [1, 0x4e21, 2 ** 53 + 1, 2 ** 63, 2 ** 64 - 9])
def test_client_ids_are_opaque(downlink, first_id):
    link = downlink(first_id=first_id)
    for _ in range(5):
        assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))
    link.session.check()


def test_client_head(downlink):
    link = downlink()
    exchange = link.request("GET", "/head/Set-Cookie=a&Set-Cookie=b",
                            headers=[("Accept", "x/y"), ("Keep-Alive", "5"),
                            ("Connection", "X-Hop"), ("X-Hop", "1"), ("Upgrade", "websocket")])
    assert exchange.result() == (200, b"fields\n")
    assert exchange.raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert frames.field_all(exchange.headers, "Set-Cookie") == ["a", "b"]
    for key in ("Connection", "Keep-Alive", "Transfer-Encoding"):
        assert exchange.get(key) is None
    seen = link.origin.seen[-1]
    assert seen.get("Host") in ("localhost:%d" % link.origin.port, "127.0.0.1:%d" % link.origin.port)
    assert seen.get("X-Forwarded-For") == "93.184.216.34" and seen.get("Accept") == "x/y"
    assert seen.get("X-Hop") is None and seen.get("Upgrade") is None
    link.session.check()


def test_client_bodiless(downlink):
    link = downlink()
    head = link.request("HEAD", "/bytes/500")
    assert head.result() == (200, b"") and head.get("Content-Length") == "500"
    assert link.request("GET", "/status/204").result() == (204, b"")
    assert link.request("GET", "/status/304").result() == (304, b"")
    assert link.request("GET", "/bytes/0").result() == (200, b"")
    assert link.request("POST", "/upload", b"").result()[0] == 200
    link.session.check()


def test_client_bodies(downlink):
    link = downlink()
    for size in (1, 65536, 65537, 16 * MIB):
        status, body = link.request("POST", "/upload", pattern_bytes(size)).result(60)
        assert (status, json.loads(body)) == (200, {"length": size, "sha256": pattern_sum(size)})
        for kind in ("bytes", "chunked", "close"):
            exchange = link.request("GET", "/%s/%d" % (kind, size))
            assert exchange.result(60) == (200, pattern_bytes(size))
            assert exchange.get("Transfer-Encoding") is None
    link.session.check()


@pytest.mark.parametrize("size", [2 * MIB, frames.MAX_BODY])
def test_client_takes_large_frames(downlink, size):
    link = downlink()
    body = pattern_bytes(2 * frames.MAX_BODY)
    status, answer = link.request("POST", "/upload", body, size=size).result(60)
    assert json.loads(answer)["sha256"] == pattern_sum(len(body))
    link.session.check()


def test_client_many_at_once(downlink):
    link = downlink()
    exchanges = [(i, link.request("POST", "/upload", pattern_bytes(i * 997))) for i in range(60)]
    for number, exchange in exchanges:
        assert json.loads(exchange.result(30)[1])["sha256"] == pattern_sum(number * 997)
    link.session.check()


def test_client_interleaved_bodies(downlink):
    link = downlink()
    open_ones = [link.session.open(make_head("POST", "/upload", "a", (), 5000)) for _ in range(5)]
    for i in range(5):
        for exchange in open_ones:
            exchange.send(pattern_bytes(1000))
    for exchange in open_ones:
        exchange.end()
    for exchange in open_ones:
        assert json.loads(exchange.result()[1])["length"] == 5000


def test_client_trailers_are_dropped(downlink):
    link = downlink()
    assert link.request("GET", "/trailers").result() == (200, b"with trailers\n")
    link.session.check()


def test_client_answers_pings(downlink):
    link = downlink()
    for body in (b"", b"12345678"):
        assert link.session.ping(body) == body
    link.session.send(frames.PING, 9, b"odd")
    assert link.session.pongs.get(timeout=5) == b"odd"
    link.session.send(0x66, 3, b"unknown type")
    link.session.send(frames.CLOSE, 123456, b"unknown id")
    link.session.send(frames.REQUEST_BODY, 123456, b"late")
    assert link.session.ping() == b""
    link.session.check()


def test_server_closes_while_waiting(downlink):
    link = downlink()
    exchange = link.request("GET", "/hold/a")
    wait_for(lambda: link.origin.seen, 5)
    exchange.close(b"visitor left")
    link.origin.release("a")
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))
    link.session.check()


def test_server_closes_in_the_response(downlink):
    link = downlink()
    exchange = link.request("GET", "/drip/4000000/a")
    exchange.head()
    exchange.close()
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))
    wait_for(lambda: len(link.origin.open) <= 1 or link.origin.release("a"), 10, "the local connection ends")
    link.session.check()


def test_server_closes_in_the_upload(downlink):
    link = downlink()
    exchange = link.session.open(make_head("POST", "/upload", "a", (), 1000000))
    exchange.send(bytes(1000))
    wait_for(lambda: link.origin.seen, 5)
    exchange.close()
    wait_for(lambda: not link.origin.open, 10, "the local connection ends")
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


@pytest.mark.parametrize("target", ["/die", "/garbage"])
def test_service_fails_before_the_head(downlink, target):
    """Close(id), or a 502 framed by the client: the page allows both."""
    link = downlink()
    exchange = link.request("GET", target)
    try:
        assert exchange.head() == 502
    except Closed:
        assert exchange.closed
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))
    link.session.check()


def test_service_refuses(world):
    server = world.keep(V1Server())
    world.plain_client(server.port, "http", free_port(), "-s", "api")
    session = server.accept().welcome()
    exchange = session.request()
    try:
        assert exchange.head() == 502
    except Closed:
        assert exchange.closed
    assert session.ping() == b""


@pytest.mark.parametrize("target", ["/half/100000", "/halfchunk"])
def test_service_fails_in_the_body(downlink, target):
    link = downlink()
    exchange = link.request("GET", target)
    exchange.head()
    with pytest.raises(Closed):
        exchange.body()
    assert link.session.ping() == b""
    link.session.check()


def test_slow_service_does_not_stall_others(downlink):
    """A service that does not read its upload: others go on; the stalled one may be closed, nothing grows."""
    link = downlink()
    before = link.client.rss()
    stalled = link.session.open(make_head("POST", "/stall/a", "a", (), 256 * MIB))
    sender = threading.Thread(target=feed, args=(stalled, 256 * MIB), daemon=True)
    sender.start()
    for _ in range(10):
        start = time.monotonic()
        assert link.request("GET", "/bytes/5").result(20) == (200, pattern_bytes(5))
        assert time.monotonic() - start < 10 * SCALE
    assert link.client.rss() - before < (200 if SANITIZED else 32) * MIB
    wait_for(lambda: stalled.closed is not None, 15, "the stalled stream is closed")
    link.origin.release("a")
    sender.join(30)


def feed(exchange, length):
    try:
        for _ in range(length // 65536):
            if exchange.closed is not None:
                return
            exchange.send(bytes(65536))
    except OSError:
        pass


def test_duplicate_id(downlink):
    link = downlink()
    first = link.request("GET", "/hold/a")
    wait_for(lambda: link.origin.seen, 5)
    link.session.send(frames.NEW_REQUEST, first.id, make_head("GET", "/bytes/5", "a"))
    with pytest.raises(Closed):
        first.head()
    link.origin.release("a")
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


@pytest.mark.parametrize("head", [b"", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n",
                                  b"GET / HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n",
                                  b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
                                  b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                                  b"Content-Length: 2\r\n\r\n"])
def test_malformed_request_heads(downlink, head):
    link = downlink()
    exchange = link.session.open(head)
    exchange.end()
    try:
        assert exchange.head() in (400, 502)
    except Closed:
        pass
    assert not [r for r in link.origin.seen if r.target == "/smuggled"]
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


def test_more_body_than_promised_reaches_no_next_request(downlink):
    link = downlink()
    exchange = link.session.open(make_head("POST", "/upload", "a", (), 3))
    exchange.send(b"abcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").end()
    try:
        exchange.result()
    except Closed:
        pass
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))
    assert not [r for r in link.origin.seen if r.target == "/smuggled"]


@pytest.mark.parametrize("reason, words", [
    ({"reason": "bad token", "code": "token"}, "bad token"),
    ({"reason": "the name api is taken", "code": "name"}, "taken"),
    ({"reason": "server full", "code": "full"}, "full"), ({"reason": "go away"}, "go away"),
    (b"plain words", "plain words"),
    ({"reason": "unsupported protocol version 1, server speaks 2", "code": "version"}, "version"),
])
def test_reject_before_welcome_ends_it(downlink, reason, words):
    link = downlink(accept=False)
    link.server.accept().reject(reason)
    assert link.client.wait(10) == 3
    assert words in link.client.err()


@pytest.mark.parametrize("reason, ends", [
    ({"reason": "revoked", "code": "token"}, True), ({"reason": "x", "code": "replaced"}, True),
    (b"your token is gone", True),
    ({"reason": "server full", "code": "full"}, False), ({"reason": "y", "code": "draining"}, False),
    (b"try again later", False),
])
def test_reject_after_a_welcome(downlink, reason, ends):
    link = downlink()
    link.session.drop()
    link.server.accept(20).reject(reason)
    if ends:
        assert link.client.wait(10) == 3
    else:
        link.accept()
        assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


def test_draining_before_welcome_is_tried_again(downlink):
    link = downlink(accept=False)
    link.server.accept().reject({"reason": "draining", "code": "draining"})
    link.accept()
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


@pytest.mark.parametrize("how", ["drop", "reset", "close0", "oversize", "hello", "second welcome",
                                 "half frame"])
def test_client_comes_back(downlink, how):
    link = downlink()
    if how == "drop":
        link.session.drop()
    elif how == "reset":
        link.session.reset()
    else:
        link.session.send_raw({
            "close0": frames.pack(frames.CLOSE, 0, b"going away"),
            "oversize": frames.HEADER.pack(frames.REQUEST_BODY, 1, 2 ** 24 + 1),
            "hello": frames.pack(frames.HELLO, 0, b"{}"),
            "second welcome": frames.pack(frames.WELCOME, 0, b"{}"),
            "half frame": frames.pack(frames.NEW_REQUEST, 5, bytes(100))[:50]}[how])
        if how == "half frame":
            link.session.drop()
    link.accept()
    assert link.session.hello["subdomain"] == "api"
    assert link.request("GET", "/bytes/5").result() == (200, pattern_bytes(5))


@pytest.mark.parametrize("welcome", [b"", b"nothing", b"[]", b'{"subdomain": 5}', b"{" * 3000, bytes(100000)])
def test_client_survives_a_bad_welcome(downlink, welcome):
    """It may try again or end with status 1; it never hangs, and never takes the tunnel for open."""
    link = downlink(accept=False)
    link.server.accept().welcome_raw(welcome)
    link.server.listener.settimeout(0.05)

    def goes_on():
        if not link.client.running:
            return True
        try:
            link.server.listener.accept()[0].close()
            return True
        except TimeoutError:
            return False

    wait_for(goes_on, 20, "another try or an end")
    assert not link.client.tunnels()
    if not link.client.running:
        assert link.client.status == 1


def test_client_leaves_politely(downlink):
    link = downlink()
    assert link.client.stop() == 0
    wait_for(link.session.ended.is_set, 5)
    assert link.session.close_zero is not None


def test_flags_the_server_does_not_know_are_refused(downlink):
    """A v1 server announced nothing: --basic-auth must not be dropped silently."""
    link = downlink("--basic-auth", "user:pass", accept=False)
    thread = threading.Thread(target=quietly_welcome, args=(link,), daemon=True)
    thread.start()
    assert link.client.wait(10) == 3
    assert "basic-auth" in link.client.err()
    assert not link.client.tunnels()


def quietly_welcome(link):
    try:
        link.server.accept(10).welcome()
    except OSError:
        pass


def test_expect_through_a_v1_server(downlink):
    """A v1 peer may get one ResponseStart only: no 1xx is framed."""
    link = downlink()
    exchange = link.request("POST", "/upload", b"abc", headers=[("Expect", "100-continue")])
    assert exchange.head() == 200
    assert json.loads(exchange.body())["length"] == 3
    link.session.check()


@pytest.mark.long
def test_silent_v1_server_is_noticed(downlink):
    """Pings after 15 s of silence, dead after 45 s without a frame."""
    link = downlink()
    link.session.answer_pings = False
    start = time.monotonic()
    link.accept(deadline=60)
    assert 30 < time.monotonic() - start < 60 * SCALE
    assert link.server.sessions[0].pings
