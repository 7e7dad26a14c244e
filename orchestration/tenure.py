"""The lease of the database for as long as a run lasts: taken, kept warm, given back."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil

from domain.errors import ArgusError, DatabaseAway
from orchestration.clock import WallClock
from orchestration.frozen import Recorded
from orchestration.plan import Identity


class Heart(threading.Thread):
    """Beats the lease every second; notices when another engine has taken over."""

    def __init__(self, url: str, epoch: int) -> None:
        super().__init__(name="lease", daemon=True)
        self._url, self._epoch = url, epoch
        self._over = threading.Event()
        self.lost = ""

    def run(self) -> None:
        from journal.engines import open_engine
        from journal.lease import beat

        engine = open_engine(self._url)
        try:
            while not self._over.wait(1.0):
                try:
                    beat_with(beat, engine, self._epoch)
                except ArgusError as error:
                    self.lost = str(error)
                    return
        finally:
            engine.dispose()

    def stop(self) -> None:
        self._over.set()
        self.join(5.0)


def beat_with(beat: Any, engine: Any, epoch: int) -> None:
    """One beat; a database that is away for the moment is tried again with the next."""
    with contextlib.suppress(DatabaseAway):
        beat(engine, epoch, WallClock().now())


def alive(pid: int) -> bool:
    """Whether another process of this host has the number and can still do something."""
    if pid == os.getpid():
        return False  # of an engine that had our number before us
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


@contextlib.contextmanager
def leased(url: str, again: Recorded | None = None) -> Iterator[tuple[Identity, Heart]]:
    """The lease of the database for as long as the run lasts; two engines never share one.

    ``again`` is a run to go on with: it keeps its id and the moment at which it began.
    """
    from journal import database, lease
    from journal.engines import open_engine

    now = WallClock().now()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
    run_id = f"{stamp}-{(now // 1000) % 0x10000:04x}{os.getpid() % 0x10000:04x}"
    run_id, began, told = (again.run_id, again.started_at, again.told) if again else (run_id, now, 0)
    epoch = lease.acquire(url, os.getpid(), socket.gethostname(), now, run_id, alive)
    heart = Heart(url, epoch)
    heart.start()
    try:
        yield Identity(run_id, epoch, url, began, str(database.data_folder() / "HALT"), told), heart
    finally:
        heart.stop()
        engine = open_engine(url)
        with contextlib.suppress(DatabaseAway):  # then it is taken over when this process is gone
            lease.release(engine, epoch)
        engine.dispose()
