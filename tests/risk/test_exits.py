"""Each policy on both sides of each threshold and in both directions, and which of several counts."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from exit_desk import TICK, R, a_bar, a_position, at, proposed

from domain.money import NANO, from_float
from domain.registry import load
from domain.timeframe import DAY, HOUR, MINUTE, nanos
from risk.config import ExitConfig
from risk.exits import EXITS, base
from risk.exits.base import NORMAL, Close, Tighten, decide, policies, reads_indicators
from tests.factories import T

both = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def closes(config: ExitConfig, held: Any, bar: Any) -> str | None:
    """The reason of the full close that is proposed."""
    found = proposed(config, held, bar)
    if found is None:
        return None
    assert isinstance(found, Close)
    assert found.fraction == 1.0
    return found.reason


# -- stops -----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("best", "moves"), [(159, False), (160, True), (300, True)])
def test_breakeven(side: int, best: int, moves: bool) -> None:
    config = ExitConfig(breakeven_at=0.8, breakeven_lock=0.1)

    found = proposed(config, a_position(side, best=best), a_bar(100, side))

    assert found == (Tighten("BREAKEVEN", at(20, side), flag="BREAKEVEN") if moves else None)


@both
def test_breakeven_without_a_lock_is_the_entry_itself(side: int) -> None:
    found = proposed(ExitConfig(breakeven_at=1.0), a_position(side, best=R), a_bar(50, side))

    assert isinstance(found, Tighten)
    assert found.stop == at(0, side)


@both
def test_breakeven_that_is_confirmed_is_not_proposed_again(side: int) -> None:
    held = a_position(side, best=R, flags=("BREAKEVEN",))

    assert proposed(ExitConfig(breakeven_at=1.0), held, a_bar(100, side)) is None


@both
def test_a_short_earns_by_the_ask(side: int) -> None:
    config = ExitConfig(breakeven_at=1.0)
    held, bar = a_position(side, best=R), a_bar(100, side, spread=TICK)

    assert (proposed(config, held, bar) is None) == (side < 0)


@both
@pytest.mark.parametrize(
    ("best", "distance"),
    [
        (29, None),  # below trail_from = 0.3 atr
        (30, 100.0),  # trail_wide
        (165, 70.0),  # half of the way
        (299, 40.2222),
        (300, 40.0),  # trail_tight
        (900, 40.0),
    ],
)
def test_trailing(side: int, best: int, distance: float | None) -> None:
    config = ExitConfig(trail_from=0.3, trail_to=3.0, trail_wide=1.0, trail_tight=0.4)
    held = a_position(side, best=best)

    found = proposed(config, held, a_bar(best, side, {"atr": 100}))

    if distance is None:
        assert found is None
    else:
        assert isinstance(found, Tighten)
        assert (found.reason, found.flag) == ("TRAILING", "")
        assert found.stop == pytest.approx(at(best - distance, side), abs=TICK // 1000)


@both
def test_trailing_keeps_its_stop_when_the_price_comes_back_or_the_range_grows(side: int) -> None:
    config = ExitConfig(trail_from=0.3)
    held = a_position(side, best=300, stop=260)

    assert proposed(config, held, a_bar(270, side, {"atr": 100})) is None
    assert proposed(config, held, a_bar(290, side, {"atr": 120})) is None


def test_trailing_whose_ends_meet_goes_from_wide_to_tight_at_once() -> None:
    config = ExitConfig(trail_from=1.0, trail_to=1.0, trail_wide=1.0, trail_tight=0.4)

    found = proposed(config, a_position(best=100), a_bar(100, 1, {"atr": 100}))

    assert isinstance(found, Tighten)
    assert found.stop == at(60, 1)


@both
def test_chandelier(side: int) -> None:
    config = ExitConfig(chandelier_atr=2.5)
    bar = a_bar(100, side, {"atr": 40, "highest": 180, "lowest": -700}, spread=0)

    assert proposed(config, a_position(side), bar) == Tighten("CHANDELIER", at(80, side))


def test_the_chandelier_of_a_short_leaves_room_for_the_spread() -> None:
    bar = a_bar(100, -1, {"atr": 40, "highest": 180, "lowest": -700}, spread=3 * TICK)

    found = proposed(ExitConfig(chandelier_atr=2.5), a_position(-1), bar)

    assert isinstance(found, Tighten)
    assert found.stop == at(80, -1) + 3 * TICK


@both
@pytest.mark.parametrize(
    ("stop", "close", "moves"),
    [
        (-R, 81, True),  # the chandelier hangs at 80
        (-R, 80.9, False),  # less than a tick below the price
        (-R, 80, False),
        (-R, 60, False),  # through the price
        (79, 100, True),
        (79.1, 100, False),  # moves by less than a tick
        (80, 100, False),
        (90, 100, False),  # would loosen
        (None, 100, True),  # there is no stop yet
    ],
)
def test_a_stop_only_tightens_and_stays_short_of_the_price(
    side: int, stop: float | None, close: float, moves: bool
) -> None:
    bar = a_bar(close, side, {"atr": 40, "highest": 180, "lowest": -700})

    found = proposed(ExitConfig(chandelier_atr=2.5), a_position(side, stop=stop), bar)

    assert (found is not None) == moves


@both
@pytest.mark.parametrize(("asked", "moves"), [(79, True), (80, False), (90, False)])
def test_after_a_change_that_is_not_confirmed_only_a_tighter_one_follows(side: int, asked: int, moves: bool) -> None:
    bar = a_bar(100, side, {"atr": 40, "highest": 180, "lowest": -700})

    found = proposed(ExitConfig(chandelier_atr=2.5), a_position(side, stop=asked, amending=True), bar)

    assert (found is not None) == moves


# -- closes ----------------------------------------------------------------------------------------

TARGETS = ExitConfig(targets=((1.0, 0.5), (2.0, 0.3)))


@both
@pytest.mark.parametrize(
    ("close", "flags", "expected"),
    [
        (199, (), None),
        (200, (), ("TP1", 0.5)),
        (500, (), ("TP1", 0.5)),  # one a bar
        (399, ("TP1",), None),
        (400, ("TP1",), ("TP2", 0.3)),
        (900, ("TP1", "TP2"), None),
    ],
)
def test_targets(side: int, close: int, flags: tuple[str, ...], expected: tuple[str, float] | None) -> None:
    found = proposed(TARGETS, a_position(side, flags=flags), a_bar(close, side))

    assert found == (None if expected is None else Close(*expected))


def test_the_target_that_completes_the_fractions_closes_all_that_is_left() -> None:
    config = ExitConfig(targets=((1.0, 0.1), (2.0, 0.2), (3.0, 0.7)))

    assert closes(config, a_position(flags=("TP1", "TP2")), a_bar(600)) == "TP3"


def test_three_thirds_are_everything() -> None:
    config = ExitConfig(targets=((1.0, 1 / 3), (2.0, 1 / 3), (3.0, 1 / 3)))

    assert closes(config, a_position(flags=("TP1", "TP2")), a_bar(600)) == "TP3"


@pytest.mark.parametrize(
    ("least", "close", "expected"),
    [
        (2_000, 200, ("TP1", 0.2)),
        (2_001, 200, None),
        (2_001, 400, ("TP2", 0.3)),
        (3_001, 400, None),
        (3_001, 600, ("TP3", 1.0)),
        (20_000, 600, ("TP3", 1.0)),  # all that is held can always be closed
    ],
)
def test_a_part_smaller_than_the_least_order_is_left_to_later_targets(
    least: int, close: int, expected: tuple[str, float] | None
) -> None:
    config = ExitConfig(targets=((1.0, 0.2), (2.0, 0.3), (3.0, 0.5)))

    found = proposed(config, a_position(), a_bar(close, least=least * NANO))

    assert found == (None if expected is None else Close(*expected))


@pytest.mark.parametrize(("closing", "parts"), [(0, True), (1, False)])
def test_no_part_is_closed_while_something_is_on_its_way_out(closing: int, parts: bool) -> None:
    assert (proposed(TARGETS, a_position(closing=closing), a_bar(300)) is not None) == parts


def test_a_short_reaches_its_target_by_the_ask() -> None:
    assert proposed(TARGETS, a_position(-1), a_bar(200, -1, spread=1)) is None
    assert proposed(TARGETS, a_position(1), a_bar(200, 1, spread=1)) is not None


@both
@pytest.mark.parametrize(("age", "reason"), [(3_599, None), (3_600, "MAX_HOLD"), (9_999, "MAX_HOLD")])
def test_max_hold(side: int, age: int, reason: str | None) -> None:
    held = a_position(side, opened_at=T - age * NANO)

    assert closes(ExitConfig(max_hold=3600.0), held, a_bar(500, side)) == reason


@both
@pytest.mark.parametrize(
    ("age", "close", "reason"),
    [(3_599, -50, None), (3_600, 1, None), (3_600, 0, "TIME_STOP"), (3_600, -50, "TIME_STOP")],
)
def test_time_stop(side: int, age: int, close: int, reason: str | None) -> None:
    held = a_position(side, opened_at=T - age * NANO)

    assert closes(ExitConfig(time_stop=3600.0), held, a_bar(close, side)) == reason


@both
@pytest.mark.parametrize(
    ("age", "close", "reason"),
    [(28_799, 0, None), (28_800, 60, None), (28_800, 59, "NO_PROGRESS"), (28_800, -90, "NO_PROGRESS")],
)
def test_no_progress(side: int, age: int, close: int, reason: str | None) -> None:
    held = a_position(side, opened_at=T - age * NANO)

    assert closes(ExitConfig(no_progress=28_800.0, no_progress_r=0.3), held, a_bar(close, side)) == reason


@both
@pytest.mark.parametrize(("trend", "reason"), [(1, None), (0, None), (-1, "REGIME_FLIP")])
def test_regime_flip(side: int, trend: int, reason: str | None) -> None:
    assert closes(ExitConfig(regime_flip=True), a_position(side), a_bar(0, side, {"trend": trend})) == reason


@both
@pytest.mark.parametrize(
    ("close", "rsi", "macd_bars", "sma", "reason"),
    [
        (-51, 34.9, -3, -100, "EARLY_CUT"),
        (-50, 34.9, -3, -100, None),  # exactly the loss that is allowed
        (-51, 35.0, -3, -100, None),  # only MACD is against it
        (-51, 34.9, -2, -100, None),  # only RSI
        (-51, 35.0, -2, -50, None),  # only the average
        (-51, 35.0, -3, -50, "EARLY_CUT"),
        (-51, 34.9, -2, -50, "EARLY_CUT"),
        (-51, 35.0, -3, -51, None),  # on the average
        (-51, 34.9, -9, -50, "EARLY_CUT"),
        (-51, 65.1, 3, -100, None),  # what is against the other side
    ],
)
def test_early_cut(side: int, close: int, rsi: float, macd_bars: int, sma: float, reason: str | None) -> None:
    bar = a_bar(close, side, {"atr": 100, "rsi": rsi, "macd_bars": macd_bars, "sma": sma})

    assert closes(ExitConfig(early_cut=0.5), a_position(side), bar) == reason


def new_york(text: str) -> int:
    return nanos(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")))


@both
@pytest.mark.parametrize(
    ("now", "timeframe", "asset_class", "reason"),
    [
        ("2024-03-08T15:55", 5 * MINUTE, "forex", None),
        ("2024-03-08T16:00", 5 * MINUTE, "forex", "WEEKEND"),  # the next bar closes less than an hour before
        ("2024-03-08T15:56", 5 * MINUTE, "forex", "WEEKEND"),
        ("2024-03-08T17:00", 5 * MINUTE, "metal", "WEEKEND"),  # late, but not given up
        ("2024-03-10T16:59", 5 * MINUTE, "other", "WEEKEND"),  # clocks went forward that Sunday
        ("2024-03-10T17:05", 5 * MINUTE, "forex", None),
        ("2024-03-08T16:00", 5 * MINUTE, "crypto", None),
        ("2024-03-07T16:00", 5 * MINUTE, "forex", None),
        ("2024-03-08T15:00", HOUR, "forex", None),
        ("2024-03-08T15:01", HOUR, "forex", "WEEKEND"),
        ("2024-03-08T00:00", DAY, "forex", "WEEKEND"),  # there is no later bar
        ("2024-11-01T15:55", 5 * MINUTE, "forex", None),
        ("2024-11-01T16:00", 5 * MINUTE, "forex", "WEEKEND"),  # clocks go back that Sunday
    ],
)
def test_before_weekend(side: int, now: str, timeframe: int, asset_class: str, reason: str | None) -> None:
    moment = new_york(now)
    bar = a_bar(0, side, at=moment, timeframe=timeframe, asset_class=asset_class)

    held = a_position(side, opened_at=moment - HOUR)

    assert closes(ExitConfig(before_weekend=3600.0), held, bar) == reason


def test_flat_for_the_weekend_itself_still_leaves_a_bar_to_be_closed_in() -> None:
    config = ExitConfig(before_weekend=0.0)
    late, early = new_york("2024-03-08T16:00"), new_york("2024-03-08T15:00")

    assert closes(config, a_position(), a_bar(0, at=late, timeframe=HOUR)) == "WEEKEND"
    assert closes(config, a_position(), a_bar(0, at=early, timeframe=HOUR)) is None


@both
@pytest.mark.parametrize(
    ("opened", "now", "timeframe", "reason"),
    [
        ("2024-03-07T10:00", "2024-03-07T16:50", 5 * MINUTE, None),
        ("2024-03-07T10:00", "2024-03-07T16:55", 5 * MINUTE, "SESSION_CLOSE"),
        ("2024-03-07T10:00", "2024-03-07T15:00", HOUR, None),
        ("2024-03-07T10:00", "2024-03-07T16:00", HOUR, "SESSION_CLOSE"),  # the next bar would be too late
        ("2024-03-07T16:55", "2024-03-07T17:00", 5 * MINUTE, None),  # opened at the time: the next day's
        ("2024-03-07T17:00", "2024-03-07T17:05", 5 * MINUTE, None),
        ("2024-03-07T10:00", "2024-03-07T18:30", 5 * MINUTE, "SESSION_CLOSE"),  # lived through it
        ("2024-03-08T18:00", "2024-03-10T16:50", 5 * MINUTE, "SESSION_CLOSE"),
        ("2024-03-10T01:00", "2024-03-10T16:50", 5 * MINUTE, None),  # clocks went forward
        ("2024-03-10T01:00", "2024-03-10T16:55", 5 * MINUTE, "SESSION_CLOSE"),
    ],
)
def test_session_close(side: int, opened: str, now: str, timeframe: int, reason: str | None) -> None:
    held = a_position(side, opened_at=new_york(opened))
    bar = a_bar(0, side, at=new_york(now), timeframe=timeframe)

    assert closes(ExitConfig(session_close="16:55 America/New_York"), held, bar) == reason


# -- what is not known -----------------------------------------------------------------------------

EVERYTHING = ExitConfig(
    breakeven_at=0.5,
    targets=((0.5, 0.5), (1.0, 0.5)),
    trail_from=0.3,
    chandelier_atr=1.0,
    max_hold=600.0,
    time_stop=600.0,
    no_progress=600.0,
    regime_flip=True,
    early_cut=0.1,
    before_weekend=3600.0,
    session_close="16:55 America/New_York",
)


def test_no_policy_is_on_by_itself_and_every_registered_one_can_be() -> None:
    assert policies(ExitConfig()) == ()
    assert [type(one) for one in policies(EVERYTHING)] == [load(reference) for reference in EXITS.values()]


def test_one_file_is_one_registration() -> None:
    files = {one.stem for one in Path(base.__file__).parent.glob("*.py")} - {"__init__", "base", "readings"}

    assert files == set(EXITS)
    assert all(reference.startswith(f"risk.exits.{name}:") for name, reference in EXITS.items())


def test_every_key_of_exits_belongs_to_a_policy() -> None:
    keys = {key for one in policies(EVERYTHING) for key in one.keys}

    assert keys == set(ExitConfig.__struct_fields__) - {"atr_bars"}


@pytest.mark.parametrize("price", [-300, 0, 300])
@both
def test_without_a_stop_at_entry_the_policies_in_r_are_silent(side: int, price: int) -> None:
    config = ExitConfig(breakeven_at=0.5, targets=((0.5, 0.5),), no_progress=600.0)

    assert proposed(config, a_position(side, stop=None, distance=0, best=max(price, 0)), a_bar(price, side)) is None


@pytest.mark.parametrize("name", ["trail_from", "chandelier_atr", "early_cut"])
@pytest.mark.parametrize("atr", [math.nan, 0.0])
def test_without_a_range_the_policies_in_ranges_are_silent(name: str, atr: float) -> None:
    reading = {"atr": atr, "rsi": 10.0, "macd_bars": -9.0, "sma": 100.0, "highest": 0.0, "lowest": -99.0}

    assert proposed(ExitConfig(**{name: 0.5}), a_position(best=150), a_bar(-150, 1, reading)) is None


@pytest.mark.parametrize("unknown", ["atr", "rsi", "macd_bars", "sma"])
def test_an_early_cut_waits_until_all_its_signs_are_known(unknown: str) -> None:
    reading = {"atr": 100.0, "rsi": 10.0, "macd_bars": -9.0, "sma": 100.0} | {unknown: math.nan}

    assert proposed(ExitConfig(early_cut=0.5), a_position(), a_bar(-150, 1, reading)) is None


@pytest.mark.parametrize("name", ["max_hold", "time_stop", "no_progress"])
def test_without_a_time_of_opening_the_policies_in_time_are_silent(name: str) -> None:
    assert proposed(ExitConfig(**{name: 60.0}), a_position(opened_at=0), a_bar(-10)) is None


@pytest.mark.parametrize(
    ("config", "unknown"),
    [
        (ExitConfig(targets=((1.0, 0.5),)), {"first": 0}),
        (ExitConfig(session_close="12:00 UTC"), {"opened_at": 0}),
        (ExitConfig(time_stop=60.0), {"entry": None}),
        (ExitConfig(early_cut=0.5), {"entry": None}),
        (ExitConfig(trail_from=0.3), {"entry": None}),
    ],
)
def test_what_is_not_known_of_a_position_silences_what_needs_it(config: ExitConfig, unknown: dict[str, None]) -> None:
    against = {"atr": 100.0, "rsi": 10.0, "macd_bars": -9.0, "sma": 300.0}
    bars = [a_bar(close, 1, against) for close in (-150, 250)]

    assert any(proposed(config, a_position(best=250), bar) is not None for bar in bars)
    short = a_position(-1, best=250, **unknown)
    for held in (a_position(best=250, **unknown), short):
        assert [proposed(config, held, bar) for bar in bars] == [None, None]


def test_nothing_is_proposed_while_indicators_warm_up_but_what_needs_none() -> None:
    held = a_position(best=150, opened_at=T - MINUTE)

    assert proposed(ExitConfig(trail_from=0.3, early_cut=0.1, regime_flip=True), held, a_bar(-20)) is None
    assert isinstance(proposed(EVERYTHING, held, a_bar(50)), Tighten)
    assert closes(EVERYTHING, a_position(), a_bar(-20)) == "MAX_HOLD"


def test_only_policies_of_indicators_ask_for_them() -> None:
    plain = ExitConfig(breakeven_at=1.0, targets=((1.0, 1.0),), max_hold=60.0, before_weekend=0.0)

    assert not reads_indicators(policies(plain))
    for name in ("trail_from", "chandelier_atr", "early_cut"):
        assert reads_indicators(policies(ExitConfig(**{name: 1.0})))
    assert reads_indicators(policies(ExitConfig(regime_flip=True)))


# -- which one counts ------------------------------------------------------------------------------


class Says:
    """A policy that always proposes the same."""

    keys = ()
    indicators = False

    def __init__(self, proposal: Close | Tighten) -> None:
        self.proposal = proposal

    def propose(self, held: object, facts: object) -> Close | Tighten:
        return self.proposal


@both
def test_the_most_urgent_counts_then_the_most_protective(side: int) -> None:
    ladder = [
        Says(Close("urgent part", 0.1, urgency=NORMAL + 1)),
        Says(Close("all")),
        Says(Close("half", 0.5)),
        Says(Close("quarter", 0.25)),
        Says(Tighten("tight", at(-10, side))),
        Says(Tighten("loose", at(-50, side))),
    ]
    held, bar = a_position(side), a_bar(0, side)

    for first, best in enumerate(ladder):
        assert decide(held, bar, ladder[first:]) is best.proposal
        assert decide(held, bar, ladder[first:][::-1]) is best.proposal


def test_of_equals_the_first_counts() -> None:
    one, other = Says(Close("one")), Says(Close("other"))

    assert decide(a_position(), a_bar(0), [one, other]) is one.proposal
    assert decide(a_position(), a_bar(0), [other, one]) is other.proposal


def test_what_cannot_be_done_hides_nothing_that_can() -> None:
    loosens = Says(Tighten("loosens", at(-300, 1), urgency=NORMAL + 1))
    tightens = Says(Tighten("tightens", at(-100, 1)))

    assert decide(a_position(), a_bar(0), [loosens, tightens]) is tightens.proposal


@pytest.mark.parametrize(("closing", "says"), [(9_999, True), (10_000, False), (10_001, False)])
def test_nothing_is_proposed_for_what_is_on_its_way_out(closing: int, says: bool) -> None:
    held = a_position(closing=closing * NANO)

    assert (decide(held, a_bar(0), [Says(Close("all"))]) is not None) == says


# -- faults of other systems -----------------------------------------------------------------------


@both
def test_fault_targets_measured_from_a_stop_that_was_moved(side: int) -> None:
    """004: after breakeven R was 0.1 % and the second target was hit at once."""
    held = a_position(side, stop=0, flags=("BREAKEVEN", "TP1"), best=300)

    assert proposed(TARGETS, held, a_bar(399, side)) is None
    assert proposed(TARGETS, held, a_bar(400, side)) == Close("TP2", 0.3)


@both
def test_fault_breakeven_remembered_before_the_broker_confirmed(side: int) -> None:
    """001: the flag was set before the answer, so a change that failed was never tried again."""
    config = ExitConfig(breakeven_at=0.8)
    built = policies(config)
    asked = decide(a_position(side, best=160), a_bar(160, side), built)

    failed = decide(a_position(side, best=160), a_bar(90, side), built)
    confirmed = decide(a_position(side, best=160, stop=0, flags=("BREAKEVEN",)), a_bar(90, side), built)

    assert asked == failed == Tighten("BREAKEVEN", at(0, side), flag="BREAKEVEN")
    assert confirmed is None


def test_fault_a_restart_repeats_a_partial_close() -> None:
    """001: what had been closed was remembered in memory only."""
    assert decide(a_position(flags=("TP1",)), a_bar(300), policies(TARGETS)) is None


@both
def test_fault_two_trailing_mechanisms_move_one_stop_in_one_tick(side: int) -> None:
    """001: the second one worked from a stop that the first had already moved, and loosened it."""
    config = ExitConfig(trail_from=0.3, chandelier_atr=1.0, breakeven_at=0.5)
    held = a_position(side, best=200)
    bar = a_bar(190, side, {"atr": 100, "highest": 210, "lowest": -500})

    found = proposed(config, held, bar)

    assert isinstance(found, Tighten)
    ways = [proposed(ExitConfig(**one), held, bar) for one in ({"trail_from": 0.3}, {"chandelier_atr": 1.0})]
    stops = [one.stop * side for one in ways if isinstance(one, Tighten)]
    assert len(stops) == 2
    assert found.stop * side == max(stops)
    moved = a_position(side, best=200, stop=(found.stop - at(0, 1)) * side / TICK)
    assert proposed(config, moved, bar) is None  # nothing tighter is left


@both
def test_fault_a_position_goes_on_without_a_stop(side: int) -> None:
    """004: nothing compared the price with the stop, and none was at the exchange."""
    bar = a_bar(0, side, {"atr": 50, "highest": 20, "lowest": -80})

    found = proposed(ExitConfig(chandelier_atr=2.0), a_position(side, stop=None, distance=0), bar)

    assert found == Tighten("CHANDELIER", at(-80, side))


def test_fault_no_proposal_ever_takes_a_stop_away() -> None:
    bar = a_bar(0, 1, {"atr": from_float(2.0) / TICK, "highest": 0, "lowest": 0})

    assert proposed(ExitConfig(chandelier_atr=1.0), a_position(stop=None), bar) is None
