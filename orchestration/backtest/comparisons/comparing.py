"""A recorded run against a backtest over its time, symbols, settings and bars: decision by decision, and what each
difference has cost. The kernel cache must be prepared before this module is imported."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from actors.inputs import Absences, RecordedBars, absences
from actors.snapshot import decode
from domain import order as orders
from domain.errors import ArgusError, ConfigError
from domain.events import RUN_STARTED
from domain.money import convert, times, to_float
from domain.timeframe import iso
from journal import schema as s
from orchestration import frozen
from orchestration.backtest.comparisons.comparing_account import Account, Began, Rates, began, ended
from orchestration.backtest.comparisons.comparing_causes import Causes, Known, said_to
from orchestration.backtest.comparisons.comparing_costs import BEFORE, Paired, Priced
from orchestration.backtest.comparisons.comparing_kinds import Difference, kinds_of, slipped
from orchestration.backtest.comparisons.comparing_market import NEVER, Again, again, changed_by
from orchestration.backtest.comparisons.comparing_sides import Facts, Key, Side, of_result, of_run, told
from orchestration.backtest.comparisons.comparing_told import Comparison, Keys, Other, Slippage
from orchestration.backtest.result import Result
from orchestration.backtest.running import RUN_ID, Progress, Stop, run
from orchestration.frozen import Recorded
from orchestration.plan import Identity, run_spec
from orchestration.replay import reading
from orchestration.replay.course import Course
from orchestration.settings import Settings
from venues.fills import SAME_CLOSE

Notice = Callable[[str], None]

BY_THE_VENUE = (BEFORE, orders.FINANCING, *orders.MADE_THERE)
"""Purposes of what came before anybody decided at a T."""


def compare(
    url: str,
    run_id: str | None,
    sets: Sequence[str],
    data: Sequence[str],
    progress: Progress,
    stop: Stop,
    notice: Notice,
) -> Comparison:
    """The run whose id begins so, else the newest; its database is only read. ``sets`` and ``data`` are laid over what
    it recorded.

    Raises ConfigError if there is no such run, it has closed no cycle, or its inputs are gone.
    """
    found = frozen.run_of(url, run_id)
    if not found.closed:
        raise ConfigError(f"run {found.run_id} has closed no cycle: there is nothing to compare")
    original = frozen.settings_of(found.config)
    with reading(url) as recorded:
        course, bars = Course(recorded, found), RecordedBars(recorded, found.run_id)
        moments = {one.n: one.at for one in course.cycles()}
        with recorded() as c:
            asked = changed_by(original, _timeframe(c, found), sets, data)
        there = again(found, original, asked, bars, course, moments[found.closed])
        notices = [*asked.settings.notices, *_notices(found, there)]
        for one in notices:
            notice(one)
        ready = there.ready
        rates = _rates(ready.settings, there)
        had = began(bars.account() if found.live else None, original.account.cash, rates)
        if found.live and "account.cash" not in asked.keys:
            ready = ready.with_settings(_with_cash(ready.settings, had.equity))
        result = run(ready, progress, stop)
        if result.partial:
            raise ArgusError("stopped before its end: nothing was compared")
        with recorded() as c:
            work = _Work(c, found, moments, there, rates, had, result, asked.keys)
            return work.done(tuple(notices), absences(recorded, found.run_id))


def _timeframe(c: sa.Connection, found: Recorded) -> str | None:
    """Of the run's bars, as it said at its start."""
    of = s.events.c
    some = sa.select(of.body).where(of.run_id == found.run_id, of.type == RUN_STARTED).order_by(of.seq).limit(1)
    body = c.execute(some).scalar()
    return None if body is None else msgspec.json.decode(body).get("timeframe")


def _notices(found: Recorded, there: Again) -> Iterator[str]:
    for symbol, at in there.changed.items():
        since = "no bar that the run used" if at == NEVER else f"first used at {iso(at)}"
        yield f"{symbol}: its file has changed since run {found.run_id}, {since}"
    if there.other:
        yield there.other
    if found.live:
        yield (
            "a live run decides by the clock and goes on from what its account held before, a backtest does neither: "
            "they differ where that matters"
        )


def _rates(settings: Settings, there: Again) -> Rates:
    spec = run_spec(settings, there.ready.market, Identity(RUN_ID, 0, "", 0, ""))
    return Rates(spec, there.ready.grid, settings.venues[0].fill_on == SAME_CLOSE)


def _with_cash(settings: Settings, cash: int) -> Settings:
    return msgspec.structs.replace(settings, account=msgspec.structs.replace(settings.account, cash=cash))


