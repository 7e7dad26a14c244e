"""What a run has come to so far, kept from its events: counts, positions, prices, the last happenings.

Taking an event is cheap: a scan is only opened when somebody looks, so that a run may make a thousand
cycles a second before a screen that is drawn four times.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgspec

from domain import events
from domain.money import from_float, to_float
from domain.timeframe import iso
from journal import codec
from orchestration.terminal.figures import moment
from orchestration.terminal.info import RunInfo
from orchestration.terminal.sentences import sentence

HAPPENINGS = {
    events.TRADE_EXECUTION: "fill",
    events.RISK_DENIED: "denied",
    events.ALERT: "alert",
    events.ERROR: "error",
    events.ENGINE_STATE: "engine",
    "ORDER_REJECTED": "rejected",
    "ORDER_UNKNOWN": "unknown",
}
"""Events that a person should see pass by, and the word for each."""

_READ = {*HAPPENINGS, events.POSITION_OPENED, events.ACCOUNT_UPDATE, events.RUN_SUMMARY}
_LONGEST_LINE = 512


class Holding(msgspec.Struct):
    """An open position: signed quantity and signed cost in 1e-9, stop and target as prices."""

    quantity: int
    cost: float
    stop: float | None = None
    target: float | None = None

    @property
    def units(self) -> float:
        return to_float(self.quantity)

    @property
    def entry(self) -> float:
        return self.cost / self.units

    def profit(self, price: float | None) -> float | None:
        """In the quote currency, against the last price; None where there is no price yet."""
        return None if price is None else price * self.units - self.cost


class Tally:
    """One run's numbers for a screen."""

    def __init__(self, info: RunInfo, most: int = 8) -> None:
        self.info = info
        self.at = info.start or 0
        self.scans = self.candidates = self.orders = self.fills = 0
        self.denied: Counter[str] = Counter()
        self.positions = {one["symbol"]: _held(one) for one in info.held}
        self.activity: dict[str, int] = {}
        self.happenings: deque[str] = deque(maxlen=most)
        self.engine = "starting"
        self.started_with: float | None = None
        self.scan: dict[str, Any] = {}
        self.prices: dict[str, float | None] = {}
        self.equities: list[float] = []
        self.summary: dict[str, Any] | None = None
        self._newest: Mapping[str, Any] | None = None
        self._every = 1
        self._looks = 0
        self._day_equity: float | None = None

    # -- taking events ---------------------------------------------------------------------------

    def take(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """One row of the event table; its data where the event is one that is opened at once."""
        kind, symbol = row["type"], row["symbol"]
        if kind == events.SCAN_SUMMARY:
            self.scans += 1
            self._newest = row
            if self.started_with is None:
                self.look()
            return None
        if kind == events.CANDIDATE:
            self.candidates += 1
        elif kind == "ORDER_SUBMITTED":
            self.orders += 1
        if symbol is not None:
            self.activity[symbol] = row["seq"]
        if kind not in _READ:
            return None
        data: dict[str, Any] = msgspec.json.decode(row["body"])
        self._open(kind, symbol or "", data)
        if kind in HAPPENINGS:
            self.happenings.append(f"{moment(iso(row['at']))}  {HAPPENINGS[kind]} {sentence(kind, symbol, data)}")
        return data

    def _open(self, kind: str, symbol: str, data: dict[str, Any]) -> None:
        if kind == events.TRADE_EXECUTION:
            self.fills += 1
            self._fill(symbol, data)
        elif kind == events.RISK_DENIED:
            self.denied[str(data["code"])] += 1
        elif kind == events.POSITION_OPENED and symbol in self.positions:
            holding = self.positions[symbol]
            holding.stop, holding.target = data.get("stop"), data.get("target")
        elif kind == events.ACCOUNT_UPDATE:
            account = data["account"]
            self._day_equity = account["equity"] - account["day_pl"]
        elif kind == events.ENGINE_STATE:
            self.engine = str(data["state"])
        elif kind == events.RUN_SUMMARY:
            self.summary = data

    def _fill(self, symbol: str, data: dict[str, Any]) -> None:
        """One fill on top of what is held: it enlarges, reduces, or turns the position around."""
        sign = 1 if data["side"] == "BUY" else -1
        bought = sign * from_float(data["quantity"])
        before = self.positions.get(symbol)
        after = bought + (before.quantity if before else 0)
        if after == 0:
            self.positions.pop(symbol, None)
        elif before is None or before.quantity * after < 0:
            self.positions[symbol] = Holding(after, to_float(after) * data["price"])
        elif before.quantity * bought > 0:
            before.cost += to_float(bought) * data["price"]
            before.quantity = after
        else:
            before.cost *= after / before.quantity
            before.quantity = after

    # -- looking ---------------------------------------------------------------------------------

    def look(self) -> None:
        """Open the newest scan, if there is one that has not been opened."""
        row = self._newest
        if row is None:
            return
        self._newest = None
        self.at = row["at"]
        self.scan = codec.unpack_scan(row["body"], self.info.symbols, self.info.codes)
        self.prices = self.scan["prices"]
        equity = self.scan.get("equity")
        if equity is not None:
            if self.started_with is None:
                self.started_with = equity
            self._draw(equity)

    def _draw(self, equity: float) -> None:
        """Keep the equity line short over a run of any length: every second point goes when it is full."""
        self._looks += 1
        if self._looks % self._every:
            return
        self.equities.append(equity)
        if len(self.equities) >= _LONGEST_LINE:
            del self.equities[::2]
            self._every *= 2

    @property
    def equity(self) -> float:
        """At the newest scan that was opened; the cash at the start before the first."""
        found = self.scan.get("equity")
        return self.info.cash if found is None else float(found)

    @property
    def day_profit(self) -> float | None:
        """Since the risk day began."""
        starts = (self.scan.get("day_equity"), self._day_equity, self.started_with)
        start = next((one for one in starts if one is not None), None)
        return None if start is None else self.equity - start

    @property
    def progress(self) -> tuple[float, float] | None:
        """How far of how much, where the end is known."""
        info = self.info
        if info.cycles:
            return float(self.scan.get("cycle", 0)), float(info.cycles)
        if info.start is not None and info.end is not None and info.end > info.start:
            return float(max(self.at - info.start, 0)), float(info.end - info.start)
        return None


def _held(row: Mapping[str, Any]) -> Holding:
    """A position as the database has it; stop and target 0 are none."""
    return Holding(from_float(row["quantity"]), row["cost"], row.get("stop") or None, row.get("target") or None)
