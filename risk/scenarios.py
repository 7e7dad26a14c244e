"""What everything exposed would have lost in the moments of the returns window, with and without a wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.money import NANO, from_decimal
from indicators import losses as kernels
from risk.exposure import Exposure, Stand
from risk.returns import LEAST, Floats, Returns

if TYPE_CHECKING:
    from risk.view import View

VALUE_AT_RISK, TAIL_MEAN = 0, 1


class Level:
    """A level of confidence, as counts of losses."""

    def __init__(self, level: float) -> None:
        self.rest = NANO - from_decimal(str(level))

    def counts(self, losses: int) -> tuple[int, float]:
        """How many losses may lie beyond the value at risk, and the size of the tail."""
        return losses * self.rest // NANO, losses * self.rest / NANO


class Scenarios:
    """The losses of everything but one symbol (oldest moment first, in units of the account currency), the changes of
    that symbol's price as fractions, and what a wish in it makes of both."""

    def __init__(self, losses: Floats, changes: Floats, stand: Stand) -> None:
        numerator, denominator = stand.rate
        self._losses, self._changes, self._stand = losses, changes, stand
        self._low, self._high = stand.low / NANO, stand.high / NANO
        self._unit = stand.price * numerator / (denominator * NANO * NANO)
        self._measured: dict[tuple[int, int], tuple[float, float]] = {}

    def measure(self, quantity: int, level: Level, which: int) -> float:
        """The value at risk or the mean of the tail of one bar, with a quantity of the wish."""
        key = (quantity, level.rest)
        found = self._measured.get(key)
        if found is None:
            counts = level.counts(len(self._losses))
            more = quantity * self._unit
            at_risk, mean = kernels.measured(
                self._losses, self._changes, self._low, self._high, self._stand.side, more, *counts
            )
            found = self._measured[key] = float(at_risk), float(mean)
        return found[which]

    def room(self, wanted: int, limit: float, level: Level, which: int) -> int:
        """The most units, at most ``wanted``, that keep a measure within a limit."""
        counts = level.counts(len(self._losses))
        side, unit, most = self._stand.side, self._unit, float(wanted)
        found = kernels.room(
            self._losses, self._changes, self._low, self._high, side, unit, most, limit, *counts, which
        )
        return min(wanted, int(found))


def beside(stand: Stand, view: View) -> Scenarios | None:
    """The scenarios beside a wish; None where too few returns are known. Remembered for the rules that ask next."""
    returns = view.returns
    if returns is None:
        return None
    if stand.scenarios is None or stand.scenarios[:2] != (returns, returns.at):
        stand.scenarios = returns, returns.at, _scenarios(view.exposure, returns, stand)
    return stand.scenarios[2]


def known(stand: Stand, view: View) -> int:
    """How many of the newest moments the wish's symbol and everything exposed know."""
    if view.returns is None:
        return 0
    ends = view.exposure.ends(view.returns)
    return 0 if ends.outside else view.returns.common(ends.lows, ends.highs, stand.wish.symbol)


def _scenarios(exposure: Exposure, returns: Returns, stand: Stand) -> Scenarios | None:
    ends = exposure.ends(returns)
    if ends.outside:
        return None
    losses, changes = returns.losses(ends.lows, ends.highs, stand.wish.symbol)
    return Scenarios(losses, changes, stand) if len(losses) else None


def compile_kernels() -> None:
    """Compile, or load from the kernel cache, every kernel that the rules ask: once in the process that starts, and
    in each one that judges, before the first candidate."""
    returns = Returns(("A", "B", "C"), 2 * LEAST)
    rows = np.arange(3)
    for at in range(LEAST + 1):
        known = rows if at else rows[:2]  # the third begins later
        returns.push(at, known, 1.0 + np.sin(known * 7.0 + at) / 10.0)
    returns.correlation("A", "C")
    returns.volatility("A")
    held = np.array([1.0, -1.0, 0.0])
    returns.closest("A", 1, held, held)
    losses, changes = returns.losses(held, held, "A")
    tail = (1, 1.5)
    kernels.tail(losses, *tail)
    kernels.measured(losses, changes, 0.0, 1.0, 1, 1.0, *tail)
    kernels.room(losses, changes, 0.0, 1.0, 1, 1.0, 1e9, 0.1, *tail, VALUE_AT_RISK)
