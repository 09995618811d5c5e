# SPDX-License-Identifier: MIT
"""harness: a world of its own for each test: a folder, ports, the programs under test and their neighbours.

ADIT and ADIT_SERVER name the programs. ADIT_TEST_SCALE stretches every deadline (default 1; sanitizers 4).
Nothing here sleeps to be in time: wait_for() polls a condition until its deadline.
"""

import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import uuid

import visitor
from origin import Origin
from relay import Relay

DOMAIN = "tunnel.test"
TOKEN = "first-secret-of-the-tests"
FAULTS = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer"
                    r"|runtime error:|-CRITICAL \*\*|-WARNING \*\*|Assertion .* failed"
                    r"|\*\*\* .* detected \*\*\*")


def program(variable):
    """The path of a program under test."""
    path = os.environ.get(variable)
    assert path, "set ADIT and ADIT_SERVER to the built programs"
    path = os.path.abspath(path)
    assert os.access(path, os.X_OK), "%s: no program at %s" % (variable, path)
    return path


def is_sanitized():
    """Whether the server was built with a sanitizer: then it is slower and larger."""
    try:
        with open(program("ADIT_SERVER"), "rb") as file:
            data = file.read()
    except (AssertionError, OSError):
        return False
    return b"__asan_init" in data or b"__tsan_init" in data


SANITIZED = is_sanitized()
SCALE = float(os.environ.get("ADIT_TEST_SCALE", "4" if SANITIZED else "1"))
MIB = 1024 * 1024


def wait_for(condition, deadline=10.0, what="", step=0.01):
    """Polls until condition() is true and returns its value; fails after @deadline (scaled) seconds."""
    end = time.monotonic() + deadline * SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("%s: not within %g s" % (what or "a condition", deadline * SCALE))
        time.sleep(step)


USED_PORTS = set()


def free_port():
    """A port below the range that the system hands out by itself, so that no outgoing connection takes it."""
    while True:
        port = random.SystemRandom().randrange(12000, 31000)
        if port in USED_PORTS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        USED_PORTS.add(port)
        return port


def raise_descriptors():
    """Raises this process's soft limit to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Set(list):
    """A libconfig array, [ … ]; a plain list is written as ( … )."""


def libconfig(value, depth=0):
    """A Python value in libconfig's words."""
    pad = "  " * depth
    if isinstance(value, dict):
        inner = "".join("%s  %s = %s;\n" % (pad, k, libconfig(v, depth + 1)) for k, v in value.items())
        return "{\n" + inner + pad + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        marks = "[]" if isinstance(value, Set) else "()"
        return marks[0] + " " + ", ".join(libconfig(v, depth + 1) for v in value) + " " + marks[1]
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def config_text(settings):
    return "".join("%s = %s;\n" % (key, libconfig(value)) for key, value in settings.items())


def merge(base, changes):
    """@base with @changes laid over it, group by group; a value of None takes a key away."""
    result = dict(base)
    for key, value in (changes or {}).items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


