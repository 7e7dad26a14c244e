"""All protections of a configuration, and the locks they ask for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.candidate import identity
from domain.registry import build
from risk.config import RiskConfig
from risk.protections import PROTECTIONS
from risk.protections.base import Past, Protection, nanos
from risk.protections.equity import EquityWindow
from risk.statistics import Statistics, Trade
from risk.view import Lock

STAGE = 5


class Protections:
    """Built once. ``scope`` is what ids are computed from (account or run), as those of orders are.

    ``watches_equity``: one of them looks at the equity of every moment; ``reads_equity``: one looks at the last equity
    before a close.
    """

    def __init__(self, config: RiskConfig, scope: str) -> None:
        self.scope = scope
        self.window = nanos(config.drawdown_guard_lookback)
        self.active: list[Protection] = []
        self.watches_equity = self.reads_equity = False
        if config.rules is not None and "locks" not in config.rules:
            return  # nobody would keep them
        for name in PROTECTIONS:
            one = build("protection", name, PROTECTIONS).build(config)
            if one is not None and (STAGE not in config.stages_off or any(key in config.explicit for key in one.keys)):
                self.active.append(one)
        self.watches_equity = any(getattr(one, "watches_equity", False) for one in self.active)
        self.reads_equity = any(getattr(one, "reads_equity", False) for one in self.active)

    def protect(
        self, statistics: Statistics, equity: EquityWindow, now: int, closed: Trade | None, locks: Sequence[Lock]
    ) -> list[Lock]:
        """New locks after a round trip has ended (``closed``, the newest of the statistics: ask after each), or at the
        look of a cycle (None).

        ``locks`` are those that hold. None is made that is over already, or that one with the same code, symbol and
        side outlasts; at the look of a cycle none beside one that still holds. The id says what the lock came of: the
        same close, or the same cycle, makes the same row.
        """
        past = Past(statistics, equity, now, closed)
        made: list[Lock] = []
        for one in self.active:
            lock = one.lock(past)
            if lock is None or lock.until_at <= now:
                continue
            lasts = max((known.until_at for known in locks if _alike(known, lock)), default=0)
            if lasts >= lock.until_at or (closed is None and lasts > now):
                continue
            key = identity(self.scope, lock.code, lock.symbol or "", lock.from_at)
            made.append(msgspec.structs.replace(lock, id=key))
        return made


def _alike(known: Lock, lock: Lock) -> bool:
    return (known.code, known.symbol, known.side) == (lock.code, lock.symbol, lock.side)
