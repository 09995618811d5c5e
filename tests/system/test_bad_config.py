# SPDX-License-Identifier: MIT
"""Bad configuration and bad usage: one line that names the object and the remedy, status 2."""

import os
import re
import shutil
import socket

import pytest

from harness import (DOMAIN, TOKEN, Certificate, Client, Process, config_text, free_port, merge, program,
                     wait_for)

GOOD = {"server": {"domain": DOMAIN, "bind": "127.0.0.1", "control_port": 7000, "http_port": 8080,
                   "https_port": 0},
        "auth": {"tokens": [TOKEN]}}


def write(world, text):
    path = os.path.join(world.dir, "server.cfg")
    with open(path, "w") as file:
        file.write(text)
    return path


def line_of(text, needle):
    return 1 + text[:text.index(needle)].count("\n")


def check(world, settings, *args):
    text = settings if isinstance(settings, str) else config_text(settings)
    return world.run("ADIT_SERVER", "--config", write(world, text), "--check-config", *args), text


def in_line(process, text, needle, key):
    """The message is FILE:LINE: … KEY …"""
    pattern = r"server\.cfg:%d: .*%s" % (line_of(text, needle), re.escape(key))
    assert re.search(pattern, process.err()), "wanted %r in %s" % (pattern, process.err())


# the server's file

def test_good_file(world):
    done, _ = check(world, GOOD)
    assert done.status == 0, done.text()
    text = done.out()
    for word in (DOMAIN, "7000", "8080", "required", "10000", "300"):
        assert word in text, word
    assert TOKEN not in done.text()


BAD = [
    ({"server": {"domian": "x"}}, "domian"), ({"sever": {"x": 1}}, "sever"),
    ({"limits": {"max_client": 5}}, "max_client"),
    ({"control": {"tsl": "off"}}, "tsl"), ({"auth": {"token": "x"}}, "token"),
    ({"server": {"control_port": "abc"}}, "control_port"), ({"server": {"http_port": 70000}}, "http_port"),
    ({"server": {"domain": 5}}, "domain"),
    ({"server": {"domain": "not a domain"}}, "domain"), ({"server": {"bind": "nowhere at all"}}, "bind"),
    ({"server": {"workers": -1}}, "workers"), ({"server": {"workers": 100000}}, "workers"),
    ({"server": {"tcp_ports": "90000-1"}}, "tcp_ports"),
    ({"control": {"tls": "maybe"}}, "tls"), ({"limits": {"max_clients": -5}}, "max_clients"),
    ({"limits": {"max_concurrent_requests": "many"}}, "max_concurrent_requests"),
    ({"limits": {"idle_timeout_seconds": -1}}, "idle_timeout_seconds"),
    ({"limits": {"drain_timeout_seconds": True}}, "drain_timeout_seconds"),
    ({"limits": {"head_timeout_seconds": 0.5}}, "head_timeout_seconds"),
    ({"server": {"trusted_proxies": ["10.0.0.0/99"]}}, "trusted_proxies"),
]


