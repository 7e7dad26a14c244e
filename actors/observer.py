"""Reads the outbox and turns it into metrics: trading never waits for whoever watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from actors.base import Health, health_of
from actors.prices import Prices
from actors.snapshot import GateSnapshot, decode
from actors.specs import RunSpec
from domain import events
from domain.money import from_float, to_float
from domain.order import SIDE_NAME
from domain.ports import Clock, Meter
from domain.timeframe import SECOND
from journal import schema as s
from journal.codec import facts, prices
from journal.store import Store
from journal.views import events as rows_of

BATCH = 1000
"""Events read at once."""
MOST_PLANNED = 10_000
"""Approved orders whose planned price is remembered until they are filled."""

STATES = ("idle", "initializing", "running", "paused", "error", "emergency", "stopped")
TRADING = ("ACTIVE", "REDUCING", "HALTED")
CAME_BACK = ("ACTOR_RESTARTED", "ACTOR_HANGS", "ACTOR_RESET")


class Observer:
    """Follows one run's events by ``seq``; falls behind rather than slow anyone down, and loses none."""

    def __init__(self, store: Store, run: RunSpec, meter: Meter, clock: Clock) -> None:
        self._store, self._run, self._meter, self._clock = store, run, meter, clock
        self._seq = 0
        self._scan: Any = None
        self._valued = self._at = 0
        self._planned: dict[str, float] = {}
        self._unknown: set[str] = set()
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
                    found = rows_of(c, self._run.run_id, self._seq, BATCH)
                for row in found:
                    self._measure(row)
                    self._seq = row["seq"]
            self._value()

    # -- one event -------------------------------------------------------------------------------

    def _measure(self, row: Any) -> None:
        meter, kind = self._meter, row["type"]
        if kind == events.SCAN_SUMMARY:
            self._scanned(row)
        elif kind.startswith("ORDER_"):
            self._order(kind.removeprefix("ORDER_"), row)
        elif kind in _READERS:
            data = msgspec.json.decode(row["body"])
            if kind == events.RISK_DENIED:
                meter.count("argus_denials", 1, code=str(data["code"]))
            elif kind == events.RISK_APPROVED:
                self._plan(data)
            elif kind == events.TRADE_EXECUTION:
                self._fill(data)
            elif kind == events.POSITION_CLOSED:
                meter.count("argus_trades", 1, result="won" if data["pnl"] > 0 else "lost")
            elif kind == events.ENGINE_STATE and data["state"] in STATES:
                meter.gauge("argus_engine_state", STATES.index(data["state"]))
            elif kind == events.ALERT:
                self._alert(data)
        elif kind == events.ERROR:
            meter.count("argus_errors")

    def _scanned(self, row: Any) -> None:
        meter, scan = self._meter, facts(row["body"])
        meter.count("argus_cycles")
        meter.count("argus_candidates", scan["candidates"])
        meter.gauge("argus_equity", scan["equity"])
        meter.gauge("argus_orders_working", scan["working"])
        meter.observe("argus_cycle_ms", scan["last_cycle_ms"])
        meter.observe("argus_scan_ms", scan["scan_ms"])
        meter.gauge("argus_balance", scan["balance"])
        meter.gauge("argus_day_profit", scan["equity"] - scan["day_equity"])
        meter.gauge("argus_trading_state", TRADING.index(scan["state"]))
        self._scan, self._at = row, row["at"]

    def _order(self, status: str, row: Any) -> None:
        self._meter.count("argus_order_steps", 1, status=status)
        if status == "SUBMITTED":
            self._meter.count("argus_orders")
        if status == "UNKNOWN" or self._unknown:
            order_id = msgspec.json.decode(row["body"])["order_id"]
            if status == "UNKNOWN":
                self._unknown.add(order_id)
            else:
                self._unknown.discard(order_id)
            self._meter.gauge("argus_orders_unknown", len(self._unknown))

    def _plan(self, data: dict[str, Any]) -> None:
        self._planned[data["order_id"]] = data["entry"]
        if len(self._planned) > MOST_PLANNED:
            del self._planned[next(iter(self._planned))]

    def _fill(self, data: dict[str, Any]) -> None:
        self._meter.count("argus_fills")
        planned = self._planned.get(data["order_id"])
        if planned:
            worse = data["price"] - planned if data["side"] == SIDE_NAME[1] else planned - data["price"]
            self._meter.observe("argus_slippage_bps", worse / planned * 1e4)

    def _alert(self, data: dict[str, Any]) -> None:
        self._meter.count("argus_alerts", 1, alert=str(data["alert"]))
        if data["alert"] in CAME_BACK:
            self._meter.count("argus_actor_restarts", 1, actor=str(data.get("actor", "")))

    # -- what stands -----------------------------------------------------------------------------

    def _value(self) -> None:
        """Gauges of the newest cycle, and how long ago it was."""
        self._meter.gauge("argus_events_seq", self._seq)
        if self._run.live and self._at:
            self._meter.gauge("argus_feed_age_seconds", max(0, self._clock.now() - self._at) / SECOND)
        if self._scan is None or self._scan["seq"] == self._valued:
            return
        self._valued = self._scan["seq"]
        with self._store.read() as c:
            body = c.execute(_SNAPSHOT, {"run": self._run.run_id, "n": facts(self._scan["body"])["cycle"]}).scalar()
        if body is None:
            return
        snapshot = decode(body)
        self._meter.gauge("argus_positions", len(snapshot.held))
        if snapshot.peak > 0:
            self._meter.gauge("argus_drawdown", max(0.0, 1 - snapshot.equity / snapshot.peak))
        exposure = self._exposure(snapshot)
        if exposure is not None:
            self._meter.gauge("argus_exposure", exposure)

    def _exposure(self, snapshot: GateSnapshot) -> float | None:
        """In the account currency; None where a price or a rate is missing."""
        if not snapshot.held:
            return 0.0
        known = {one: price for one, price in prices(self._scan["body"], self._run.symbols).items() if price}
        marks = Prices(self._run)
        marks.restore(snapshot.marks | {symbol: from_float(price) for symbol, price in known.items()})
        total = 0.0
        for symbol, held in snapshot.held.items():
            price, rate = marks.price(symbol), marks.rate(symbol)
            if price <= 0 or rate is None:
                return None
            total += abs(to_float(held.quantity)) * to_float(price) * rate[0] / rate[1]
        return total


_READERS = frozenset(
    {
        *(events.RISK_DENIED, events.RISK_APPROVED, events.TRADE_EXECUTION, events.POSITION_CLOSED),
        *(events.ENGINE_STATE, events.ALERT),
    }
)
_SNAPSHOT = sa.select(s.cycles.c.snapshot).where(
    s.cycles.c.run_id == sa.bindparam("run"), s.cycles.c.n == sa.bindparam("n")
)
