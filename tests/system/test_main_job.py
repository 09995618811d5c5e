# SPDX-License-Identifier: MIT
"""The main job: a local web service appears at its public URL, as it is."""

import json
import os
import re
import signal
import socket
import statistics
import threading
import time

import pytest

import visitor
from harness import DOMAIN, MIB, SCALE, TOKEN, Certificate, Client, Process, free_port, wait_for
from origin import pattern, pattern_bytes, pattern_sum, ws_accept, ws_frame, ws_read
from visitor import Visitor

HOST = "api." + DOMAIN

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; etag on; sendfile on; default_type application/octet-stream;
  types {{ text/html html; text/css css; }}
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{ listen 127.0.0.1:{port}; root {dir}/site; }}
}}
"""


def serve_folder(world):
    """nginx serving a folder; returns its port."""
    folder, port = world.folder("nginx"), free_port()
    os.makedirs(folder + "/site/sub")
    for name, data in (("index.html", b"<h1>front page</h1>\n"), ("sub/style.css", b"p { color: red }\n"),
                       ("big.bin", pattern_bytes(8 * MIB)), ("empty", b"")):
        with open(folder + "/site/" + name, "wb") as file:
            file.write(data)
    os.chmod(world.dir, 0o755)
    with open(folder + "/nginx.conf", "w") as file:
        file.write(NGINX.format(dir=folder, port=port))
    nginx = world.add(Process(world, "nginx", ["/usr/sbin/nginx", "-e", folder + "/error.log", "-p", folder,
                                               "-c", folder + "/nginx.conf"]))
    nginx.start()
    wait_for(lambda: try_get(port), 10, "nginx serves")
    return port


def try_get(port):
    try:
        return visitor.get(port, "x")
    except OSError:
        return None


def test_nginx_serving_a_folder(world):
    port = serve_folder(world)
    server = world.server()
    world.client(server, port, "--subdomain", "api")
    page = server.get("api")
    direct = visitor.get(port, "localhost")
    assert page.status == 200 and page.body == b"<h1>front page</h1>\n"
    for key in ("Server", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert page.all(key) == direct.all(key), key
    assert server.get("api", "/sub/style.css").get("Content-Type") == "text/css"
    assert server.get("api", "/big.bin").sha256 == pattern_sum(8 * MIB)
    assert server.get("api", "/empty").body == b""
    part = server.get("api", "/big.bin", headers=[("Range", "bytes=1000000-1999999")])
    assert part.status == 206 and part.body == pattern_bytes(2000000)[1000000:]
    assert server.get("api", "/", headers=[("If-None-Match", page.get("ETag"))]).status == 304
    missing = server.get("api", "/none")
    assert missing.status == 404 and b"nginx" in missing.body and missing.error is None
    moved = server.get("api", "/sub")
    assert moved.status == 301
    with server.visitor() as one:
        for target in ("/", "/sub/style.css", "/big.bin", "/none", "/empty", "/"):
            one.request(HOST, target)
            assert one.response().complete
        one.request(HOST, "/big.bin", "HEAD")
        assert one.response("HEAD").get("Content-Length") == str(8 * MIB)
        one.request(HOST)
        assert one.response().status == 200


# targets

@pytest.mark.parametrize("form", ["%d", "127.0.0.1:%d", "localhost:%d", "http://127.0.0.1:%d",
                                  "http://localhost:%d/"])
def test_target_forms(world, form):
    origin = world.origin()
    server = world.server()
    client = world.client(server, "http", form % origin.port, "-s", "api")
    assert server.get("api", "/bytes/10").body == pattern_bytes(10)
    assert str(origin.port) in client.tunnels()[0]["target"]


def test_target_without_the_word_http(world):
    origin = world.origin()
    server = world.server()
    client = world.client(server, origin.port, "--subdomain", "api")
    assert client.name == "api"
    assert server.get("api", "/bytes/10").body == pattern_bytes(10)


def test_target_unix_socket(world):
    path = world.dir + "/app.sock"
    world.origin(unix=path)
    server = world.server()
    world.client(server, "unix:" + path, "-s", "api")
    assert server.get("api", "/chunked/300000").sha256 == pattern_sum(300000)


def test_target_https(world):
    """A local service with a certificate of its own making needs --insecure."""
    certificate = Certificate(world.dir, "localhost", "local")
    origin = world.origin(tls=certificate.serving())
    server = world.server()
    world.client(server, "https://localhost:%d" % origin.port, "-s", "api", "--insecure")
    assert server.get("api", "/bytes/300000").sha256 == pattern_sum(300000)
    assert server.get("api", "/upload", "POST",
                      body=pattern_bytes(300000)).json()["sha256"] == pattern_sum(300000)


def test_target_on_ipv6_only(world):
    """PORT means 127.0.0.1, then ::1."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback")
    world.keep(listener)
    server = world.server()
    world.client(server, listener.getsockname()[1], "-s", "api")
    one = server.visitor()
    one.request(HOST)
    listener.settimeout(10)
    local, _ = listener.accept()
    local.recv(65536)
    local.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nsix")
    assert one.response().body == b"six"
    local.close()


