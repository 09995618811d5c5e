# SPDX-License-Identifier: MIT
"""Real weight: four gibibytes each way (the long set), and a Vite dev server in a browser.

ADIT_TEST_GIB changes the size. ADIT_TEST_OUT names a folder that keeps the screenshot and the memory samples.
"""

import json
import os
import shutil
import sys
import time

import pytest

import browser
import visitor
from harness import DOMAIN, MIB, SANITIZED, SCALE, Client, Process, free_port, wait_for
from origin import pattern_sum

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "api." + DOMAIN
SIZE = int(float(os.environ.get("ADIT_TEST_GIB", "4")) * 1024) * MIB


def out_path(world, name):
    folder = os.environ.get("ADIT_TEST_OUT") or world.dir
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, name)


def outside_origin(world):
    """The origin as a process of its own; returns its port."""
    port = free_port()
    origin = world.add(Process(world, "origin", [sys.executable, "-B", HERE + "/origin.py",
                                                 str(port)])).start()
    origin.wait_text(str(port))
    return port


def sample(world, name, worker, *watched):
    """Runs @worker to its end and samples the memory of @watched; returns its JSON."""
    worker.start()
    start = time.monotonic()
    samples = []
    while worker.running:
        samples.append([round(time.monotonic() - start, 2)] + [p.rss() for p in watched])
        time.sleep(0.2)
        assert time.monotonic() - start < 1200 * SCALE, "%s takes too long" % name
    assert worker.status == 0, worker.text()
    with open(out_path(world, name + "-memory.txt"), "w") as file:
        file.write("seconds %s\n" % " ".join(p.title for p in watched))
        file.writelines(" ".join(map(str, line)) + "\n" for line in samples)
    seconds = samples[-1][0]
    print("%s: %.1f s, %.0f MiB/s" % (name, seconds, SIZE / MIB / max(seconds, 0.001)))
    for column, process in enumerate(watched, 1):
        values = [line[column] for line in samples]
        print("  %s: %.1f to %.1f MiB" % (process.title, min(values) / MIB, max(values) / MIB))
        assert max(values) - values[0] < (192 if SANITIZED else 24) * MIB, "%s grows" % process.title
    return json.loads(worker.out())


def transfer(world, which, server, *args):
    return world.add(Process(world, which, [sys.executable, "-B", HERE + "/visitor.py", which,
                                            str(server.http), HOST]
                             + [str(a) for a in args]))


def warm_company(world):
    port = outside_origin(world)
    server = world.server()
    client = world.client(server, "http", port, "-s", "api")
    assert server.get("api", "/bytes/%d" % (8 * MIB), keep=False).length == 8 * MIB
    return server, client


@pytest.mark.long
def test_four_gibibytes_down(world):
    server, client = warm_company(world)
    got = sample(world, "download", transfer(world, "get", server, "/bytes/%d" % SIZE), server, client)
    assert got == {"status": 200, "length": SIZE, "sha256": pattern_sum(SIZE)}


@pytest.mark.long
def test_four_gibibytes_down_without_a_length(world):
    server, client = warm_company(world)
    got = sample(world, "chunked", transfer(world, "get", server, "/chunked/%d" % SIZE), server, client)
    assert got == {"status": 200, "length": SIZE, "sha256": pattern_sum(SIZE)}


@pytest.mark.long
def test_four_gibibytes_up(world):
    server, client = warm_company(world)
    got = sample(world, "upload", transfer(world, "put", server, "/upload", SIZE), server, client)
    assert got["status"] == 200
    assert got["answer"] == {"length": SIZE, "sha256": got["sent"]}


VITE_FILES = {
    "package.json": '{"name": "page", "private": true, "type": "module"}\n',
    "index.html": '<!doctype html><title>waiting</title><div id="app"></div>'
                  '<script type="module" src="/main.js"></script>\n',
    "main.js": 'import { text } from "./text.js";\nimport "./style.css";\n'
               'document.title = "through the tunnel";\nwindow.loads = (window.loads || 0) + 1;\n'
               'const show = (t) => { document.querySelector("#app").textContent = t; };\nshow(text);\n'
               'if (import.meta.hot) import.meta.hot.accept("./text.js", (m) => show(m.text));\n',
    "text.js": 'export const text = "first words";\n',
    "style.css": "#app { color: rgb(1, 2, 3); font-size: 40px; padding: 1em }\n",
}


def start_vite(world):
    """The Vite that scripts/install-deps brought, in a folder of the test; returns its port and folder."""
    folder, port = world.folder("vite"), free_port()
    for name, text in VITE_FILES.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    installed = os.path.join(HERE, "..", "data", "vite", "node_modules")
    if not os.path.isdir(installed):
        pytest.skip("vite is missing: run scripts/install-deps --test")
    os.symlink(os.path.abspath(installed), os.path.join(folder, "node_modules"))
    env = dict(world.env())
    vite = world.add(Process(world, "vite", ["node", "node_modules/vite/bin/vite.js", "--host", "127.0.0.1",
                                             "--port", str(port),
                                             "--strictPort", "--clearScreen", "false"], env=env, cwd=folder))
    vite.start()
    vite.wait_text(str(port), 60)
    return port, folder


def test_vite_page_in_chromium(world):
    """The page is rendered, its module and style came through, and an edit reaches it over the websocket."""
    if browser.find() is None or not shutil.which("node"):
        pytest.skip("chromium or node is missing")
    port, folder = start_vite(world)
    server = world.server()
    client = world.client(server, port, "--subdomain", "api")
    page = browser.Browser(world, DOMAIN)
    page.goto(client.url)
    wait_for(lambda: page.evaluate("document.querySelector('#app')?.textContent") == "first words", 30,
             "the page is there", 0.1)
    assert page.evaluate("document.title") == "through the tunnel"
    assert page.evaluate("location.host") == "%s:%d" % (HOST, server.http)
    colour = "getComputedStyle(document.querySelector('#app')).color"
    wait_for(lambda: page.evaluate(colour) == "rgb(1, 2, 3)", 10, "the style")
    wait_for(lambda: [r for r in server.lines() if r.get("event") == "request"], 5)
    path = out_path(world, "vite.png")
    assert page.screenshot(path)[:8] == b"\x89PNG\r\n\x1a\n" and os.path.getsize(path) > 1000
    with open(os.path.join(folder, "text.js"), "w") as file:
        file.write('export const text = "second words";\n')
    wait_for(lambda: page.evaluate("document.querySelector('#app').textContent") == "second words", 30,
             "the edit arrives", 0.1)
    assert page.evaluate("window.loads") == 1, "hot, not reloaded"


def test_dev_page_in_chromium(world):
    """`adit dev` prints a URL that a browser opens as it stands (*.localhost)."""
    if browser.find() is None:
        pytest.skip("chromium is missing")
    origin = world.origin()
    client = world.add(Client(world, "dev", ["dev", origin.port], world.home())).start()
    client.wait_tunnels()
    page = browser.Browser(world, "localhost")
    page.goto(client.url.rstrip("/") + "/head/X=1")
    wait_for(lambda: page.evaluate("document.body?.textContent") == "fields\n", 20, "the page is there", 0.1)
    assert visitor.get(int(client.url.rstrip("/").rpartition(":")[2]), "x.localhost").status in (404, 421)
