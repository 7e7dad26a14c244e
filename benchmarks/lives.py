"""The command line in processes of its own, and the end of all of them at once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

CLI = Path(__file__).parents[1] / "cli.py"
PATIENCE = 180.0
"""Seconds for a run to begin, or to end."""


class Place(NamedTuple):
    """A data folder of its own, the bars, and the database."""

    folder: Path
    url: str
    bars: tuple[str, ...]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(CLI), *arguments, "--db-url", self.url]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS")}
        return kept | {"ARGUS_HOME": str(self.folder / "home"), "RAY_TMPDIR": str(self.folder)}

    def living(self) -> list[psutil.Process]:
        """Every process that was started from here, by whatever parent."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                here = one.environ().get("ARGUS_HOME") == str(self.folder / "home")
                if here and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
        return found


class Life(NamedTuple):
    """One engine: how it ended (None: killed), what it said on stderr, and how long it was under way."""

    code: int | None
    said: str
    seconds: float


def tree_of(pid: int) -> list[psutil.Process]:
    """The process and all below it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_tree(pid: int) -> int:
    """SIGKILL for the process and all below it; how many there were. Nobody of them is asked anything."""
    tree = tree_of(pid)
    for one in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(tree, timeout=10)
    return len(tree)


def live(place: Place, arguments: list[str], early: float | None, after: float | None) -> Life:
    """One engine until it is killed, ``early`` seconds after its start or ``after`` seconds after its first event; to
    its end if neither is given."""
    out, err = place.folder / "out", place.folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        engine = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=place.environment(), cwd=place.folder
        )
    try:
        seconds = _until(engine, out, early, after)
    except BaseException:
        kill_tree(engine.pid)
        raise
    code = engine.poll()
    if code is None:
        kill_tree(engine.pid)
        engine.wait()
        gone(place)
    return Life(code, err.read_text(errors="replace"), seconds)


def _until(engine: subprocess.Popen[bytes], out: Path, early: float | None, after: float | None) -> float:
    """Wait for the end, or for the moment of the kill; seconds since its first event. Raises TimeoutError."""
    begun, told = time.monotonic(), 0.0
    while engine.poll() is None:
        now = time.monotonic()
        told = told or (now if out.stat().st_size else 0.0)
        due = early is not None and now - begun > early
        if due or (after is not None and told and now - told > after):
            break
        if now - begun > PATIENCE + (after or 0.0):
            raise TimeoutError(f"the engine with pid {engine.pid} did not end within {PATIENCE:g} s")
        time.sleep(0.005)
    return time.monotonic() - told if told else 0.0


def gone(place: Place) -> None:
    """Wait for the processes whose parent was killed before them; end those that do not notice it."""
    ends = time.monotonic() + 20.0
    while left := place.living():
        if time.monotonic() > ends:
            for one in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        time.sleep(0.05)