# names

def test_random_names(world):
    origin = world.origin()
    server = world.server()
    names = [world.client(server, origin.port).name for _ in range(3)]
    assert len(set(names)) == 3
    for name in names:
        assert re.fullmatch(r"[a-z0-9]{6,63}", name), name
        assert server.get(name, "/bytes/5").body == pattern_bytes(5)


def test_name_is_lower_cased(world):
    origin = world.origin()
    server = world.server()
    assert world.client(server, origin.port, "-s", "MyApp").name == "myapp"
    for host in ("myapp." + DOMAIN, "MYAPP.Tunnel.Test", "myapp.%s:%d" % (DOMAIN, server.http), "myapp."
                 + DOMAIN + "."):
        assert visitor.get(server.http, host, "/bytes/5").body == pattern_bytes(5), host


@pytest.mark.parametrize("name", ["-a", "a-", "a.b", "a_b", "x" * 64, "é"])
def test_bad_names_are_refused(world, name):
    server = world.server()
    client = world.client(server, 3000, "--subdomain=" + name, wait=False)
    assert client.wait() in (2, 3)
    assert client.err().strip()


def test_public_url(world):
    server = world.server()
    client = world.client(server, 3000, "-s", "api")
    assert client.url.rstrip("/") == "http://%s:%d" % (HOST, server.http)
    secure = world.server(https=True)
    client = world.client(secure, 3000, "-s", "api")
    assert client.url.rstrip("/") == "https://%s:%d" % (HOST, secure.https)


def test_human_line_holds_the_url(world):
    server = world.server()
    client = world.client(server, 3000, "-s", "api", start=False)
    client.argv = client.argv[:-2]
    client.start()
    client.wait_text(re.escape("http://%s:%d" % (HOST, server.http)))
    lines = [line for line in client.text().split("\n") if HOST in line]
    assert len(lines) == 1, lines
    assert client.stop(signal.SIGINT) == 0


# several tunnels

def start_home(world, server, **tunnels):
    home = world.home(server=server)
    settings = world.settings_for(server)
    home.write(dict(settings, tunnels=tunnels))
    return home


def http_tunnel(origin, name, **more):
    return dict({"type": "http", "target": str(origin.port), "subdomain": name}, **more)


def test_start_opens_all_tunnels_on_one_session(world):
    server = world.server()
    first, second = world.origin(), world.origin()
    relay = world.relay(server.control)
    home = world.home(server=server)
    home.write(dict(world.settings_for(server, port=relay.port),
                    tunnels={"web": http_tunnel(first, "one"), "shop": http_tunnel(second, "two")}))
    client = world.client(server, "start", home=home, wait=False).wait_tunnels(2)
    assert {t["public_url"].split("//")[1].split(".")[0] for t in client.tunnels()} == {"one", "two"}
    assert server.get("one", "/bytes/5").status == 200 and len(first.seen) == 1 and len(second.seen) == 0
    assert server.get("two", "/bytes/5").status == 200 and len(second.seen) == 1
    assert relay.accepted == 1


def test_start_opens_the_named_ones(world):
    server, origin = world.server(), world.origin()
    home = start_home(world, server, web=http_tunnel(origin, "one"), shop=http_tunnel(origin, "two"))
    client = world.client(server, "start", "shop", home=home)
    assert server.get("two", "/bytes/5").status == 200
    assert server.get("one").status == 404
    assert len(client.tunnels()) == 1


