# SPDX-License-Identifier: MIT
"""Tests of the test tools: v1 client against v1 server, the origin, the visitor, the relay, the harness."""

import hashlib
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

import harness
import visitor
from harness import DOMAIN, MIB, Certificate, Process, Set, config_text, free_port, merge, wait_for
from origin import Origin, pattern, pattern_bytes, pattern_sum, ws_accept, ws_frame, ws_mask, ws_read
from relay import Relay
from v1 import frames
from v1.client import Rejected, V1Client, forward_to
from v1.server import Closed, Front, V1Server


@pytest.fixture
def origin():
    service = Origin()
    yield service
    service.close()


def meet(origin=None, handler=None, first_id=0x4e21, **options):
    """A v1 client and a v1 server that have shaken hands."""
    server = V1Server(first_id=first_id)
    handler = handler or (forward_to(("127.0.0.1", origin.port)) if origin else None)
    client = V1Client(("127.0.0.1", server.port), "secret", "api", handler, **options)
    thread = threading.Thread(target=client.connect)
    thread.start()
    session = server.accept().welcome()
    thread.join()
    return client, session, server


def part(client, session, server):
    client.check()
    session.check()
    client.leave()
    server.close()


def test_frame_bytes():
    head = b"GET /api/users/42 HTTP/1.1\r\n\r\n"
    assert frames.pack(frames.NEW_REQUEST, 0x4e21, head)[:13] == bytes.fromhex("10 0000000000004e21 0000001e")
    assert frames.pack(frames.REQUEST_END, 0x4e21) == bytes.fromhex("12 0000000000004e21 00000000")
    assert frames.pack(frames.CLOSE, 2 ** 64 - 1) == bytes.fromhex("30 ffffffffffffffff 00000000")


def test_hello_and_welcome():
    client, session, server = meet()
    assert session.hello == {"version": 1, "token": "secret", "subdomain": "api"}
    assert client.name == "api" and client.welcome["public_url"] == "https://api.v1.test"
    part(client, session, server)


@pytest.mark.parametrize("reason, expected", [({"reason": "no", "code": "token"}, ("no", "token")),
                                              (b"plain", ("plain", None))])
def test_reject(reason, expected):
    server = V1Server()
    client = V1Client(("127.0.0.1", server.port), "x")
    thread = threading.Thread(target=lambda: server.accept().reject(reason))
    thread.start()
    with pytest.raises(Rejected) as error:
        client.connect()
    thread.join()
    assert (error.value.reason, error.value.code) == expected
    client.drop()
    server.close()


def test_bodies_both_ways(origin):
    client, session, server = meet(origin)
    body = pattern_bytes(3 * MIB)
    up = session.request("POST", "/upload", body)
    down = session.request("GET", "/chunked/%d" % (3 * MIB))
    closing = session.request("GET", "/close/100000")
    status, answer = up.result()
    assert status == 200 and pattern_sum(3 * MIB).encode() in answer
    assert down.result() == (200, body)
    assert closing.result() == (200, pattern_bytes(100000))
    head = session.request("HEAD", "/bytes/5000")
    assert head.result() == (200, b"") and head.get("Content-Length") == "5000"
    assert session.request("GET", "/status/204").result() == (204, b"")
    assert session.request("GET", "/status/304").result() == (304, b"")
    assert client.ping(b"12345678") == b"12345678" and session.ping(b"") == b""
    part(client, session, server)


def test_close_both_ways(origin):
    client, session, server = meet(origin)
    held = session.request("GET", "/hold/x")
    wait_for(lambda: any(r.target == "/hold/x" for r in origin.seen), 5)
    held.close(b"visitor left")
    request = client.requests[held.id]
    wait_for(request.closed.is_set, 5)
    assert request.close_text == b"visitor left"
    broken = session.request("GET", "/half/4000")
    broken.head()
    with pytest.raises(Closed):
        broken.body()
    assert session.request("GET", "/echo").head() == 200
    part(client, session, server)


def test_large_ids_and_frames():
    client, session, server = meet(handler=lambda r: r.answer(pattern_bytes(4 * MIB)), first_id=2 ** 64 - 3,
                                   frame_size=2 * MIB)
    status, body = session.request().result()
    assert status == 200 and body == pattern_bytes(4 * MIB)
    # the tools are strict: these frames are legal on the page, and more than a polite peer sends
    with pytest.raises(AssertionError, match="ResponseBody of 2097152"):
        session.check()
    client.check()
    client.leave()
    server.close()


