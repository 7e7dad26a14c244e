"""What the differences of two sides have cost, in the account currency: what the run got minus what the backtest got.

Fills that both sides have cancel out, but for their price and their commission. What is left over is a portfolio of
its own: what the run holds more than the backtest. It is reckoned first in, first out; the profit of each of its lots
belongs to the decision that opened the lot. So all costs add up to the difference of the two equities.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.money import convert, divide, times
from domain.order import FINANCING, Fill
from orchestration.backtest.comparisons.comparing_account import Held, Rates
from orchestration.backtest.comparisons.comparing_sides import Key, Side

BEFORE = "HELD_BEFORE"
"""Purpose of the key of what a live account held when the run began."""


class Cost(msgspec.Struct):
    """Money (1e-9 of the account currency) of one key, by why."""

    price: int = 0
    commission: int = 0
    financing: int = 0
    trade: int = 0

    @property
    def total(self) -> int:
        return self.price + self.commission + self.financing + self.trade


class Lot(msgspec.Struct):
    """A part of what one side holds more: signed units, price, and the key that it came from."""

    quantity: int
    price: int
    owner: Key


class Paired(NamedTuple):
    """A quantity that both sides have filled for one key, with both prices (all 1e-9), and when."""

    key: Key
    side: int
    quantity: int
    run: int
    backtest: int
    cost: int
    late: bool

    @property
    def bps(self) -> float:
        """How much worse the run's price was, in basis points of the backtest's."""
        return 1e4 * self.side * (self.run - self.backtest) / self.backtest


class Residue(NamedTuple):
    """A fill, or a part of one, that the other side does not have; ``sign`` is 1 for the run's."""

    at: int
    number: int
    key: Key
    fill: Fill
    quantity: int
    commission: int
    sign: int


class Priced:
    """``costs`` by key. ``closed``: the keys whose lots a key has closed."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self.costs: dict[Key, Cost] = defaultdict(Cost)
        self.paired: list[Paired] = []
        self.closed: dict[Key, list[Key]] = defaultdict(list)
        self._lots: dict[str, deque[Lot]] = defaultdict(deque)
        self._owners: dict[str, tuple[list[int], list[tuple[tuple[Key, int], ...]]]] = {}

    def more(self, symbol: str, at: int) -> tuple[tuple[Key, int], ...]:
        """What the run held more than the backtest when the fills of a moment were in: (key, signed units)."""
        times_, owners = self._owners.get(symbol, ([], []))
        place = bisect_right(times_, at) - 1
        return owners[place] if place >= 0 else ()

    def held(self, before: Sequence[Held], at: int) -> None:
        for one in before:
            owner = Key(at, one.symbol, one.strategy, BEFORE)
            self._lots[one.symbol].append(Lot(one.quantity, one.price, owner))
            self._note(one.symbol, at)
            self.costs[owner].trade += 0

    def take(self, run: Side, backtest: Side) -> None:
        """Every fill of both sides."""
        residues: list[Residue] = []
        for number, key in enumerate(dict.fromkeys((*run.deeds, *backtest.deeds))):
            ours, theirs = ([] if (one := of.deeds.get(key)) is None else one.fills for of in (run, backtest))
            if key.purpose == FINANCING:
                residues += [Residue(one.at, number, key, one, 0, one.commission, 1) for one in ours]
                residues += [Residue(one.at, number, key, one, 0, one.commission, -1) for one in theirs]
            else:
                residues += self._pair(number, key, ours, theirs)
        for left in sorted(residues, key=lambda one: one[:2]):
            self._residue(left)

    def _pair(self, number: int, key: Key, ours: list[Fill], theirs: list[Fill]) -> Iterator[Residue]:
        """What both have is priced, and the rest is what one of them has."""
        left = [[(one, one.quantity) for one in reversed(fills)] for fills in (ours, theirs)]
        while left[0] and left[1] and left[0][-1][0].side == left[1][-1][0].side:
            (one, has), (two, other) = left[0].pop(), left[1].pop()
            both = min(has, other)
            self._priced(key, one, two, both)
            if has > both:
                left[0].append((one, has - both))
            if other > both:
                left[1].append((two, other - both))
        for fills, sign in zip(left, (1, -1), strict=True):
            for fill, quantity in reversed(fills):
                rest = fill.commission - _share(fill, fill.quantity - quantity)
                yield Residue(fill.at, number, key, fill, quantity, rest, sign)

    def _priced(self, key: Key, one: Fill, two: Fill, quantity: int) -> None:
        rate_ = self._rates.of(one, key.at)
        money = convert(one.side * (times(two.price, quantity) - times(one.price, quantity)), rate_)
        paid = _share(two, quantity) - _share(one, quantity)
        cost = self.costs[key]
        cost.price += money
        cost.commission += convert(paid, rate_)
        late = one.at != two.at
        self.paired.append(Paired(key, one.side, quantity, one.price, two.price, money, late))

    def _residue(self, one: Residue) -> None:
        key, fill, quantity, commission, sign = one.key, one.fill, one.quantity, one.commission, one.sign
        rate_, lots = self._rates.of(fill, key.at), self._lots[fill.symbol]
        if fill.reason == FINANCING:
            self.costs[lots[0].owner if lots else key].financing -= sign * convert(commission, rate_)
            return
        signed, paid = sign * fill.side * quantity, 0
        while lots and signed * lots[0].quantity < 0:
            lot = lots[0]
            closing = min(abs(signed), abs(lot.quantity))
            side = 1 if lot.quantity > 0 else -1
            share = divide(commission * closing, quantity) if closing < abs(signed) else commission - paid
            paid += share
            cost = self.costs[lot.owner]
            cost.trade += convert(side * (times(fill.price, closing) - times(lot.price, closing)), rate_)
            cost.trade -= sign * convert(share, rate_)
            self.closed[key].append(lot.owner)
            lot.quantity -= side * closing
            signed += side * closing
            if not lot.quantity:
                lots.popleft()
        if signed:
            self.costs[key].trade -= sign * convert(commission - paid, rate_)
            lots.append(Lot(signed, fill.price, key))
        self._note(fill.symbol, one.at)

    def _note(self, symbol: str, at: int) -> None:
        times_, owners = self._owners.setdefault(symbol, ([], []))
        times_.append(at)
        owners.append(tuple((one.owner, one.quantity) for one in self._lots[symbol]))

    def end(self, marks: Mapping[str, int]) -> None:
        """What is still open, at the last close; ``marks`` are the run's, for symbols that the backtest has not."""
        for symbol, lots in self._lots.items():
            price, rate_ = self._rates.last(symbol) or marks.get(symbol, 0), self._rates.end(symbol)
            for lot in lots:
                side = 1 if lot.quantity > 0 else -1
                worth = times(price or lot.price, abs(lot.quantity)) - times(lot.price, abs(lot.quantity))
                self.costs[lot.owner].trade += convert(side * worth, rate_)

    def by_symbol(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for key, cost in self.costs.items():
            found[key.symbol] += cost.total
        return found


def _share(fill: Fill, quantity: int) -> int:
    """The commission of a part of a fill."""
    return fill.commission if quantity == fill.quantity else divide(fill.commission * quantity, fill.quantity)