def test_start_reports_a_refused_tunnel_and_opens_the_others(world):
    server, origin = world.server({"auth": {"tokens": [TOKEN, "the-other-token"]}}), world.origin()
    world.client(server, origin.port, "-s", "taken", token="the-other-token")
    home = start_home(world, server, web=http_tunnel(origin, "free"), shop=http_tunnel(origin, "taken"))
    client = world.client(server, "start", home=home)
    assert server.get("free", "/bytes/5").status == 200
    client.wait_text("taken")
    assert len(client.tunnels()) == 1 and client.running


def test_start_with_every_tunnel_refused(world):
    server, origin = world.server({"auth": {"tokens": [TOKEN, "the-other-token"]}}), world.origin()
    world.client(server, origin.port, "-s", "taken", token="the-other-token")
    home = start_home(world, server, shop=http_tunnel(origin, "taken"))
    client = world.client(server, "start", home=home, wait=False)
    assert client.wait() == 3
    assert "taken" in client.err()


# HTTPS

def test_https_listener(world):
    certificate = world.certificate()
    server, client, origin = world.tunnel(https=True)
    options = dict(tls=certificate.trusting(), name=HOST)
    answer = visitor.get(server.https, HOST, "/echo", **options)
    assert dict(answer.json()["headers"])["X-Forwarded-Proto"] == "https"
    assert visitor.get(server.https, HOST, "/bytes/%d" % (8 * MIB), **options).sha256 == pattern_sum(8 * MIB)
    body = pattern_bytes(4 * MIB)
    assert visitor.get(server.https, HOST, "/upload", "POST", body=body,
                       **options).json()["sha256"] == pattern_sum(len(body))
    with Visitor(server.https, **options) as one:
        for _ in range(3):
            one.request(HOST, "/bytes/1000")
            assert one.response().body == pattern_bytes(1000)
    assert dict(server.get("api", "/echo").json()["headers"])["X-Forwarded-Proto"] == "http"


def test_https_frozen_handshakes_disturb_nobody(world):
    certificate = world.certificate()
    server, client, origin = world.tunnel(https=True)
    silent = [world.keep(Visitor(server.https)) for _ in range(50)]
    for one in silent[:25]:
        one.send(b"\x16\x03\x01\x02\x00\x01")
    answer = visitor.get(server.https, HOST, "/bytes/5", tls=certificate.trusting(), name=HOST)
    assert answer.body == pattern_bytes(5)


# what the local service sees

def seen_headers(server, headers=(), host=HOST, **options):
    answer = visitor.get(server.http, host, "/echo", headers=headers, **options)
    return [tuple(pair) for pair in answer.json()["headers"]]


def values(headers, key):
    return [v for k, v in headers if k.lower() == key.lower()]


def test_host_is_rewritten(world):
    server, client, origin = world.tunnel()
    headers = seen_headers(server)
    assert values(headers, "Host")[0] in ("localhost:%d" % origin.port, "127.0.0.1:%d" % origin.port)
    assert len(values(headers, "Host")) == 1
    assert values(headers, "X-Forwarded-Host") == [HOST]


@pytest.mark.parametrize("option, expected", [("preserve", HOST), ("dev.example:8080", "dev.example:8080")])
def test_host_header_option(world, option, expected):
    server, client, origin = world.tunnel("--host-header", option)
    assert values(seen_headers(server), "Host") == [expected]


def test_forwarded_fields_are_the_servers(world):
    server, client, origin = world.tunnel()
    lies = [("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-proto", "gopher"),
            ("X-Forwarded-Host", "evil.test"),
            ("Forwarded", "for=6.6.6.6"), ("X-FORWARDED-FOR", "7.7.7.7")]
    headers = seen_headers(server, lies)
    assert values(headers, "X-Forwarded-For") == ["127.0.0.1"]
    assert values(headers, "X-Forwarded-Proto") == ["http"]
    assert values(headers, "X-Forwarded-Host") == [HOST]
    forwarded = values(headers, "Forwarded")
    assert len(forwarded) == 1 and "6.6.6.6" not in forwarded[0]
    assert "for=127.0.0.1" in forwarded[0].replace('"', "")
    assert "proto=http" in forwarded[0] and "host=" in forwarded[0]


def test_trusted_proxies_may_forward(world):
    server, client, origin = world.tunnel(changes={"server": {"trusted_proxies": ["127.0.0.0/8"]}})
    headers = seen_headers(server, [("X-Forwarded-For", "203.0.113.9")])
    addresses = [a.strip() for a in ",".join(values(headers, "X-Forwarded-For")).split(",")]
    assert addresses == ["203.0.113.9", "127.0.0.1"]


