# SPDX-License-Identifier: MIT
"""Wire protocol v1: our server with a v1 client that was written from the page alone."""

import queue
import socket
import threading
import time

import pytest

import visitor
from harness import DOMAIN, MIB, SANITIZED, SCALE, TOKEN, wait_for
from origin import pattern, pattern_bytes, pattern_sum
from v1 import frames
from v1.client import Rejected, V1Client, forward_to
from visitor import HangUp, Visitor

HOST = "api." + DOMAIN
OTHER = "another-secret-of-the-tests"


class Uplink:
    """A server of ours and a v1 client, whose handler a test chooses."""

    def __init__(self, world, handler=None, name="api", tls="off", changes=None, **options):
        self.server = world.server(dict({"control": {"tls": tls}, "auth": {"tokens": [TOKEN, OTHER]}},
                                        **(changes or {})))
        self.world, self.clients = world, []
        self.client = self.join(handler, name, **options)

    def join(self, handler=None, name="api", token=TOKEN, hello=None, **options):
        client = V1Client(("127.0.0.1", self.server.control), token, name, handler, **options)
        self.clients.append(client)
        return client.connect(hello)

    def get(self, target="/", **options):
        return self.server.get(self.client.name, target, **options)

    def close(self):
        for client in self.clients:
            client.drop()


@pytest.fixture
def uplink(world):
    made = []

    def make(handler=None, **options):
        made.append(Uplink(world, handler, **options))
        return made[-1]

    yield make
    for link in made:
        link.close()


@pytest.fixture
def forwarding(world, uplink):
    origin = world.origin()
    link = uplink(forward_to(("127.0.0.1", origin.port)))
    link.origin = origin
    return link


@pytest.mark.parametrize("tls", ["off", "optional"])
def test_server_small(uplink, tls):
    link = uplink(tls=tls)
    assert link.client.name == "api"
    assert link.client.welcome["public_url"].rstrip("/") == "http://%s:%d" % (HOST, link.server.http)
    answer = link.get("/x?y=1")
    assert answer.body == b"hello from v1\n"
    request = list(link.client.requests.values())[0]
    assert (request.method, request.target) == ("GET", "/x?y=1")
    assert request.get("Host") == HOST and request.get("X-Forwarded-For") == "127.0.0.1"
    link.client.check()


def test_server_requires_tls_by_default(world):
    server = world.server()
    client = V1Client(("127.0.0.1", server.control), TOKEN, "api")
    with pytest.raises(Rejected):
        client.connect()
    client.drop()


def test_server_bodies(forwarding):
    for size in (0, 1, 65536, 65537, 16 * MIB):
        answer = forwarding.get("/upload", method="POST", body=pattern_bytes(size), timeout=60)
        assert answer.json() == {"length": size, "sha256": pattern_sum(size)}
        for kind in ("bytes", "chunked", "close"):
            answer = forwarding.get("/%s/%d" % (kind, size), keep=False, timeout=60)
            assert answer.sha256 == pattern_sum(size), (kind, size)
    forwarding.client.check()


def test_server_head_only(forwarding):
    with forwarding.server.visitor() as one:
        for target, method, status in (("/bytes/500", "HEAD", 200), ("/status/204", "GET", 204),
                                       ("/status/304", "GET", 304), ("/bytes/0", "GET", 200),
                                       ("/echo", "DELETE", 200)):
            one.request(HOST, target, method)
            assert one.response(method).status == status
    forwarding.client.check()


def test_server_takes_large_frames(uplink):
    """Frames of 2 MiB and of exactly 16 MiB from the peer."""
    body = pattern_bytes(16 * MIB)
    link = uplink(lambda request: request.answer(body))
    for size in (2 * MIB, frames.MAX_BODY):
        link.client.frame_size = size
        assert link.get(timeout=60).sha256 == pattern_sum(16 * MIB)
    link.client.check()