class _Work:
    """Both sides of one comparison on its way."""

    def __init__(
        self,
        c: sa.Connection,
        found: Recorded,
        moments: Mapping[int, int],
        there: Again,
        rates: Rates,
        had: Began,
        result: Result,
        keys: Keys,
    ) -> None:
        self._c, self._found, self._moments, self._there = c, found, moments, there
        self._rates, self._had, self._result, self._keys = rates, had, result, keys
        self._end, self._last = moments[found.closed], ended(c, found)
        self._sides = of_run(c, found.run_id, self._end, found.live), of_result(result)
        self._priced = Priced(rates)
        self._priced.held(had.held, found.warmed_until)
        self._priced.take(*self._sides)
        self._priced.end(self._last.marks)

    def done(self, notices: tuple[str, ...], absent: Absences) -> Comparison:
        equity, others = self._money()
        differences, same = self._differences(absent)
        run_side, backtest = self._sides
        first = differences[0] if differences else None
        return Comparison(
            found=self._found,
            result=self._result,
            keys=self._keys,
            end=self._end,
            decisions=(_decided(run_side), _decided(backtest)),
            fills=(_traded(run_side), _traded(backtest)),
            same=same,
            equity=equity,
            differences=tuple(differences),
            others=tuple(others),
            slippage=_slippage(self._priced.paired),
            context=None if first is None else self._context(first.key.at),
            notices=notices,
        )

    # -- money -----------------------------------------------------------------------------------

    def _money(self) -> tuple[tuple[int, int], list[Other]]:
        """Both equities, and what of their difference belongs to no decision."""
        rates, had, last = self._rates, self._had, self._last
        cash = self._result.settings.account.cash
        ours, theirs = Account(had.equity, had.held), Account(cash, ())
        ours.take(self._sides[0].fills, rates)
        theirs.take(self._sides[1].fills, rates)
        reckoned = ours.ended(last.marks, rates)
        theirs.ended({}, rates)
        others = [Other("cash", "", had.equity - cash, "it began with another amount")] if had.equity != cash else []
        told_apart = self._priced.by_symbol()
        for symbol in sorted({*ours.brought, *theirs.brought}):
            other = self._other_close(ours, symbol)
            if other:
                others.append(Other("close", symbol, other, "its last close was another one"))
            rest = ours.brought[symbol] - theirs.brought[symbol] - told_apart[symbol] - other
            if rest and rates.converts(symbol):
                others.append(Other("conversion", symbol, rest, "profits were converted at the rates of other times"))
        return (last.exact(reckoned), self._result.equity_final), others

    def _other_close(self, ours: Account, symbol: str) -> int:
        position, mark, close = ours.book.positions.get(symbol), ours.book.marks.get(symbol), self._rates.last(symbol)
        if position is None or not mark or not close or mark == close:
            return 0
        side, units = (1, position.quantity) if position.quantity > 0 else (-1, -position.quantity)
        return convert(side * (times(mark, units) - times(close, units)), self._rates.end(symbol))

    # -- decisions -------------------------------------------------------------------------------

    def _differences(self, absent: Absences) -> tuple[list[Difference], int]:
        """In the order of their T, and how many decisions are the same."""
        run_side, backtest = self._sides
        places = {at: n for n, at in sorted(self._moments.items(), reverse=True)}
        known = Known(
            said=said_to(self._c, self._found.run_id, self._moments),
            absences=absent,
            cycle_of=lambda at: places.get(at, 0),
            changed=self._there.changed,
            settings=[*self._keys],
            other=self._there.other,
            live=self._found.live,
        )
        causes = Causes(known, run_side, backtest, self._priced)
        pairs: dict[Key, list[Paired]] = defaultdict(list)
        for pair in self._priced.paired:
            pairs[pair.key].append(pair)
        found, same = [], 0
        every = dict.fromkeys((*run_side.deeds, *backtest.deeds, *self._priced.costs))
        for key in sorted(every, key=lambda one: (one.at, one.purpose not in BY_THE_VENUE)):
            ours, theirs, cost = run_side.deeds.get(key), backtest.deeds.get(key), self._priced.costs[key]
            kinds = kinds_of(key, ours, theirs, cost)
            if not kinds:
                same += ours is not None and ours.decision is not None
                continue
            price, bps = slipped(pairs[key])
            found.append(
                Difference(
                    key=key,
                    kinds=kinds,
                    run=told(ours),
                    backtest=told(theirs),
                    cost=cost,
                    cause=causes.of(key, kinds),
                    slippage=price,
                    slippage_bps=bps,
                )
            )
        return found, same

    # -- around the first difference -------------------------------------------------------------

    def _context(self, at: int) -> Facts:
        """How both stood at this T, with the fills of its bars."""
        of, result = s.cycles.c, self._result
        some = sa.select(of.n, of.snapshot).where(of.run_id == self._found.run_id, of.at <= at, of.at <= self._end)
        row = self._c.execute(some.order_by(of.n.desc()).limit(1)).first()
        snapshot = None if row is None else decode(row.snapshot)
        place = bisect_right(result.moments.tolist(), at) - 1
        states = [state.name for when, state in result.states if when <= at]
        return {
            "ts": iso(at),
            "cycle": 0 if row is None else row.n,
            "run": None
            if snapshot is None
            else {
                "equity": to_float(snapshot.equity),
                "state": snapshot.state.name,
                "positions": {symbol: to_float(one.quantity) for symbol, one in sorted(snapshot.held.items())},
            },
            "backtest": {
                "equity": float(result.equity[place]) if place >= 0 else result.cash,
                "state": states[-1] if states else "ACTIVE",
                "positions": _positions(self._sides[1], at),
            },
        }


def _positions(side: Side, at: int) -> dict[str, float]:
    """Signed units that the fills up to a T make."""
    held: dict[str, int] = defaultdict(int)
    for key, fill in side.fills:
        if fill.at < at or (fill.at == at and (key.at < at or fill.reason in orders.MADE_THERE)):
            held[fill.symbol] += fill.side * fill.quantity
    return {symbol: to_float(units) for symbol, units in sorted(held.items()) if units}


def _decided(side: Side) -> int:
    return sum(one.decision is not None for one in side.deeds.values())


def _traded(side: Side) -> int:
    return sum(fill.reason != orders.FINANCING for _, fill in side.fills)


def _slippage(paired: Sequence[Paired]) -> dict[str, Slippage]:
    by_symbol: dict[str, list[Paired]] = defaultdict(list)
    for one in paired:
        by_symbol[one.key.symbol].append(one)
    return {
        symbol: Slippage(
            len(found),
            statistics.fmean(one.bps for one in found),
            statistics.median(one.bps for one in found),
            sum(one.cost for one in found),
        )
        for symbol, found in sorted(by_symbol.items())
    }
