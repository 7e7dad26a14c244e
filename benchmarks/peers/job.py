"""What every script here is told (one JSON argument) and tells (one JSON line on stdout).

The yardstick: two exponential averages of the close (alpha = 2 / (n + 1), each begun with the first close), no signal
in the first ``slow`` bars; target +units with the fast one above, -units below, unchanged when equal; a market order of
the difference at the next bar's open; a share of the notional as commission; equity = cash + position x last close.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Job:
    """``files``: one parquet file of bars per symbol, the same one as often as wanted. ``seconds``: length of a bar.
    ``commission``: share of the notional. ``repeat``: runs that are timed. ``engine``: for a script with several."""

    files: tuple[str, ...]
    seconds: int
    fast: int = 10
    slow: int = 30
    units: int = 10_000
    cash: float = 100_000.0
    commission: float = 1e-4
    repeat: int = 1
    engine: str = ""


class Table(NamedTuple):
    """Bars of one file; ``ts`` is the open, datetime64[ns] UTC."""

    ts: NDArray[np.datetime64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats


class Outcome(NamedTuple):
    """What a run came to, over all symbols in one account."""

    fills: int
    equity: float


def asked(arguments: list[str]) -> Job:
    """The job of a command line. Raises TypeError or ValueError for one that is none."""
    given = json.loads(arguments[1])
    return Job(**given | {"files": tuple(given["files"])})


def tables(files: tuple[str, ...]) -> list[Table]:
    """The bars of each file; a file that is named twice is read once."""
    read: dict[str, Table] = {}
    for file in files:
        if file not in read:
            columns = parquet.read_table(file, columns=list(Table._fields))
            ts, *prices = (columns[name].to_numpy() for name in Table._fields)
            read[file] = Table(ts.astype("datetime64[ns]"), *prices)
    return [read[file] for file in files]


def answer(
    peer: str, package: str, load: Callable[[Job, list[Table]], Any], run: Callable[[Any], Outcome], warm: bool = False
) -> None:
    """Do the job and print the answer. ``load`` builds the program's own objects and is timed apart, anew before each
    run; with ``warm`` a first run (in which things compile) is timed apart as well. Seconds; MB."""
    job = asked(sys.argv)
    begun = time.perf_counter()
    read = tables(job.files)
    told: dict[str, Any] = {"peer": peer, "version": _version(package), "bars": sum(len(one.ts) for one in read)}
    told |= {"symbols": len(read), "read_s": time.perf_counter() - begun, "first_s": None}
    walls, processors = [], []
    for number in range(job.repeat + warm):
        begun = time.perf_counter()
        loaded = load(job, read)
        told["load_s"] = time.perf_counter() - begun
        busy, begun = time.process_time(), time.perf_counter()
        outcome = run(loaded)
        wall, processor = time.perf_counter() - begun, time.process_time() - busy
        if warm and number == 0:
            told["first_s"] = wall
        else:
            walls.append(wall)
            processors.append(processor)
        told |= {"fills": int(outcome.fills), "equity": float(outcome.equity)}
    told |= {"run_s": walls, "cpu_s": processors, "peak_rss_mb": peak_rss()}
    print(json.dumps(told), flush=True)


def peak_rss() -> float:
    """MB this process has held at most; of getrusage only where it must be: that begins with what the parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next((one for one in status.read_text().splitlines() if one.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024 / MEGABYTE
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def _version(package: str) -> str:
    try:
        return version(package) if package else sys.version.split()[0]
    except PackageNotFoundError:
        return "?"
