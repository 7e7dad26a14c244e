"""Names the folder of numba's cache and compiles the kernels before the hosts start.

Numba does not notice changes in imported files, so the folder's name carries a hash of everything a
kernel is made of. It must be named before numba is imported; child processes inherit it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from domain.errors import ArgusError, ConfigError
from domain.market import empty_bars
from domain.timeframe import DAY

if TYPE_CHECKING:
    from strategies.base import Strategy

PACKAGES = ("domain", "indicators", "strategies", "risk/exits")
LIBRARIES = ("numba", "llvmlite", "numpy")
KEPT_FOR = 30 * DAY
MEGABYTE = 1024 * 1024
LEAST_FREE = 64 * MEGABYTE


@dataclass(frozen=True, slots=True)
class KernelCache:
    """The cache folder, or none with a notice that says why: then every process compiles for itself."""

    folder: Path | None
    notice: str = ""


def cache_root(environment: Mapping[str, str]) -> Path:
    """``ARGUS_HOME/cache`` where ARGUS_HOME is set, else the user's cache folder."""
    home = environment.get("ARGUS_HOME")
    return Path(home).expanduser() / "cache" if home else Path(platformdirs.user_cache_dir("argus"))


def prepare(root: Path, now: int, user_files: Iterable[Path] = ()) -> KernelCache:
    """Name the cache folder in the environment, and drop folders of older sources unused for 30 days.

    ``now`` in UTC nanoseconds; ``user_files`` are strategy files outside the packages. Raises ArgusError
    when numba is already imported with another folder, for then it would not be used, and ConfigError for
    a user file that cannot be read. Twice is once.
    """
    folder = root / "kernels" / _sources(user_files)
    notice = _unusable(folder)
    chosen = "" if notice else str(folder)
    numba = sys.modules.get("numba")
    if numba is not None and chosen != numba.config.CACHE_DIR:
        raise ArgusError(
            f"numba was imported before its cache folder was named (it has {numba.config.CACHE_DIR or 'none'}, "
            f"wanted {chosen or 'none'}): call kernel_cache.prepare before importing indicators or strategies"
        )
    os.environ["NUMBA_DISABLE_INTEL_SVML"] = "1"
    if notice:
        os.environ.pop("NUMBA_CACHE_DIR", None)
        return KernelCache(None, notice)
    os.environ["NUMBA_CACHE_DIR"] = chosen
    os.utime(folder, ns=(now, now))
    _prune(folder, now)
    return KernelCache(folder)


def user_files(file: str) -> tuple[Path, ...]:
    """The user's strategy file as ``prepare`` takes it; ``file`` is empty for a shipped strategy."""
    return (Path(file),) if file else ()


def compile_all(
    strategies: Iterable[Strategy], reads: bool = False, returns: bool = False, judged: bool = False
) -> float:
    """Compile the strategies' loops, with ``reads`` the indicators of exits, with ``returns`` what the gate computes of
    past returns, with ``judged`` what research measures, or load them from the cache; the seconds it took."""
    from strategies.base import resolve  # numba comes with it, so only after prepare
    from strategies.runner import Rows

    started = time.perf_counter()
    for strategy in strategies:
        rows = Rows(strategy, resolve(strategy, {}), 1)
        rows.step(empty_bars(), np.empty(0, np.int64))
        rows.series(empty_bars())
    if reads:
        from risk.config import ExitConfig
        from risk.exits.readings import Readings

        Readings(ExitConfig(), 1).step(empty_bars(), np.empty(0, np.int64))
    if returns:
        from risk.scenarios import compile_kernels

        compile_kernels()
    if judged:
        from indicators.measures import measure

        measure(empty_bars())
    return time.perf_counter() - started


def _sources(user_files: Iterable[Path]) -> str:
    """A hash over the kernels' sources, the libraries that compile them, and Python."""
    digest = hashlib.sha256(sys.version.encode())
    for library in LIBRARIES:
        digest.update(f"\0{library} {version(library)}".encode())
    home = Path(__file__).resolve().parents[1]
    packaged = [path for package in PACKAGES for path in (home / package).rglob("*.py")]
    named = [(path.relative_to(home).as_posix(), path) for path in packaged]
    named += [(path.resolve().as_posix(), path) for path in user_files]
    for name, path in sorted(named):
        try:
            digest.update(f"\0{name}\0".encode() + path.read_bytes())
        except OSError as error:
            raise ConfigError(f"strategy file {path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()[:24]


def _unusable(folder: Path) -> str:
    """Why nothing can be kept in the folder; empty if it can. Makes the folder."""
    advice = "kernels are compiled anew at every start; give ARGUS_HOME a folder that can be written"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"kernel cache {folder} cannot be written ({error.strerror or error}): {advice}"
    if free < LEAST_FREE:
        return f"kernel cache {folder} has only {free // MEGABYTE} MB free, needs {LEAST_FREE // MEGABYTE}: {advice}"
    return ""


def _prune(current: Path, now: int) -> None:
    """Remove the folders of other sources that no start has used for 30 days."""
    for other in current.parent.iterdir():
        try:
            if other != current and now - other.stat().st_mtime_ns > KEPT_FOR:
                shutil.rmtree(other, ignore_errors=True)
        except FileNotFoundError:  # another start removed it
            continue