def test_hop_by_hop_fields_stay(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/echo", headers=[("Connection", "close, X-Mine"), ("X-Mine", "1"),
                                            ("Keep-Alive", "3"),
                                            ("TE", "gzip"), ("Proxy-Connection", "x"), ("X-Yours", "2")])
        headers = [tuple(p) for p in one.response().json()["headers"]]
    assert values(headers, "X-Yours") == ["2"]
    for key in ("X-Mine", "Keep-Alive", "Proxy-Connection"):
        assert values(headers, key) == [], key
    assert "gzip" not in values(headers, "TE")


@pytest.mark.parametrize("target", ["/a%2Fb/../c?x=%20y&&z", "/echo?q=http://x/?y", "/%E4%F6",
                                    "//double//slash", "/;p=1?",
                                    "/a'b(c)*!~$,:@"])
def test_target_is_not_touched(company, target):
    server, client, origin = company
    server.get("api", target)
    assert origin.seen[-1].target == target


def test_absolute_form(company):
    server, client, origin = company
    with server.visitor() as one:
        one.send(b"GET http://%s/echo?x=1 HTTP/1.1\r\nHost: %s\r\n\r\n" % (HOST.encode(), HOST.encode()))
        answer = one.response()
    assert answer.json()["target"] == "/echo?x=1"


def test_fields_pass_in_order_and_case(company):
    server, client, origin = company
    sent = [("X-b", "1"), ("x-A", "two words"), ("Cookie", "a=1"), ("X-b", "3"), ("Cookie", "b=2"),
            ("X-Empty", ""),
            ("X-Latin", "caf\xe9"), ("User-Agent", "test/1"), ("Accept-Encoding", "gzip, br"),
            ("Authorization", "Basic eDp5")]
    got = seen_headers(server, sent)
    assert [p for p in got if p in sent] == sent


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "POST"])
def test_methods(company, method):
    server, client, origin = company
    answer = server.get("api", "/echo", method, body=b"some body" if method in ("PUT", "PATCH", "POST")
                        else None)
    assert answer.json()["method"] == method
    assert answer.json()["length"] in (0, 9)


# what the visitor sees

def test_response_comes_as_it_is(company):
    server, client, origin = company
    target = "/head/X-One=1&Set-Cookie=a%3D1&Set-Cookie=b%3D2&x-lower=3&Cache-Control=no-store"
    answer = server.get("api", target)
    direct = visitor.get(origin.port, "x", target)
    skip = ("connection", "date", "keep-alive")
    assert [h for h in answer.headers if h[0].lower() not in skip] == [h for h in direct.headers
                                                                       if h[0].lower() not in skip]
    assert answer.get("Server") is None and answer.error is None and answer.get("Via") is None
    assert answer.reason == direct.reason


@pytest.mark.parametrize("status", [200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 405, 418, 429, 500, 502,
                                    503, 504, 599])
def test_statuses_of_the_service_pass(company, status):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/status/%d" % status)
        answer = one.response()
        assert (answer.status, answer.body, answer.error) == (status, b"", None)
        one.request(HOST, "/bytes/3")
        assert one.response().body == pattern_bytes(3)


def test_head_requests(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/bytes/12345", "HEAD")
        assert one.response("HEAD").get("Content-Length") == "12345"
        one.request(HOST, "/nothing", "HEAD")
        assert one.response("HEAD").status == 404
        one.request("none." + DOMAIN, "/", "HEAD")
        assert one.response("HEAD").status == 404
        one.request(HOST, "/bytes/12345")
        assert one.response().body == pattern_bytes(12345)


def test_keep_alive_of_both_sides(company):
    """Many requests of one visitor: one public connection, and few local ones."""
    server, client, origin = company
    with server.visitor() as one:
        for i in range(50):
            one.request(HOST, "/echo?%d" % i)
            assert one.response().json()["target"] == "/echo?%d" % i
    assert origin.connections <= 3


def test_pipelining(company):
    server, client, origin = company
    with server.visitor() as one:
        one.send(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (1000 + i, HOST.encode())
                          for i in range(20)))
        for i in range(20):
            assert one.response().body == pattern_bytes(1000 + i)
        head = b"POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n\r\n" % HOST.encode()
        one.send(b"".join(head + b"b%02d" % i for i in range(5)))
        assert [one.response().json()["body"] for _ in range(5)] == ["b00", "b01", "b02", "b03", "b04"]


