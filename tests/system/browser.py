# SPDX-License-Identifier: MIT
"""browser: headless Chromium, told what to do over its DevTools websocket."""

import base64
import itertools
import json
import os
import shutil

import visitor
from harness import Process, wait_for
from origin import ws_frame, ws_read

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One page. Every host below @domain is 127.0.0.1 for it, every other host does not exist."""

    def __init__(self, world, domain):
        profile = world.folder("chromium")
        argv = [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
                "--host-resolver-rules=MAP *.%s 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" % domain,
                "--window-size=800,600", "--remote-debugging-port=0", "--user-data-dir=" + profile,
                "about:blank"]
        env = dict(world.env(), TMPDIR=profile, XDG_RUNTIME_DIR=profile)
        self.process = world.add(Process(world, "chromium", argv, env)).start()
        self.ids = itertools.count(1)
        self.events = []
        self.socket = world.keep(self.open(os.path.join(profile, "DevToolsActivePort")))

    def open(self, path):
        wait_for(lambda: os.path.exists(path) and open(path).read().count("\n") >= 1, 60, "chromium starts")
        with open(path) as file:
            port = int(file.readline())
        pages = visitor.get(port, "127.0.0.1:%d" % port, "/json/list").json()
        target = next(p for p in pages if p["type"] == "page")["webSocketDebuggerUrl"].split(str(port), 1)[1]
        socket = visitor.Visitor(port, timeout=60)
        socket.request("127.0.0.1:%d" % port, target, headers=[
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        assert socket.head().status == 101
        return socket

    def call(self, method, **params):
        """One DevTools command; returns its result."""
        number = next(self.ids)
        message = json.dumps({"id": number, "method": method, "params": params}).encode()
        self.socket.send(ws_frame(1, message, b"abcd"))
        while True:
            answer = json.loads(ws_read(self.socket.file)[1])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def goto(self, url):
        result = self.call("Page.navigate", url=url)
        assert "errorText" not in result, result

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return result["result"].get("value")

    def screenshot(self, path):
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with open(path, "wb") as file:
            file.write(data)
        return data
