# SPDX-License-Identifier: MIT
"""Limits, crowds, slow readers, reload, drain, and several workers."""

import os
import resource
import signal
import socket
import statistics
import threading
import time

import pytest

import visitor
from harness import (DOMAIN, MIB, SANITIZED, SCALE, TOKEN, Certificate, Client, free_port, raise_descriptors,
                     wait_for)
from origin import pattern, pattern_bytes, pattern_sum, ws_frame, ws_read
from test_main_job import open_websocket
from v1.client import Rejected, V1Client
from visitor import HangUp, Visitor

HOST = "api." + DOMAIN
OTHER = "another-secret-of-the-tests"
SLACK = (160 if SANITIZED else 32) * MIB    # what a bounded program may grow by


# limits

def test_max_clients(world):
    server = world.server({"limits": {"max_clients": 2}})
    world.client(server, 3000, "-s", "one")
    second = world.client(server, 3000, "-s", "two")
    third = world.client(server, 3000, "-s", "three", wait=False)
    assert third.wait() == 3 and "full" in third.err()
    assert second.stop() == 0
    wait_for(lambda: opens(world, server, "three"), 10, "room for another client", step=0.1)


def opens(world, server, name):
    client = world.client(server, 3000, "-s", name, wait=False)
    wait_for(lambda: client.tunnels() or not client.running, 10)
    return client.running


def hold(server, origin, count, key="k"):
    """@count requests that the service does not answer yet."""
    before = len(origin.seen)
    held = []
    for _ in range(count):
        held.append(server.visitor(timeout=60))
        held[-1].request(HOST, "/hold/" + key)
    return held, before


def test_max_concurrent_requests(world):
    server, client, origin = world.tunnel(changes={"limits": {"max_concurrent_requests": 2}})
    held, before = hold(server, origin, 2)
    wait_for(lambda: len(origin.seen) == before + 2, 10)
    answer = server.get("api", "/bytes/5")
    assert (answer.status, answer.error) == (503, "overloaded") and int(answer.get("Retry-After")) >= 0
    origin.release("k")
    assert [one.response().status for one in held] == [200, 200]
    assert server.get("api", "/bytes/5").status == 200


def test_concurrency_queues(world):
    server, client, origin = world.tunnel("--concurrency", "2")
    held, before = hold(server, origin, 8)
    wait_for(lambda: origin.active == 2, 10)
    origin.release("k")
    assert [one.response().body for one in held] == [b"released\n"] * 8
    assert origin.peak == 2


def test_concurrency_queue_gives_up(world):
    """More than 10 s in the queue: 503 with Retry-After."""
    server, client, origin = world.tunnel("-c", "1")
    held, before = hold(server, origin, 1)
    wait_for(lambda: origin.active == 1, 10)
    seconds, answer = visitor.timed(server.http, HOST, "/bytes/5", timeout=40)
    assert (answer.status, answer.error) == (503, "overloaded") and answer.get("Retry-After")
    assert 8 < seconds < 15 * SCALE
    origin.release("k")
    assert held[0].response().status == 200


def test_concurrency_queue_is_bounded(world):
    """At most 1,000 wait; the next one gets 503 at once."""
    raise_descriptors()
    server, client, origin = world.tunnel("-c", "1")
    held, _ = hold(server, origin, 1)
    wait_for(lambda: origin.active == 1, 10)
    queued, _ = hold(server, origin, 1050)
    early = wait_for(lambda: [one for one in queued if readable(one)], 8, "503 for those beyond the queue",
                     step=0.1)
    assert early[0].response().status == 503
    origin.release("k")
    assert held[0].response().status == 200
    statuses = [one.response().status for one in queued if one not in early[:1]]
    assert statuses.count(200) >= 900 and set(statuses) <= {200, 503}


def readable(one):
    one.sock.setblocking(False)
    try:
        return one.sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return False
    finally:
        one.sock.settimeout(60)


# crowds

