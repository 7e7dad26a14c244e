"""Closed trades are counted once, and the same after any restart."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import msgspec
import pytest
from closed_trades import a_part, a_trade, counted
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.money import NANO
from domain.timeframe import DAY, HOUR
from risk.config import RiskConfig
from risk.statistics import KINDS, Folding, Part, Statistics, Tally, Trade, look_back, round_trips
from tests.factories import T

# -- one tally -------------------------------------------------------------------------------------


def test_what_trades_come_to() -> None:
    tally = counted(a_trade(300), a_trade(100), a_trade(-50), a_trade(-150), a_trade(0, r=None)).tally()

    assert (tally.trades, tally.wins, tally.losses) == (5, 2, 2)
    assert (tally.gross_win, tally.gross_loss, tally.net) == (400 * NANO, 200 * NANO, 200 * NANO)
    assert (tally.average_win, tally.average_loss) == (200 * NANO, 100 * NANO)
    assert (tally.win_rate, tally.payoff, tally.profit_factor) == (0.5, 0.5, 2.0)
    assert tally.expectancy == pytest.approx((3 + 1 - 0.5 - 1.5) / 4)  # the one without r is not in it


def test_a_trade_that_came_to_nothing_is_neither_won_nor_lost() -> None:
    statistics = counted(a_trade(-10), a_trade(0), a_trade(-10))

    assert (statistics.tally().trades, statistics.tally().wins, statistics.tally().losses) == (3, 0, 2)
    assert statistics.tally().average_loss == 10 * NANO
    assert statistics.losses_in_a_row("EURUSD") == 2


@pytest.mark.parametrize(
    ("nets", "win_rate", "payoff", "factor"),
    [
        ((), 0.0, 0.0, 0.0),
        ((0,), 0.0, 0.0, 0.0),
        ((5,), 1.0, 0.0, math.inf),
        ((-5,), 0.0, math.inf, 0.0),
    ],
)
def test_a_ratio_without_one_of_its_sides(nets: tuple[int, ...], win_rate: float, payoff: float, factor: float) -> None:
    tally = counted(*map(a_trade, nets)).tally()

    assert (tally.win_rate, tally.payoff, tally.profit_factor) == (win_rate, payoff, factor)
    assert json.loads(json.dumps(tally.plain(), allow_nan=False))["trades"] == len(nets)


# -- who and what ----------------------------------------------------------------------------------


def test_each_symbol_strategy_session_factor_and_reason_has_its_own() -> None:
    statistics = counted(
        a_trade(10, symbol="EURUSD", strategy="a", session="london", factors=("trend", "volume", "trend")),
        a_trade(-4, symbol="EURUSD", strategy="b", session="london", factors=("trend",)),
        a_trade(-6, symbol="BTC", strategy="a"),
    )

    def nets(kind: str) -> dict[str, int]:
        return {name: one.net // NANO for name, one in statistics.by(kind).items()}  # type: ignore[arg-type]

    assert nets("symbol") == {"BTC": -6, "EURUSD": 6}
    assert nets("strategy") == {"a": 4, "b": -4}
    assert nets("session") == {"": -6, "london": 6}
    assert nets("factor") == {"trend": 6, "volume": 10}  # twice in one trade is once
    assert nets("reason") == {"STOP": -10, "TARGET": 10}
    assert statistics.tally("EURUSD", "a").net == 10 * NANO
    assert statistics.tally("BTC").net == statistics.tally("BTC", "a").net == -6 * NANO
    assert statistics.tally(strategy="a").net == 4 * NANO
    assert statistics.tally("GBPUSD") == statistics.tally("BTC", "b") == statistics.tally(strategy="c") == Tally()
    assert set(json.loads(json.dumps(statistics.plain(), allow_nan=False))) == {"all", *KINDS}


def test_the_recent_ones_are_those_since_a_time_itself_included() -> None:
    statistics = counted(a_trade(1, T), a_trade(2, T + 1, symbol="BTC"), a_trade(3, T + 2))

    def nets(symbol: str | None, since: int) -> list[int]:
        return [one.net // NANO for one in statistics.recent(symbol, since)]

    assert (nets(None, T), nets(None, T + 1), nets(None, T + 3)) == ([1, 2, 3], [2, 3], [])
    assert (nets("EURUSD", T + 1), nets("GBPUSD", 0)) == ([3], [])
    assert [statistics.within("EURUSD", since).trades for since in (T, T + 1, T + 3)] == [2, 1, 0]
    assert statistics.within("GBPUSD", 0) == Tally()


def test_losses_in_a_row_are_of_one_symbol_and_end_with_its_win() -> None:
    statistics = counted(a_trade(-1), a_trade(5), a_trade(-1), a_trade(9, symbol="BTC"), a_trade(-1))

    assert statistics.losses_in_a_row("EURUSD") == 2
    assert statistics.losses_in_a_row("BTC") == statistics.losses_in_a_row("GBPUSD") == 0
    statistics.add(a_trade(1))
    assert statistics.losses_in_a_row("EURUSD") == 0


# -- parts into round trips ------------------------------------------------------------------------


def test_partial_closes_are_one_trade_and_r_is_by_their_share() -> None:
    half = 5_000 * NANO
    parts = [
        a_part("f1", 60, T, quantity=half, r=1.0, flat=False, reason="PARTIAL"),
        a_part("f2", 10, T + 1, quantity=half // 2, r=2.0, flat=False, reason="PARTIAL"),
        a_part("f3", -30, T + 2, quantity=half // 2, r=-1.0, reason="STOP", session="london", factors=("trend",)),
    ]

    (trade,) = round_trips(parts)

    assert (trade.net, trade.r, trade.reason) == (40 * NANO, 0.75, "STOP")
    assert (trade.opened_at, trade.closed_at) == (parts[0].opened_at, T + 2)
    assert (trade.session, trade.factors, trade.side, trade.strategy) == ("london", ("trend",), 1, "ema_cross")


def test_an_open_position_is_no_trade_yet_and_symbols_do_not_mix() -> None:
    parts = [
        a_part("f1", 1, flat=False),
        a_part("f2", 2, symbol="BTC", flat=False),
        a_part("f3", 4),
    ]

    assert [(one.symbol, one.net) for one in round_trips(parts)] == [("EURUSD", 5 * NANO)]


def test_a_position_does_not_inherit_what_an_earlier_one_left() -> None:
    lost = a_part("f1", 1, flat=False, opened_at=T - DAY)

    assert [one.net for one in round_trips([lost, a_part("f2", 4)])] == [4 * NANO]


def test_r_is_unknown_where_that_of_a_part_is() -> None:
    assert round_trips([a_part("f1", r=None, flat=False), a_part("f2", r=1.0)])[0].r is None


def test_the_same_fill_twice_changes_nothing() -> None:
    folding, half = Folding(), a_part("f1", 1, flat=False)

    assert [folding.add(one) for one in (half, half)] == [None, None]
    trade = folding.add(a_part("f2", 4))
    assert trade is not None
    assert trade.net == 5 * NANO
    assert folding.add(a_part("f2", 4)) is None
    assert folding.add(half) is None


# -- the same after a restart ----------------------------------------------------------------------

_SYMBOLS = ("EURUSD", "BTC", "GBPUSD")


@some.composite
def _stories(draw: some.DrawFn) -> list[Part]:
    """Positions of three symbols, each closed in one to three parts that lie between those of the others."""
    positions = draw(
        some.lists(
            some.tuples(
                some.sampled_from(_SYMBOLS),
                some.sampled_from(("a", "b")),
                some.lists(some.tuples(some.integers(-100, 100), some.integers(1, 5)), min_size=1, max_size=3),
                some.sampled_from(("STOP", "TARGET")),
                some.booleans(),
            ),
            max_size=25,
        )
    )
    queues: dict[str, list[Part]] = {}
    for number, (symbol, strategy, closes, reason, known) in enumerate(positions):
        for place, (net, quantity) in enumerate(closes):
            queues.setdefault(symbol, []).append(
                a_part(
                    f"{number}-{place}",
                    net,
                    symbol=symbol,
                    strategy=strategy,
                    opened_at=T + number,
                    quantity=quantity * NANO,
                    r=net / 7 if known else None,
                    flat=place == len(closes) - 1,
                    reason=reason,
                    session="london" if number % 2 else "",
                    factors=("trend",) if number % 3 else (),
                )
            )
    parts: list[Part] = []
    while any(queues.values()):
        symbol = draw(some.sampled_from([one for one, left in sorted(queues.items()) if left]))
        parts.append(queues[symbol].pop(0))
    steps = draw(some.lists(some.integers(0, 9), min_size=len(parts), max_size=len(parts)))
    at = T
    for place, step in enumerate(steps):
        at += step * HOUR
        parts[place] = msgspec.structs.replace(parts[place], closed_at=at)
    return parts


def _answers(statistics: Statistics, now: int) -> list[object]:
    return [
        statistics.plain(),
        [statistics.tally(symbol, strategy) for symbol in _SYMBOLS for strategy in ("a", "b")],
        [statistics.recent(symbol, since) for symbol in (None, *_SYMBOLS) for since in (now - DAY, now)],
        [statistics.within(symbol, now - DAY) for symbol in _SYMBOLS],
        [statistics.losses_in_a_row(symbol) for symbol in _SYMBOLS],
    ]


def _added(statistics: Statistics, trades: Sequence[Trade]) -> Statistics:
    for one in trades:
        statistics.add(one)
    return statistics


@given(parts=_stories(), restart=some.integers(0, 80), again=some.integers(0, 5))
@settings(max_examples=200)
def test_what_is_read_again_says_what_was_said_live(parts: list[Part], restart: int, again: int) -> None:
    folding, live = Folding(), Statistics()
    for place, part in enumerate(parts):
        if place == restart:  # everything before is read again, and the last ones are told once more
            folding, live = Folding(), Statistics()
            for one in [*parts[:place], *parts[max(0, place - again) : place]]:
                _added(live, [trade for trade in (folding.add(one),) if trade is not None])
        _added(live, [trade for trade in (folding.add(part),) if trade is not None])
    now = parts[-1].closed_at if parts else T

    assert _answers(live, now) == _answers(_added(Statistics(), round_trips(parts)), now)
    assert sum(one.net for one in round_trips(parts)) == live.tally().net


@given(parts=_stories(), keep=some.integers(0, 6), more=some.integers(0, 10))
@settings(max_examples=200)
def test_the_trades_that_are_kept_are_all_it_takes(parts: list[Part], keep: int, more: int) -> None:
    config = RiskConfig(low_profit_guard=0.0, low_profit_guard_lookback=86_400.0)
    trades = round_trips(parts)
    live = _added(Statistics(config, keep), trades)
    kept = len(live)
    newest = trades[-1].closed_at if trades else T

    again = _added(Statistics(config, keep), trades[max(0, len(trades) - kept - more) :])

    assert kept >= min(keep, len(trades))
    assert live.recent(None, 0) == (trades[-kept:] if kept else [])
    assert live.recent(None, newest - DAY) == [one for one in trades if one.closed_at >= newest - DAY]
    assert _answers(live, newest) == _answers(again, newest)
    assert _answers(live, newest) == _answers(_added(Statistics(), trades[len(trades) - kept :]), newest)


def test_memory_is_bounded_and_what_a_look_back_reaches_stays() -> None:
    config = RiskConfig(stoploss_guard_trades=3, stoploss_guard_lookback=3_600.0)
    rare = a_trade(-7, T, symbol="BTC", session="tokyo")
    statistics = _added(Statistics(config, keep=100), [rare, *(a_trade(1, T + n * HOUR // 200) for n in range(200))])
    assert len(statistics) == 201  # all of them within the hour

    _added(statistics, [a_trade(1, T + HOUR + n * HOUR // 200) for n in range(3_000)])

    assert len(statistics) == 201
    assert statistics.tally("BTC") == Tally()
    assert "BTC" not in statistics.by("symbol")
    assert "tokyo" not in statistics.by("session")
    assert len(statistics._all.trades) < 1_500
    assert len(_added(Statistics(keep=100), [a_trade(1, T + n) for n in range(300)])) == 100


@pytest.mark.parametrize(
    ("config", "reach"),
    [
        ({}, 0),
        ({"stoploss_guard_lookback": 999_999.0}, 0),  # of a limit that is off
        ({"stoploss_guard_trades": 3}, DAY),
        ({"stoploss_guard_trades": 3, "low_profit_guard": 0.0}, 7 * DAY),
        ({"stoploss_guard_trades": 3, "max_symbol_loss": NANO, "max_symbol_loss_days": 45.0}, 45 * DAY),
        ({"max_payoff_ratio": 2.0}, 30 * DAY),
    ],
)
def test_how_far_the_limits_look_back(config: dict[str, float], reach: int) -> None:
    assert look_back(RiskConfig(**config)) == reach  # type: ignore[arg-type]
