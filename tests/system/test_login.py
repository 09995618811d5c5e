# SPDX-License-Identifier: MIT
"""Login, the pinned key, tokens, and where the client finds its configuration."""

import os
import pty
import signal
import socket
import ssl
import stat
import threading

import pytest

from harness import TOKEN, Certificate, Client, can_connect, free_port, program, wait_for
from v1.server import V1Server

WRONG = "sha256:" + "0" * 64


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def login(world, server, *args, home=None, token=TOKEN):
    home = home or world.home()
    address = server if isinstance(server, str) else "127.0.0.1:%d" % server.control
    return world.run("ADIT", "login", address, "--token", token, *args, home=home), home


def works(world, server, home, *args):
    """Whether the stored configuration opens a tunnel that serves."""
    origin = world.origin()
    client = world.client(server, "http", origin.port, "-s", "api", *args, home=home)
    assert server.get("api", "/bytes/5").status == 200
    return client


# pinning

def test_login_with_the_right_fingerprint(world):
    server = world.server()
    done, home = login(world, server, "--fingerprint", server.fingerprint())
    assert done.status == 0, done.text()
    text = home.read()
    assert server.fingerprint() in text and TOKEN in text and str(server.control) in text
    assert mode_of(home.config) == 0o600
    assert TOKEN not in done.text()
    works(world, server, home)


def test_login_replaces_the_file_and_its_mode(world):
    server = world.server()
    home = world.home().write({"server": "old.example:7000", "token": "old"}, 0o644)
    done, _ = login(world, server, "--fingerprint", server.fingerprint(), home=home)
    assert done.status == 0, done.text()
    assert mode_of(home.config) == 0o600 and "old.example" not in home.read()


def test_login_keeps_the_tunnels(world):
    """Logging in again, with a new token or server, is no reason to lose what is configured."""
    server, origin = world.server(), world.origin()
    home = world.home().write({"server": "old.example:7000", "token": "old",
                               "tunnels": {"web": {"type": "http", "target": str(origin.port),
                                                   "subdomain": "kept"}}})
    done, _ = login(world, server, "--fingerprint", server.fingerprint(), home=home)
    assert done.status == 0, done.text()
    client = world.client(server, "start", home=home)
    assert client.name == "kept"


def test_login_without_a_terminal_needs_a_decision(world):
    server = world.server()
    done, home = login(world, server)
    assert done.status in (1, 2)
    assert server.fingerprint() in done.text() and "--fingerprint" in done.text()
    assert not os.path.exists(home.config)


def test_login_with_the_wrong_fingerprint(world):
    server = world.server()
    done, home = login(world, server, "--fingerprint", WRONG)
    assert done.status == 1
    assert WRONG in done.err() and server.fingerprint() in done.err()
    assert not os.path.exists(home.config)


@pytest.mark.parametrize("text", ["sha256:12", "md5:" + "0" * 32, "x", "sha256:" + "g" * 64])
def test_login_with_a_malformed_fingerprint(world, text):
    server = world.server()
    done, home = login(world, server, "--fingerprint", text)
    assert done.status == 2 and "fingerprint" in done.err()


class Terminal:
    """A child on a terminal of its own."""

    def __init__(self, world, home, args):
        import subprocess
        self.master, slave = pty.openpty()
        self.text = b""
        self.child = subprocess.Popen([program("ADIT")] + args, stdin=slave, stdout=slave, stderr=slave,
                                      env=dict(home.env(), TERM="dumb"), start_new_session=True)
        os.close(slave)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            while True:
                self.text += os.read(self.master, 4096)
        except OSError:
            pass

    def type(self, data):
        os.write(self.master, data)

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(10)
        self.thread.join(5)
        os.close(self.master)


@pytest.mark.parametrize("answer, status", [(b"yes\n", 0), (b"no\n", 1)])
def test_login_asks_on_a_terminal(world, answer, status):
    server = world.server()
    home = world.home()
    terminal = world.keep(Terminal(world, home, ["login", "127.0.0.1:%d" % server.control, "--token", TOKEN]))
    wait_for(lambda: server.fingerprint().encode() in terminal.text, 10, "the fingerprint is shown")
    assert not os.path.exists(home.config)
    terminal.type(answer)
    wait_for(lambda: terminal.child.poll() is not None, 10, "login ends")
    assert terminal.child.returncode == status
    assert os.path.exists(home.config) == (status == 0)
    if status == 0:
        assert server.fingerprint() in home.read()


