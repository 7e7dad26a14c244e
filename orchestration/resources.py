"""What a run takes of its machine, and who is told when that is too much. Trading is never touched by it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import ArgusError
from domain.ports import Meter
from journal.address import data_folder, parse
from journal.engines import open_engine
from orchestration.alerts.terms import CRITICAL, INFO, SEVERITIES, WARNING
from orchestration.settings.tree import Resources

MEGABYTE = 1024 * 1024
WARN_AT = 0.9
"""The part of a limit from which on there is a warning."""
BACK_AT = 0.95
"""The part of what was passed below which a value must fall before it counts as recovered."""
SIZE_EVERY = 30.0
"""Seconds between two questions to a server about the size of its database."""

GAUGES = {
    "cpu": "argus_run_cpu_percent",
    "memory": "argus_machine_memory_percent",
    "memory_mb": "argus_run_memory_megabytes",
    "disk": "argus_disk_used_percent",
    "open_files": "argus_run_open_files_percent",
    "database_mb": "argus_database_megabytes",
    "wal_mb": "argus_database_wal_megabytes",
}
"""Resource to its metric."""


class Process(msgspec.Struct, frozen=True):
    """One process of the run. CPU in percent of one processor, memory in megabytes that it shares with nobody."""

    pid: int
    name: str
    cpu: float
    memory_mb: float
    open_files: int
    threads: int


class Sample(msgspec.Struct, frozen=True):
    """One look. ``values`` by resource as ``GAUGES`` names them, None where it cannot be known."""

    values: dict[str, float | None]
    processes: list[Process]
    disk_free_mb: float | None
    database: str
    """Where the disk was looked at: a folder."""


class Sampler:
    """Looks at one process and all below it. CPU is what was used since the look before."""

    def __init__(self, url: str, pid: int | None = None) -> None:
        self._url, self._pid = url, os.getpid() if pid is None else pid
        target = parse(url)
        self._file = Path(str(target.database)) if target.get_backend_name() == "sqlite" else None
        self._used: dict[tuple[int, float], float] = {}
        self._looked = time.monotonic()
        self._size: float | None = None
        self._sized = -SIZE_EVERY

    def sample(self) -> Sample:
        now = time.monotonic()
        passed, self._looked = max(1e-6, now - self._looked), now
        used: dict[tuple[int, float], float] = {}
        found = [one for one in (self._process(each, used, passed) for each in self._tree()) if one is not None]
        self._used = used
        processors = psutil.cpu_count() or 1
        folder = self._folder()
        disk = _disk(folder)
        values = {
            "cpu": min(100.0, sum(one.cpu for one, _ in found) / processors),
            "memory": psutil.virtual_memory().percent,
            "memory_mb": sum(one.memory_mb for one, _ in found),
            "disk": None if disk is None else 100.0 * disk.used / max(1, disk.used + disk.free),
            "open_files": max((share for _, share in found), default=0.0),
            "database_mb": self._database(now),
            "wal_mb": None if self._file is None else _megabytes(Path(f"{self._file}-wal")),
        }
        rounded = {name: None if value is None else round(value, 3) for name, value in values.items()}
        free = None if disk is None else round(disk.free / MEGABYTE, 1)
        return Sample(rounded, [one for one, _ in found], free, str(folder))

    def _tree(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []

    def _process(
        self, one: psutil.Process, used: dict[tuple[int, float], float], passed: float
    ) -> tuple[Process, float] | None:
        """It, and the share of the files that it may open; None if it has just ended."""
        try:
            with one.oneshot():
                key = (one.pid, one.create_time())
                times, memory = one.cpu_times(), one.memory_info()
                used[key] = times.user + times.system
                cpu = 100.0 * max(0.0, used[key] - self._used.get(key, used[key])) / passed
                own = (memory.rss - getattr(memory, "shared", 0)) / MEGABYTE
                files = one.num_fds() if hasattr(one, "num_fds") else 0
                found = Process(one.pid, one.name()[:40], round(cpu, 1), round(own, 1), files, one.num_threads())
            return found, 100.0 * files / _may_open(one)
        except psutil.Error:
            return None

    def _folder(self) -> Path:
        return data_folder() if self._file is None else self._file.parent

    def _database(self, now: float) -> float | None:
        if self._file is not None:
            return _megabytes(self._file)
        if now - self._sized >= SIZE_EVERY:
            self._sized, self._size = now, _server_size(self._url)
        return self._size


def _disk(folder: Path) -> Any:
    try:
        return shutil.disk_usage(folder)
    except OSError:
        return None


def _may_open(one: psutil.Process) -> float:
    try:
        soft = one.rlimit(psutil.RLIMIT_NOFILE)[0]
    except (AttributeError, psutil.Error, OSError):
        return 1024.0
    return float(soft) if soft > 0 else float("inf")


def _megabytes(file: Path) -> float | None:
    try:
        return file.stat().st_size / MEGABYTE
    except OSError:
        return None


def _server_size(url: str) -> float | None:
    try:
        engine = open_engine(url, read_only=True)
    except ArgusError:
        return None
    try:
        with engine.connect() as connection:
            size = connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar()
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
    return None if size is None else int(size) / MEGABYTE


_samplers: dict[tuple[str, int | None], Sampler] = {}
_asking = threading.Lock()


def sample(url: str, pid: int | None = None) -> dict[str, Any]:
    """One look at a run's process and all below it, as plain values; CPU is 0 at the first one.

    ``pid`` None is this process. Who asks again is answered for the time since.
    """
    with _asking:
        if len(_samplers) > 16:
            _samplers.clear()
        sampler = _samplers.setdefault((url, pid), Sampler(url, pid))
        found: dict[str, Any] = msgspec.to_builtins(sampler.sample())
    return found


# -- limits ----------------------------------------------------------------------------------------


class Crossing(msgspec.Struct, frozen=True):
    """A limit was passed, or is kept again (``severity`` info)."""

    resource: str
    value: float
    limit: float
    severity: str


class Limits:
    """Says each crossing once. A value must stay beyond for ``lasting`` seconds, and fall clearly below to be over."""

    def __init__(self, limits: Mapping[str, float | None], lasting: float) -> None:
        self._limits = {name: limit for name, limit in limits.items() if limit is not None}
        self._lasting = lasting
        self._told: dict[str, str] = {}
        self._since: dict[tuple[str, str], float] = {}

    def judge(self, values: Mapping[str, float | None], now: float) -> list[Crossing]:
        """``now`` in seconds on a clock that never goes back."""
        found = []
        for name, limit in self._limits.items():
            value = values.get(name)
            crossing = None if value is None else self._one(name, value, limit, now)
            if crossing is not None:
                found.append(crossing)
        return found

    def _one(self, name: str, value: float, limit: float, now: float) -> Crossing | None:
        borders = ((CRITICAL, limit), (WARNING, limit * WARN_AT))
        for severity, border in borders:
            if value < border:
                self._since.pop((name, severity), None)
            else:
                self._since.setdefault((name, severity), now)
        told = self._told.get(name, INFO)
        if told == CRITICAL and value < limit * BACK_AT:
            told = self._told[name] = WARNING  # what is passed again is told again
        if told != INFO and value < limit * WARN_AT * BACK_AT:
            self._told[name] = INFO
            return Crossing(name, value, round(limit * WARN_AT, 3), INFO)
        for severity, border in borders:
            since = self._since.get((name, severity))
            worse = SEVERITIES.index(severity) > SEVERITIES.index(told)
            if worse and since is not None and now - since >= self._lasting:
                self._told[name] = severity
                return Crossing(name, value, round(border, 3), severity)
        return None


class Monitor:
    """Looks every so many seconds, in a thread of its own. ``report`` hears of crossings as ALERT events."""

    def __init__(
        self,
        wished: Resources,
        sampler: Sampler,
        meter: Meter,
        report: Callable[..., Any],
        without: Iterable[str] = (),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = {name: getattr(wished, name) for name in GAUGES if name not in set(without)}
        self._limits, self._every = Limits(limits, wished.lasting), wished.every
        self._sampler, self._meter, self._report, self._ticks = sampler, meter, report, ticks
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resources", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a look that is under way."""
        self._stopping.set()

    def look(self) -> None:
        found = self._sampler.sample()
        for name, value in found.values.items():
            if value is not None:
                self._meter.gauge(GAUGES[name], value)
        if found.disk_free_mb is not None:
            self._meter.gauge("argus_disk_free_megabytes", found.disk_free_mb)
        self._meter.gauge("argus_run_processes", len(found.processes))
        for one in self._limits.judge(found.values, self._ticks()):
            facts = msgspec.structs.asdict(one)
            if not self._stopping.is_set():
                self._report("RESOURCE", **facts)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self.look()
