"""A real browser for one session of tests, without a window and without a network, driven through chromedriver."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


class Browser:
    """One tab. ``folder`` holds its profile, its driver's log and nothing of the user's."""

    def __init__(self, driver: str, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="argus-browser-"))
        self._log = self.folder / "driver.log"
        with self._log.open("wb") as log:
            environment = os.environ | {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
            self._process = subprocess.Popen(
                [driver, "--port=0"], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        self._client = httpx.Client(timeout=PATIENCE, trust_env=False)
        self._session = ""
        try:
            self._start(program)
        except BaseException:
            self.remove()
            raise

    def _start(self, program: str) -> None:
        assert self._process.stdout is not None
        said = next((line for line in self._process.stdout if "successfully on port" in line), "")
        if not said:
            raise RuntimeError(f"chromedriver does not start: {self._log.read_text()[-2000:]}")
        port = said.rpartition("on port ")[2].strip().rstrip(".")
        self._client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        options = {"binary": program, "args": [*ARGUMENTS, f"--user-data-dir={self.folder / 'profile'}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, self._session + path, json=body)
        value = answer.json()["value"]
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def _command(self, name: str, **parameters: Any) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    # -- what a person does ------------------------------------------------------------------------

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """A file in a window of that size, with its charts drawn. What was logged before is forgotten."""
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._command("Emulation.setEmulatedMedia", features=scheme)
        self._ask("POST", "/url", {"url": "about:blank"})
        self.console(), self.requests()
        self._ask("POST", "/url", {"url": path.as_uri()})
        drawn = "const done = arguments[0], look = () => document.documentElement.dataset.drawn ? done(true) : "
        self._ask("POST", "/execute/async", {"script": f"{drawn}setTimeout(look, 20); look()", "args": []})

    def run(self, script: str) -> Any:
        """What the script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def text(self, selector: str) -> str:
        """What a person reads there."""
        found: str = self.run(f"return document.querySelector({json.dumps(selector)}).innerText")
        return found

    def picture(self, path: Path, *, whole: bool = False, top: int = 0) -> None:
        """A screenshot, from ``top`` on; ``whole`` of all that one could scroll to."""
        self.run(f"scrollTo({{top: {top}, behavior: 'instant'}})")
        made = self._command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(made["data"]))

    # -- what it says ------------------------------------------------------------------------------

    def console(self) -> list[str]:
        """Errors and warnings since the last time, also what the page's policy refused."""
        logged = self._ask("POST", "/se/log", {"type": "browser"})
        return [one["message"] for one in logged if one["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """Every address that was asked for since the last time."""
        logged = [
            json.loads(one["message"])["message"] for one in self._ask("POST", "/se/log", {"type": "performance"})
        ]
        return [one["params"]["request"]["url"] for one in logged if one["method"] == "Network.requestWillBeSent"]

    def remove(self) -> None:
        try:
            if self._session:
                self._ask("DELETE", "")
        finally:
            self._client.close()
            self._process.terminate()
            self._process.communicate()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; where there is none the test is skipped, or fails if CI is set."""
    driver = shutil.which("chromedriver")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if driver is None or program is None:
        without = "no browser on this machine (programs chromium and chromedriver)"
        pytest.fail(without) if os.environ.get("CI") else pytest.skip(without)
    made = Browser(driver, program)
    try:
        yield made
    finally:
        made.remove()