def test_changed_key_is_refused(world):
    server = world.server()
    done, home = login(world, server, "--fingerprint", server.fingerprint())
    old = server.fingerprint()
    server.stop()
    server.write({"server": {"state_dir": world.folder("other-state")}})
    server.start()
    new = server.fingerprint()
    assert old != new
    client = world.client(server, "http", 3000, home=home, wait=False)
    assert client.wait() == 1
    assert old in client.err() and new in client.err()
    assert "login" in client.err()


def test_key_that_changes_while_running(world):
    server = world.server()
    client = world.client(server, "http", 3000, "-s", "api")
    server.stop()
    server.write({"server": {"state_dir": world.folder("other-state")}})
    server.start()
    assert client.wait(30) == 1
    assert server.fingerprint() in client.err()


def test_unknown_key_is_refused(world):
    """No fingerprint in the configuration and no certificate that anyone trusts."""
    server = world.server()
    home = world.home().write({"server": "127.0.0.1:%d" % server.control, "token": TOKEN})
    client = world.client(server, "http", 3000, home=home, wait=False)
    assert client.wait() == 1
    assert server.fingerprint() in client.err() and "login" in client.err()


def test_key_survives_a_restart(world):
    server = world.server()
    first = server.fingerprint()
    server.stop()
    server.start()
    assert server.fingerprint() == first


def test_key_is_private(world):
    server = world.server()
    state = server.settings["server"]["state_dir"]
    server.fingerprint()
    for folder, _, names in os.walk(state):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                if b"PRIVATE KEY" in file.read():
                    assert mode_of(path) & 0o077 == 0, path


def test_configured_certificate_serves_the_control_port(world):
    server = world.server(https=True)
    assert server.fingerprint() == world.certificate().fingerprint()


def record_impostor(world, received):
    """A TLS server with another key, that keeps what a client sends over TLS."""
    certificate = Certificate(world.dir, "localhost", "impostor")
    listener = world.keep(socket.create_server(("127.0.0.1", 0)))

    def serve():
        try:
            while True:
                sock, _ = listener.accept()
                context = certificate.serving()
                context.set_alpn_protocols(["adit/1"])
                try:
                    with context.wrap_socket(sock, server_side=True) as secure:
                        secure.settimeout(5)
                        received.append(secure.recv(65536))
                except (ssl.SSLError, OSError):
                    pass
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], certificate


def test_nothing_is_sent_to_an_impostor(world):
    received = []
    port, certificate = record_impostor(world, received)
    home = world.home().write({"server": "127.0.0.1:%d" % port, "token": TOKEN, "fingerprint": WRONG})
    client = world.add(Client(world, "client", ["http", "3000"], home)).start()
    assert client.wait() == 1
    assert WRONG in client.err() and certificate.fingerprint() in client.err()
    done, _ = login(world, "127.0.0.1:%d" % port, "--fingerprint", WRONG)
    assert done.status == 1
    assert b"".join(received) == b""


# without checks, and without TLS

def test_insecure(world):
    server = world.server()
    done, home = login(world, server, "--insecure")
    assert done.status == 0, done.text()
    assert mode_of(home.config) == 0o600
    works(world, server, home, "--insecure")


def test_insecure_flag_needs_no_login(world):
    server = world.server()
    origin = world.origin()
    world.client(server, "http", origin.port, "-s", "api", "--insecure", "--host",
                 "127.0.0.1:%d" % server.control,
                 "--token", TOKEN, home=world.home())
    assert server.get("api", "/bytes/5").status == 200


def test_plain_login(world):
    server = world.server(plain=True)
    done, home = login(world, "tcp://127.0.0.1:%d" % server.control)
    assert done.status == 0, done.text()
    assert "tcp://" in home.read() and mode_of(home.config) == 0o600
    works(world, server, home)


def test_plain_is_refused_where_tls_is_required(world):
    server = world.server()
    client = world.plain_client(server.control, "http", 3000)
    assert client.wait() == 3 and "TLS" in client.err()
    assert server.running


def test_login_to_nobody(world):
    """Login makes a connect check: an address where nothing listens is not stored."""
    port = free_port()
    for args in (("tcp://127.0.0.1:%d" % port,), ("127.0.0.1:%d" % port, "--insecure")):
        done, home = login(world, *args)
        assert done.status == 1 and str(port) in done.err()
        assert not os.path.exists(home.config)


def test_tls_against_a_plain_server(world):
    server = world.server({"control": {"tls": "off"}})
    done, home = login(world, server, "--insecure")
    assert done.status == 1
    assert not os.path.exists(home.config)


# tokens

def test_login_with_a_wrong_token(world):
    """Login may find out or not: if it does it stores nothing and ends with 3. No tunnel opens either way."""
    server = world.server()
    done, home = login(world, server, "--fingerprint", server.fingerprint(), token="wrong-token")
    assert done.status in (0, 3)
    assert os.path.exists(home.config) == (done.status == 0)
    if done.status == 0:
        assert world.client(server, "http", 3000, home=home, wait=False).wait() == 3
    assert "wrong-token" not in done.text() + server.text()


