"""What the market did after a case, taken or not: which of its barriers was touched first (the triple-barrier method,
M. López de Prado, Advances in Financial Machine Learning, 2018, section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import Bars
from domain.money import to_float
from domain.research import Case

TARGET, STOP, TIME = "TARGET", "STOP", "TIME"

HALF = 5e-10
"""Half of the smallest step of a price: what differs by less is the same price."""


class Outcome(msgspec.Struct, frozen=True):
    """``touched`` is TARGET, STOP, or TIME when neither was within the horizon; ``won`` 1 for TARGET, else 0. ``r`` is
    the result over the stop's distance (at the barrier, at the open of a bar that opened beyond the stop, or at the
    last close), ``best`` and ``worst`` the extremes on the way; all without costs. ``known_at`` (ns) is the close of
    the bar that decided, the ``bars``-th after the case."""

    touched: str
    won: int
    r: float
    best: float
    worst: float
    bars: int
    known_at: int


class _Open:
    """A case on its way. ``newest`` is the close of the last bar that counted, before the first the case's time."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.price, self.stop, self.target = to_float(case.price), to_float(case.stop), to_float(case.target)
        self.bars = 0
        self.best = self.worst = 0.0
        self.newest = case.at

    def take(self, bars: Bars, timeframe: int) -> Outcome | None:
        """Bars of its symbol, oldest first, all of them sound. Those that began before ``newest`` are known already, or
        hold what was before the case."""
        start = int(np.searchsorted(bars["ts"], self.newest))
        for bar in bars[start : start + max(1, self.case.horizon) - self.bars]:
            ts, prices = int(bar["ts"]), (bar["open"], bar["high"], bar["low"], bar["close"])
            outcome = self._step(ts + timeframe, *map(float, prices))
            if outcome is not None:
                return outcome
        return None

    def _step(self, closed: int, opened: float, high: float, low: float, close: float) -> Outcome | None:
        """A bar in which both barriers lie counts as STOP, for which came first is not known; only its open is."""
        side = self.case.direction
        self.bars += 1
        self.newest = closed
        first, last = (opened - self.price) * side, (close - self.price) * side
        ahead, behind = (high - self.price, low - self.price) if side > 0 else (self.price - low, self.price - high)
        if first >= self.target - HALF:
            return self._ended(TARGET, self.target, self.target, self.worst)
        if behind <= HALF - self.stop:
            result = min(first, -self.stop)
            return self._ended(STOP, result, max(self.best, first), result)
        if ahead >= self.target - HALF:
            return self._ended(TARGET, self.target, self.target, min(self.worst, behind))
        self.best, self.worst = max(self.best, ahead), min(self.worst, behind)
        if self.bars >= self.case.horizon:
            return self._ended(TIME, last, self.best, self.worst)
        return None

    def _ended(self, touched: str, result: float, best: float, worst: float) -> Outcome:
        return Outcome(
            touched=touched,
            won=int(touched == TARGET),
            r=round(result / self.stop, 6),
            best=round(best / self.stop, 6),
            worst=round(worst / self.stop, 6),
            bars=self.bars,
            known_at=self.newest,
        )


class Shadows:
    """Open cases by symbol; ``rows`` are the symbols' rows in the run, ``timeframe`` in ns."""

    def __init__(self, rows: Mapping[str, int], timeframe: int) -> None:
        self._rows, self._timeframe = rows, timeframe
        self._open: dict[int, dict[str, _Open]] = {}
        self._known: set[str] = set()

    def add(self, case: Case) -> None:
        """Follow a case, once. One without both barriers, or of a symbol that there is not, is not followed."""
        row = self._rows.get(case.symbol)
        if row is None or case.stop <= 0 or case.target <= 0 or case.id in self._known:
            return
        self._known.add(case.id)
        self._open.setdefault(row, {})[case.id] = _Open(case)

    def take(self, bars: Bars) -> list[tuple[Case, Outcome]]:
        """Closed bars, those of a row in the order of their time; what they decide, in the order in which it was known.

        A bar that is none (NaN, no price, high below low) is no bar of the horizon either.
        """
        found: list[tuple[Case, Outcome]] = []
        for row, waiting in list(self._open.items()):
            mine = bars[bars["row"] == row]
            mine = mine[_sound(mine)]
            if not len(mine):
                continue
            for one in list(waiting.values()):
                outcome = one.take(mine, self._timeframe)
                if outcome is not None:
                    found.append((one.case, outcome))
                    del waiting[one.case.id]
            if not waiting:
                del self._open[row]
        return sorted(found, key=lambda one: (one[1].known_at, one[0].at, one[0].symbol, one[0].id))


def _sound(bars: Bars) -> NDArray[np.bool_]:
    high, low = bars["high"], bars["low"]
    inside = [(low <= bars[name]) & (bars[name] <= high) for name in ("open", "close")]
    sound: NDArray[np.bool_] = inside[0] & inside[1] & (low > 0.0) & (high < np.inf)
    return sound