def test_server_many_requests_at_once(forwarding):
    answers = queue.Queue()

    def work(number):
        body = pattern_bytes(number * 1000)
        answers.put(forwarding.get("/upload?%d" % number, method="POST",
                                   body=body).json()["sha256"] == pattern_sum(len(body)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answers.get(timeout=5) for _ in threads] == [True] * 40
    forwarding.client.check()


def test_server_answers_pings(uplink):
    link = uplink()
    for body in (b"", b"12345678", b"\0\xff" * 4):
        assert link.client.ping(body) == body
    link.client.send(frames.PING, 77, b"odd id")
    assert link.client.pongs.get(timeout=5) == b"odd id"
    link.client.check()


def test_server_passes_over_unknown_types_and_ids(uplink):
    link = uplink()
    link.client.send(0x77, 5, b"from the future")
    link.client.send(0x05, 0, bytes(1000))
    link.client.send(frames.CLOSE, 123456789, b"never heard of it")
    link.client.send(frames.RESPONSE_BODY, 987654321, b"late")
    assert link.client.ping(b"alive") == b"alive"
    assert link.get().status == 200
    link.client.check()


def test_client_closes_before_the_head(uplink):
    link = uplink(lambda request: request.close(b"local service refuses connections"))
    answer = link.get()
    assert answer.status == 502 and answer.error
    link.client.check()


def test_client_closes_in_the_body(uplink):
    def handler(request):
        request.respond(200, [("Content-Length", "100000")])
        request.write(bytes(5000))
        request.close(b"reset")

    link = uplink(handler)
    answer = link.get(complete=False)
    assert answer.status == 200 and not answer.complete
    link.client.check()


def test_chunked_answer_is_not_ended_by_a_close(uplink):
    """A response without a length that breaks off must not look whole."""
    def handler(request):
        request.respond(200)
        request.write(bytes(5000))
        request.close(b"reset")

    link = uplink(handler)
    with link.server.visitor() as one:
        one.request(HOST)
        answer = one.response()
        assert answer.framing == "chunked" and not answer.complete


def test_visitor_leaves_while_waiting(uplink):
    waiting = threading.Event()
    link = uplink(lambda request: waiting.wait(30))
    one = link.server.visitor()
    one.request(HOST)
    wait_for(lambda: link.client.requests, 5)
    one.reset()
    request = list(link.client.requests.values())[0]
    wait_for(request.closed.is_set, 10, "Close for the visitor that left")
    waiting.set()
    assert link.client.ping() == b""


def test_visitor_leaves_in_the_response(uplink):
    def handler(request):
        request.respond(200, [("Content-Length", str(1 << 40))])
        while True:
            request.write(bytes(65536))

    link = uplink(handler)
    one = link.server.visitor()
    one.request(HOST)
    one.head()
    one.reset()
    request = list(link.client.requests.values())[0]
    wait_for(request.closed.is_set, 10, "Close for the visitor that left")
    assert link.client.ping() == b""


def test_visitor_leaves_in_the_upload(uplink):
    link = uplink(lambda request: request.answer(request.body()))
    one = link.server.visitor()
    one.send(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n" % HOST.encode() + bytes(1000))
    wait_for(lambda: link.client.requests, 5)
    one.reset()
    request = list(link.client.requests.values())[0]
    wait_for(request.closed.is_set, 10, "Close for the visitor that left")
    assert not request.ended.is_set()


def test_answer_before_the_request_ends(uplink):
    link = uplink(lambda request: request.answer(b"enough", 413))
    with link.server.visitor() as one:
        one.send(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n" % HOST.encode())
        one.send(bytes(1000))
        assert one.response().status == 413
    assert link.get().status == 413
    link.client.check()


def test_chunked_upload_is_spooled(uplink):
    """A v1 client gets a length: up to 1 MiB is spooled, beyond it is 411 and nothing reaches the client."""
    link = uplink(lambda request: request.answer(request.body()))
    for size in (0, 5, 300000, MIB):
        with link.server.visitor() as one:
            one.send_chunked(HOST, "/", pattern(size))
            assert one.response().body == pattern_bytes(size)
        request = list(link.client.requests.values())[-1]
        assert request.get("Content-Length") == str(size)
    link.client.check()
    seen = len(link.client.requests)
    with link.server.visitor() as one:
        try:
            one.send_chunked(HOST, "/", pattern(MIB + 1))
        except ConnectionError:
            pass
        answer = one.response()
        assert (answer.status, answer.error) == (411, "length-required")
    assert len(link.client.requests) == seen


def test_expect_is_answered_by_the_server(uplink):
    link = uplink(lambda request: request.answer(request.body()))
    with link.server.visitor() as one:
        one.request(HOST, "/", "POST", [("Expect", "100-continue"), ("Content-Length", "5")])
        assert one.head().status == 100
        one.send(b"hello")
        assert one.response().body == b"hello"
    assert list(link.client.requests.values())[0].get("Expect") is None
    link.client.check()


def test_upgrade_is_not_offered(uplink):
    """The client's own checks fail on a hop-by-hop field."""
    link = uplink()
    with link.server.visitor() as one:
        one.request(HOST, "/", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade, X-Mine"),
                                        ("X-Mine", "1"),
                                        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                                        ("Keep-Alive", "1"),
                                        ("TE", "trailers")])
        assert one.response().status == 200
    assert list(link.client.requests.values())[0].get("X-Mine") is None
    link.client.check()


def test_request_trailers_are_dropped(uplink):
    link = uplink(lambda request: request.answer(request.body()))
    with link.server.visitor() as one:
        one.send_chunked(HOST, "/", [b"abc"], trailers=[("X-T", "1")])
        assert one.response().body == b"abc"
    link.client.check()


def test_hop_by_hop_fields_of_the_answer_are_dropped(uplink):
    """A real v1 peer may frame Connection and Transfer-Encoding; its body frames are payload all the same."""
    def handler(request):
        request.respond(200, [("Transfer-Encoding", "chunked"), ("Connection", "close, X-Hop"),
                              ("X-Hop", "1"),
                              ("Keep-Alive", "timeout=5"), ("X-End", "2")])
        request.write(b"payload")
        request.finish()

    link = uplink(handler)
    with link.server.visitor() as one:
        for _ in range(2):
            one.request(HOST)
            answer = one.response()
            assert answer.body == b"payload" and answer.get("X-End") == "2"
            assert answer.get("X-Hop") is None and answer.get("Keep-Alive") is None
    link.client.check()


def test_fewer_bytes_than_promised(uplink):
    def handler(request):
        request.respond(200, [("Content-Length", "100")])
        request.write(b"only this")
        request.finish()

    link = uplink(handler)
    answer = link.get(complete=False)
    assert not answer.complete and answer.body == b"only this"
    assert link.client.ping() == b""


def test_more_bytes_than_promised(uplink):
    def handler(request):
        request.respond(200, [("Content-Length", "5")])
        request.write(b"HTTP/1.1 200 smuggled")
        request.finish()

    link = uplink(handler)
    with link.server.visitor() as one:
        one.request(HOST)
        assert one.response().body == b"HTTP/"
        one.request(HOST)
        try:
            assert one.response().body == b"HTTP/"
        except (HangUp, ConnectionError):
            pass
    assert link.client.ping() == b""


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n",
                                  b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                                  b"HTTP/1.1 200 OK\r\nBad Field: 1\r\n\r\n", b"", b"HTTP/1.1 99 Low\r\n\r\n",
                                  b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"])
def test_malformed_answer_heads(uplink, head):
    def handler(request):
        if request.target == "/bad":
            request.send(frames.RESPONSE_START, head)
        else:
            request.answer(b"good")

    link = uplink(handler)
    assert link.get("/bad").status == 502
    assert link.get("/good").body == b"good"


def test_slow_visitor_does_not_stall_others(uplink):
    """v1 has no credit: the slow one may be closed; the others go on, and memory stays bounded."""
    def handler(request):
        if request.target == "/large":
            request.respond(200, [("Content-Length", str(1 << 30))])
            for _ in range(1 << 12):
                request.write(bytes(256 * 1024))
            request.finish()
        else:
            request.answer(b"quick")

    link = uplink(handler)
    before = link.server.rss()
    slow = link.server.visitor(rcvbuf=4096)
    slow.request(HOST, "/large")
    slow.head()
    worst = 0
    for _ in range(20):
        seconds, answer = visitor.timed(link.server.http, HOST, "/small")
        assert answer.body == b"quick"
        worst = max(worst, seconds)
    assert worst < 5 * SCALE, worst
    assert link.server.rss() - before < (200 if SANITIZED else 32) * MIB
    request = next(r for r in link.client.requests.values() if r.target == "/large")
    wait_for(request.closed.is_set, 15, "the slow stream is closed")
    assert link.client.ping() == b""


def test_names_and_versions(uplink):
    link = uplink()
    for hello in ({"version": 1, "token": TOKEN}, {"version": 1, "token": TOKEN, "subdomain": None},
                  {"version": 1, "token": TOKEN, "subdomain": ""}, {"token": TOKEN},
                  {"version": "1", "token": TOKEN},
                  b' { "version" : 1 ,\n"token": "wrong", "token": "%s", "more": [1] } ' % TOKEN.encode()):
        name = link.join(hello=hello).name
        assert len(name) >= 6 and name.isalnum() and name == name.lower()
        assert link.server.get(name).status == 200
    assert link.join(hello={"version": 1, "token": TOKEN, "subdomain": "UPPER"}).name == "upper"


@pytest.mark.parametrize("hello, code, words", [
    ({"version": 1, "token": "wrong", "subdomain": "api"}, "token", "token"),
    ({"version": 1, "subdomain": "api"}, "token", ""),
    ({"version": 1, "token": ""}, "token", ""),
    ({"version": 1, "token": OTHER, "subdomain": "api"}, "name", "api"),
    ({"version": 1, "token": TOKEN, "subdomain": "-x"}, "name", ""),
    ({"version": 1, "token": TOKEN, "subdomain": "a.b"}, "name", ""),
    ({"version": 2, "token": TOKEN}, "version", "unsupported protocol version 2, server speaks 1"),
])
def test_rejects(uplink, hello, code, words):
    link = uplink()
    with pytest.raises(Rejected) as error:
        link.join(hello=hello)
    assert error.value.code == code, error.value.raw
    assert words in error.value.reason
    assert link.get().status == 200


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'"x"', b"{", b"\xff\xfe", b'{"token": 5}',
                                  b"[" * 5000, b"{" + b" " * 100000 + b"}",
                                  b'{"version": 1, "token": "' + b"x" * 15000 + b'"}'])