def test_tunnel_with_a_wrong_token(world):
    server = world.server()
    client = world.client(server, "http", 3000, token="wrong-token", wait=False)
    assert client.wait() == 3
    assert "token" in client.err() and "wrong-token" not in client.err()


def test_token_taken_away_while_the_server_was_down(world):
    server = world.server()
    client = world.client(server, "http", 3000, "-s", "api")
    server.stop()
    server.write({"auth": {"tokens": ["quite-another"]}})
    server.start()
    assert client.wait(30) == 3
    assert "token" in client.err()


def test_token_file(world):
    server = world.server()
    path = os.path.join(world.dir, "token")
    with open(path, "w") as file:
        file.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    settings = world.settings_for(server)
    del settings["token"]
    works(world, server, world.home().write(dict(settings, token_file=path)))


def test_environment_and_flags_win_over_the_file(world):
    """Flag, then environment, then file."""
    server = world.server(plain=True)
    address = "tcp://127.0.0.1:%d" % server.control
    home = world.home().write({"server": "tcp://127.0.0.1:1", "token": "of-the-file"})
    home.extra = {"ADIT_SERVER_URL": address, "ADIT_TOKEN": TOKEN}
    client = works(world, server, home)
    assert client.stop() == 0
    home.extra = {"ADIT_SERVER_URL": "tcp://127.0.0.1:1", "ADIT_TOKEN": "of-the-environment"}
    works(world, server, home, "--host", address, "--token", TOKEN)


def test_config_by_environment_and_flag(world):
    server = world.server()
    elsewhere = world.home("elsewhere", server)
    home = world.home()
    home.extra = {"ADIT_CONFIG": elsewhere.config}
    client = works(world, server, home)
    assert client.stop() == 0
    home.extra = {"ADIT_CONFIG": "/nonexistent/client.cfg"}
    works(world, server, home, "--config", elsewhere.config)


def test_default_port(world):
    """HOST alone means port 7000."""
    if can_connect(7000):
        pytest.skip("something listens on port 7000")
    done, home = login(world, "127.0.0.1", "--insecure")
    assert done.status == 1 and "7000" in done.err()
    assert not os.path.exists(home.config)


def test_login_does_not_claim_a_name(world):
    server = world.server()
    done, home = login(world, server, "--fingerprint", server.fingerprint())
    assert done.status == 0
    assert not [line for line in server.lines() if line.get("event") == "tunnel"]


# check

def test_check_finds_nothing_wrong(world):
    server = world.server()
    done = world.run("ADIT", "check", home=world.home("good", server))
    assert done.status == 0, done.text()
    assert "127.0.0.1" in done.text()


def test_check_server_unreachable(world):
    port = free_port()
    home = world.home().write({"server": "tcp://127.0.0.1:%d" % port, "token": TOKEN})
    done = world.run("ADIT", "check", home=home)
    assert done.status == 1 and str(port) in done.text()


def test_check_wrong_token(world):
    server = world.server()
    done = world.run("ADIT", "check", home=world.home("bad", server, token="wrong-token"))
    assert done.status == 3 and "token" in done.text()


def test_check_changed_key(world):
    server = world.server()
    home = world.home("bad", server, fingerprint=WRONG)
    done = world.run("ADIT", "check", home=home)
    assert done.status == 1 and WRONG in done.text() and server.fingerprint() in done.text()


def test_check_bad_configuration(world):
    home = world.home().write('server = "127.0.0.1:7000";\ntokn = "x";\n')
    done = world.run("ADIT", "check", home=home)
    assert done.status == 2
    assert "client.cfg:2" in done.text() and "tokn" in done.text()


def test_check_does_not_take_a_name(world):
    server, client, origin = world.tunnel()
    home = world.home("good", server)
    done = world.run("ADIT", "check", home=home)
    assert done.status == 0, done.text()
    assert client.running and server.get("api", "/bytes/5").status == 200
    assert len(client.tunnels()) == 1


def test_interrupted_login(world):
    """SIGINT while waiting for a server that does not answer."""
    server = world.keep(V1Server())
    home = world.home()
    client = world.add(Client(world, "login", ["login", "127.0.0.1:%d" % server.port, "--token", TOKEN,
                                               "--insecure"], home))
    client.argv = client.argv[:-2]
    client.start()
    sock = world.keep(server.listener.accept()[0])
    client.send_signal(signal.SIGINT)
    assert client.wait(10) in (0, 1, -signal.SIGINT)
    client.killed = True
    assert not os.path.exists(home.config) and sock