def test_ten_thousand_silent_connections(world, record_property):
    """Half on the control port, half on the public one. Others are served, memory is flat, the silent go."""
    hard = raise_descriptors()
    count = min(10000, hard - 600)
    record_property("silent_connections", count)
    print("silent connections: %d (descriptor limit %d)" % (count, hard))
    origin, server = world.origin(), world.server(start=False)
    # it raises its soft limit itself
    server.argv = ["sh", "-c", 'ulimit -Sn 512 && exec "$@"', "sh"] + server.argv
    server.start()
    client = world.client(server, "http", origin.port, "-s", "api")
    assert server.get("api", "/bytes/5").status == 200
    before, descriptors = server.rss(), server.descriptors()
    crowd = world.keep(Crowd())
    start = time.monotonic()
    for i in range(count):
        crowd.join(server.control if i % 2 else server.http, i)
        if i % 500 == 0:
            seconds, answer = visitor.timed(server.http, HOST, "/bytes/5")
            assert answer.status == 200 and seconds < 2 * SCALE
    print("connected in %.1f s, memory grew by %.1f MiB" % (time.monotonic() - start,
                                                            (server.rss() - before) / MIB))
    assert server.rss() - before < SLACK + count * 2048
    assert world.client(server, "http", origin.port, "-s", "late").running
    assert server.get("late", "/bytes/5").status == 200
    wait_for(lambda: server.descriptors() <= descriptors + count // 2 + 20, 15,
             "silent peers of the control port are closed")
    assert client.running and len(client.tunnels()) == 1
    crowd.close()
    wait_for(lambda: server.descriptors() <= descriptors + 20, 20, "their descriptors are given back")
    assert server.rss() - before < SLACK + count * 2048
    assert server.get("api", "/bytes/5").status == 200


class Crowd:
    """Sockets that never speak; from several loopback addresses, so that ports suffice."""

    def __init__(self):
        self.sockets = []

    def join(self, port, number):
        sock = socket.socket()
        sock.settimeout(30)
        sock.bind(("127.0.0.%d" % (2 + number % 8), 0))
        sock.connect(("127.0.0.1", port))
        self.sockets.append(sock)

    def close(self):
        for sock in self.sockets:
            sock.close()
        self.sockets = []


def test_soft_descriptor_limit_is_raised(world):
    server = world.server(start=False)
    server.argv = ["sh", "-c", 'ulimit -Sn 256 && exec "$@"', "sh"] + server.argv
    server.start()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with open("/proc/%d/limits" % server.pid) as file:
        line = next(line for line in file if line.startswith("Max open files"))
    assert int(line.split()[3]) == hard


def test_slow_heads_disturb_nobody(company):
    """Five hundred visitors that send half a head."""
    server, client, origin = company
    for _ in range(500):
        server.visitor().send(b"GET / HTTP/1.1\r\nHost: api")
    seconds, answer = visitor.timed(server.http, HOST, "/bytes/5")
    assert answer.status == 200 and seconds < 2 * SCALE


def latencies(server, visitors, target="/bytes/1000"):
    """Seconds of one request on each connection, then of all at once."""
    found = []
    for one in visitors:
        start = time.monotonic()
        one.request(HOST, target)
        assert one.response().length == 1000
        found.append(time.monotonic() - start)
    start = time.monotonic()
    for one in visitors:
        one.request(HOST, target)
    for one in visitors:
        assert one.response().length == 1000
    return found, time.monotonic() - start


def test_slow_reader_disturbs_nobody(company):
    """One visitor takes a gibibyte at 1 KB/s; a hundred others do not notice, and memory stays bounded."""
    server, client, origin = company
    others = [server.visitor(timeout=60) for _ in range(100)]
    latencies(server, others)
    calm, calm_burst = latencies(server, others)
    before = server.rss(), client.rss()
    slow = server.visitor(rcvbuf=4096, timeout=60)
    slow.request(HOST, "/bytes/%d" % (1024 * MIB))
    slow.head()
    stop = threading.Event()
    taken = []

    def sip():
        while not stop.wait(1):
            taken.append(len(slow.sock.recv(1024)))

    sipper = threading.Thread(target=sip)
    sipper.start()
    try:
        worst, bursts = [], []
        end = time.monotonic() + 4.5
        while time.monotonic() < end:
            single, burst = latencies(server, others)
            worst.append(statistics.quantiles(single, n=20)[-1])
            bursts.append(burst)
            for old, process in zip(before, (server, client)):
                assert process.rss() - old < SLACK, "%s grew by %d" % (process.title, process.rss() - old)
    finally:
        stop.set()
        sipper.join(30)
    assert len(taken) >= 3 and all(taken), "the slow one is served all the while"
    print("p95 calm %.4f s, with the slow reader %.4f s" % (statistics.quantiles(calm, n=20)[-1],
                                                            statistics.median(worst)))
    assert statistics.median(worst) < max(0.05, 5 * statistics.quantiles(calm, n=20)[-1]) * SCALE
    assert statistics.median(bursts) < max(0.5, 5 * calm_burst) * SCALE


