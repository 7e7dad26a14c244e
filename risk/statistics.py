"""What the closed trades say: per symbol, strategy, session, factor and reason.

Everything is computed from the trades in the order of their closing and from nothing else: the same trades added
again after a restart give the same answers.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from domain.money import NANO, divide, from_float, to_float
from domain.timeframe import DAY, SECOND
from risk.config import RiskConfig

KEPT = 5_000
"""Trades that are kept at least; older ones go when no look-back of the configuration reaches them any more."""

REMEMBERED = 10_000
"""Closing fills that are recognised when told again."""

Kind = Literal["symbol", "strategy", "session", "factor", "reason"]
KINDS: tuple[Kind, ...] = ("symbol", "strategy", "session", "factor", "reason")


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One round trip, from flat to flat. ``net`` is money after all costs (1e-9), ``r`` in units of the risk at entry,
    ``reason`` what closed the last part, ``factors`` the reason codes of its candidate."""

    symbol: str
    strategy: str
    side: int
    opened_at: int
    closed_at: int
    net: int
    r: float | None = None
    reason: str = ""
    session: str = ""
    factors: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One close, of a position or of a part of it. ``net`` is money after its costs (1e-9), ``r`` the part's result
    over its share of the risk at entry, ``flat`` whether nothing of the position is left (also after a reversal)."""

    fill_id: str
    symbol: str
    strategy: str
    side: int
    opened_at: int
    closed_at: int
    quantity: int
    net: int
    r: float | None = None
    reason: str = ""
    flat: bool = True
    session: str = ""
    factors: tuple[str, ...] = ()


class Folding:
    """Closes into round trips, one by one: the same when they happen and when they are read again."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], list[Part]] = {}
        self._seen: dict[str, None] = {}

    def add(self, part: Part) -> Trade | None:
        """The round trip that this close ends, if it ends one. A fill that was told before changes nothing."""
        if part.fill_id in self._seen:
            return None
        self._seen[part.fill_id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        position = (part.symbol, part.opened_at)
        parts = [*self._open.pop(position, ()), part]
        if part.flat:
            return _folded(parts)
        self._open[position] = parts
        return None


def round_trips(parts: Iterable[Part]) -> list[Trade]:
    """Every round trip that has ended, in the order of the last closes."""
    folding = Folding()
    return [trade for trade in map(folding.add, parts) if trade is not None]


def _folded(parts: list[Part]) -> Trade:
    """``r`` is each part's r by its share of all that was closed (what was held first, if nothing was added); unknown
    where that of one part is."""
    last, total = parts[-1], sum(one.quantity for one in parts)
    known = [one.r * one.quantity for one in parts if one.r is not None]
    return Trade(
        symbol=last.symbol,
        strategy=last.strategy,
        side=last.side,
        opened_at=last.opened_at,
        closed_at=last.closed_at,
        net=sum(one.net for one in parts),
        r=sum(known) / total if len(known) == len(parts) and total else None,
        reason=last.reason,
        session=last.session,
        factors=last.factors,
    )


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Sums over round trips. Money in 1e-9, losses as positive numbers; ``r_sum`` (1e-9) is of the ``r_count`` trades
    whose r is known. A trade that came to exactly nothing is in ``trades``, and neither a win nor a loss."""

    trades: int = 0
    wins: int = 0
    losses: int = 0
    gross_win: int = 0
    gross_loss: int = 0
    r_sum: int = 0
    r_count: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(
            self.trades + other.trades,
            self.wins + other.wins,
            self.losses + other.losses,
            self.gross_win + other.gross_win,
            self.gross_loss + other.gross_loss,
            self.r_sum + other.r_sum,
            self.r_count + other.r_count,
        )

    def minus(self, other: Tally) -> Tally:
        return Tally(
            self.trades - other.trades,
            self.wins - other.wins,
            self.losses - other.losses,
            self.gross_win - other.gross_win,
            self.gross_loss - other.gross_loss,
            self.r_sum - other.r_sum,
            self.r_count - other.r_count,
        )

    @property
    def net(self) -> int:
        return self.gross_win - self.gross_loss

    @property
    def win_rate(self) -> float:
        """Wins among wins and losses; 0 without either."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else 0.0

    @property
    def average_win(self) -> int:
        return divide(self.gross_win, self.wins) if self.wins else 0

    @property
    def average_loss(self) -> int:
        return divide(self.gross_loss, self.losses) if self.losses else 0

    @property
    def payoff(self) -> float:
        """Average loss over average win: 0 without a loss, infinite with losses and no win."""
        if not self.losses:
            return 0.0
        return (self.gross_loss * self.wins) / (self.gross_win * self.losses) if self.wins else math.inf

    @property
    def profit_factor(self) -> float:
        """What was won over what was lost: infinite with wins and no loss, 0 without either."""
        if self.gross_loss:
            return self.gross_win / self.gross_loss
        return math.inf if self.gross_win else 0.0

    @property
    def expectancy(self) -> float | None:
        """Mean result in r; None where no r is known."""
        return self.r_sum / (self.r_count * NANO) if self.r_count else None

    def plain(self) -> dict[str, Any]:
        """For reports: money as numbers, what is infinite or unknown as None."""
        return {
            "trades": self.trades,
            "wins": self.wins,
            "losses": self.losses,
            "net": to_float(self.net),
            "gross_win": to_float(self.gross_win),
            "gross_loss": to_float(self.gross_loss),
            "win_rate": self.win_rate,
            "average_win": to_float(self.average_win),
            "average_loss": to_float(self.average_loss),
            "payoff": _finite(self.payoff),
            "profit_factor": _finite(self.profit_factor),
            "expectancy": self.expectancy,
        }


def tally_of(trade: Trade) -> Tally:
    net = trade.net
    return Tally(
        trades=1,
        wins=int(net > 0),
        losses=int(net < 0),
        gross_win=max(net, 0),
        gross_loss=max(-net, 0),
        r_sum=0 if trade.r is None else from_float(trade.r),
        r_count=int(trade.r is not None),
    )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


NOTHING = Tally()


class _Line:
    """Trades one after the other with running sums: a tally since a time is one search and one difference.

    ``times`` never go back: a trade that is told late counts from when the one before it closed.
    """

    __slots__ = ("first", "sums", "times", "trades")

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.times: list[int] = []
        self.sums: list[Tally] = [NOTHING]  # one more: before the first
        self.first = 0

    def __len__(self) -> int:
        return len(self.trades) - self.first

    def add(self, trade: Trade, tally: Tally) -> None:
        self.trades.append(trade)
        self.times.append(max(trade.closed_at, self.times[-1] if self.times else trade.closed_at))
        self.sums.append(self.sums[-1].plus(tally))

    def drop(self) -> Trade:
        """The oldest one goes."""
        gone = self.trades[self.first]
        self.first += 1
        if self.first > 1_000 and 2 * self.first > len(self.trades):
            del self.trades[: self.first], self.times[: self.first], self.sums[: self.first]
            self.first = 0
        return gone

    def tally(self, since: int | None = None) -> Tally:
        start = self.first if since is None else bisect_left(self.times, since, self.first)
        return self.sums[-1].minus(self.sums[start])

    def since(self, at: int) -> list[Trade]:
        return self.trades[bisect_left(self.times, at, self.first) :]

    def backwards(self) -> Iterator[Trade]:
        return (self.trades[place] for place in range(len(self.trades) - 1, self.first - 1, -1))


class Statistics:
    """Closed trades in the order of their closing.

    The last ``keep`` trades are kept, and before them those that a look-back of the configuration still reaches,
    counted from the newest close; every answer is about the kept ones. So whoever adds at least these again, in the
    same order, gets the same answers. Times are market time (UTC ns).
    """

    def __init__(self, config: RiskConfig | None = None, keep: int = KEPT) -> None:
        self._keep, self._reach = keep, 0 if config is None else look_back(config)
        self._new: list[Trade] = []
        self._all = _Line()
        self._symbols: dict[str, _Line] = {}
        self._tallies: dict[tuple[str, ...], Tally] = {}

    def add(self, trade: Trade) -> None:
        """One more trade; it is counted when somebody asks."""
        self._new.append(trade)

    def _counted(self) -> _Line:
        """Every trade, counted."""
        if self._new:
            new, self._new = self._new, []
            for trade in new:
                self._count(trade)
        return self._all

    def _count(self, trade: Trade) -> None:
        tally = tally_of(trade)
        self._all.add(trade, tally)
        self._symbols.setdefault(trade.symbol, _Line()).add(trade, tally)
        for key in _keys(trade):
            self._tallies[key] = self._tallies.get(key, NOTHING).plus(tally)
        kept = self._all
        while len(kept) > self._keep and kept.times[kept.first] < kept.times[-1] - self._reach:
            self._forget()

    def _forget(self) -> None:
        gone = self._all.drop()
        line = self._symbols[gone.symbol]
        line.drop()
        if not len(line):
            del self._symbols[gone.symbol]
        tally = tally_of(gone)
        for key in _keys(gone):
            left = self._tallies[key].minus(tally)
            if left.trades:
                self._tallies[key] = left
            else:
                del self._tallies[key]

    def __len__(self) -> int:
        return len(self._counted())

    def tally(self, symbol: str | None = None, strategy: str | None = None) -> Tally:
        """Of a symbol, a strategy, a strategy in a symbol, or of everything."""
        self._counted()
        if symbol is None:
            return self._all.tally() if strategy is None else self._tallies.get(("strategy", strategy), NOTHING)
        return self._tallies.get(("symbol", symbol) if strategy is None else ("pair", strategy, symbol), NOTHING)

    def within(self, symbol: str, since: int) -> Tally:
        """Of a symbol's trades that closed at a time or later."""
        self._counted()
        line = self._symbols.get(symbol)
        return NOTHING if line is None else line.tally(since)

    def by(self, kind: Kind) -> dict[str, Tally]:
        """By name, in its order. A trade counts once for each of its factors; without a session it is under ""."""
        self._counted()
        return {key[1]: self._tallies[key] for key in sorted(self._tallies) if key[0] == kind}

    def recent(self, symbol: str | None, since: int) -> list[Trade]:
        """The trades (of a symbol) that closed at a time or later, oldest first."""
        every = self._counted()
        line = every if symbol is None else self._symbols.get(symbol)
        return [] if line is None else line.since(since)

    def losses_in_a_row(self, symbol: str) -> int:
        """A symbol's losses since its last win; a trade that came to nothing neither counts nor ends them."""
        self._counted()
        line, count = self._symbols.get(symbol), 0
        for trade in line.backwards() if line is not None else ():
            if trade.net > 0:
                break
            count += trade.net < 0
        return count

    def plain(self) -> dict[str, Any]:
        """Everything for a report."""
        kinds = {kind: {name: one.plain() for name, one in self.by(kind).items()} for kind in KINDS}
        return {"all": self.tally().plain()} | kinds


def _keys(trade: Trade) -> list[tuple[str, ...]]:
    return [
        ("symbol", trade.symbol),
        ("strategy", trade.strategy),
        ("pair", trade.strategy, trade.symbol),
        ("session", trade.session),
        ("reason", trade.reason),
        *(("factor", one) for one in dict.fromkeys(trade.factors)),
    ]


def look_back(config: RiskConfig) -> int:
    """How far back a limit of this configuration looks at closed trades (ns)."""
    days = DAY / SECOND
    asked = (
        (config.stoploss_guard_trades, config.stoploss_guard_lookback),
        (config.low_profit_guard, config.low_profit_guard_lookback),
        (config.max_symbol_loss, config.max_symbol_loss_days * days),
        (config.max_payoff_ratio, config.max_payoff_ratio_days * days),
    )
    return round(max((seconds for limit, seconds in asked if limit is not None), default=0) * SECOND)
