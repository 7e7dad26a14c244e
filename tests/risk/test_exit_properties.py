"""What holds for any position over any bars: stops only tighten, shorts mirror longs, parts are closed once."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from exit_desk import ENTRY, TICK, R, a_position, at
from hypothesis import given
from hypothesis import strategies as st

from domain.candidate import Held
from domain.market import BAR, Bars
from domain.money import NANO, from_float, to_float
from domain.timeframe import MINUTE
from risk.config import ExitConfig
from risk.exits.base import Close, Facts, Proposal, Reading, Tighten, decide, policies
from risk.exits.readings import Readings
from tests.factories import EURUSD, T

CONFIG = ExitConfig(
    atr_bars=3,
    breakeven_at=0.5,
    breakeven_lock=0.05,
    targets=((0.5, 0.25), (1.0, 0.25), (2.0, 0.5)),
    trail_from=0.3,
    chandelier_atr=2.3,
    chandelier_bars=5,
    early_cut=3.0,
    regime_flip=True,
    max_hold=3600.0 * 3,
    time_stop=3600.0,
    no_progress=3600.0 * 2,
)
STOPS = ExitConfig(atr_bars=3, breakeven_at=0.5, trail_from=0.3, chandelier_atr=2.3, chandelier_bars=5)


def walk(seed: int, count: int, side: int, spread: int = 0) -> Bars:
    """Bars on the tick around the entry; the same seed is mirrored for a short."""
    random = np.random.default_rng(seed)
    closes = (random.normal(side * 3, 40, count).cumsum() * side).round().astype(int)
    bars = np.zeros(count, BAR)
    bars["ts"] = T + MINUTE * np.arange(count)
    before = 0
    for i, close in enumerate(closes):
        top = max(close, before) + int(random.integers(0, 30))
        bottom = min(close, before) - int(random.integers(0, 30))
        prices = [at(int(one), side) for one in (before, top, bottom, close)]
        bars[["open", "close"]][i] = to_float(prices[0]), to_float(prices[3])
        bars["high"][i], bars["low"][i] = to_float(max(prices)), to_float(min(prices))
        before = int(close)
    bars["spread"] = to_float(spread)
    return bars


def facts(bar: np.void, reading: Reading) -> Facts:
    prices = {name: from_float(float(bar[name])) for name in ("open", "high", "low", "close", "spread")}
    return Facts(at=int(bar["ts"]) + MINUTE, timeframe=MINUTE, tick=TICK, reading=reading, **prices)


class Venue:
    """A position whose stop changes and closed parts are confirmed or lost, bar by bar."""

    def __init__(self, side: int, config: ExitConfig, answers: list[bool]) -> None:
        self.side, self.held, self.policies = side, a_position(side, opened_at=T), policies(config)
        self.readings, self.answers = Readings(config, 1), answers
        self.said: list[Proposal | None] = []

    def bar(self, bar: np.void, number: int) -> Proposal | None:
        self.readings.step(np.array([bar], BAR), np.zeros(1, np.int64))
        high, low = from_float(float(bar["high"])), from_float(float(bar["low"]))
        ends = (high, low) if self.side > 0 else (low, high)
        best = max(self.held.best * self.side, ends[0] * self.side) * self.side
        self.held = msgspec.structs.replace(self.held, best=best)
        proposal = decide(self.held, facts(bar, self.readings.of(0)), self.policies)
        self.said.append(proposal)
        if proposal is not None and self.answers[number % len(self.answers)]:
            self.confirm(proposal)
        return proposal

    def confirm(self, proposal: Proposal) -> None:
        held = self.held
        if isinstance(proposal, Tighten):
            stop = EURUSD.round_stop(proposal.stop, -self.side)
            flags = (*held.flags, proposal.flag) if proposal.flag else held.flags
            self.held = msgspec.structs.replace(held, stop=stop, flags=flags)
        else:
            part = min(abs(held.quantity), round(held.first * proposal.fraction))
            quantity = held.quantity - self.side * part
            self.held = msgspec.structs.replace(held, quantity=quantity, flags=(*held.flags, proposal.reason))


runs = given(st.integers(0, 10**6), st.sampled_from([1, -1]), st.lists(st.booleans(), min_size=1, max_size=7))


@runs
def test_stops_never_loosen_and_stay_short_of_the_price(seed: int, side: int, answers: list[bool]) -> None:
    venue, spread = Venue(side, STOPS, answers), 7 * TICK

    for number, bar in enumerate(walk(seed, 60, side, spread)):
        before = venue.held.stop
        proposal = venue.bar(bar, number)
        if isinstance(proposal, Tighten):
            close = from_float(float(bar["close"])) + (spread if side < 0 else 0)
            assert (proposal.stop - before) * side >= TICK
            assert (close - proposal.stop) * side >= TICK
            assert (venue.held.stop - before) * side >= 0  # also when it has been put on the tick
            assert venue.held.distance == R * TICK


@runs
def test_parts_are_closed_once_and_never_more_than_was_held(seed: int, side: int, answers: list[bool]) -> None:
    venue = Venue(side, CONFIG, answers)

    for number, bar in enumerate(walk(seed, 120, side)):
        venue.bar(bar, number)

    assert len(venue.held.flags) == len(set(venue.held.flags))
    assert venue.held.quantity * side >= 0


@runs
def test_the_same_position_and_bar_get_the_same_proposal(seed: int, side: int, answers: list[bool]) -> None:
    one, other = Venue(side, CONFIG, answers), Venue(side, CONFIG, answers)

    for number, bar in enumerate(walk(seed, 60, side)):
        one.bar(bar, number)
        other.bar(bar, number)

    assert one.said == other.said


def test_such_runs_propose_everything_that_is_configured() -> None:
    said: set[str] = set()
    for seed, side, answered in itertools.product(range(15), (1, -1), (True, False)):
        venue = Venue(side, CONFIG, [answered])
        for number, bar in enumerate(walk(seed, 190, side)):
            venue.bar(bar, number)
        said |= {one.reason for one in venue.said if one is not None}

    assert said == {
        *("BREAKEVEN", "TRAILING", "CHANDELIER", "TP1", "TP2", "TP3", "EARLY_CUT", "REGIME_FLIP"),
        *("MAX_HOLD", "TIME_STOP", "NO_PROGRESS"),
    }


ticks = st.integers(-400, 400)


@st.composite
def moments(draw: Any) -> tuple[dict[str, Any], dict[str, Any], Reading]:
    """A long position and a bar in ticks from the entry, and a reading in prices."""
    held = {
        "stop": draw(st.one_of(st.none(), ticks)),
        "best": draw(st.integers(0, 500)),
        "distance": draw(st.sampled_from([0, R * TICK])),
        "flags": draw(st.sampled_from([(), ("TP1",), ("BREAKEVEN",), ("BREAKEVEN", "TP1", "TP2")])),
        "closing": draw(st.sampled_from([0, 2_000 * NANO])),
        "opened_at": T - draw(st.integers(1, 8 * 60)) * MINUTE,
    }
    high, low = draw(st.integers(0, 400)), draw(st.integers(-400, 0))
    reading = Reading(
        atr=to_float(draw(st.integers(0, 300)) * TICK),
        rsi=float(draw(st.integers(0, 100))),
        macd_bars=float(draw(st.integers(-5, 5))),
        sma=to_float(at(draw(ticks), 1)),
        highest=to_float(at(high, 1)),
        lowest=to_float(at(low, 1)),
        trend=draw(st.integers(-1, 1)),
    )
    return held, {"close": draw(st.integers(low, high))}, reading


def mirrored(price: float) -> float:
    return to_float(2 * ENTRY - from_float(price))


@given(moments())
def test_a_short_is_managed_as_the_mirrored_long(moment: tuple[dict[str, Any], dict[str, Any], Reading]) -> None:
    position, bar, seen = moment
    opposite = Reading(
        atr=seen.atr,
        rsi=100.0 - seen.rsi,
        macd_bars=-seen.macd_bars,
        sma=mirrored(seen.sma),
        highest=mirrored(seen.lowest),
        lowest=mirrored(seen.highest),
        trend=-seen.trend,
    )

    long = decide(a_position(1, **position), _bar(bar["close"], 1, seen), policies(CONFIG))
    short = decide(a_position(-1, **position), _bar(bar["close"], -1, opposite), policies(CONFIG))

    if isinstance(long, Tighten):
        assert isinstance(short, Tighten)
        assert (short.reason, short.stop, short.flag) == (long.reason, 2 * ENTRY - long.stop, long.flag)
    else:
        assert short == long


def _bar(close: int, side: int, reading: Reading) -> Facts:
    prices = dict.fromkeys(("open", "high", "low", "close"), at(close, side))
    return Facts(at=T, timeframe=MINUTE, tick=TICK, reading=reading, **prices)


@pytest.mark.parametrize("side", [1, -1])
def test_every_purpose_of_a_full_close_closes_all(side: int) -> None:
    for one in policies(CONFIG):
        for age in (1, 10**6):
            held: Held = a_position(side, opened_at=T - age * NANO)
            found = one.propose(held, _bar(-300, side, Reading(0.0001, 50 - 40 * side, -5.0 * side, 1.1, 2, 2, -side)))
            assert not isinstance(found, Close) or found.fraction == 1.0