def test_slow_reader_gets_everything(company):
    """It reads slowly, then fast: every byte is there, in order."""
    server, client, origin = company
    one = server.visitor(rcvbuf=4096, timeout=60)
    one.request(HOST, "/bytes/%d" % (24 * MIB))
    answer = one.head()
    sent = wait_for(lambda: settled(origin), 20, "the service is held back")
    assert sent < 24 * MIB
    one.read_body(answer, keep=False)
    assert answer.complete and answer.sha256 == pattern_sum(24 * MIB)


def settled(origin):
    """What the origin has sent, once it is not moving any more; else 0."""
    first = origin.downloaded
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        time.sleep(0.02)
    return first if first and origin.downloaded == first else 0


def test_slow_service_holds_its_visitor_back(company):
    """An upload into a service that does not read: the visitor is stopped, others go on."""
    server, client, origin = company
    before = server.rss(), client.rss()
    one = server.visitor(timeout=60)
    one.send(b"POST /stall/k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (HOST.encode(), 512 * MIB))
    one.sock.settimeout(1)
    sent = 0
    try:
        for piece in pattern(512 * MIB):
            one.send(piece)
            sent += len(piece)
    except TimeoutError:
        pass
    assert sent < 512 * MIB
    for _ in range(10):
        seconds, answer = visitor.timed(server.http, HOST, "/bytes/5")
        assert answer.status == 200 and seconds < 2 * SCALE
    for old, process in zip(before, (server, client)):
        assert process.rss() - old < SLACK
    one.reset()
    origin.release("k")


def test_thousand_visitors_at_once(company):
    raise_descriptors()
    server, client, origin = company
    crowd = [server.visitor(timeout=120) for _ in range(1000)]
    for i, one in enumerate(crowd):
        one.request(HOST, "/echo?%d" % i)
    for i, one in enumerate(crowd):
        answer = one.response()
        assert answer.status == 200 and answer.json()["target"] == "/echo?%d" % i
    assert origin.peak <= 100


def test_memory_after_many_requests(company):
    """Four thousand requests leave nothing behind."""
    server, client, origin = company
    with server.visitor(timeout=60) as one:
        def rounds(count):
            for _ in range(count):
                one.send(b"GET /bytes/3000 HTTP/1.1\r\nHost: %s\r\n\r\n" % HOST.encode() * 10)
                for _ in range(10):
                    assert one.response().length == 3000
        rounds(100)
        before = server.rss(), client.rss()
        rounds(300)
    for old, process in zip(before, (server, client)):
        assert process.rss() - old < (64 if SANITIZED else 2) * MIB


def test_many_connections_leave_no_descriptor(company):
    server, client, origin = company
    before = server.descriptors()
    for i in range(300):
        with Visitor(server.http) as one:
            one.request(HOST, "/bytes/5")
            if i % 3:
                one.response()
            elif i % 2:
                one.reset()
    wait_for(lambda: server.descriptors() <= before + 2, 15, "the server's descriptors")


def test_idle_process_sleeps(company):
    """No wake-up loop: two idle seconds cost next to no processor time."""
    server, client, origin = company
    server.get("api", "/bytes/5")
    before = cpu(server), cpu(client)
    end = time.monotonic() + 2
    wait_for(lambda: time.monotonic() > end, 10, step=0.1)
    assert cpu(server) - before[0] < 0.1 and cpu(client) - before[1] < 0.1


def cpu(process):
    """Seconds of processor time so far."""
    with open("/proc/%d/stat" % process.pid) as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


# reload

def try_token(server, token, name=None):
    client = V1Client(("127.0.0.1", server.control), token, name)
    try:
        client.connect()
        return True
    except Rejected:
        return False
    finally:
        client.drop()


def test_reload_brings_a_new_token(world):
    server, client, origin = world.tunnel(plain=True)
    assert not try_token(server, OTHER)
    server.write({"auth": {"tokens": [TOKEN, OTHER]}})
    server.reload()
    wait_for(lambda: try_token(server, OTHER), 10, "the new token works", step=0.05)
    assert try_token(server, TOKEN)
    assert len(client.tunnels()) == 1


def test_reload_ends_the_sessions_of_a_removed_token(world):
    changes = {"auth": {"tokens": [TOKEN, OTHER]}}
    server, client, origin = world.tunnel(changes=changes)
    doomed = world.client(server, "http", origin.port, "-s", "doomed", token=OTHER)
    one = server.visitor()
    one.request(HOST, "/drip/1000000/k")
    answer = one.head()
    server.write({"auth": {"tokens": [TOKEN]}})
    server.reload()
    assert doomed.wait(10) == 3
    assert "token" in doomed.err()
    assert server.get("doomed", "/bytes/5").status in (404, 502)
    origin.release("k")
    one.read_body(answer)
    assert answer.complete and answer.sha256 == pattern_sum(1000000)
    assert client.running and len(client.tunnels()) == 1


@pytest.mark.parametrize("text, expected", [("server = {\n  domain = ;\n};\n", r"server\.cfg:2"),
                                            (None, r"server\.cfg:\d+: .*max_client\b")])
def test_reload_of_a_bad_file(world, text, expected):
    """Refused with its line; what runs stays."""
    server, client, origin = world.tunnel(plain=True)
    good = server.settings
    server.write({"auth": {"tokens": [OTHER]}, "limits": {"max_client": 5}}, text)
    server.reload()
    server.wait_text(expected)
    assert try_token(server, TOKEN) and not try_token(server, OTHER)
    assert server.get("api", "/bytes/5").status == 200 and len(client.tunnels()) == 1
    server.settings = good
    server.write({"auth": {"tokens": [TOKEN, OTHER]}})
    server.reload()
    wait_for(lambda: try_token(server, OTHER), 10, "the mended file works", step=0.05)


def test_reload_of_a_missing_file(world):
    server, client, origin = world.tunnel()
    os.unlink(server.path)
    server.reload()
    server.wait_text(r"server\.cfg")
    assert server.get("api", "/bytes/5").status == 200 and server.running


def test_reload_warns_of_listener_keys(world):
    server, client, origin = world.tunnel()
    other = free_port()
    server.write({"server": {"http_port": other}})
    server.reload()
    server.wait_text("http_port")
    warnings = [line for line in server.lines() if "http_port" in line["message"]]
    assert len(warnings) == 1 and warnings[0]["level"] == "warning"
    assert server.get("api", "/bytes/5").status == 200
    with pytest.raises(ConnectionRefusedError):
        visitor.get(other, HOST)


def test_reload_of_limits(world):
    server, client, origin = world.tunnel(plain=True)
    server.write({"limits": {"max_clients": 1}})
    server.reload()
    wait_for(lambda: not try_token(server, TOKEN), 10, "the new limit holds", step=0.05)
    assert server.get("api", "/bytes/5").status == 200 and client.running


def test_reload_of_the_certificate(world):
    certificate = world.certificate()
    server, client, origin = world.tunnel(https=True)
    with Visitor(server.https, tls=certificate.trusting(), name=HOST) as old:
        newer = Certificate(world.dir, DOMAIN, "newer")
        server.write({"server": {"cert_path": newer.cert, "key_path": newer.key}})
        server.reload()

        def is_new():
            try:
                return visitor.get(server.https, HOST, "/bytes/5", tls=newer.trusting(),
                                   name=HOST).status == 200
            except OSError:
                return False

        wait_for(is_new, 10, "the new certificate is served", step=0.05)
        old.request(HOST, "/bytes/5")
        assert old.response().status == 200


def test_reload_storm(world):
    """Fifty reloads under load drop nothing."""
    server, client, origin = world.tunnel()
    for _ in range(50):
        server.reload()
        assert server.get("api", "/bytes/5").status == 200
    assert len(client.tunnels()) == 1 and client.running


# drain

def test_sigterm_drains(world):
    server, client, origin = world.tunnel(changes={"limits": {"drain_timeout_seconds": 30}})
    one, idle = server.visitor(timeout=60), server.visitor()
    idle.request(HOST, "/bytes/5")
    idle.response()
    one.request(HOST, "/drip/4000000/k")
    answer = one.head()
    server.send_signal(signal.SIGTERM)
    wait_for(lambda: refuses(server), 10, "no new work")
    assert server.running
    origin.release("k")
    one.read_body(answer)
    assert answer.complete and answer.sha256 == pattern_sum(4000000)
    assert server.wait(10) == 0
    assert client.running


def refuses(server):
    try:
        return server.get("api", "/bytes/5").status >= 500
    except (OSError, HangUp):
        return True


def test_sigterm_does_not_wait_for_ever(world):
    server, client, origin = world.tunnel(changes={"limits": {"drain_timeout_seconds": 1}})
    one = server.visitor()
    one.request(HOST, "/drip/4000000/k")
    one.head()
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5 * SCALE
    origin.release("k")


def test_sigterm_without_work_ends_at_once(world):
    server, client, origin = world.tunnel(changes={"limits": {"drain_timeout_seconds": 30}})
    idle = server.visitor()
    idle.request(HOST, "/bytes/5")
    idle.response()
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5 * SCALE


def test_client_sigterm_finishes_its_requests(company):
    server, client, origin = company
    one = server.visitor()
    one.request(HOST, "/slow/500")
    wait_for(lambda: origin.seen, 5)
    client.send_signal(signal.SIGTERM)
    assert one.response().body == b"slow\n"
    assert client.wait(15) == 0


# several workers

@pytest.fixture
def crew(world):
    """Two workers, six tunnels in three sessions."""
    server, origin = world.server({"server": {"workers": 2}}), world.origin()
    names = ["n%d" % i for i in range(6)]
    for a, b in zip(names[::2], names[1::2]):
        home = world.home("crew-" + a, server)
        tunnel = {"type": "http", "target": str(origin.port)}
        home.write(dict(world.settings_for(server), tunnels={a: dict(tunnel, subdomain=a),
                                                             b: dict(tunnel, subdomain=b)}))
        world.add(Client(world, world.unique("client"), ["start"], home)).start().wait_tunnels(2)
    return server, names, origin


def test_two_workers(crew):
    server, names, origin = crew
    for turn in range(12):
        for name in names:
            assert server.get(name, "/echo?%s" % name).json()["target"] == "/echo?" + name


def test_two_workers_share_the_load(crew):
    """Visitors land on both: each worker thread has used the processor."""
    server, names, origin = crew
    for _ in range(60):
        for name in names:
            server.get(name, "/bytes/50000")
    busy = 0
    for task in os.listdir("/proc/%d/task" % server.pid):
        with open("/proc/%d/task/%s/stat" % (server.pid, task)) as file:
            words = file.read().rpartition(")")[2].split()
        busy += int(words[11]) + int(words[12]) > 0
    assert busy >= 2


def test_one_connection_that_visits_all_names(crew):
    """The Host changes from request to request, across sessions and workers; pipelined too."""
    server, names, origin = crew
    for _ in range(6):
        with server.visitor() as one:
            for turn in range(3):
                for name in names:
                    one.request("%s.%s" % (name, DOMAIN), "/upload", "POST", body=pattern_bytes(20000 + turn))
                    assert one.response().json()["sha256"] == pattern_sum(20000 + turn)
            one.send(b"".join(b"GET /echo?%s HTTP/1.1\r\nHost: %s.%s\r\n\r\n" % (n.encode(), n.encode(),
                                                                                 DOMAIN.encode())
                              for n in names))
            assert [one.response().json()["target"] for _ in names] == ["/echo?" + n for n in names]


def test_bodies_across_workers(crew):
    server, names, origin = crew
    failures = []

    def work(name):
        try:
            for _ in range(4):
                size = 2 * MIB + 17
                assert server.get(name, "/bytes/%d" % size, keep=False).sha256 == pattern_sum(size)
                assert server.get(name, "/upload", "POST",
                                  body=pattern_bytes(size)).json()["sha256"] == pattern_sum(size)
        except Exception as error:
            failures.append("%s: %r" % (name, error))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * SCALE)
    assert not failures, failures


