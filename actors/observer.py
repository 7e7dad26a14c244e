"""Reads the outbox and turns it into metrics: trading never waits for whoever watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from actors.base import Health, health_of
from domain import events
from domain.ports import Meter
from journal.codec import facts
from journal.store import Store
from journal.views import events as rows_of

BATCH = 1000
"""Events read at once."""


class Observer:
    """Follows one run's events by ``seq``; falls behind rather than slow anyone down, and loses none."""

    def __init__(self, store: Store, run_id: str, meter: Meter) -> None:
        self._store, self._run_id, self._meter = store, run_id, meter
        self._seq = 0
        self._one_at_a_time = threading.Lock()
        self._stopping = asyncio.Event()

    async def run(self, every: float = 0.5) -> int:
        """Follow until told to stop. Returns the last ``seq`` seen."""
        while not self._stopping.is_set():
            await asyncio.to_thread(self._catch_up)
            try:
                await asyncio.wait_for(self._stopping.wait(), every)
            except TimeoutError:
                continue
        return self._seq

    async def stop(self) -> int:
        """Flush what has been written down so far, and end."""
        self._stopping.set()
        await asyncio.to_thread(self._catch_up)
        return self._seq

    async def health(self) -> Health:
        return health_of("Observer", seq=self._seq)

    def _catch_up(self) -> None:
        with self._one_at_a_time:
            found: Sequence[Any] = range(BATCH)
            while len(found) == BATCH:
                with self._store.read() as c:
                    found = rows_of(c, self._run_id, self._seq, BATCH)
                for row in found:
                    self._measure(row)
                    self._seq = row["seq"]

    def _measure(self, row: Any) -> None:
        meter = self._meter
        kind = row["type"]
        if kind == events.SCAN_SUMMARY:
            scan = facts(row["body"])
            meter.count("argus_cycles")
            meter.count("argus_candidates", scan["candidates"])
            meter.gauge("argus_equity", scan["equity"])
            meter.gauge("argus_orders_working", scan["working"])
            meter.observe("argus_cycle_ms", scan["last_cycle_ms"])
            meter.observe("argus_scan_ms", scan["scan_ms"])
        elif kind == events.RISK_DENIED:
            meter.count("argus_denials", 1, code=str(msgspec.json.decode(row["body"])["code"]))
        elif kind == "ORDER_SUBMITTED":
            meter.count("argus_orders")
        elif kind == events.TRADE_EXECUTION:
            meter.count("argus_fills")
