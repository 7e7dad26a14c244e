"""Every protection on both sides of its threshold, and the locks they leave, each once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from closed_trades import a_trade, counted
from hypothesis import given
from hypothesis import strategies as some

from domain.money import NANO
from domain.order import EMERGENCY, OUTSIDE, SIGNAL, STOP, TARGET
from domain.timeframe import DAY, HOUR, MINUTE
from risk.config import RiskConfig
from risk.protections import KEYS, PROTECTIONS
from risk.protections.equity import EquityWindow
from risk.protections.guards import Protections
from risk.statistics import Statistics, Trade
from risk.view import Lock
from tests.factories import CASH, T

ON: dict[str, dict[str, Any]] = {
    "COOLDOWN": {"cooldown_after_close": 3_600.0},
    "STOPLOSS_GUARD": {"stoploss_guard_trades": 3},
    "DRAWDOWN_GUARD": {"drawdown_guard": 0.1},
    "LOW_PROFIT_GUARD": {"low_profit_guard": 0.0, "low_profit_guard_trades": 2},
    "LOSSES_IN_A_ROW": {"losses_in_a_row": 3},
    "MAX_SYMBOL_LOSS": {"max_symbol_loss": 60 * NANO},
}


def guards(**config: Any) -> Protections:
    return Protections(RiskConfig(**config), "run-1")


def a_window(*equities: float, start: int = T, step: int = MINUTE, length: int = DAY) -> EquityWindow:
    return EquityWindow(length, [(start + n * step, round(one * NANO)) for n, one in enumerate(equities)])


def after(
    protections: Protections,
    *trades: Trade,
    locks: tuple[Lock, ...] = (),
    equity: EquityWindow | None = None,
    now: int | None = None,
) -> list[Lock]:
    """The locks after the last of these trades."""
    closed = trades[-1]
    window = a_window(CASH / NANO) if equity is None else equity
    return protections.protect(counted(*trades), window, closed.closed_at if now is None else now, closed, locks)


def codes(locks: list[Lock]) -> list[str]:
    return [one.code for one in locks]


# -- CooldownPeriod --------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [-5, 0, 5])
def test_a_symbol_rests_after_each_close(net: int) -> None:
    (lock,) = after(guards(**ON["COOLDOWN"]), a_trade(net))

    assert (lock.code, lock.symbol, lock.side) == ("COOLDOWN", "EURUSD", None)
    assert (lock.from_at, lock.until_at) == (T, T + HOUR)
    assert lock.covers("EURUSD", 1, T + HOUR - 1)
    assert not lock.covers("EURUSD", -1, T + HOUR)
    assert not lock.covers("BTC", 1, T)


# -- StoplossGuard ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("stops", "locked"), [(2, False), (3, True), (4, True)])
def test_so_many_stops_at_a_loss_lock_everything(stops: int, locked: bool) -> None:
    trades = [a_trade(-5, T + n * HOUR, symbol=("EURUSD", "BTC")[n % 2]) for n in range(stops)]

    locks = after(guards(**ON["STOPLOSS_GUARD"]), *trades)

    assert [(one.symbol, one.until_at - one.from_at) for one in locks] == ([(None, 4 * HOUR)] if locked else [])
    if locked:
        assert locks[0].reason == f"{stops} stops at a loss, limit 3"


@pytest.mark.parametrize(
    ("reason", "net", "counts"),
    [
        (STOP, -1, True),  # also one that was moved: breakeven, trailing, Chandelier
        (STOP, 0, False),
        (STOP, 1, False),  # a stop that locked a profit in
        (TARGET, -1, False),
        (SIGNAL, -1, False),
        ("TIME_STOP", -1, False),
        (EMERGENCY, -1, False),
        (OUTSIDE, 1, False),
    ],
)
def test_only_a_stop_at_a_loss_counts(reason: str, net: int, counts: bool) -> None:
    trades = [a_trade(-5), a_trade(net, T + 1, reason=reason), a_trade(-5, T + 2)]

    assert bool(after(guards(**ON["STOPLOSS_GUARD"]), *trades)) == counts


def test_stoploss_guard_is_not_blind_to_stops_executed_at_the_venue() -> None:
    """freqtrade issue 4183: stops that the exchange had executed were not counted."""
    trades = [a_trade(-5, T + n, reason=OUTSIDE) for n in range(3)]

    assert codes(after(guards(**ON["STOPLOSS_GUARD"]), *trades)) == ["STOPLOSS_GUARD"]


def test_a_close_that_is_no_stop_does_not_lock_again() -> None:
    trades = [a_trade(-5, T), a_trade(-5, T + 1), a_trade(-5, T + 2)]

    assert after(guards(**ON["STOPLOSS_GUARD"]), *trades, a_trade(9, T + 5 * HOUR)) == []


@pytest.mark.parametrize(("late", "locked"), [(0, True), (1, False)])
def test_stops_are_counted_within_the_look_back(late: int, locked: bool) -> None:
    trades = [a_trade(-5, T), a_trade(-5, T + HOUR), a_trade(-5, T + DAY + late)]

    assert bool(after(guards(**ON["STOPLOSS_GUARD"]), *trades)) == locked


def test_per_symbol_each_one_is_counted_and_locked_by_itself() -> None:
    protections = guards(stoploss_guard_trades=2, stoploss_guard_per_symbol=True)
    stops = [a_trade(-5, T), a_trade(-5, T + 1, symbol="BTC")]

    assert after(protections, *stops) == []
    assert [one.symbol for one in after(protections, *stops, a_trade(-5, T + 2))] == ["EURUSD"]


# -- MaxDrawdown -----------------------------------------------------------------------------------


def at_the_cycle(protections: Protections, window: EquityWindow, now: int, locks: tuple[Lock, ...] = ()) -> list[Lock]:
    return protections.protect(Statistics(), window, now, None, locks)


@pytest.mark.parametrize(("equity", "locked"), [(100_000, False), (90_001, False), (90_000, True), (0, True)])
def test_a_fall_of_equity_locks_everything(equity: int, locked: bool) -> None:
    locks = at_the_cycle(guards(**ON["DRAWDOWN_GUARD"]), a_window(99_000, 100_000, equity), T + 2 * MINUTE)

    assert [(one.code, one.symbol) for one in locks] == ([("DRAWDOWN_GUARD", None)] if locked else [])
    if locked:
        assert (locks[0].from_at, locks[0].until_at) == (T + 2 * MINUTE, T + 2 * MINUTE + 4 * HOUR)


@pytest.mark.parametrize(("late", "locked"), [(0, True), (1, False)])
def test_the_highest_equity_is_that_of_the_look_back(late: int, locked: bool) -> None:
    window = EquityWindow(DAY, [(T, 100 * NANO), (T + DAY + late, 90 * NANO)])

    assert bool(at_the_cycle(guards(**ON["DRAWDOWN_GUARD"]), window, T + DAY + late)) == locked


def test_drawdown_is_of_equity_and_not_the_sum_of_trade_ratios() -> None:
    """freqtrade issue 8373: the ratios of trades were summed up, whatever part of the account they had."""
    small = [a_trade(-10, T + n, r=-1.0) for n in range(20)]  # 200 of 100,000, and twenty times all that was at risk
    window = a_window(100_000, 99_800)

    assert guards(**ON["DRAWDOWN_GUARD"]).protect(counted(*small), window, T + MINUTE, None, ()) == []
    assert codes(at_the_cycle(guards(**ON["DRAWDOWN_GUARD"]), a_window(100_000, 85_000), T + MINUTE))  # nothing closed


def test_a_lock_that_holds_waits_before_the_next_look() -> None:
    protections, window = guards(**ON["DRAWDOWN_GUARD"]), a_window(100_000, 85_000)
    (lock,) = at_the_cycle(protections, window, T + MINUTE)

    assert at_the_cycle(protections, window, T + 2 * MINUTE, (lock,)) == []
    assert at_the_cycle(protections, window, lock.until_at - 1, (lock,)) == []
    (again,) = at_the_cycle(protections, window, lock.until_at, (lock,))  # the fall is still within the day
    assert (again.from_at, again.id == lock.id) == (lock.until_at, False)


def test_who_removes_its_lock_accepts_the_fall() -> None:
    protections, window = guards(**ON["DRAWDOWN_GUARD"]), a_window(100_000, 85_000)
    window.restart()

    assert at_the_cycle(protections, window, T + MINUTE) == []
    window.add(T + 2 * MINUTE, 76_500 * NANO)
    assert codes(at_the_cycle(protections, window, T + 2 * MINUTE)) == ["DRAWDOWN_GUARD"]


@given(
    steps=some.lists(some.tuples(some.integers(0, 5), some.integers(1, 20)), min_size=1, max_size=60),
    length=some.integers(0, 30),
    restart=some.integers(0, 60),
)
def test_the_window_says_what_all_samples_say_also_after_a_restart(
    steps: list[tuple[int, int]], length: int, restart: int
) -> None:
    window, at, samples = EquityWindow(length), 0, []
    for place, (step, equity) in enumerate(steps):
        at += step
        samples.append((at, equity))
        if place == restart:
            window = EquityWindow(length, window.samples)
        window.add(at, equity)
        window.add(at, equity)  # a cycle that is redone

        highest = max(one for when, one in samples if when >= at - length)
        assert window.fall(at) == (highest - equity) / highest
        assert window.last == equity
        since = [(when, one) for when, one in samples if when >= at - length]
        assert EquityWindow(length, since).samples == window.samples  # rebuilt from the cycles of the look-back


def test_the_last_equity_stays_known_however_long_nothing_happens() -> None:
    window = a_window(100, 90, length=HOUR)

    assert window.fall(T + 60 * DAY) == 0.0
    assert (window.last, window.samples) == (90 * NANO, ((T + MINUTE, 90 * NANO),))


@pytest.mark.parametrize(
    ("equities", "fall"), [((), 0.0), ((100,), 0.0), ((0,), 1.0), ((-5,), 1.0), ((100, -50), 1.5), ((-5, -2), 1.0)]
)
def test_without_equity_everything_has_fallen(equities: tuple[int, ...], fall: float) -> None:
    assert a_window(*equities).fall(T + len(equities) * MINUTE) == fall


# -- LowProfitPairs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "nets", "locked"),
    [
        (0.0, (-100, 100), False),
        (0.0, (-100, 99), True),
        (0.0, (-100,), False),  # too few
        (0.001, (50, 50), False),  # 0.1 % of 100,000
        (0.001, (50, 49), True),
        (-0.001, (-50, -50), False),
        (-0.001, (-50, -51), True),
    ],
)
def test_a_symbol_that_earned_less_is_locked(limit: float, nets: tuple[int, ...], locked: bool) -> None:
    protections = guards(low_profit_guard=limit, low_profit_guard_trades=2)
    trades = [a_trade(one, T + n) for n, one in enumerate(nets)]

    locks = after(protections, a_trade(-9_999, T - 1, symbol="BTC"), *trades)

    assert [(one.code, one.symbol, one.until_at - one.from_at) for one in locks] == (
        [("LOW_PROFIT_GUARD", "EURUSD", DAY)] if locked else []
    )


@pytest.mark.parametrize(("late", "locked"), [(0, True), (1, False)])
def test_profit_is_of_the_look_back(late: int, locked: bool) -> None:
    trades = (a_trade(-5, T), a_trade(1, T + HOUR), a_trade(1, T + 7 * DAY + late))

    assert bool(after(guards(**ON["LOW_PROFIT_GUARD"]), *trades)) == locked


@pytest.mark.parametrize("equity", [EquityWindow(DAY), a_window(0), a_window(-10)])
def test_without_equity_no_profit_is_enough(equity: EquityWindow) -> None:
    (lock,) = after(guards(**ON["LOW_PROFIT_GUARD"]), a_trade(5), a_trade(5), equity=equity)

    assert "no equity" in lock.reason


# -- losses in a row -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nets", "locked"),
    [
        ((-1, -1), False),
        ((-1, -1, -1), True),
        ((-1, -1, 1), False),
        ((-1, 1, -1, -1), False),
        ((-1, 0, -1, -1), True),
        ((-1, -1, -1, 0), False),  # that one lost nothing
    ],
)
def test_losses_in_a_row_lock_their_symbol(nets: tuple[int, ...], locked: bool) -> None:
    trades = [a_trade(one, T + n) for n, one in enumerate(nets)]

    locks = after(guards(**ON["LOSSES_IN_A_ROW"]), a_trade(-1, T - 1, symbol="BTC"), *trades)

    assert [(one.code, one.symbol) for one in locks] == ([("LOSSES_IN_A_ROW", "EURUSD")] if locked else [])


def test_a_count_of_losses_is_not_reset_by_a_lock_or_a_restart() -> None:
    """Breakers that begin to count anew when they open, or when the program starts, allow any number of losses."""
    protections = guards(**ON["LOSSES_IN_A_ROW"])
    losses = [a_trade(-1, T + n * DAY) for n in range(5)]

    assert [bool(after(guards(**ON["LOSSES_IN_A_ROW"]), *losses[:n])) for n in range(1, 6)] == [False] * 2 + [True] * 3
    assert [len(after(protections, *losses[:n])) for n in (3, 4)] == [1, 1]


# -- the kill switch of a symbol -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nets", "locked"),
    [
        ([-7] * 9, False),  # fewer than ten
        ([-6] * 10, False),  # exactly the limit
        ([-6] * 9 + [-7], True),
        ([-100] * 5 + [1] * 15, False),  # of the last fifteen only
        ([-100] * 5 + [1] * 14, True),
        ([-100] + [5] * 14, False),
        ([-100] + [1] * 14, True),
    ],
)
def test_the_last_trades_of_a_symbol_may_not_lose_more(nets: list[int], locked: bool) -> None:
    trades = [a_trade(one, T + n * HOUR) for n, one in enumerate(nets)]

    locks = after(guards(**ON["MAX_SYMBOL_LOSS"]), *trades)

    assert [(one.code, one.symbol, one.until_at - one.from_at) for one in locks] == (
        [("MAX_SYMBOL_LOSS", "EURUSD", 7 * DAY)] if locked else []
    )


@pytest.mark.parametrize(("late", "locked"), [(0, True), (1, False)])
def test_only_the_trades_of_thirty_days_count(late: int, locked: bool) -> None:
    trades = [a_trade(-10, T), *(a_trade(-10, T + n * HOUR) for n in range(1, 9)), a_trade(-10, T + 30 * DAY + late)]

    assert bool(after(guards(**ON["MAX_SYMBOL_LOSS"]), *trades)) == locked


@pytest.mark.parametrize("symbol", ["EURUSD", "GBPUSD", "USDJPY", "BTCUSD", "XAUUSD", "ETHUSD", "EURUSDm", "BTC"])
def test_no_override_list_exempts_a_symbol_from_its_kill_switch(symbol: str) -> None:
    trades = [a_trade(-10, T + n, symbol=symbol) for n in range(10)]

    assert [one.symbol for one in after(guards(**ON["MAX_SYMBOL_LOSS"]), *trades)] == [symbol]


# -- all of them -----------------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    return {key: value for one in ON.values() for key, value in one.items()}


def test_each_is_off_unless_its_limit_is_set_and_says_its_code() -> None:
    assert guards().active == []
    assert len(guards(**everything()).active) == len(PROTECTIONS) == len(ON)
    assert sorted(KEYS) == sorted(one.keys[0] for one in guards(**everything()).active)
    for one in guards(**everything()).active:
        assert set(one.keys) <= set(RiskConfig.__struct_fields__)


@pytest.mark.parametrize(
    ("config", "active"),
    [
        ({"stages_off": (5,)}, 0),
        ({"stages_off": (6,)}, 6),
        ({"stages_off": (5,), "explicit": frozenset({"losses_in_a_row"})}, 1),
        ({"rules": ("instrument",)}, 0),
        ({"rules": ("instrument", "locks")}, 6),
    ],
)
def test_where_nobody_asks_for_locks_none_are_made(config: dict[str, Any], active: int) -> None:
    assert len(guards(**everything() | config).active) == active


def test_an_id_says_what_a_lock_came_of() -> None:
    trades = [a_trade(-10, T + n) for n in range(10)]
    first, repeated = (after(guards(**everything()), *trades) for _ in range(2))

    assert first == repeated  # a repeat after a crash is the same row
    ids = {one.id for one in first}
    assert len(ids) == len(first) == 5
    assert not ids & {one.id for one in after(guards(**everything()), *trades, a_trade(-10, T + 10))}
    other = Protections(RiskConfig(**everything()), "run-2")
    assert not ids & {one.id for one in after(other, *trades)}
    assert all(len(one.id) == 32 for one in first)


def test_what_a_longer_lock_covers_is_not_locked_again() -> None:
    protections, trade = guards(**ON["COOLDOWN"]), a_trade(-1)
    (lock,) = after(protections, trade)

    assert after(protections, trade, locks=(lock,)) == []
    longer = msgspec.structs.replace(lock, until_at=lock.until_at + 1)
    assert after(protections, trade, locks=(longer,)) == []
    shorter = {"until_at": lock.until_at - 1}
    unlike: list[dict[str, Any]] = [{"symbol": "BTC"}, {"symbol": None}, {"side": 1}, {"code": "OTHER"}, shorter]
    for change in unlike:
        assert after(protections, trade, locks=(msgspec.structs.replace(lock, **change),)) == [lock]


@pytest.mark.parametrize(("now", "locked"), [(T + HOUR - 1, True), (T + HOUR, False)])
def test_a_close_that_is_told_too_late_locks_nothing(now: int, locked: bool) -> None:
    assert bool(after(guards(**ON["COOLDOWN"]), a_trade(), now=now)) == locked


def test_without_a_close_only_equity_is_looked_at() -> None:
    trades = [a_trade(-10, T + n) for n in range(20)]

    assert guards(**everything()).protect(counted(*trades), a_window(100_000), T + HOUR, None, ()) == []


@given(
    nets=some.lists(some.integers(-50, 50), min_size=1, max_size=30),
    restart=some.integers(0, 30),
)
def test_a_restart_makes_the_same_locks(nets: list[int], restart: int) -> None:
    """Each close once, whenever the statistics were read again, and a lock that is there stays the only one."""
    trades = [a_trade(one, T + n * HOUR, symbol=("EURUSD", "BTC")[n % 3 == 0]) for n, one in enumerate(nets)]

    def run(broken: int | None) -> list[Lock]:
        protections, statistics, locks = guards(**everything()), Statistics(), list[Lock]()
        window = a_window(1_000)
        for place, trade in enumerate(trades):
            statistics.add(trade)
            locks += protections.protect(statistics, window, trade.closed_at, trade, locks)
            if place == broken:
                protections, statistics = guards(**everything()), counted(*trades[: place + 1])
                assert protections.protect(statistics, window, trade.closed_at, trade, locks) == []
        return locks

    undisturbed = run(None)
    assert run(restart) == undisturbed
    assert len({one.id for one in undisturbed}) == len(undisturbed)
