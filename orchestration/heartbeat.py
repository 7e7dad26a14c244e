"""Signs of life for whoever watches from outside: a file that says when, and a URL that is asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from domain.ports import Clock
from domain.timeframe import iso

FILE = "heartbeat.json"
"""Its name in the data folder."""
EVERY = 1.0
"""Seconds between two signs, at least."""
WITHIN = 5.0
"""Seconds for the URL to answer."""

Report = Callable[[str], None]


class Beat(msgspec.Struct, frozen=True):
    """What the file says: which process, which run, how far it is and in which state, and when (UTC)."""

    pid: int
    run_id: str
    cycle: int
    at: str
    state: str


class Heartbeat:
    """``report`` hears once of what does not work, and again when it has worked in between; the run goes on."""

    def __init__(
        self, file: Path, url: str | None, run_id: str, clock: Clock, ticks: Callable[[], float], report: Report
    ) -> None:
        self._file, self._run_id = file, run_id
        self._clock, self._ticks, self._report = clock, ticks, report
        self._ping = Ping(url) if url else None
        self._beaten = ticks() - EVERY
        self._pinged = 0
        self._failing: dict[str, str] = {}

    def look(self, cycle: int, state: str) -> None:
        """``cycle`` is the last one that has closed."""
        now = self._ticks()
        if now - self._beaten < EVERY:
            return
        self._beaten = now
        self._tell("heartbeat file", self._write(cycle, state))
        ping = self._ping
        if ping is None or ping.busy:
            return
        self._tell("heartbeat URL", ping.failed)
        if cycle > self._pinged:
            self._pinged = cycle
            ping.send()

    def stop(self) -> None:
        """A clean end leaves no file of ours behind."""
        found = read(self._file)
        if found is not None and (found.pid, found.run_id) == (os.getpid(), self._run_id):
            self._file.unlink(missing_ok=True)

    def _write(self, cycle: int, state: str) -> str:
        beat = Beat(os.getpid(), self._run_id, cycle, iso(self._clock.now()), state)
        written = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            written.write_bytes(msgspec.json.encode(beat))
            written.replace(self._file)
        except OSError as error:
            return f"{self._file}: {error.strerror or error}"
        return ""

    def _tell(self, what: str, failed: str) -> None:
        if failed and what not in self._failing:
            self._report(f"{what}: {failed}")
        if failed:
            self._failing[what] = failed
        else:
            self._failing.pop(what, None)


class Ping:
    """GET of one URL at a time, in a thread of its own. What it reports never holds the URL, which is a secret."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.busy = False
        self.failed = ""

    def send(self) -> None:
        self.busy = True
        threading.Thread(target=self._send, name="heartbeat", daemon=True).start()

    def _send(self) -> None:
        import httpx

        try:
            answer = httpx.get(self._url, timeout=WITHIN)
            self.failed = "" if answer.is_success else f"it answered {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            self.failed = type(error).__name__
        finally:
            self.busy = False


def read(file: Path) -> Beat | None:
    """What the file says; None if there is none, or it is not ours."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Beat)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
