"""A run of the shipped engine inside this process, with a benchmark in place of its screen.

``orchestration.engine.run`` does everything that ``cli.py run`` does; a benchmark is told when the
actors stand and the driver has not begun, of every event, and when the driver has ended and Ray has not
been stopped. Everything it writes is in a temporary folder that is removed; the only Ray it stops is the
one it has started.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import internal_api
from ray.experimental import internal_kv

from domain.events import SCAN_SUMMARY
from orchestration import engine
from orchestration.settings import Overrides

KNOWN = ("EURUSD", "BTC", "ETH", "SOL", "GBPUSD", "AUDUSD", "XAUUSD")
"""Symbols with instruments of their own; the others are made up."""
MEGABYTE = 1 << 20


class Watcher:
    """A screen that shows nothing. ``started`` and ``ended`` bracket the driver; ``row`` gets every event."""

    def begin(self, info: Any) -> None:
        self.run_id: str = info.run_id
        self._standing = True
        self.started(info)

    _standing = False

    def notice(self, text: str) -> None:
        """What is said while it runs matters here too; what is said before is about made-up symbols."""
        if self._standing:
            progress(text)

    def show(self, row: Any) -> None:
        self.row(row)

    def end(self, code: int) -> None:
        self.ended(code)

    def started(self, info: Any) -> None:
        """Every actor answers, the driver has not been asked to run."""

    def row(self, row: Any) -> None:
        """One row of the event table, in order of ``seq``."""

    def ended(self, code: int) -> None:
        """The driver has ended; every actor still stands."""


def symbols(count: int) -> tuple[str, ...]:
    """So many names: the known ones first, then S00001, S00002, …"""
    made = (f"S{number:05d}" for number in range(1, count + 1))
    return (*KNOWN[:2], *made)[:count]


QUIET = tuple(f"research.{role}=off" for role in ("analyst", "researcher", "critic", "planner"))
"""Research is measured by itself (``benchmarks.research_cycle``)."""


def run(watcher: Watcher, database: Path, names: Sequence[str], cycles: int, sets: Sequence[str] = ()) -> int:
    """One simulated run at machine speed: ``ema_cross``, ``balanced``, the paper venue. The exit code."""
    overrides = Overrides(
        symbols=(",".join(names),),
        feed="sim",
        speed="max",
        strategy="ema_cross",
        preset="balanced",
        cycles=cycles,
        db_url=f"sqlite:///{database}",
        sets=(*QUIET, *sets),
    )
    screen: Any = watcher
    with contextlib.redirect_stdout(sys.stderr):  # Ray's own warnings go to stdout
        return engine.run(overrides, screen)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A data folder of its own, on disk, removed afterwards: no HALT file and no database of the user is met."""
    before = os.environ.get("ARGUS_HOME")
    with tempfile.TemporaryDirectory(prefix="argus-benchmark-", ignore_cleanup_errors=True) as found:
        os.environ["ARGUS_HOME"] = found
        try:
            yield Path(found)
        finally:
            os.environ.pop("ARGUS_HOME")
            if before is not None:
                os.environ["ARGUS_HOME"] = before


def agents_per_host(count: int | None) -> list[str]:
    return [] if count is None else [f"ray.agents_per_host={count}"]


def is_summary(row: Any) -> bool:
    return bool(row["type"] == SCAN_SUMMARY)


# -- what the cluster uses ---------------------------------------------------------------------------


def actor_pids() -> dict[str, int]:
    """Our actors on this machine and their processes, as each has written them down at its start."""
    found = {}
    for key in internal_kv._internal_kv_list(b"argus:pid:"):
        host, _, pid = internal_kv._internal_kv_get(key).decode().rpartition(":")
        if host == socket.gethostname():
            found[key.decode().removeprefix("argus:pid:")] = int(pid)
    return found


def cluster_pids() -> list[int]:
    """Every process of the Ray that this process has started (its children), this one not among them."""
    return [one.pid for one in psutil.Process().children(recursive=True)]


def memory_of(pids: Sequence[int]) -> tuple[float, float, float]:
    """RSS, PSS and USS of these processes, summed, in MB; one that has ended counts nothing."""
    totals = [0.0, 0.0, 0.0]
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            info = psutil.Process(pid).memory_full_info()
            for place, value in enumerate((info.rss, getattr(info, "pss", 0), info.uss)):
                totals[place] += value / MEGABYTE
    return totals[0], totals[1], totals[2]


def here() -> int:
    """This process: what a person's ``cli.py`` would be."""
    return os.getpid()


def rss_of(pid: int) -> float:
    """MB; 0 for a process that has ended."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / MEGABYTE
    except psutil.NoSuchProcess:
        return 0.0


def cpu_seconds() -> dict[str, float]:
    """CPU time so far of each actor, of ``Ray`` itself (all its other processes) and of this ``command``."""
    actors = actor_pids()
    found = {name: _cpu(pid) for name, pid in actors.items()}
    ours = set(actors.values())
    found["Ray"] = sum(_cpu(pid) for pid in cluster_pids() if pid not in ours)
    found["command"] = _cpu(here())
    return found


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def object_store() -> int:
    """Bytes in use in the object stores of all nodes."""
    total = 0
    for node in ray.nodes():
        if node["Alive"]:
            stats = internal_api.node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], False)
            total += int(stats.store_stats.object_store_bytes_used)
    return total


def log_bytes(database: Path) -> int:
    """Bytes of the write-ahead log beside a database; it is reused, not grown, once it has been checkpointed."""
    log = database.with_name(database.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def conditions() -> dict[str, Any]:
    """The machine as it was: cores, load over the last minute, versions."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": ".".join(map(str, sys.version_info[:3])),
        "ray": ray.__version__,
    }


def progress(text: str) -> None:
    """To stderr, so that stdout stays what was asked for."""
    print(text, file=sys.stderr, flush=True)