def test_hello_that_is_no_hello(uplink, body):
    link = uplink()
    with pytest.raises((Rejected, ConnectionError)):
        link.join(hello=body)
    assert link.get().status == 200


def test_hello_a_byte_at_a_time(uplink):
    link = uplink()
    client = V1Client(("127.0.0.1", link.server.control), TOKEN, "slowly")
    link.clients.append(client)
    client.dial()
    for byte in frames.pack_json(frames.HELLO, {"version": 1, "token": TOKEN, "subdomain": "slowly"}):
        client.send_raw(bytes([byte]))
    assert client.read_welcome().name == "slowly"


def test_frames_in_odd_pieces(uplink):
    def handler(request):
        data = (frames.pack(frames.RESPONSE_START, request.id,
                            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
                + frames.pack(frames.RESPONSE_BODY, request.id)
                + frames.pack(frames.RESPONSE_BODY, request.id, b"abc")
                + frames.pack(frames.PING, 0, b"p") + frames.pack(frames.RESPONSE_END, request.id))
        for i in range(len(data)):
            request.client.send_raw(data[i:i + 1])
        request.finished = True

    link = uplink(handler)
    assert link.get().body == b"abc"
    assert link.client.pongs.get(timeout=5) == b"p"


def control_socket(server):
    sock = socket.create_connection(("127.0.0.1", server.control), timeout=20)
    return sock


@pytest.mark.parametrize("data", [
    frames.pack(frames.PING), frames.pack(frames.NEW_REQUEST, 1, b"GET / HTTP/1.1\r\n\r\n"),
    frames.pack(frames.WELCOME, 0, b"{}"),
    frames.HEADER.pack(frames.HELLO, 0, 0xffffffff), frames.HEADER.pack(frames.HELLO, 0, 2 ** 24 + 1),
    frames.HEADER.pack(frames.HELLO, 0, 2 ** 24) + bytes(100000), bytes(1000), b"\xff" * 100,
    b"\x16\x03\x01\xff\xff" + bytes(70000), b"SSH-2.0-x\r\n\r\n",
], ids=lambda data: data[:16].hex())
def test_garbage_before_hello(uplink, data):
    """The peer is closed within the hand-shake's deadline, everyone else is served."""
    link = uplink(tls="optional")
    with control_socket(link.server) as sock:
        try:
            sock.sendall(data)
            while sock.recv(65536):
                pass
        except ConnectionError:
            pass
    assert link.get().status == 200
    assert link.client.ping() == b""


def test_http_on_the_control_port(uplink):
    link = uplink(tls="optional")
    with control_socket(link.server) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.makefile("rb").read().startswith(b"HTTP/1.1 400")


HALF_SAID = [b"", b"\0", b"\0" * 12 + b"\xff", b"\0" * 12, frames.HEADER.pack(frames.HELLO, 0, 50)
             + b'{"vers', b"\x16\x03\x01",
             b"\x01", b"GET / HTTP/1.1\r\nHost", frames.HEADER.pack(frames.HELLO, 0, 4096)]


def test_half_said_hellos_end_after_the_deadline(uplink):
    """5 s for the whole hand-shake, whatever was sent of it."""
    link = uplink(tls="optional")
    start = time.monotonic()
    sockets = [control_socket(link.server) for _ in HALF_SAID]
    for sock, data in zip(sockets, HALF_SAID):
        sock.sendall(data)
    assert link.get().status == 200
    for sock in sockets:
        with sock:
            try:
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert time.monotonic() - start < 8 * SCALE
    assert link.get().status == 200


@pytest.mark.parametrize("data", [
    frames.pack_json(frames.HELLO, {"version": 1, "token": TOKEN}),
    frames.pack_json(frames.WELCOME, {"subdomain": "x"}),
    frames.HEADER.pack(frames.RESPONSE_BODY, 1, 2 ** 24 + 1), frames.HEADER.pack(frames.PING, 0, 0xffffffff),
    frames.pack(frames.RESPONSE_START, 0, b"HTTP/1.1 200 OK\r\n\r\n"),
    frames.pack(frames.RESPONSE_BODY, 0, b"x"),
], ids=["second hello", "welcome", "oversize body", "oversize ping", "start of id 0", "body of id 0"])
def test_breach_after_hello_ends_the_session(world, uplink, data):
    link = uplink()
    other = link.join(name="other")
    link.client.send_raw(data)
    wait_for(link.client.ended.is_set, 10, "the session ends")
    assert other.ping() == b""
    assert link.server.get("other").status == 200
    link.join(name="api")
    assert link.get().status == 200


def test_newest_session_wins(uplink):
    link = uplink(lambda request: request.answer(b"old"))
    newer = link.join(lambda request: request.answer(b"new"))
    assert newer.name == "api"
    wait_for(link.client.ended.is_set, 10, "the old session ends")
    assert link.client.close_zero is not None
    assert link.get().body == b"new"


def test_name_is_held_while_the_client_is_away(uplink):
    link = uplink()
    link.client.drop()
    wait_for(lambda: link.get().status == 502, 10, "502 while away")
    assert link.get().error == "tunnel-offline"
    with pytest.raises(Rejected) as error:
        link.join(token=OTHER)
    assert error.value.code == "name"
    assert link.server.get("never").status == 404
    link.join()
    assert link.get().status == 200


def test_session_ends_with_requests_in_flight(uplink):
    def handler(request):
        if request.target == "/body":
            request.respond(200, [("Content-Length", "1000")])
            request.write(b"some")

    link = uplink(handler)
    first, second = link.server.visitor(), link.server.visitor()
    first.request(HOST, "/wait")
    second.request(HOST, "/body")
    second.head()
    assert second.file.read(4) == b"some"
    wait_for(lambda: len(link.client.requests) == 2, 5)
    link.client.drop()
    assert first.response().status == 502
    assert second.at_end()


def test_polite_leave(uplink):
    link = uplink()
    link.client.leave()
    wait_for(lambda: link.get().status == 502, 10)
    link.join()
    assert link.get().status == 200


def test_server_full(uplink):
    link = uplink(changes={"limits": {"max_clients": 1}})
    with pytest.raises(Rejected) as error:
        link.join(name="second")
    assert error.value.code == "full" and "full" in error.value.reason
    assert link.get().status == 200


def test_drain_tells_v1_clients(uplink):
    link = uplink()
    assert link.server.stop() == 0
    wait_for(link.client.ended.is_set, 5)
    assert link.client.close_zero is not None


@pytest.mark.long
def test_silent_v1_client_is_noticed(world):
    """A v1 client that answers no Ping: its name is offline within 45 s."""
    server = world.server({"control": {"tls": "off"}})
    with control_socket(server) as sock:
        sock.sendall(frames.pack_json(frames.HELLO, {"version": 1, "token": TOKEN, "subdomain": "api"}))
        assert sock.recv(1) == bytes([frames.WELCOME])
        start = time.monotonic()
        wait_for(lambda: server.get("api", timeout=100).status == 502, 60)
        assert time.monotonic() - start < 60 * SCALE


@pytest.mark.long
def test_idle_v1_sessions_live_on(uplink):
    """idle_timeout_seconds never ends a live session; Pings keep a quiet v1 client."""
    link = uplink(changes={"limits": {"idle_timeout_seconds": 1}})
    wait_for(lambda: link.client.pings_seen >= 2, 80, "two Pings from the server")
    assert link.get().status == 200


def test_visitors_of_two_v1_clients_stay_apart(uplink):
    link = uplink(lambda request: request.answer(b"one"))
    link.join(lambda request: request.answer(b"two"), name="two")
    with Visitor(link.server.http) as one:
        for _ in range(5):
            assert one.request(HOST).response().body == b"one"
            assert one.request("two." + DOMAIN).response().body == b"two"