@pytest.mark.parametrize("changes, key", BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_bad_values(world, changes, key):
    text = config_text(merge(GOOD, changes))
    done, _ = check(world, text)
    assert done.status == 2, done.text()
    in_line(done, text, "%s = " % key, key)


@pytest.mark.parametrize("tokens, key", [
    ([""], "tokens"), ([5], "tokens"), ([{"name": "ci"}], "token"), ([{"token": TOKEN, "nam": "ci"}], "nam"),
    ([{"token": TOKEN, "allow_cidrs": ["10.0.0.0/99"]}], "allow_cidrs"),
])
def test_bad_tokens(world, tokens, key):
    done, text = check(world, merge(GOOD, {"auth": {"tokens": tokens}}))
    assert done.status == 2, done.text()
    assert re.search(r"server\.cfg:\d+: .*%s" % key, done.err()), done.err()
    assert TOKEN not in done.text()


def test_syntax_error(world):
    text = 'server = {\n  domain = "x";\n  http_port = ;\n};\n'
    done, _ = check(world, text)
    assert done.status == 2
    assert "server.cfg:3" in done.err()


def test_missing_domain(world):
    done, text = check(world, merge(GOOD, {"server": {"domain": None}}))
    assert done.status == 2 and "domain" in done.err() and "server.cfg" in done.err()


def test_certificate_without_key(world):
    done, text = check(world, merge(GOOD, {"server": {"cert_path": world.certificate().cert,
                                                      "https_port": 8443}}))
    assert done.status == 2 and "key_path" in done.err()


def test_check_prints_every_error(world):
    text = config_text(merge(GOOD, {"server": {"http_port": 70000, "domian": "x"},
                                    "control": {"tls": "maybe"},
                                    "limits": {"max_clients": -1}}))
    done, _ = check(world, text)
    assert done.status == 2
    for needle, key in (("http_port", "http_port"), ("domian", "domian"), ("tls", "tls"),
                        ("max_clients", "max_clients")):
        in_line(done, text, needle, key)


def test_check_writes_nothing(world):
    """No state_dir, no port, no privilege, no file."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        state = os.path.join(world.dir, "no", "such", "state")
        settings = merge(GOOD, {"server": {"state_dir": state, "http_port": taken.getsockname()[1],
                                           "control_port": 1}})
        write(world, config_text(settings))
        before = sorted(os.listdir(world.dir))
        done, _ = check(world, settings)
        assert done.status == 0, done.text()
    assert not os.path.exists(os.path.join(world.dir, "no"))
    assert sorted(os.listdir(world.dir)) == before


def test_no_tokens(world):
    """Refused on a public address, allowed where every listener is on loopback."""
    for bind, status in (("0.0.0.0", 2), ("::", 2), ("127.0.0.1", 0), ("::1", 0)):
        done, _ = check(world, merge(GOOD, {"server": {"bind": bind}, "auth": {"tokens": []}}))
        assert done.status == status, (bind, done.text())
        done, _ = check(world, merge(GOOD, {"server": {"bind": bind}, "auth": None}))
        assert done.status == status, (bind, done.text())
        if status:
            assert "token" in done.err()


def test_no_tokens_starts_on_loopback(world):
    origin = world.origin()
    server = world.server({"auth": {"tokens": []}})
    world.client(server, origin.port, "-s", "api", token="anything")
    assert server.get("api", "/bytes/5").status == 200


def run_server(world, settings):
    text = settings if isinstance(settings, str) else config_text(settings)
    return world.run("ADIT_SERVER", "--config", write(world, text))


def test_start_refuses_a_bad_file(world):
    text = config_text(merge(GOOD, {"server": {"http_port": 70000}}))
    done = run_server(world, text)
    assert done.status == 2
    in_line(done, text, "http_port", "http_port")


def startable(world, **server):
    return merge(GOOD, {"server": dict({"control_port": free_port(), "http_port": free_port(),
                                        "state_dir": world.folder("state")}, **server)})


@pytest.mark.parametrize("key", ["control_port", "http_port"])
def test_port_in_use(world, key):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        done = run_server(world, startable(world, **{key: port}))
    assert done.status in (1, 2)
    assert len([line for line in done.err().splitlines() if str(port) in line]) == 1, done.err()


def test_second_server_on_the_same_ports(world):
    """SO_REUSEPORT for the workers must not let a second server in."""
    server = world.server()
    done = run_server(world, startable(world, control_port=server.control, http_port=server.http))
    assert done.status in (1, 2)
    assert str(server.control) in done.err() or str(server.http) in done.err()
    assert server.running


def test_missing_certificate(world):
    settings = startable(world, https_port=free_port(), cert_path="/nonexistent/cert.pem",
                         key_path="/nonexistent/key.pem")
    done = run_server(world, settings)
    assert done.status == 2 and "/nonexistent/cert.pem" in done.err()


def test_key_of_another_certificate(world):
    other = Certificate(world.dir, DOMAIN, "other")
    settings = startable(world, https_port=free_port(), cert_path=world.certificate().cert,
                         key_path=other.key)
    done = run_server(world, settings)
    assert done.status == 2 and (other.key in done.err() or world.certificate().cert in done.err())


def test_certificate_that_is_none(world):
    path = os.path.join(world.dir, "nonsense.pem")
    with open(path, "w") as file:
        file.write("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    done = run_server(world, startable(world, https_port=free_port(), cert_path=path, key_path=path))
    assert done.status == 2 and path in done.err()


def powerless(argv):
    """The same command without the right to pass over file modes, also for root."""
    if os.geteuid() != 0:
        return argv
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is missing")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"] + argv


def run_powerless(world, settings, *args):
    path = write(world, config_text(settings))
    process = world.add(Process(world, world.unique("run"),
                                powerless([program("ADIT_SERVER"), "--config", path, *args])))
    process.start()
    return process


def test_unreadable_key(world):
    certificate = world.certificate()
    os.chmod(certificate.key, 0)
    settings = startable(world, https_port=free_port(), cert_path=certificate.cert, key_path=certificate.key)
    done = run_powerless(world, settings)
    assert done.wait() == 2 and certificate.key in done.err()


def test_unreadable_configuration(world):
    path = write(world, config_text(GOOD))
    os.chmod(path, 0)
    process = world.add(Process(world, "run", powerless([program("ADIT_SERVER"), "--config", path])))
    process.start()
    assert process.wait() == 2 and path in process.err()


def test_state_dir_without_permission(world):
    settings = startable(world)
    os.chmod(settings["server"]["state_dir"], 0o500)
    done = run_powerless(world, settings)
    assert done.wait() in (1, 2) and settings["server"]["state_dir"] in done.err()
    os.chmod(settings["server"]["state_dir"], 0o700)


def test_missing_configuration(world):
    for args in ((), ("--check-config",)):
        done = world.run("ADIT_SERVER", "--config", "/nonexistent/server.cfg", *args)
        assert done.status == 2 and "/nonexistent/server.cfg" in done.err()


def test_configuration_in_arrays_and_lists(world):
    """tokens as [ ] and as ( ), ports as text: libconfig's ways of saying the same."""
    text = config_text(merge(GOOD, {"auth": None, "server": {"http_port": "8080"}}))
    text += 'auth: { tokens: ["first-of-two", "second-of-two"] }\n'
    done, _ = check(world, text)
    assert done.status == 0, done.text()


# the client's file

def run_client(world, settings, *args):
    home = world.home()
    if settings is not None:
        home.write(settings)
    return world.run("ADIT", *args, home=home)


BASE = 'server = "127.0.0.1:7000";\ntoken = "x";\n'


@pytest.mark.parametrize("text, line, key", [
    (BASE + 'colour = "red";\n', 3, "colour"), (BASE + "fingerprint = 5;\n", 3, "fingerprint"),
    (BASE + 'fingerprint = "sha256:12";\n', 3, "fingerprint"), ('server = 5;\ntoken = "x";\n', 1, "server"),
    (BASE + 'tunnels = { web = { type = "carrier-pigeon"; target = "3000"; }; };\n', 3, "type"),
    (BASE + 'tunnels = { web = {\n  type = "http";\n  target = "3000";\n  subdomian = "x"; }; };\n', 6,
     "subdomian"),
    (BASE + 'tunnels = { web = {\n  type = "http";\n  target = "99999"; }; };\n', 5, "target"),
    (BASE + 'tunnels = { web = {\n  type = "http";\n  target = "3000";\n  subdomain = "a b"; }; };\n', 6,
     "subdomain"),
    (BASE + "tunnels = 5;\n", 3, "tunnels"), (BASE + 'token_file = "/nonexistent/token";\n', 3, "token_file"),
    (BASE + 'colour "red";\n', 3, ""),
])
def test_bad_client_file(world, text, line, key):
    done = run_client(world, text, "start")
    assert done.status == 2, done.text()
    assert re.search(r"client\.cfg:%d: .*%s" % (line, key), done.err()), done.err()


def test_tunnel_without_target(world):
    done = run_client(world, BASE + 'tunnels = { web = { type = "http"; }; };\n', "start")
    assert done.status == 2 and "target" in done.err() and "client.cfg:3" in done.err()


def test_start_without_tunnels(world):
    done = run_client(world, BASE, "start")
    assert done.status == 2 and "tunnel" in done.err()


def test_start_with_an_unknown_name(world):
    done = run_client(world, BASE + 'tunnels = { web = { type = "http"; target = "1"; }; };\n', "start",
                      "wbe")
    assert done.status == 2 and "wbe" in done.err()


def test_no_server_known(world):
    done = run_client(world, None, "3000")
    assert done.status == 2 and "adit login" in done.err()


def test_missing_client_file(world):
    done = run_client(world, None, "3000", "--config", "/nonexistent/client.cfg")
    assert done.status == 2 and "/nonexistent/client.cfg" in done.err()


# usage

@pytest.mark.parametrize("args", [
    (), ("--bogus",), ("http",), ("3000", "--concurrency", "0"), ("3000", "--concurrency", "x"), ("70000",),
    ("0",),
    ("host:99999",), ("ftp://x",), ("unix:",), ("3000", "4000"), ("login",), ("start", "--bogus"),
    ("3000", "--log-format", "xml"), ("3000", "--log-level", "loud"), ("3000", "--idle-timeout", "-5"),
    ("3000", "--host", "udp://x:1"), ("no-such-command", "x", "y"), ("3000", "--host", "h:99999"),
])
def test_bad_usage(world, args):
    done = run_client(world, BASE, *args)
    assert done.status == 2, done.text()
    assert done.err().strip() and not done.out().strip()


@pytest.mark.parametrize("args", [("--bogus",), ("--config",), ("--log-format", "xml"), ("stray",)])
def test_bad_server_usage(world, args):
    done = world.run("ADIT_SERVER", *args)
    assert done.status == 2, done.text()
    assert done.err().strip()


@pytest.mark.parametrize("which", ["ADIT", "ADIT_SERVER"])
def test_help_and_version(world, which):
    done = world.run(which, "--help")
    assert done.status == 0 and "--config" in done.out() and "--log-format" in done.out() and not done.err()
    done = world.run(which, "--version")
    assert done.status == 0 and re.search(r"\d+\.\d+", done.out()) and not done.err()


def test_server_help_names_its_flags(world):
    assert "--check-config" in world.run("ADIT_SERVER", "--help").out()


@pytest.mark.parametrize("command, flags", [("http", ["--subdomain", "--concurrency", "--host-header"]),
                                            ("login", ["--token", "--fingerprint", "--insecure"])])
def test_help_of_a_command(world, command, flags):
    done = world.run("ADIT", command, "--help")
    assert done.status == 0
    for flag in flags:
        assert flag in done.out(), flag


def test_standard_output_may_be_closed(world):
    """A closed pipe where the log goes must not end the client by a signal."""
    server = world.server()
    client = world.add(Client(world, "client", ["http", free_port(), "-s", "api"], world.home("c", server)))
    client.argv = ["sh", "-c", 'exec "$@" 2>&1 | head -n 0', "sh"] + client.argv
    client.start()
    wait_for(lambda: server.get("api").error == "local-refused", 15, "the tunnel opens")
    for _ in range(5):
        assert server.get("api").error == "local-refused"
    left = [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if world.is_ours(int(pid))]
    for pid in left:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            if file.read().startswith(program("ADIT").encode()):
                os.kill(pid, 15)
    client.wait(15)