class Process:
    """A child with its output in files. Ended by its own pid, never by name."""

    def __init__(self, world, title, argv, env=None, cwd=None):
        self.world, self.title, self.argv, self.env, self.cwd = world, title, argv, env, cwd
        self.popen = None
        self.runs = 0
        self.killed = False
        self.out_path = self.err_path = None

    def start(self):
        assert self.popen is None or self.popen.poll() is not None, "%s runs already" % self.title
        self.runs += 1
        base = os.path.join(self.world.logs, "%s-%d" % (self.title, self.runs))
        self.out_path, self.err_path = base + ".out", base + ".err"
        self.killed = False
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          env=self.env or self.world.env(), cwd=self.cwd or self.world.dir)
        return self

    @property
    def pid(self):
        return self.popen.pid

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    @property
    def status(self):
        return self.popen.poll()

    def out(self):
        return read_text(self.out_path)

    def err(self):
        return read_text(self.err_path)

    def text(self):
        return self.out() + self.err()

    def lines(self):
        """The JSON log lines so far, whichever stream they went to."""
        found = []
        for line in self.text().split("\n")[:-1]:
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass
        return found

    def events(self, event):
        return [line for line in self.lines() if line.get("event") == event]

    def wait_text(self, pattern, deadline=10, count=1):
        return wait_for(lambda: len(re.findall(pattern, self.text())) >= count, deadline,
                        "%s says %r (it said: %s)" % (self.title, pattern, self.text()[-2000:]))

    def wait(self, deadline=10):
        """Waits for the end; returns the exit status."""
        wait_for(lambda: not self.running, deadline, "%s ends" % self.title)
        return self.popen.returncode

    def send_signal(self, number):
        if self.running:
            self.popen.send_signal(number)

    def freeze(self):
        self.send_signal(signal.SIGSTOP)
        wait_for(lambda: self.state() == "T", 5, "%s is stopped" % self.title)

    def thaw(self):
        self.send_signal(signal.SIGCONT)

    def state(self):
        with open("/proc/%d/stat" % self.pid) as file:
            return file.read().rpartition(")")[2].split()[0]

    def kill(self):
        """kill -9, and waits."""
        self.killed = True
        self.send_signal(signal.SIGKILL)
        self.popen.wait(10)

    def stop(self, number=signal.SIGTERM, deadline=15):
        """Ends it gently; returns the exit status."""
        self.send_signal(number)
        return self.wait(deadline)

    def rss(self):
        """Resident bytes now."""
        return proc_status(self.pid, "VmRSS") * 1024

    def peak_rss(self):
        return proc_status(self.pid, "VmHWM") * 1024

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def close(self):
        """The end of a test: SIGTERM, and SIGKILL for what does not obey. Returns a complaint or None."""
        if not self.running:
            return None
        self.thaw()
        self.popen.terminate()
        try:
            self.popen.wait(12 * SCALE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(10)
            return "%s did not end on SIGTERM" % self.title
        return None


def read_text(path):
    if path is None or not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def proc_status(pid, key):
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


class Server(Process):
    """adit-server with its configuration; every port on loopback."""

    def __init__(self, world, title, changes=None):
        self.folder = world.folder(title)
        self.path = os.path.join(self.folder, "server.cfg")
        self.control, self.http, self.https = free_port(), free_port(), 0
        settings = {
            "server": {"domain": DOMAIN, "bind": "127.0.0.1", "control_port": self.control,
                       "http_port": self.http, "https_port": 0,
                       "state_dir": os.path.join(self.folder, "state")},
            "control": {"tls": "required"},
            "auth": {"tokens": [TOKEN]},
            "limits": {"drain_timeout_seconds": 2},
        }
        self.settings = merge(settings, changes)
        os.makedirs(os.path.join(self.folder, "state"), 0o700)
        super().__init__(world, title, [program("ADIT_SERVER"), "--config", self.path, "--log-format",
                                        "json"])
        self.write()

    def use_certificate(self, certificate):
        self.https = free_port()
        self.settings["server"].update(https_port=self.https, cert_path=certificate.cert,
                                       key_path=certificate.key)
        self.write()
        return self

    def write(self, changes=None, text=None):
        """Writes the configuration, whole at once."""
        self.settings = merge(self.settings, changes)
        with open(self.path + ".new", "w") as file:
            file.write(config_text(self.settings) if text is None else text)
        os.rename(self.path + ".new", self.path)

    def start(self):
        super().start()
        wait_for(self.is_listening, 15, "%s listens" % self.title)
        return self

    def is_listening(self):
        assert self.running, "%s ended with %s: %s" % (self.title, self.status, self.text())
        ports = [p for p in (self.settings["server"].get(k, 0)
                             for k in ("control_port", "http_port", "https_port")) if p]
        return all(can_connect(port) for port in ports)

    def reload(self):
        self.send_signal(signal.SIGHUP)

    @property
    def tls(self):
        return self.settings["control"].get("tls", "required") != "off"

    def fingerprint(self):
        return peer_fingerprint(self.control)

    def get(self, name, target="/", method="GET", **options):
        """One request to the public HTTP port; @name: a tunnel's name, or a whole host with a dot."""
        return visitor.get(self.http, full_host(name), target, method, **options)

    def visitor(self, **options):
        return self.world.keep(visitor.Visitor(self.http, **options))


class Client(Process):
    """adit with a home of its own."""

    def __init__(self, world, title, args, home=None):
        self.home = home or world.home(title)
        argv = [program("ADIT")] + [str(a) for a in args] + ["--log-format", "json"]
        super().__init__(world, title, argv, env=self.home.env())

    def tunnels(self):
        return self.events("tunnel")

    def wait_tunnels(self, count=1, deadline=15):
        def ready():
            assert len(self.tunnels()) >= count or self.running, \
                "%s ended with %s: %s" % (self.title, self.status, self.text())
            return len(self.tunnels()) >= count
        wait_for(ready, deadline, "%s announces %d tunnels" % (self.title, count))
        return self

    @property
    def name(self):
        return self.tunnels()[-1]["name"]

    @property
    def url(self):
        return self.tunnels()[-1]["public_url"]


class Home:
    """A user's folders."""

    def __init__(self, world, title):
        self.world = world
        self.dir = world.folder(title + "-home")
        self.config = os.path.join(self.dir, "config", "adit", "client.cfg")
        self.extra = {}

    def env(self):
        env = self.world.env()
        env.update(HOME=self.dir, XDG_CONFIG_HOME=os.path.join(self.dir, "config"),
                   XDG_STATE_HOME=os.path.join(self.dir, "state"))
        env.update(self.extra)
        return env

    def write(self, settings, mode=0o600):
        """Writes client.cfg; @settings a dict, or text as it stands."""
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        with open(self.config, "w") as file:
            file.write(settings if isinstance(settings, str) else config_text(settings))
        os.chmod(self.config, mode)
        return self

    def read(self):
        return read_text(self.config)


class Certificate:
    """A self-signed wildcard certificate, made by openssl."""

    def __init__(self, folder, domain=DOMAIN, title="public"):
        self.cert, self.key = os.path.join(folder, title + ".pem"), os.path.join(folder, title + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "30", "-subj", "/CN=" + domain, "-addext",
                        "subjectAltName=DNS:%s,DNS:*.%s,DNS:localhost,IP:127.0.0.1" % (domain, domain),
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        os.chmod(self.key, 0o600)

    def trusting(self):
        """A context that trusts this certificate alone."""
        return ssl.create_default_context(cafile=self.cert)

    def serving(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def fingerprint(self):
        with open(self.cert) as file:
            return key_fingerprint(ssl.PEM_cert_to_DER_cert(file.read()))


def der_element(data, start):
    """(start of the contents, end) of the DER element at @start."""
    length, at = data[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7f
        length, at = int.from_bytes(data[at:at + count], "big"), at + count
    return at, at + length


def key_fingerprint(certificate):
    """sha256: of the DER SubjectPublicKeyInfo of a DER certificate (RFC 5280 4.1)."""
    at, _ = der_element(certificate, 0)             # Certificate
    at, _ = der_element(certificate, at)            # TBSCertificate
    if certificate[at] == 0xa0:                     # version
        at = der_element(certificate, at)[1]
    for _ in range(5):                              # serial, signature, issuer, validity, subject
        at = der_element(certificate, at)[1]
    return "sha256:" + hashlib.sha256(certificate[at:der_element(certificate, at)[1]]).hexdigest()


def peer_fingerprint(port):
    """The fingerprint of whoever answers TLS at @port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["adit/1"])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return key_fingerprint(secure.getpeercert(True))


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def full_host(name):
    return name if "." in name else "%s.%s" % (name, DOMAIN)


class World:
    """Everything of one test, taken down at its end."""

    patience = 3.0                  # seconds that stray processes have to end

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="adit-test-")
        self.tag = uuid.uuid4().hex
        self.logs, self.tmp = self.folder("logs"), self.folder("tmp")
        self.run_dir = self.folder("run")
        self.processes, self.kept = [], []
        self.public = None
        self.homes = 0
        self.allowed = set()        # titles that may end badly or complain

    def folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, 0o700, exist_ok=True)
        return path

    def env(self):
        """A clean environment, tagged so that nothing started here can hide."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("ADIT") and not k.startswith("XDG_")}
        env.update(LC_ALL="C", TMPDIR=self.tmp, HOME=self.dir, XDG_RUNTIME_DIR=self.run_dir,
                   ADIT_TEST_TAG=self.tag,
                   G_MESSAGES_DEBUG="")
        env.pop("LANGUAGE", None)
        if SANITIZED:
            self.calm_sanitizers(env)
        return env

    def calm_sanitizers(self, env):
        """A small quarantine, so that memory means something; one leak is libconfig's own (syntax errors)."""
        path = os.path.join(self.logs, "lsan")
        with open(path, "w") as file:
            file.write("leak:strbuf_append\n")
        for key, more in (("ASAN_OPTIONS", "quarantine_size_mb=8"),
                          ("LSAN_OPTIONS", "print_suppressions=0:suppressions=" + path)):
            env[key] = ":".join(filter(None, [env.get(key), more]))

    def keep(self, thing):
        """Closes @thing at the end."""
        self.kept.append(thing)
        return thing

    def add(self, process):
        self.processes.append(process)
        return process

    def unique(self, title):
        titles = {p.title for p in self.processes}
        return next(t for t in [title] + ["%s%d" % (title, i) for i in range(2, 10000)] if t not in titles)

    def server(self, changes=None, start=True, https=False, plain=False):
        """A server. @https: with a certificate; @plain: plain v1 is allowed."""
        server = self.add(Server(self, self.unique("server"), changes))
        if plain:
            server.write({"control": {"tls": "optional"}})
        if https:
            server.use_certificate(self.certificate())
        return server.start() if start else server

    def certificate(self):
        if self.public is None:
            self.public = Certificate(self.dir)
        return self.public

    def home(self, title="client", server=None, token=TOKEN, **settings):
        """A home; with @server also a client.cfg that pins its key."""
        self.homes += 1
        home = Home(self, "%s-%d" % (title, self.homes))
        if server is not None:
            home.write(merge(self.settings_for(server, token), settings))
        return home

    def settings_for(self, server, token=TOKEN, port=None):
        """The client.cfg that reaches @server, through another @port if given."""
        if not server.tls:
            return {"server": "tcp://127.0.0.1:%d" % (port or server.control), "token": token}
        return {"server": "127.0.0.1:%d" % (port or server.control), "token": token,
                "fingerprint": server.fingerprint()}

    def client(self, server, *args, token=TOKEN, home=None, start=True, wait=True, port=None):
        """`adit ARGS…` configured for @server; by default waits for the line that announces the tunnel."""
        title = self.unique("client")
        if home is None:
            home = Home(self, title)
            home.write(self.settings_for(server, token, port))
        client = self.add(Client(self, title, args, home))
        if start:
            client.start()
            if wait:
                client.wait_tunnels()
        return client

    def plain_client(self, port, *args, token=TOKEN, start=True, wait=False):
        """`adit ARGS…` over plain v1 to @port."""
        title = self.unique("client")
        args = list(args) + ["--host", "tcp://127.0.0.1:%d" % port, "--token", token]
        client = self.add(Client(self, title, args, Home(self, title)))
        if start:
            client.start()
            if wait:
                client.wait_tunnels()
        return client

    def run(self, which, *args, home=None, deadline=20, env=None):
        """Runs a program to its end; returns the Process."""
        title = self.unique("run")
        environment = (home.env() if home else self.env())
        environment.update(env or {})
        process = self.add(Process(self, title, [program(which)] + [str(a) for a in args], environment))
        process.start()
        process.wait(deadline)
        return process

    def origin(self, **options):
        return self.keep(Origin(**options))

    def relay(self, port):
        return self.keep(Relay(port))

    def tunnel(self, *args, name="api", changes=None, **options):
        """The usual company: an origin, a server, a client with the tunnel @name."""
        origin = self.origin()
        server = self.server(changes, **options)
        client = self.client(server, "http", origin.port, "--subdomain", name, *args)
        return server, client, origin

    def transcript(self):
        """What every process said, for a failed test."""
        parts = []
        for process in self.processes:
            status = process.popen and process.status
            parts.append("--- %s: %s -> %s" % (process.title, " ".join(process.argv), status))
            parts.append(process.text()[-6000:])
        return "\n".join(parts)

    def close(self):
        """Ends everything; returns the list of what was wrong."""
        problems = []
        for thing in reversed(self.kept):
            try:
                thing.close()
            except Exception as error:
                problems.append("closing %r: %r" % (thing, error))
        for process in reversed(self.processes):
            problems += self.close_process(process)
        problems += self.leftovers()
        for folder in (self.tmp, self.run_dir):
            problems += ["left behind: %s" % name for name in os.listdir(folder)]
        shutil.rmtree(self.dir, ignore_errors=True)
        return problems

    def close_process(self, process):
        if process.popen is None:
            return []
        was_running, ours = process.running, isinstance(process, (Server, Client))
        problems = [p for p in [process.close()] if p]
        if process.title in self.allowed:
            return problems
        if was_running and not problems and process.status != 0 and ours:
            problems.append("%s ended with status %s on SIGTERM" % (process.title, process.status))
        obeyed = was_running and process.status == -signal.SIGTERM and not ours
        if process.status < 0 and not process.killed and not obeyed and not problems:
            problems.append("%s died of signal %d" % (process.title, -process.status))
        for run in range(1, process.runs + 1):
            base = os.path.join(self.logs, "%s-%d" % (process.title, run))
            fault = FAULTS.search(read_text(base + ".err") + read_text(base + ".out"))
            if fault:
                problems.append("%s: %s" % (process.title, fault.group(0)))
        return problems

    def leftovers(self):
        """Processes of this test that are still there; they are ended by their pids."""
        def find():
            return [pid for pid in filter(str.isdigit, os.listdir("/proc")) if self.is_ours(int(pid))]
        end = time.monotonic() + self.patience * SCALE
        while find() and time.monotonic() < end:
            time.sleep(0.02)
        left = find()
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
        return ["left running: pid %s" % pid for pid in left]

    def is_ours(self, pid):
        if pid == os.getpid():
            return False
        try:
            with open("/proc/%d/environ" % pid, "rb") as file:
                return self.tag.encode() in file.read()
        except OSError:
            return False
