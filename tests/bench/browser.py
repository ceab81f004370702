"""A browser in which a test presses keys: Chromium, by its DevTools protocol over two pipes, which needs no package."""

import fcntl
import json
import os
import signal
import time

KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}
"""Windows' numbers of keys by their names."""


class Browser:
    """One tab.

    Args:
        program: of Chromium.
        folder: an empty one, for its profile.
    """

    def __init__(self, program, folder):
        theirs, self._out = os.pipe()
        ours, writes = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs, writes)]
        words = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={folder}",
            "about:blank",
        ]  # fmt: skip
        ends = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(high, 3)]
        silent = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        self._process = os.posix_spawn(program, words, os.environ, file_actions=[*silent, *ends])
        for end in (theirs, writes, *high):
            os.close(end)
        self._in = os.fdopen(ours, "rb")
        self._rest, self._count, self._session = b"", 0, {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}

    def close(self):
        """End it."""
        os.kill(self._process, signal.SIGTERM)
        os.waitpid(self._process, 0)
        self._in.close()
        os.close(self._out)

    def ask(self, method, **params):
        """The result of one command."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": params} | self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while (answer := self._message()).get("id") != self._count:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _message(self):
        while b"\0" not in self._rest:
            more = os.read(self._in.fileno(), 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def go(self, page, width=1200):
        """Open a page of the disk, with its fragment, and wait until its first view is drawn."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
        )
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=f"file://{page}")
        self.wait("document.readyState === 'complete' && !document.querySelector('[aria-busy]')")

    def wait(self, condition):
        """Wait until an expression is true, ten seconds at most."""
        end = time.monotonic() + 10
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def run(self, expression):
        """The JSON value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, times=1):
        """Press a key, and let it go."""
        for _ in range(times):
            own = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
            text = {"text": "\r"} if key == "Enter" else {}
            self.ask("Input.dispatchKeyEvent", type="keyDown", **own, **text)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **own)

    def tree(self):
        """Role and name of everything that a screen reader finds, in order."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [(one["role"]["value"], one["name"]["value"]) for one in nodes if one.get("name")]