@pytest.mark.parametrize("data, expected", [
    (frames.pack(0x41, 7, b"x"), "type 0x41"),
    (frames.pack(frames.PING, 7), "Ping with id 7"),
    (frames.pack(frames.REQUEST_BODY, 7, b"x"), "unknown id"),
    (frames.pack(frames.PING, 0, bytes(70000)), "70000 bytes"),
    (frames.HEADER.pack(frames.REQUEST_BODY, 7, 2 ** 24 + 1), "16777217"),
    (frames.pack(frames.NEW_REQUEST, 7,
                 b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\nUpgrade: h2c\r\n\r\n"), "Upgrade"),
    (frames.pack(frames.NEW_REQUEST, 7, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "X-Forwarded-For"),
    (frames.pack(frames.NEW_REQUEST, 7, b"GET / HTTP/1.1\r\nX-Forwarded-For: b\r\nHost: a\r\n\r\n") * 2,
     "after 7"),
])
def test_client_is_strict(data, expected):
    client, session, server = meet()
    session.send_raw(data)
    wait_for(lambda: any(expected in text for text in client.violations), 5, expected)
    client.drop()
    server.close()


@pytest.mark.parametrize("data, expected", [
    (frames.pack(0x40, 7, b"\0\0\0\1"), "type 0x40"),
    (frames.pack(frames.PONG, 7), "Pong with id 7"),
    (frames.pack(frames.RESPONSE_START, 9, b""), "unknown id"),
    (frames.pack(frames.RESPONSE_END, 0x4e21), "out of order"),
])
def test_server_is_strict(data, expected):
    client, session, server = meet(handler=lambda r: None)
    session.request()
    wait_for(lambda: client.requests, 5)
    client.send_raw(data)
    wait_for(lambda: any(expected in text for text in session.violations), 5, expected)
    client.drop()
    server.close()


def test_missing_end_is_found():
    client, session, server = meet(handler=lambda r: r.body())
    session.open(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\n\r\n")
    wait_for(lambda: client.requests, 5)
    with pytest.raises(AssertionError, match="neither RequestEnd nor Close"):
        client.check(0.2)
    client.drop()
    server.close()


def test_programs_together(world, origin):
    """Both v1 programs as programs."""
    control, public = free_port(), free_port()
    here = harness.os.path.dirname(harness.os.path.abspath(__file__))
    server = world.add(Process(world, "v1-server", [sys.executable, here + "/v1/server.py", str(control),
                                                    str(public)]))
    server.start()
    wait_for(lambda: harness.can_connect(public), 10)
    client = world.add(Process(world, "v1-client", [sys.executable, here + "/v1/client.py",
                                                    "127.0.0.1:%d" % control,
                                                    "secret", str(origin.port), "api"])).start()
    client.wait_text("http://127.0.0.1:%d" % public)
    server.wait_text("client: api")
    answer = visitor.get(public, "api.v1.test", "/upload", "POST", body=pattern_bytes(500000))
    assert answer.json() == {"length": 500000, "sha256": pattern_sum(500000)}


def test_front(origin):
    client, session, server = meet(origin)
    front = Front()
    front.session = session
    assert visitor.get(front.port, "api.v1.test", "/bytes/1000").body == pattern_bytes(1000)
    front.close()
    part(client, session, server)


def test_origin_routes(origin):
    port = origin.port
    echo = visitor.get(port, "me", "/echo?x=%20y", "PUT", [("X-A", "1")], b"body").json()
    assert echo["target"] == "/echo?x=%20y" and echo["body"] == "body" and ["X-A", "1"] in echo["headers"]
    for kind, framing in (("bytes", "length"), ("chunked", "chunked"), ("close", "close")):
        answer = visitor.get(port, "me", "/%s/1500000" % kind)
        assert (answer.sha256, answer.framing) == (pattern_sum(1500000), framing)
    assert visitor.get(port, "me", "/status/204").framing == "none"
    assert visitor.get(port, "me", "/status/503").status == 503
    assert visitor.get(port, "me", "/nothing").status == 404
    assert visitor.get(port, "me", "/etag").get("ETag") == '"v1"'
    assert visitor.get(port, "me", "/etag", headers=[("If-None-Match", '"v1"')]).status == 304
    assert visitor.get(port, "me", "/head/X-One=1&X-Two=2").all("X-Two") == ["2"]
    assert visitor.get(port, "me", "/trailers").trailers[1] == ("X-Count", "0")
    for target in ("/half/1000", "/halfchunk"):
        assert not visitor.get(port, "me", target, complete=False).complete
    with pytest.raises(visitor.HangUp):
        visitor.get(port, "me", "/die")
    origin.release("k")
    assert visitor.get(port, "me", "/drip/100000/k").sha256 == pattern_sum(100000)
    assert origin.active == 0 and origin.peak == 1, "sequential requests"


def test_origin_expect_and_chunked(origin):
    with visitor.Visitor(origin.port) as one:
        one.request("me", "/upload", "POST", [("Expect", "100-continue"), ("Content-Length", "4")])
        assert one.head().status == 100
        one.send(b"abcd")
        assert one.response().json()["length"] == 4
        one.send_chunked("me", "/echo", [b"ab", b"cd"], trailers=[("X-T", "1")])
        answer = one.response().json()
        assert answer["body"] == "abcd" and answer["trailers"] == [["X-T", "1"]]
    with visitor.Visitor(origin.port) as one:
        one.request("me", "/refuse", "POST", [("Expect", "100-continue"), ("Content-Length", "4")])
        assert one.response().status == 417


def test_origin_websocket(origin):
    # the example of RFC 6455 1.3 and 5.7
    assert ws_accept("dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert ws_frame(1, b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert ws_mask(b"", b"abcd") == b""
    with visitor.Visitor(origin.port) as one:
        one.request("me", "/ws", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                          ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        assert one.response().status == 101
        for size in (0, 5, 200, 70000):
            one.send(ws_frame(2, pattern_bytes(size), b"\1\2\3\4"))
            assert ws_read(one.file) == (2, pattern_bytes(size))


def test_origin_tls_and_unix(tmp_path):
    certificate = Certificate(str(tmp_path))
    secure = Origin(tls=certificate.serving())
    answer = visitor.get(secure.port, "me", "/bytes/10", tls=certificate.trusting(), name="a." + DOMAIN)
    assert answer.body == pattern_bytes(10)
    assert harness.peer_fingerprint(secure.port) == certificate.fingerprint()
    secure.close()
    local = Origin(unix=str(tmp_path / "s"))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(tmp_path / "s"))
        sock.sendall(b"GET /bytes/3 HTTP/1.0\r\n\r\n")
        assert sock.makefile("rb").read().endswith(pattern_bytes(3))
    local.close()


def test_sse_times(origin):
    with visitor.Visitor(origin.port) as one:
        one.request("me", "/sse/3/20")
        late = [time.monotonic() - float(p[6:]) for p in one.pieces(one.head()) if p.startswith(b"data: ")]
    assert len(late) == 3 and all(0 <= t < 1 for t in late)


def test_pattern_has_offsets():
    whole = pattern_bytes(3 * MIB)
    assert b"".join(pattern(2 * MIB, MIB)) == whole[MIB:]
    assert whole[:MIB] != whole[MIB:2 * MIB]


def test_relay(origin):
    relay = Relay(origin.port)
    with visitor.Visitor(relay.port) as one:
        one.request("me", "/bytes/100")
        assert one.response().complete
        assert relay.accepted == 1 and relay.cut() == 1
        assert one.at_end()
    with visitor.Visitor(relay.port) as one:
        wait_for(lambda: relay.accepted == 2, 5)
        relay.cut(reset=True)
        with pytest.raises(ConnectionResetError):
            one.sock.recv(1)
    with visitor.Visitor(relay.port, timeout=0.2) as one:
        wait_for(lambda: relay.accepted == 3, 5)
        relay.freeze()
        one.request("me", "/bytes/100")
        with pytest.raises(TimeoutError):
            one.sock.recv(1)
        relay.thaw()
        one.sock.settimeout(5)
        assert one.sock.recv(1) == b"H"
    relay.close()


def test_reset_is_a_reset():
    client, session, server = meet()
    session.reset()
    wait_for(client.ended.is_set, 5)
    with pytest.raises(OSError):
        client.send(frames.PING)
        client.send(frames.PING)
    server.close()


def test_config_text():
    text = config_text({"server": {"port": 1, "on": True, "name": 'a"b'},
                        "auth": {"tokens": ["x", {"token": "y", "ports": Set(["1"])}]}})
    assert 'name = "a\\"b";' in text and '( "x", {' in text and '[ "1" ]' in text and "on = true;" in text
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}) == {"a": {"c": 2, "d": 3}}


def test_certificate(tmp_path):
    certificate = Certificate(str(tmp_path))
    assert certificate.fingerprint().startswith("sha256:") and len(certificate.fingerprint()) == 71
    assert isinstance(certificate.trusting(), ssl.SSLContext)
    # the same by openssl's own reading
    public = subprocess.run(["openssl", "x509", "-in", certificate.cert, "-pubkey", "-noout"], check=True,
                            capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True,
                         capture_output=True).stdout
    assert certificate.fingerprint() == "sha256:" + hashlib.sha256(der).hexdigest()


def test_process_and_world():
    world = harness.World()
    world.patience = 0.1
    script = "echo '{\"event\":\"tunnel\",\"name\":\"x\"}'; echo no >&2; exec cat /dev/zero >/dev/null"
    child = world.add(Process(world, "child", ["sh", "-c", script])).start()
    child.wait_text("no")
    assert child.events("tunnel") == [{"event": "tunnel", "name": "x"}] and child.rss() > 0
    child.freeze()
    assert child.state() == "T"
    world.add(Process(world, "orphaner", ["sh", "-c", "sleep 1000 & exit 0"])).start().wait()
    with open(world.tmp + "/spool", "w"):
        pass
    problems = world.close()
    # the orphan is found by its tag, the file by its place; the child obeyed SIGTERM by dying of it
    assert any("left running" in p for p in problems) and any("spool" in p for p in problems)
    assert not harness.os.path.exists(world.dir)


def test_wait_for_gives_up():
    with pytest.raises(AssertionError, match="the moon"):
        wait_for(lambda: False, 0.05 / harness.SCALE, "the moon")


def test_free_ports_differ():
    assert len({free_port() for _ in range(50)}) == 50