def test_a_byte_at_a_time(company):
    server, client, origin = company
    with server.visitor() as one:
        head = b"POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % HOST.encode()
        for byte in head + b"3\r\nabc\r\n0\r\n\r\n":
            one.send(bytes([byte]))
        assert one.response().json()["body"] == "abc"


def test_http_10(company):
    server, client, origin = company
    for target, length in (("/bytes/1000", 1000), ("/chunked/100000", 100000), ("/close/5000", 5000)):
        with server.visitor() as one:
            one.request(HOST, target, version="HTTP/1.0")
            answer = one.response()
            assert answer.framing in ("length", "close") and answer.body == pattern_bytes(length)
            assert one.at_end()


def test_http_10_upload(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/upload", "POST", version="HTTP/1.0", body=pattern_bytes(70000))
        assert one.response().json()["sha256"] == pattern_sum(70000)


def test_connection_close(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/bytes/10", headers=[("Connection", "close")])
        answer = one.response()
        assert answer.body == pattern_bytes(10) and (answer.get("Connection") or "").lower() == "close"
        assert one.at_end()


def test_visitor_that_half_closes(company):
    """A visitor that ends its sending side after the request still gets its answer."""
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/slow/100")
        one.finish()
        assert one.response().body == b"slow\n"


# bodies

@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 262145, 5 * MIB + 3])
def test_uploads(company, size):
    server, client, origin = company
    body = pattern_bytes(size)
    with server.visitor() as one:
        one.request(HOST, "/upload", "POST", body=body)
        assert one.response().json() == {"length": size, "sha256": pattern_sum(size)}
        one.send_chunked(HOST, "/upload", [p for p in pattern(size)])
        assert one.response().json() == {"length": size, "sha256": pattern_sum(size)}


@pytest.mark.parametrize("kind", ["bytes", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, 65536, 5 * MIB + 3])
def test_downloads(company, kind, size):
    server, client, origin = company
    with server.visitor() as one:
        for _ in range(2):
            one.request(HOST, "/%s/%d" % (kind, size))
            answer = one.response(keep=False)
            assert answer.complete and answer.length == size and answer.sha256 == pattern_sum(size)
            assert answer.framing == ("length" if kind == "bytes" else "chunked")


