"""The account of one side, reckoned once more from its fills: what each symbol has brought, and what it began with."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from actors.snapshot import decode
from actors.specs import RunSpec
from domain.book import Book, Position
from domain.events import RUN_SUMMARY
from domain.money import ONE, Rate, convert, from_float, from_text, times, to_float
from domain.order import FINANCING, MADE_THERE, Fill
from journal import schema as s
from marketdata.conversion import rate
from orchestration.backtest.comparisons.comparing_sides import Key
from orchestration.backtest.grid import Grid
from orchestration.frozen import Recorded


class Rates:
    """Prices and conversion rates of a grid as gates see them. ``at_close``: orders fill at the close they were sent
    at."""

    def __init__(self, run: RunSpec, grid: Grid, at_close: bool) -> None:
        self._run, self._grid, self._at_close = run, grid, at_close
        self._moments: list[int] = grid.moments.tolist()
        self._row = {symbol: row for row, symbol in enumerate(run.rows)}
        self._known: dict[tuple[str, int], Rate] = {}

    def converts(self, symbol: str) -> bool:
        instrument = self._run.instruments.get(symbol)
        return self._run.convert and instrument is not None and instrument.quote != self._run.currency

    def last(self, symbol: str) -> int:
        """The last close (1e-9); 0 if there is none."""
        return self._close(symbol, len(self._moments) - 1)

    def end(self, symbol: str) -> Rate:
        return self._rate(symbol, len(self._moments) - 1)

    def start(self, symbol: str) -> Rate:
        """Before the first counted moment."""
        return self._rate(symbol, self._grid.begin)

    def of(self, fill: Fill, sent_at: int) -> Rate:
        """The rate at which a gate books a fill: that of the moment before, unless it came after the bars."""
        moment = bisect_right(self._moments, fill.at) - 1
        ours = fill.reason not in MADE_THERE and fill.reason != FINANCING
        late = self._at_close and ours and fill.at == sent_at
        return self._rate(fill.symbol, moment if late else moment - 1)

    def _rate(self, symbol: str, moment: int) -> Rate:
        if not self.converts(symbol) or moment < 0:
            return ONE
        quote = self._run.instruments[symbol].quote
        found = self._known.get((quote, moment))
        if found is None:
            prices = {
                one: (price, entry.base, entry.quote)
                for one in self._run.rows
                if (entry := self._run.instruments.get(one)) is not None and (price := self._close(one, moment)) > 0
            }
            found = rate(quote, self._run.currency, prices, self._run.equivalents) or ONE
            self._known[quote, moment] = found
        return found

    def _close(self, symbol: str, moment: int) -> int:
        row = self._row.get(symbol)
        place = -1 if row is None else self._grid.place.item(moment, row)
        return from_float(self._grid.series[row].close.item(place)) if row is not None and place >= 0 else 0


class Held(NamedTuple):
    """What a live account held when the run began: signed units, and the price it was worth then."""

    symbol: str
    strategy: str
    quantity: int
    price: int


class Account:
    """The book of one side, reckoned once more: what each symbol has brought, and the equity that it makes."""

    def __init__(self, cash: int, held: Sequence[Held]) -> None:
        self.book = Book(cash)
        self.cash = cash
        self.brought: dict[str, int] = defaultdict(int)
        for one in held:
            side = 1 if one.quantity > 0 else -1
            cost = side * times(one.price, abs(one.quantity))
            self.book.positions[one.symbol] = Position(
                symbol=one.symbol, quantity=one.quantity, cost=cost, opened_at=0, strategy=one.strategy
            )
            self.book.marks[one.symbol] = one.price
            self.book.rates[one.symbol] = ONE

    def take(self, fills: Iterable[tuple[Key, Fill]], rates: Rates) -> None:
        for key, fill in fills:
            before = self.book.balance
            if fill.reason == FINANCING:
                self.book.charge(fill, rates.of(fill, key.at))
            else:
                self.book.apply(fill, rates.of(fill, key.at))
            self.brought[fill.symbol] += self.book.balance - before

    def ended(self, marks: Mapping[str, int], rates: Rates) -> int:
        """The equity at the last prices (1e-9)."""
        for symbol, position in self.book.positions.items():
            price = marks.get(symbol) or rates.last(symbol) or position.price
            self.book.mark(symbol, price, rates.end(symbol))
            self.brought[symbol] += self.book.unrealised(symbol)
        return self.book.equity()


# -- what is recorded of a run's account -----------------------------------------------------------


class Began(NamedTuple):
    """What an account had when the run began: all of it in money (1e-9), and which positions are part of that."""

    equity: int
    held: tuple[Held, ...]


def began(copy: bytes | None, cash: int, rates: Rates) -> Began:
    """``copy``: of the account that a live run went on with (``journal.account_copy``), None for a new one."""
    tables = {} if copy is None else msgspec.msgpack.decode(copy)[1]
    if not tables.get("accounts"):
        return Began(cash, ())
    marks = decode(tables["cycles"][0]["snapshot"]).marks if tables["cycles"] else {}
    equity, held = from_text(tables["accounts"][0]["balance"]), []
    for row in tables["positions"]:
        quantity, cost = from_text(row["quantity"]), from_text(row["cost"])
        side = 1 if quantity > 0 else -1
        price = marks.get(row["symbol"]) or abs(cost) * 10**9 // abs(quantity)
        equity += convert(side * times(price, abs(quantity)) - cost, rates.start(row["symbol"]))
        held.append(Held(row["symbol"], row["strategy"], quantity, price))
    return Began(equity, tuple(held))


class End(NamedTuple):
    """The last word of a run: its equity in account currency (None: it had none), and its last prices (1e-9)."""

    equity: float | None
    marks: dict[str, int]

    def exact(self, reckoned: int) -> int:
        """The equity (1e-9): what its fills make, unless it said something else."""
        said = reckoned if self.equity is None else from_float(self.equity)
        return reckoned if self.equity == to_float(reckoned) else said


def ended(c: sa.Connection, found: Recorded) -> End:
    of, cycles = s.events.c, s.cycles.c
    said = sa.select(of.body).where(of.run_id == found.run_id, of.type == RUN_SUMMARY).order_by(of.seq.desc()).limit(1)
    body = c.execute(said).scalar()
    told: dict[str, Any] = {} if body is None or found.exit_reason is None else msgspec.json.decode(body)
    if told.get("cycles") == found.closed:
        marks = {one["symbol"]: from_float(one["price"]) for one in told["positions"]}
        return End(told["equity"], marks)
    last = sa.select(cycles.snapshot).where(cycles.run_id == found.run_id, cycles.n == found.closed)
    return End(None, decode(c.execute(last).scalar_one()).marks)
