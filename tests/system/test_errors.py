# SPDX-License-Identifier: MIT
"""What a visitor gets when there is no answer to pass on: statuses, Adit-Error, and bad requests."""

import json

import pytest

import visitor
from harness import DOMAIN, free_port
from origin import pattern_bytes
from visitor import HangUp

HOST = "api." + DOMAIN


def error_of(answer, status, code):
    assert (answer.status, answer.error) == (status, code), answer
    assert answer.get("Content-Type").startswith("text/html") and b"<" in answer.body


def test_unknown_name(company):
    server, client, origin = company
    error_of(server.get("nobody"), 404, "unknown-name")
    assert not origin.seen


def test_local_service_refuses(world):
    server = world.server()
    port = free_port()
    world.client(server, port, "-s", "api")
    error_of(server.get("api"), 502, "local-refused")
    with server.visitor() as one:
        one.request(HOST, "/", "POST", body=pattern_bytes(200000))
        assert one.response().status == 502
    origin = world.origin(port=port)
    assert server.get("api", "/bytes/3").body == pattern_bytes(3)
    assert origin.seen


@pytest.mark.parametrize("target", ["/die", "/garbage"])
def test_local_service_fails(company, target):
    server, client, origin = company
    answer = server.get("api", target)
    assert answer.status == 502 and answer.error, answer
    assert server.get("api", "/bytes/3").status == 200


@pytest.mark.parametrize("host", ["elsewhere.test", "127.0.0.1", "api.tunnel.test.evil.test", "xtunnel.test",
                                  "localhost"])
def test_wrong_host(company, host):
    server, client, origin = company
    error_of(visitor.get(server.http, host), 421, "wrong-host")


@pytest.mark.parametrize("host", [DOMAIN, "a.api." + DOMAIN])
def test_hosts_that_are_no_tunnel(company, host):
    server, client, origin = company
    assert visitor.get(server.http, host).status in (404, 421)
    assert not origin.seen


MALFORMED = {
    "no version": b"GET /\r\nHost: H\r\n\r\n",
    "spaces": b"GET  / HTTP/1.1\r\nHost: H\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: H\r\nHost: H\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: H\r\nX-A : 1\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: H\r\nnothing\r\n\r\n",
    "folded line": b"GET / HTTP/1.1\r\nHost: H\r\nX-A: 1\r\n 2\r\n\r\n",
    "null": b"GET / HTTP/1.1\r\nHost: H\r\nX-A: \0\r\n\r\n",
    "bare return": b"GET / HTTP/1.1\r\nHost: H\r\nX-A: a\rb\r\n\r\n",
    "length and chunked": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length list": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "signed length": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: +3\r\n\r\nabc",
    "negative length": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: -3\r\n\r\nabc",
    "hex length": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 0x3\r\n\r\nabc",
    "huge length": b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "target with space": b"GET /a b HTTP/1.1\r\nHost: H\r\n\r\n",
    "target with null": b"GET /a\0b HTTP/1.1\r\nHost: H\r\n\r\n",
    "bad host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "binary": b"\x80\x81\x82\x83\r\n\r\n",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests(company, what):
    server, client, origin = company
    with server.visitor() as one:
        one.send(MALFORMED[what].replace(b"Host: H", b"Host: " + HOST.encode()))
        answer = one.response()
        assert (answer.status, answer.error) == (400, "bad-request"), answer
        assert one.at_end()
    assert not origin.seen
    assert server.get("api", "/bytes/3").status == 200


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"fffffffffffffffff\r\n",
                                   b"3\nabc\r\n", b"\r\n"])
def test_malformed_chunks_never_reach_the_next_request(company, chunk):
    server, client, origin = company
    with server.visitor() as one:
        one.send(b"POST /upload HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % HOST.encode()
                 + chunk
                 + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert one.response().status == 400
        except HangUp:
            pass
        assert one.at_end()
    assert server.get("api", "/bytes/3").status == 200
    assert not [r for r in origin.seen if r.target == "/smuggled"]


def test_head_too_large(company):
    server, client, origin = company
    with server.visitor() as one:
        try:
            one.send(b"GET / HTTP/1.1\r\nHost: %s\r\n" % HOST.encode() + b"X-Long: " + b"x" * 100000
                     + b"\r\n\r\n")
        except ConnectionError:
            pass
        assert one.response().status == 431
    assert not origin.seen


def test_large_head_that_fits(company):
    server, client, origin = company
    value = "x" * 8000
    headers = [("X-Long-%d" % i, value) for i in range(6)]
    assert server.get("api", "/bytes/3", headers=headers).status == 200
    assert origin.seen[-1].get("X-Long-5") == value


def test_local_timeout(world):
    server, client, origin = world.tunnel(changes={"limits": {"response_timeout_seconds": 1}})
    error_of(server.get("api", "/hold/x"), 504, "local-timeout")
    assert server.get("api", "/bytes/3").status == 200


def test_head_timeout(world):
    server = world.server({"limits": {"head_timeout_seconds": 1}})
    with server.visitor() as one:
        one.send(b"GET / HTTP/1.1\r\nHost: ")
        assert one.response().status == 408
        assert one.at_end()


@pytest.mark.parametrize("accept, kind", [
    ("application/json", "application/json"), ("application/json, text/html;q=0.5", "application/json"),
    ("text/html, application/json;q=0.9", "text/html"), ("*/*", "text/html"),
    ("text/html,*/*;q=0.8", "text/html")])
def test_errors_in_json_where_accept_prefers_it(company, accept, kind):
    server, client, origin = company
    answer = server.get("nobody", headers=[("Accept", accept)])
    assert answer.status == 404 and answer.error == "unknown-name"
    assert answer.get("Content-Type").startswith(kind)
    if kind == "application/json":
        assert "unknown-name" in json.dumps(answer.json())


def test_error_pages_do_not_reflect_markup(company):
    server, client, origin = company
    answer = server.get("nobody", "/<script>alert(1)</script>")
    assert b"<script>alert" not in answer.body


def test_keep_alive_goes_on_after_an_error(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request("nobody." + DOMAIN)
        assert one.response().status == 404
        one.request(HOST, "/bytes/3")
        assert one.response().body == pattern_bytes(3)