def test_websockets_across_workers(world):
    server, client, origin = world.tunnel(changes={"server": {"workers": 2}})
    sockets = [open_websocket(server) for _ in range(16)]
    for turn in range(5):
        for number, one in enumerate(sockets):
            one.send(ws_frame(1, b"%d.%d" % (number, turn), b"abcd"))
        for number, one in enumerate(sockets):
            assert ws_read(one.file) == (1, b"%d.%d" % (number, turn))


def test_tls_visitors_across_workers(world):
    certificate = world.certificate()
    server, client, origin = world.tunnel(https=True, changes={"server": {"workers": 2}})
    context = certificate.trusting()
    for _ in range(24):
        with Visitor(server.https, tls=context, name=HOST) as one:
            for size in (10, 100000):
                one.request(HOST, "/bytes/%d" % size)
                assert one.response().sha256 == pattern_sum(size)


@pytest.mark.parametrize("workers", [1, 3])
def test_other_numbers_of_workers(world, workers):
    server, client, origin = world.tunnel(changes={"server": {"workers": workers}})
    for _ in range(20):
        assert server.get("api", "/bytes/5").status == 200


def test_client_comes_and_goes_between_workers(world):
    """Each new session may land on another worker; visitors with kept connections follow."""
    server, client, origin = world.tunnel(changes={"server": {"workers": 2}})
    kept = [server.visitor(timeout=40) for _ in range(8)]
    for _ in range(6):
        for one in kept:
            one.request(HOST, "/bytes/5")
            assert one.response().body == pattern_bytes(5)
        client.kill()
        client.start()
        client.wait_tunnels()
