"""One agent a host, live cadence: an agent that hangs or dies disturbs no other symbol, and its reason says so."""

from __future__ import annotations

import csv
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.timeframe import SECOND, iso

pytestmark = pytest.mark.ray

SYMBOLS = ("EURUSD", "GBPUSD")
HISTORY = 60


class Growing:
    """Two CSV files of one-second bars that end now and grow by one bar a second."""

    def __init__(self, folder: Path) -> None:
        self.files = {symbol: folder / f"{symbol}_S1.csv" for symbol in SYMBOLS}
        self._at = (time.time_ns() // SECOND - HISTORY) * SECOND
        self._price = 1.1
        self._over = threading.Event()
        for path in self.files.values():
            path.write_text("ts,open,high,low,close\n")
        for _ in range(HISTORY):
            self._grow()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _grow(self) -> None:
        close = round(self._price + 0.00002, 6)
        for path in self.files.values():
            with path.open("a", newline="") as out:
                csv.writer(out).writerow([iso(self._at), self._price, close, self._price, close])
        self._price, self._at = close, self._at + SECOND

    def _run(self) -> None:
        while not self._over.wait(max(0.0, (self._at + SECOND - time.time_ns()) / SECOND)):
            self._grow()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def follow(start: Any, tmp_path: Path) -> Iterator[Any]:
    """Starts a run on the growing files with so many agents a host."""
    growing = Growing(tmp_path)

    def begin(agents_per_host: int) -> Any:
        return start(
            SYMBOLS,
            data=tuple(f"{symbol}={path}" for symbol, path in growing.files.items()),
            follow=True,
            interval=0.5,
            sets=("ray.deadline=1.5", f"ray.agents_per_host={agents_per_host}"),
        )

    yield begin
    growing.stop()


def seen(run: Any, symbol: str, reason: str) -> int:
    return sum(one[symbol].startswith(reason) for one in run.reasons())


def test_a_killed_agent_is_host_down_and_comes_back(follow: Any) -> None:
    live = follow(1)
    live.wait(lambda: seen(live, "GBPUSD", "NO_SIGNAL") >= 2, what="both scan")

    os.kill(live.pid("PairAgent:GBPUSD"), signal.SIGKILL)

    live.wait(lambda: seen(live, "GBPUSD", "HOST_DOWN") >= 1, what="HOST_DOWN")
    before = seen(live, "GBPUSD", "NO_SIGNAL")
    live.wait(lambda: seen(live, "GBPUSD", "NO_SIGNAL") > before + 1, what="back again")
    assert seen(live, "EURUSD", "HOST_DOWN") == 0
    assert seen(live, "EURUSD", "NO_SIGNAL") >= seen(live, "GBPUSD", "NO_SIGNAL")  # it may be back before the next bar
    live.stop()


def test_a_hanging_agent_is_host_down_is_killed_and_comes_back(follow: Any) -> None:
    live = follow(1)
    live.wait(lambda: seen(live, "GBPUSD", "NO_SIGNAL") >= 2, what="both scan")
    frozen = live.pid("PairAgent:GBPUSD")

    os.kill(frozen, signal.SIGSTOP)

    live.wait(lambda: seen(live, "GBPUSD", "HOST_DOWN") >= 2, what="HOST_DOWN")
    before = seen(live, "GBPUSD", "NO_SIGNAL")
    live.wait(lambda: seen(live, "GBPUSD", "NO_SIGNAL") > before + 1, what="back again")
    assert live.pid("PairAgent:GBPUSD") != frozen
    assert seen(live, "EURUSD", "HOST_DOWN") == 0
    live.stop()


def test_a_packed_host_that_dies_costs_its_symbols_those_cycles_and_comes_back(follow: Any) -> None:
    live = follow(2)
    live.wait(lambda: seen(live, "GBPUSD", "NO_SIGNAL") >= 2, what="both scan")

    os.kill(live.pid("AgentHost:0 (EURUSD,GBPUSD)"), signal.SIGKILL)

    live.wait(lambda: seen(live, "GBPUSD", "HOST_DOWN") >= 1, what="HOST_DOWN")
    before = seen(live, "EURUSD", "NO_SIGNAL")
    live.wait(lambda: seen(live, "EURUSD", "NO_SIGNAL") > before + 1, what="back again")
    assert seen(live, "EURUSD", "HOST_DOWN") == seen(live, "GBPUSD", "HOST_DOWN")
    live.stop()