def test_sixty_four_mebibytes_each_way(company):
    server, client, origin = company
    size = 64 * MIB
    assert server.get("api", "/bytes/%d" % size, keep=False).sha256 == pattern_sum(size)
    with server.visitor(timeout=60) as one:
        one.send(b"PUT /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (HOST.encode(), size))
        for piece in pattern(size):
            one.send(piece)
        assert one.response().json()["sha256"] == pattern_sum(size)


def test_many_small_chunks(company):
    server, client, origin = company
    body = pattern_bytes(3000)
    with server.visitor() as one:
        one.send_chunked(HOST, "/upload", [body[i:i + 1] for i in range(3000)])
        assert one.response().json()["sha256"] == pattern_sum(3000)


def test_both_directions_at_once(company):
    """Several visitors up and down together; nobody gets another one's bytes."""
    server, client, origin = company
    failures = []

    def work(number):
        try:
            with Visitor(server.http, timeout=60) as one:
                for turn in range(10):
                    size = 1000 * number + turn
                    one.request(HOST, "/upload?%d" % number, "POST", body=pattern_bytes(size))
                    assert one.response().json() == {"length": size, "sha256": pattern_sum(size)}
                    one.request(HOST, "/bytes/%d" % size)
                    assert one.response().body == pattern_bytes(size)
                    one.request(HOST, "/echo?%d.%d" % (number, turn))
                    assert one.response().json()["target"] == "/echo?%d.%d" % (number, turn)
        except Exception as error:
            failures.append("%d: %r" % (number, error))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures, failures


def test_expect_continue(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/upload", "POST", [("Expect", "100-continue"), ("Content-Length", "5")])
        assert one.head().status == 100
        one.send(b"hello")
        answer = one.response()
        assert answer.json()["length"] == 5
        one.request(HOST, "/bytes/3")
        assert one.response().body == pattern_bytes(3)


def test_expect_refused_before_the_body(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/refuse", "POST", [("Expect", "100-continue"), ("Content-Length", "5000000")])
        answer = one.response()
        assert answer.status == 417 and answer.interims == []


def test_answer_before_the_body_is_read(company):
    server, client, origin = company
    with server.visitor() as one:
        one.send(b"POST /early HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n" % HOST.encode())
        one.send(pattern_bytes(1000))
        assert one.response().status == 413


@pytest.mark.parametrize("target", ["/half/100000", "/halfchunk"])
def test_a_cut_response_is_cut_for_the_visitor(company, target):
    """Never padded, never ended as if it were whole."""
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, target)
        answer = one.response()
        assert answer.status == 200 and not answer.complete
    assert server.get("api", "/bytes/3").status == 200


def test_visitor_leaves_in_the_middle(company):
    server, client, origin = company
    one = server.visitor()
    one.request(HOST, "/drip/8000000/k")
    one.head()
    one.reset()
    up = server.visitor()
    up.send(b"POST /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\nabc" % HOST.encode())
    wait_for(lambda: any(r.target == "/upload" for r in origin.seen), 5)
    up.reset()
    # the local connections of both end; others go on
    wait_for(lambda: len(origin.open) <= 1 or origin.release("k"), 5, "the local connections end")
    assert server.get("api", "/bytes/3").status == 200


def test_trailers_both_ways(company):
    server, client, origin = company
    with server.visitor() as one:
        one.send_chunked(HOST, "/trailers", [b"abc"], headers=[("TE", "trailers")],
                         trailers=[("X-Check", "1")])
        answer = one.response()
    assert dict(answer.trailers)["X-Count"] == "1"
    assert len(dict(answer.trailers)["X-Sum"]) == 64
    assert origin.last("/trailers").trailers == [("X-Check", "1")]


# upgrades and streams

def open_websocket(server, headers=()):
    one = server.visitor()
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    one.request(HOST, "/ws", headers=[("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade"),
                                      ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key)]
                + list(headers))
    answer = one.head()
    assert answer.status == 101, answer
    assert answer.get("Sec-WebSocket-Accept").encode() == ws_accept(key)
    assert answer.get("Upgrade").lower() == "websocket" and "upgrade" in answer.get("Connection").lower()
    return one


def test_websocket(company):
    server, client, origin = company
    one = open_websocket(server)
    for size in (0, 1, 125, 126, 65535, 65536, 2 * MIB):
        one.send(ws_frame(2, pattern_bytes(size), b"\x12\x34\x56\x78"))
        assert ws_read(one.file) == (2, pattern_bytes(size))
    one.send(ws_frame(9, b"ping", b"abcd"))
    assert ws_read(one.file) == (10, b"ping")
    one.send(ws_frame(8, b"\x03\xe8", b"abcd"))
    assert ws_read(one.file)[0] == 8
    assert one.at_end()


def test_websocket_bytes_sent_with_the_head(company):
    server, client, origin = company
    one = server.visitor()
    one.send(b"GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % HOST.encode()
             + ws_frame(1, b"early", b"abcd"))
    assert one.head().status == 101
    assert ws_read(one.file) == (1, b"early")


def test_websocket_refused_is_a_plain_response(company):
    server, client, origin = company
    with server.visitor() as one:
        one.request(HOST, "/bytes/100", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        assert one.response().body == pattern_bytes(100)
        one.request(HOST, "/ws", headers=[("Upgrade", "other"), ("Connection", "Upgrade")])
        answer = one.response()
        assert answer.status == 400 and answer.body == b"a websocket is wanted\n"


def test_websockets_are_not_counted_as_requests(world):
    server, client, origin = world.tunnel("--concurrency", "1")
    sockets = [open_websocket(server) for _ in range(3)]
    assert server.get("api", "/bytes/5").body == pattern_bytes(5)
    for one in sockets:
        one.send(ws_frame(1, b"still there", b"abcd"))
        assert ws_read(one.file) == (1, b"still there")


def test_server_sent_events_come_at_once(company):
    server, client, origin = company
    one = server.visitor()
    one.request(HOST, "/sse/20/25")
    answer = one.head()
    late = [time.monotonic() - float(p[6:]) for p in one.pieces(answer) if p.startswith(b"data: ")]
    assert len(late) == 20
    assert statistics.median(late) < 0.02 * SCALE, late
    assert max(late) < 0.5 * SCALE, late


# the local connection pool

def test_a_stale_local_connection_is_retried(company):
    """The service closes a kept connection as the next request comes: the visitor never knows."""
    server, client, origin = company
    assert server.get("api", "/bytes/3").status == 200
    origin.drop_reused = True
    for i in range(5):
        assert server.get("api", "/bytes/3").body == pattern_bytes(3)


def test_an_unsafe_request_is_not_sent_twice(company):
    server, client, origin = company
    assert server.get("api", "/bytes/3").status == 200
    origin.drop_reused = True
    before = len(origin.seen)
    with server.visitor() as one:
        one.request(HOST, "/upload", "POST", body=b"pay once")
        answer = one.response()
    posts = [r for r in origin.seen[before:] if r.method == "POST"]
    assert len(posts) == 1
    assert answer.status == (502 if posts[0].connection == 1 else 200)


# logs and ends

def test_request_lines_in_both_logs(company):
    server, client, origin = company
    server.get("api", "/upload?q=1", "POST", body=pattern_bytes(5000))
    server.get("api", "/bytes/30000")
    for process in (server, client):
        wait_for(lambda: len(process.events("request")) >= 2, 5, "%s logs" % process.title)
        up, down = process.events("request")[:2]
        assert (up["method"], up["status"]) == ("POST", 200) and up["path"].startswith("/upload")
        assert up["bytes_in"] == 5000 and isinstance(up["duration_ms"], (int, float))
        assert (down["method"], down["path"], down["status"]) == ("GET", "/bytes/30000", 200)
        assert down["bytes_out"] == 30000 and down["bytes_in"] == 0


def test_every_line_is_json_and_no_line_holds_the_token(company):
    server, client, origin = company
    server.get("api", "/bytes/3")
    server.get("nobody", headers=[("Authorization", "Bearer " + TOKEN)])
    assert client.stop() == 0
    assert server.stop() == 0
    for process in (server, client):
        lines = [line for line in process.text().split("\n") if line.strip()]
        for line in lines:
            value = json.loads(line)
            assert {"time", "level", "message"} <= set(value), line
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value["time"])
            assert value["level"] in ("error", "warning", "info", "debug")
        assert TOKEN[:4] not in process.text()


def test_debug_log_does_not_hold_the_token(world):
    server = world.server(start=False)
    server.argv += ["--log-level", "debug"]
    server.start()
    client = world.client(server, 3000, "-s", "api", "--log-level", "debug")
    assert client.stop() == 0 and server.stop() == 0
    for process in (server, client):
        assert TOKEN[:4] not in process.text()


def test_tunnel_event(company):
    server, client, origin = company
    event = client.tunnels()[0]
    assert event["name"] == "api" and event["public_url"].startswith("http://" + HOST)
    assert str(origin.port) in str(event["target"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_with_status_0(world, number):
    server, client, origin = world.tunnel()
    assert client.stop(number) == 0
    assert server.stop(number) == 0


def test_dev(world):
    """`adit dev`: no configuration, one process, a URL that works at once."""
    origin = world.origin()
    home = world.home()
    client = world.add(Client(world, "dev", ["dev", origin.port], home)).start()
    client.wait_tunnels()
    match = re.fullmatch(r"http://([a-z0-9-]+\.localhost):(\d+)/?", client.url)
    assert match, client.url
    host, port = match.group(1), int(match.group(2))
    assert visitor.get(port, "%s:%d" % (host, port), "/bytes/100").body == pattern_bytes(100)
    assert visitor.get(port, host, "/upload", "POST",
                       body=pattern_bytes(3 * MIB)).json()["sha256"] == pattern_sum(3 * MIB)
    assert not os.path.exists(home.config)
    assert client.stop(signal.SIGINT) == 0


def test_dev_with_curl(world):
    origin = world.origin()
    client = world.add(Client(world, "dev", ["dev", origin.port], world.home())).start()
    client.wait_tunnels()
    curl = world.add(Process(world, "curl", ["curl", "-sS", "--noproxy", "*", "--max-time", "10",
                                             client.url.rstrip("/") + "/head/X-A=1"]))
    curl.start()
    assert curl.wait(15) == 0, curl.text()
    assert curl.out() == "fields\n"


def test_idle_timeout_leaves(world):
    """--idle-timeout 1: the client leaves by itself after a second without a request."""
    server, client, origin = world.tunnel("--idle-timeout", "1")
    assert client.wait(10) == 0
