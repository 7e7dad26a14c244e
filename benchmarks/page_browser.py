"""A browser for benchmarks, asked by its own protocol and for nothing but what is measured.

What drives browsers for tests also has them record the network: the tab then grows by whatever the page is sent.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.sync.client import ClientConnection, connect

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,860",
    "--remote-debugging-port=0",
)
WITHIN = 60.0
"""Seconds for any answer, and for anything to appear."""


class Line:
    """A connection to a part of the browser."""

    def __init__(self, address: str) -> None:
        self._open = ExitStack()
        self._line: ClientConnection = self._open.enter_context(connect(address, proxy=None, max_size=None))
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Its answer; what it says unasked is left out. Raises RuntimeError for a refusal, TimeoutError."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (said := json.loads(self._line.recv(WITHIN))).get("id") != number:
            pass
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']['message']}")
        found: dict[str, Any] = said["result"]
        return found

    def close(self) -> None:
        self._open.close()


class Tab(Line):
    """A page with a profile of its own. ``script`` runs in it before its own scripts do."""

    def open(self, address: str, script: str) -> None:
        self.call("Page.enable")
        self.call("Performance.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """Raises RuntimeError for an exception in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def until(self, true: str) -> None:
        """Raises SystemExit if it does not get true."""
        ends = time.monotonic() + WITHIN
        while not self.evaluate(true):
            if time.monotonic() > ends:
                raise SystemExit(f"not within {WITHIN:g} s: {true}")
            time.sleep(0.02)

    def wheel(self, pixels: int) -> None:
        where = {"x": 600, "y": 500, "deltaX": 0, "deltaY": pixels}
        self.call("Input.dispatchMouseEvent", type="mouseWheel", **where)

    def heap_mb(self) -> float:
        return round(float(self.call("Runtime.getHeapUsage")["usedSize"]) / 1e6, 2)

    def collect(self) -> None:
        self.call("HeapProfiler.collectGarbage")

    def counted(self) -> dict[str, float]:
        return {one["name"]: one["value"] for one in self.call("Performance.getMetrics")["metrics"]}


class Browser:
    """Chromium without a window."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        said, ends = folder / "DevToolsActivePort", time.monotonic() + WITHIN
        while not (said.exists() and len(said.read_text().split()) == 2):
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit("chromium did not start")
            time.sleep(0.05)
        port, path = said.read_text().split()
        self._place, self._pid = f"127.0.0.1:{port}", process.pid
        self._line = Line(f"ws://{self._place}{path}")

    @contextmanager
    def tab(self, address: str, script: str) -> Iterator[Tab]:
        mine = self._line.call("Target.createBrowserContext")["browserContextId"]
        target = self._line.call("Target.createTarget", url="about:blank", browserContextId=mine)["targetId"]
        tab = Tab(f"ws://{self._place}/devtools/page/{target}")
        try:
            tab.open(address, script)
            yield tab
        finally:
            tab.close()
            self._line.call("Target.disposeBrowserContext", browserContextId=mine)

    def renderer_mb(self) -> float:
        """RSS of its largest tab."""
        sizes = [0.0]
        for one in psutil.Process(self._pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "--type=renderer" in one.cmdline():
                    sizes.append(one.memory_info().rss / (1 << 20))
        return round(max(sizes), 1)

    def version(self) -> str:
        answer = httpx.get(f"http://{self._place}/json/version", trust_env=False, timeout=WITHIN)
        return str(answer.json()["Browser"])

    def close(self) -> None:
        self._line.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Raises SystemExit if there is none."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("no chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="argus-browser-", ignore_cleanup_errors=True) as folder:
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        process = subprocess.Popen([program, *ARGUMENTS, f"--user-data-dir={folder}", "about:blank"], **quiet)
        try:
            found = Browser(process, Path(folder))
            yield found
            found.close()
        finally:
            process.terminate()
            process.wait(WITHIN)
