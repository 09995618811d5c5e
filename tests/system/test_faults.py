# SPDX-License-Identifier: MIT
"""What breaks comes back: killed, frozen and cut peers, restarts, and who owns a name."""

import os
import re
import signal
import threading
import time

import pytest

import visitor
from harness import DOMAIN, SCALE, TOKEN, Client, free_port, wait_for
from origin import pattern_bytes
from relay import Relay
from visitor import HangUp

HOST = "api." + DOMAIN
OTHER = "another-secret-of-the-tests"
TWO_TOKENS = {"auth": {"tokens": [TOKEN, OTHER]}}


def serves(server, name="api"):
    """Whether the tunnel works now."""
    try:
        return server.get(name, "/bytes/5").body == pattern_bytes(5)
    except (OSError, HangUp, AssertionError):
        return False


def wait_served(server, name="api", deadline=20):
    wait_for(lambda: serves(server, name), deadline, "the tunnel %s is back" % name, step=0.1)


def offline(server, name="api", timeout=20):
    answer = server.get(name, timeout=timeout)
    return answer.status == 502 and answer.error == "tunnel-offline"


def through_relay(world, changes=None, plain=False):
    """A company whose session goes through a relay."""
    origin, server = world.origin(), world.server(changes, plain=plain)
    relay = world.relay(server.control)
    if plain:
        client = world.plain_client(relay.port, "http", origin.port, "-s", "api", wait=True)
    else:
        client = world.client(server, "http", origin.port, "-s", "api", port=relay.port)
    return server, client, origin, relay


# killed

def test_killed_client(company, world):
    server, client, origin = company
    client.kill()
    wait_for(lambda: offline(server), 10, "502 while the client is away")
    client.start()
    wait_served(server)
    assert client.wait_tunnels().name == "api"


def test_killed_server(company):
    server, client, origin = company
    pid = client.pid
    server.kill()
    server.start()
    wait_served(server)
    assert client.running and client.pid == pid
    assert {t["name"] for t in client.tunnels()} == {"api"}


def test_killed_server_keeps_a_random_name(world):
    origin, server = world.origin(), world.server()
    client = world.client(server, origin.port)
    name = client.name
    server.kill()
    server.start()
    wait_served(server, name)
    assert {t["name"] for t in client.tunnels()} == {name}


def test_stopped_server_comes_back(company):
    server, client, origin = company
    assert server.stop() == 0
    server.start()
    wait_served(server)


def test_server_away_for_a_while(company):
    """Several failed tries: the client waits longer between them, not for ever."""
    server, client, origin = company
    server.kill()
    end = time.monotonic() + 3
    wait_for(lambda: time.monotonic() > end, 30, "three seconds are over")
    server.start()
    wait_served(server)


def test_killed_server_with_several_tunnels(world):
    server, origin = world.server(), world.origin()
    home = world.home(server=server)
    tunnels = {n: {"type": "http", "target": str(origin.port), "subdomain": n}
               for n in ("one", "two", "three")}
    home.write(dict(world.settings_for(server), tunnels=tunnels))
    world.client(server, "start", home=home, wait=False).wait_tunnels(3)
    server.kill()
    server.start()
    for name in tunnels:
        wait_served(server, name)


# frozen

def test_dead_peers_are_noticed(world):
    """A frozen client, a frozen server, and a cable pulled somewhere (no FIN, no RST), side by side.

    Each is noticed within 10 s; each tunnel is back by itself, under the same name, when its fault is over."""
    asleep_server, asleep, _ = world.tunnel()
    frozen, orphan, _ = world.tunnel()
    far_server, far, _, relay = through_relay(world)
    heard = {client: len(client.lines()) for client in (orphan, far)}
    start = time.monotonic()
    asleep.freeze()
    frozen.freeze()
    relay.freeze()
    for server in (asleep_server, far_server):
        wait_for(lambda: offline(server, timeout=30), 20, "%s notices" % server.title)
        assert time.monotonic() - start < 12 * SCALE
    for client, lines in heard.items():
        wait_for(lambda: len(client.lines()) > lines, 20, "%s notices" % client.title)
        assert time.monotonic() - start < 12 * SCALE
    asleep.thaw()
    frozen.thaw()
    relay.thaw()
    for server, client in ((asleep_server, asleep), (frozen, orphan), (far_server, far)):
        wait_served(server, deadline=30)
        assert client.running and {t["name"] for t in client.tunnels()} == {"api"}


@pytest.mark.parametrize("who", ["client", "server"])
def test_frozen_for_a_moment(company, who):
    """Two seconds are no death: nothing is lost, and the request in flight is answered."""
    server, client, origin = company
    frozen = client if who == "client" else server
    connections = origin.connections
    frozen.freeze()
    one = server.visitor()
    one.request(HOST, "/bytes/5")
    end = time.monotonic() + 2
    wait_for(lambda: time.monotonic() > end, 10, "two seconds are over")
    frozen.thaw()
    assert one.response().body == pattern_bytes(5)
    assert len(client.tunnels()) == 1 and origin.connections <= connections + 1


