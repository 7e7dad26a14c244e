"""The shipped server in a process of its own, as the command line starts it: ``serve``, or beside a ``run``."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil

CLI = Path(__file__).parents[1] / "cli.py"
WITHIN = 240.0
"""Seconds until it must have said where it listens."""
_SCAN = re.compile(r"^scan \d+", re.MULTILINE)
_PAGE = re.compile(r"(http://[\d.]+:\d+)/#code=\S+")


class Served:
    """A verb of ``cli.py`` that listens: where, with which token, and what it uses."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path, said: Path, listens: bool) -> None:
        self.url = self.token = ""
        self._process = psutil.Process(process.pid)
        ends = time.monotonic() + WITHIN
        while not (found := (_PAGE if listens else _SCAN).search(said.read_text())):
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"it did not start: {said.read_text()[-2000:]}")
            time.sleep(0.05)
        if listens:
            self.url, self.token = found[1], (home / "api-token").read_text().strip()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def figure(self, name: str) -> float:
        """One of ``/metrics``."""
        answer = httpx.get(f"{self.url}/metrics", headers=self.headers, trust_env=False, timeout=30)
        answer.raise_for_status()
        [found] = [one for one in answer.text.splitlines() if one.startswith(f"{name} ")]
        return float(found.split()[1])

    @property
    def rss_mb(self) -> float:
        return round(self._process.memory_info().rss / (1 << 20), 1)

    @property
    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def run_of(path: Path) -> tuple[str, int]:
    """The run of a database and its epoch, as soon as it is written down."""
    ends = time.monotonic() + WITHIN
    while time.monotonic() < ends:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT run_id, epoch FROM runs").fetchone()
        if found is not None:
            return str(found[0]), int(found[1])
        time.sleep(0.1)
    raise SystemExit("no run was written down")


def done(home: Path, *arguments: str) -> None:
    """A verb, to its end. Raises SystemExit if it fails."""
    with (home / f"{arguments[0]}.said").open("wb") as out:
        ended = subprocess.run(
            [sys.executable, str(CLI), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(home),
            check=False,
        )
    if ended.returncode:
        raise SystemExit((home / f"{arguments[0]}.said").read_text()[-2000:])


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARGUS", "NUMBA"))}
    return kept | {"ARGUS_HOME": str(home), "TERM": "dumb", "COLUMNS": "400"}


def _ended(number: int, _: object) -> None:
    """So that a benchmark which is ended leaves nothing running."""
    raise SystemExit(128 + number)


@contextmanager
def served(home: Path, verb: str, *more: str, listens: bool = True) -> Iterator[Served]:
    """``verb`` on a free port with its data in ``home``, or a run without a server; ended as Ctrl-C ends it."""
    said = home / f"{verb}.said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(CLI), verb, *(("--port", "0") if listens else ("--no-api",)), *more],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(home),
            start_new_session=True,
        )
    asked = signal.signal(signal.SIGTERM, _ended)
    try:
        yield Served(process, home, said, listens)
    finally:
        signal.signal(signal.SIGTERM, asked)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