# cut

@pytest.mark.parametrize("plain", [False, True], ids=["tls", "plain"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_cut_connection(world, reset, plain):
    server, client, origin, relay = through_relay(world, plain=plain)
    for _ in range(3):
        assert serves(server)
        before = relay.accepted
        assert relay.cut(reset) >= 1
        wait_for(lambda: relay.accepted > before, 20, "the client dials again")
        wait_served(server)
    assert client.running and client.name == "api"


def test_cut_during_a_download(world):
    server, client, origin, relay = through_relay(world)
    one = server.visitor()
    one.request(HOST, "/drip/2000000/k")
    answer = one.head()
    relay.cut()
    one.read_body(answer)
    assert not answer.complete
    waiting = server.visitor()
    wait_served(server)
    waiting.request(HOST, "/bytes/5")
    assert waiting.response().body == pattern_bytes(5)
    origin.release("k")


def test_cut_before_the_head(world):
    server, client, origin, relay = through_relay(world)
    one = server.visitor()
    one.request(HOST, "/hold/k")
    wait_for(lambda: origin.seen, 5)
    relay.cut()
    assert one.response().status == 502
    origin.release("k")


def test_cut_again_and_again(world):
    """Cuts at whatever moment leave nothing over. The client waits longer each time."""
    server, client, origin, relay = through_relay(world)
    descriptors = server.descriptors(), client.descriptors()
    for _ in range(4):
        before = relay.accepted
        wait_for(relay.cut, 30, "a connection to cut")
        wait_for(lambda: relay.accepted > before, 30, "the client dials again")
    wait_served(server)
    wait_for(lambda: server.descriptors() <= descriptors[0] + 3, 15, "the server's descriptors")
    wait_for(lambda: client.descriptors() <= descriptors[1] + 3, 15, "the client's descriptors")


# the first connect

def test_server_absent_at_first(world):
    """The client starts first and waits; no refusal, no end."""
    server, origin = world.server(), world.origin()
    home = world.home(server=server)
    server.stop()
    client = world.client(server, "http", origin.port, "-s", "api", home=home, wait=False)
    client.wait_text(r"%d|127\.0\.0\.1" % server.control)
    server.start()
    client.wait_tunnels(deadline=20)
    wait_served(server)


def test_control_port_that_answers_nothing_at_first(world):
    """A listener that accepts and stays silent: the hand-shake has a deadline for the client too."""
    server, origin = world.server(), world.origin()
    relay = world.relay(server.control)
    relay.freeze()
    client = world.client(server, "http", origin.port, "-s", "api", port=relay.port, wait=False)
    wait_for(lambda: relay.accepted >= 2, 20, "the client gives up and dials again")
    relay.cut()
    relay.thaw()
    client.wait_tunnels(deadline=25)
    wait_served(server)


def test_name_of_the_server_that_does_not_resolve(world):
    """The client goes on trying, and says so."""
    home = world.home().write({"server": "tcp://no-such-host.invalid:7000", "token": TOKEN})
    client = world.add(Client(world, "client", ["http", "3000"], home)).start()
    client.wait_text("no-such-host.invalid", 20)
    assert client.running
    assert client.stop() == 0


# who owns a name

def test_newest_session_of_the_token_wins(world):
    server, first, origin = world.tunnel()
    newer = world.origin()
    second = world.client(server, "http", newer.port, "-s", "api")
    assert first.wait(10) == 3
    assert re.search(r"api|replaced|another|newer", first.err())
    for _ in range(10):
        assert serves(server)
    assert len(newer.seen) == 10 and second.running and len(second.tunnels()) == 1


def test_replaced_while_frozen(world):
    """The first sleeps, another takes its name: when it wakes it does not take it back."""
    server, first, origin = world.tunnel()
    first.freeze()
    newer = world.origin()
    second = world.client(server, "http", newer.port, "-s", "api")
    first.thaw()
    assert first.wait(25) == 3
    assert serves(server) and newer.seen
    assert second.running and len(second.tunnels()) == 1


def test_replaced_while_the_server_restarts(world):
    """Epochs are kept in state_dir: the old instance is refused after a restart too."""
    server, first, origin = world.tunnel()
    first.freeze()
    newer = world.origin()
    second = world.client(server, "http", newer.port, "-s", "api")
    server.kill()
    server.start()
    first.thaw()
    assert first.wait(30) == 3
    wait_served(server)
    assert newer.seen and second.running


def test_another_token_is_refused(world):
    server, first, origin = world.tunnel(changes=TWO_TOKENS)
    second = world.client(server, "http", 3000, "-s", "api", token=OTHER, wait=False)
    assert second.wait(10) == 3
    assert "api" in second.err()
    assert serves(server) and first.running


def test_name_is_held_while_the_client_is_away(world):
    server, first, origin = world.tunnel(changes=TWO_TOKENS)
    first.kill()
    wait_for(lambda: offline(server), 10)
    second = world.client(server, "http", 3000, "-s", "api", token=OTHER, wait=False)
    assert second.wait(10) == 3
    assert offline(server)
    assert server.get("never").status == 404


def test_name_is_free_after_the_idle_timeout(world):
    server, first, origin = world.tunnel(changes=dict(TWO_TOKENS, limits={"idle_timeout_seconds": 1}))
    first.kill()
    wait_for(lambda: server.get("api", timeout=30).status == 404, 15, "the name is forgotten")
    world.client(server, "http", origin.port, "-s", "api", token=OTHER)
    assert serves(server)


def test_live_session_outlives_the_idle_timeout(world):
    server, client, origin = world.tunnel(changes={"limits": {"idle_timeout_seconds": 1}})
    end = time.monotonic() + 2.5
    wait_for(lambda: time.monotonic() > end, 10, "more than twice that time")
    assert serves(server) and len(client.tunnels()) == 1


def test_names_are_kept_over_a_server_restart(world):
    server, first, origin = world.tunnel(changes=TWO_TOKENS)
    first.kill()
    assert server.stop() == 0
    server.start()
    second = world.client(server, "http", 3000, "-s", "api", token=OTHER, wait=False)
    assert second.wait(10) == 3
    first.start()
    wait_served(server)


def test_names_are_kept_when_the_server_is_killed(world):
    server, first, origin = world.tunnel(changes=TWO_TOKENS)
    first.kill()
    server.kill()
    server.start()
    second = world.client(server, "http", 3000, "-s", "api", token=OTHER, wait=False)
    assert second.wait(10) == 3


@pytest.mark.parametrize("damage", [lambda data: b"\0\xff{" + data[::-1], lambda data: data[:len(data) // 2],
                                    lambda data: b""],
                         ids=["garbage", "half", "empty"])
def test_damaged_state_does_not_stop_the_server(world, damage):
    """State files after a power cut: the server starts, and the client gets its name."""
    server, client, origin = world.tunnel()
    client.kill()
    server.stop()
    state = server.settings["server"]["state_dir"]
    for name in os.listdir(state):
        path = os.path.join(state, name)
        with open(path, "rb") as file:
            data = file.read()
        if b"PRIVATE KEY" not in data and b"CERTIFICATE" not in data and os.path.isfile(path):
            with open(path, "wb") as file:
                file.write(damage(data))
    server.start()
    client.start()
    wait_served(server)


# waiting for a session that is known to come

def test_visitor_waits_after_a_server_start(company):
    """For 5 s after the start a request waits for the session first."""
    server, client, origin = company
    server.kill()
    server.start()
    assert server.get("api", "/bytes/5", timeout=30).body == pattern_bytes(5)


def test_visitor_is_answered_when_nobody_comes(company):
    server, client, origin = company
    client.kill()
    server.kill()
    server.start()
    seconds, answer = visitor.timed(server.http, HOST, timeout=30)
    assert answer.error == "tunnel-offline" and seconds < 8 * SCALE


def test_visitor_waits_for_the_successor(company):
    """The client says that it leaves; another one comes within 5 s: the request in between is served."""
    server, client, origin = company
    assert client.stop() == 0
    one = server.visitor()
    one.request(HOST, "/bytes/5")
    client.start()
    assert one.response().body == pattern_bytes(5)


def test_requests_during_a_client_restart(company):
    """A rolling restart: no visitor sees an error."""
    server, client, origin = company
    failures, done = [], threading.Event()

    def visit():
        while not done.is_set():
            answer = server.get("api", "/bytes/5", timeout=30)
            if answer.status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        count = len(origin.seen)
        wait_for(lambda: len(origin.seen) > count + 20, 20)
        assert client.stop() == 0
        client.start()
        client.wait_tunnels()
    done.set()
    for thread in threads:
        thread.join(30)
    assert not failures, failures[:3]


# the local side

def test_local_service_restarts(world):
    server = world.server()
    port = free_port()
    origin = world.origin(port=port)
    world.client(server, "http", port, "-s", "api")
    assert serves(server)
    origin.close()
    wait_for(lambda: server.get("api").error == "local-refused", 10)
    world.origin(port=port)
    wait_served(server)


def test_local_connection_is_cut(world):
    server, origin = world.server(), world.origin()
    relay = Relay(origin.port)
    world.keep(relay)
    world.client(server, "http", relay.port, "-s", "api")
    assert serves(server)
    relay.cut(reset=True)
    assert serves(server)
    one = server.visitor()
    one.request(HOST, "/drip/500000/k")
    answer = one.head()
    relay.cut(reset=True)
    one.read_body(answer)
    assert not answer.complete
    origin.release("k")
    assert serves(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_client_ends_while_it_waits_for_the_server(world, number):
    home = world.home().write({"server": "tcp://127.0.0.1:%d" % free_port(), "token": TOKEN})
    client = world.add(Client(world, "client", ["http", "3000"], home)).start()
    client.wait_text("127.0.0.1")
    assert client.stop(number, 5) == 0
