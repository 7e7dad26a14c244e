"""Known faults of earlier systems in what they risk, each with a test named after it, and bad input.

Names after a file are tests of that file (without a folder: beside this one); the others are in this file.

| fault | test |
|---|---|
| risk limits are data only | test_fault_limits_that_are_data_only, test_fault_a_key_that_nothing_reads |
| repeated trades: nothing in flight is seen | test_gate_exposure.py two_bars_before_the_first_fill |
| expiry not looked at again after the permit | tests/actors/test_executor.py expiry_is_looked_at_when_queued |
| a negative amount is cast to an unsigned number | test_fault_a_negative_spread_wraps_round |
| an emergency only stops | tests/actors/test_operator_and_emergency.py an_emergency_closes_everything |
| a neutral direction goes down the sell branch | test_fault_a_neutral_direction_is_a_sell |
| closed trades reach neither journal nor statistics nor protections | test_fault_closed_trades_reach_nobody |
| a check that fails is swallowed as "non-blocking" | test_fault_an_error_in_a_check_is_not_blocking |
| no tick, and the spread is fine | test_costs_rules.py known_fault_no_tick_and_the_spread_is_fine |
| an error in the profitability gate allows | test_costs_rules.py known_fault_an_error_in_the_profitability |
| an error in the daily loss allows; whatever else fails open | test_day_rules.py known_fault_checks_that_fail_open |
| a held symbol without a quote counts nothing | test_rooms.py a_held_symbol_without_a_price_denies |
| positions from before the scan: check and order are two steps | test_fault_a_check_sees_positions_of_before |
| pending orders count neither to concurrency nor to exposure | test_fault_pending_limits_count_for_nothing |
| two daily counters that disagree | test_day_rules.py known_fault_two_daily_counters_that_disagree |
| a daily counter that loses updates | tests/actors/test_gate_under_load.py no_sequence_exceeds_a_limit |
| the size is multiplied after the cap | test_gate_limits.py a_factor_comes_before_the_cap |
| rounding up exceeds the clamp | test_gate_limits.py a_size_is_rounded_down_and_never_up |
| the tail-risk list has no suffixes | test_caps.py the_tail_risk_cap_is_by_class |
| override lists skip the kill switch | test_day_rules.py known_fault_a_list_of_symbols_skips_the_kill_switch |
| override lists skip the symbol's own kill switch | test_protections.py no_override_list_exempts_a_symbol |
| a second interval overrides the cooldown | test_day_rules.py known_fault_a_second_interval |
| pips over price, points for pips | test_costs_rules.py known_fault_pips_over_price |
| pips of forex for gold and crypto | test_costs_rules.py known_fault_points_and_pips_of_forex |
| the day's result is equity less balance | test_day_rules.py known_fault_floating_profit_taken_for_the_days |
| R is money over a price distance | test_fault_r_is_money_over_a_price_distance |
| breakeven remembered before the broker has confirmed | test_exits.py fault_breakeven_remembered |
| a restart repeats a partial close | test_exits.py fault_a_restart_repeats_a_partial_close |
| two trailing mechanisms move one stop in one tick | test_exits.py fault_two_trailing_mechanisms |
| a moved stop is not rounded to the tick | test_fault_a_moved_stop_is_off_the_tick |
| expiry in local time | test_fault_times_are_local |
| names hash differently in every process | test_fault_ids_differ_between_processes |
| crypto is exempt by a list of names; the session is asked twice | test_sessions.py known_fault_* |
| orders reach the broker without passing any risk | test_fault_an_order_passes_no_gate |
| what one run remembers denies the next | test_fault_one_run_remembers_another |
| nothing compares the price with the stop | test_exits.py fault_a_position_goes_on_without_a_stop, |
| | tests/flow/test_bar_to_fill.py a_stop_at_the_venue_closes |
| the day's baseline moves when equity does | test_day_rules.py known_fault_the_days_baseline_moves, |
| | tests/flow/test_gate_acceptance.py the_daily_loss_counts_from_the_days_start |
| drawdown from the day's start | test_day_rules.py known_fault_the_drawdown_is_measured |
| the limit on losses in a row is never used | test_fault_losses_in_a_row_lock_nothing |
| the kill switch resets itself | test_fault_a_kill_switch_that_resets_itself, |
| | tests/flow/test_gate_acceptance.py the_kill_switch_of_a_live_account |
| equity that cannot be read becomes a hundred thousand | test_day_rules.py known_fault_equity_that_cannot |
| a missing stop is invented | test_fault_a_missing_stop_is_invented |
| targets are measured from a stop that was moved | test_exits.py fault_targets_measured |
| approved sizes are thrown away and computed again | test_gate_limits.py the_size_that_was_asserted |
| the preset's correlation limit is overridden | test_correlation.py the_limit_that_is_configured |
| correlation without a sign | test_correlation.py the_same_bet_is_not_made_twice |
| duplicates by a tolerance of the price | test_fault_duplicates_by_a_tolerance_of_the_price |
| the equity of a short has the wrong sign | test_fault_the_equity_of_a_short_has_the_wrong_sign |
| a backtest gives risk no open positions | tests/flow/test_gate_agreement.py a_gate_that_stands_alone |
| positions in memory only | tests/actors/test_risk_manager.py a_gate_that_is_built_anew |
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from full_desk import FullDesk, denied, nanos_of
from gate_desk import GateDesk

from domain.candidate import Amend
from domain.money import NANO
from domain.order import STOP
from domain.registry import load
from domain.timeframe import MINUTE
from orchestration.settings.risk_keys import RISK_KEYS
from risk.gate import Rules
from risk.protections import KEYS
from risk.rules import RULES
from risk.state import HALTED, Limits, Standing, assess
from risk.view import Denial
from tests.factories import CASH, EURUSD, T, a_candidate, a_config, a_fill, full_config, nano
from tests.flow.system import System, path
from tests.risk.closed_trades import a_trade
from tests.risk.test_gate_limits import LISTED

BESIDE = Path(__file__).parents[2]


def test_each_fault_has_the_test_that_is_named() -> None:
    named = [line.split("|")[-2] for line in (__doc__ or "").splitlines() if line.startswith("| ")][2:]
    missing = []
    for one in (part.strip() for cell in named for part in cell.split(", ") if part.strip()):
        file, _, test = one.rpartition(" ")
        path = Path(__file__) if not file else BESIDE / (file if "/" in file else f"tests/risk/{file}")
        if f"def test_{test.removeprefix('test_').rstrip('*')}" not in path.read_text():
            missing.append(one)

    assert len(named) > 40
    assert missing == []


WAVES = path(*[(8, -0.0002), (3, 0.0005), (9, 0.0002), (2, -0.0008)] * 9)


# -- limits that hold ------------------------------------------------------------------------------------

HARSH: dict[str, dict[str, Any]] = {
    "max_trades_per_day": {"max_trades_per_day": 0},
    "max_trades_per_hour": {"max_trades_per_hour": 0},
    "max_daily_loss": {"max_daily_loss": 0},
    "max_daily_loss_share": {"max_daily_loss_share": 0.0},
    "max_drawdown": {"max_drawdown": 0.0, "max_drawdown_soft": None},
    "max_drawdown_soft": {"max_drawdown_soft": 0.0},
    "max_total_loss": {"max_total_loss": 0.0},
    "require_stop": {"require_stop": True},
    "max_spread_bps": {"max_spread_bps": {"default": 0.0001}},
    "max_cost_ratio": {"max_cost_ratio": 0.0001},
    "min_reward_to_risk": {"min_reward_to_risk": 50.0},
    "max_open_positions": {"max_open_positions": 0},
    "max_positions_per_symbol": {"max_positions_per_symbol": 0},
    "max_orders_in_flight": {"max_orders_in_flight": 0},
    "max_order_notional": {"max_order_notional": 1},
    "max_currency_exposure": {"max_currency_exposure": 0.0001},
    "max_symbol_exposure": {"max_symbol_exposure": 0.0001},
    "max_class_exposure": {"max_class_exposure": {"forex": 0.0001}},
    "max_venue_exposure": {"max_venue_exposure": 0.0001},
    "max_exposure": {"max_exposure": 1},
    "max_leverage": {"max_leverage": 0.0001},
    "max_margin": {"max_margin": 0.000001},
    "min_free_balance": {"min_free_balance": CASH},
    "max_var": {"max_var": 0.0000001},
    "max_cvar": {"max_cvar": 0.0000001},
    "max_stress_loss": {"max_stress_loss": 0.0000001, "stress": {"fall": {"default": -0.5}}},
    "max_risk": {"max_risk": 0.0000001},
    "max_risk_money": {"max_risk_money": {"forex": 1}},
    "max_depth": {"max_depth": 0.0000001},
    "max_orders_per_minute": {"max_orders_per_minute": 0},
    "sessions": {"sessions": ("22:00-22:01 UTC",)},
    "holidays": {"holidays": ("2024-01-02",)},
    "cooldown": {"cooldown": 3600.0},
    "max_correlation": {"max_correlation": 0.0001},
}


@pytest.mark.parametrize("limit", sorted(HARSH))
def test_fault_limits_that_are_data_only(limit: str) -> None:
    """Each limit, set so that nothing can pass it, stops an entry that passes otherwise."""
    wish: dict[str, Any] = {"spread": nano("0.00008")}
    desk, free = FullDesk(**HARSH[limit]), FullDesk()
    for one in (desk, free):
        one.view.last_entry = {"EURUSD": T - 60 * NANO}
        one.view.volume = 10**9
        if limit == "max_correlation":
            one.hold(1_000, "GBPUSD")
            one.view.returns = None  # groups say that they are one bet
    if limit == "require_stop":
        wish["stop"] = 0

    assert denied(desk, **wish)
    assert desk.book.working == {}
    if limit not in ("require_stop", "max_correlation"):
        assert denied(free, **wish) == ""


SHAPES = {  # keys that say how a limit is measured, sized or shown, and are no limit themselves
    *(
        "sessions_for",
        "news_impact",
        "news_before",
        "news_after",
        "max_data_age",
        "correlation_groups",
        "count_foreign",
    ),
    *("returns_window", "var_level", "var_horizon", "stress", "margin_rate", "sizing", "units", "risk_fraction"),
    *("kelly_share", "kelly_trades", "target_volatility", "score_factors", "regime_factors", "near_limit"),
    *("max_payoff_ratio_trades", "max_payoff_ratio_days", "day_start", "rules", "stages_off", "market_hours"),
}


def test_fault_a_key_that_nothing_reads() -> None:
    """Every key that limits belongs to a rule that says so, or to a protection whose locks one rule keeps."""
    of_rules = {key for reference in RULES.values() for key in load(reference).keys}
    named = {key.removeprefix("risk.") for key in RISK_KEYS}
    parts = {one for one in named for whole in KEYS if one.startswith(f"{whole.removesuffix('_trades')}_")}

    assert set(KEYS) <= of_rules
    assert named - of_rules - SHAPES - parts == set()
    assert of_rules <= named


@pytest.mark.parametrize("name", [name for name, _ in Rules(full_config()).checks])
def test_fault_an_error_in_a_check_is_not_blocking(name: str) -> None:
    desk = FullDesk(max_cost_ratio=0.9)

    class Broken:
        stage = 1

        def check(self, *given: object) -> Denial | None:
            raise NameError("check_correlation_conflict is not defined")

    desk.gate.rules.checks = [(one, Broken() if one == name else rule) for one, rule in desk.gate.rules.checks]  # type: ignore[misc]
    desk.gate.rules.checks = [one for one in desk.gate.rules.checks if one[0] in (name, "instrument")]
    denial = desk.enter().denial

    assert denial is not None
    assert denial.code == "RULE_FAILED"
    assert str(denial.value).startswith(f"{name}: NameError")


@pytest.mark.parametrize("name", [name for name, _ in Rules(full_config()).rooms])
def test_fault_an_error_in_a_room_is_not_blocking(name: str) -> None:
    desk = FullDesk()
    (room,) = [rule for one, rule in desk.gate.rules.rooms if one == name]
    room.room = None  # type: ignore[method-assign]

    assert denied(desk) == "RULE_FAILED"


# -- what is asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", [0, 2, -2, 10**30])
def test_fault_a_neutral_direction_is_a_sell(direction: int) -> None:
    desk = FullDesk()

    assert denied(desk, direction=direction) == "DIRECTION_INVALID"
    assert desk.enter(direction=-1).order is not None


@pytest.mark.parametrize("spread", [-1, -nano("0.0001")])
def test_fault_a_negative_spread_wraps_round(spread: int) -> None:
    assert denied(FullDesk(), spread=spread) == "SPREAD_INVALID"


@pytest.mark.parametrize("sizing", ["fixed_fraction", "kelly", "fixed_units", "volatility_target"])
def test_fault_a_missing_stop_is_invented(sizing: str) -> None:
    assert denied(GateDesk(a_config(sizing=sizing)), stop=0, target=0) == "STOP_REQUIRED"

    free = GateDesk(a_config(sizing="fixed_units", require_stop=False))
    order = free.enter(stop=0, target=0).order
    assert order is not None
    assert (order.stop, order.target) == (0, 0)


def test_fault_duplicates_by_a_tolerance_of_the_price() -> None:
    """The same decision is the same id at any price; another bar is another one at the same price."""
    desk = GateDesk()
    keys = [
        desk.gate.enter(a_candidate(symbol, at=at, price=price), desk.view, "paper", 0, 0).id
        for symbol, at, price in [
            ("EURUSD", T, nano("1.1")),
            ("EURUSD", T, nano("1.2")),
            ("EURUSD", T + MINUTE, nano("1.1")),
            ("GBPUSD", T, nano("1.1")),
        ]
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


# -- what is there -------------------------------------------------------------------------------------


def test_fault_a_check_sees_positions_of_before() -> None:
    """Of many that pass each by itself, one after the other no more pass than the limit lets through."""
    desk = FullDesk(**{"max_open_positions": 2, "max_correlation": None})

    answers = [desk.wish(symbol, 1, T) for symbol in sorted(LISTED)]
    assert [one.order is not None for one in answers].count(True) == 2
    assert {one.denial.code for one in answers if one.denial} == {"MAX_OPEN_POSITIONS"}


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"max_open_positions": 1}, "MAX_OPEN_POSITIONS"),
        ({"max_leverage": 1.1}, "MAX_LEVERAGE"),
        ({"max_class_exposure": {"forex": 1.1}}, "MAX_CLASS_EXPOSURE"),
        ({"max_venue_exposure": 1.1}, "MAX_VENUE_EXPOSURE"),
        ({"max_currency_exposure": 1.1}, "MAX_CURRENCY_EXPOSURE"),
        ({"max_exposure": nano(110_001)}, "MAX_EXPOSURE"),
        ({"max_margin": 0.0011, "margin_rate": {"default": 0.001}}, "MAX_MARGIN"),
    ],
)
def test_fault_pending_limits_count_for_nothing(limit: dict[str, Any], code: str) -> None:
    desk = FullDesk(**{"max_correlation": None, "max_risk": None, "max_risk_money": {}} | limit)
    desk.order("EURUSD", quantity=nano(100_000), kind="LIMIT", price=nano("1.1"))

    answer = desk.wish("GBPUSD", 1, T)
    assert answer.denial is not None
    assert answer.denial.code == code
    assert denied(desk, symbol="EURUSD") == "IN_FLIGHT"


def test_fault_the_equity_of_a_short_has_the_wrong_sign() -> None:
    desk = GateDesk()
    desk.hold(-10_000)
    desk.book.mark("EURUSD", nano("1.09"), (1, 1))

    assert desk.book.equity() == CASH + nano(100)
    desk.hold(10_000)
    assert desk.book.balance == CASH + nano(0)  # bought back at 1.1


@pytest.mark.parametrize(("rate", "pnl"), [((1, 1), nano(-20)), ((1, 150), nano(-20) // 150), ((3, 2), nano(-30))])
def test_fault_r_is_money_over_a_price_distance(rate: tuple[int, int], pnl: int) -> None:
    """A stop-out is -1 R whatever the currency, the size and the price are."""
    desk = GateDesk()
    desk.book.apply(a_fill(id="in", order_id="in", stop=nano("1.098")), rate)
    applied = desk.book.apply(a_fill(id="out", order_id="out", side=-1, price=nano("1.098"), reason=STOP), rate)

    assert applied.closed is not None
    assert applied.closed.pnl == pytest.approx(pnl, abs=1)
    assert applied.closed.r == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("beyond", [1, 4_999, 9_999])
def test_fault_a_moved_stop_is_off_the_tick(side: int, beyond: int) -> None:
    desk = GateDesk()
    desk.hold(side * 10_000)
    desk.view.price = nano("1.2") if side > 0 else nano("1.0")
    wanted = nano("1.15") + beyond if side > 0 else nano("1.05") - beyond
    change = desk.gate.amend(Amend("EURUSD", "ema_cross", "TRAIL", T, desk.view.price, wanted), desk.view, 0)

    assert change is not None
    assert change.stop % EURUSD.tick == 0
    assert 0 <= (wanted - change.stop) * side < EURUSD.tick


# -- states, protections, time ---------------------------------------------------------------------------


def test_fault_a_kill_switch_that_resets_itself() -> None:
    """The drawdown has vanished, a new day and a new peak have come: what is latched stays so."""
    limits = Limits(0.1, 0.15)
    latch = assess(Standing(85_000, 100_000), limits, None)

    assert latch.name == HALTED
    for equity in (85_000, 99_000, 100_000, 200_000):
        assert assess(Standing(equity, max(equity, 100_000)), limits, latch) == latch
    desk = FullDesk()
    desk.view.state = latch
    assert denied(desk) == "KILL_SWITCH"


def test_fault_losses_in_a_row_lock_nothing() -> None:
    from risk.protections.equity import EquityWindow
    from risk.protections.guards import Protections
    from risk.statistics import Statistics

    desk, statistics = FullDesk(**{"losses_in_a_row": 3, "cooldown_after_close": None}), Statistics()
    guards = Protections(desk.config, "run")
    for number in range(3):
        assert denied(desk, at=T + number) == ""
        desk.book.release(next(iter(desk.book.working)))
        trade = a_trade(-50, T - 10 + number, reason="SIGNAL")
        statistics.add(trade)
        desk.view.locks += guards.protect(statistics, EquityWindow(1), T, trade, desk.view.locks)

    assert denied(desk) == "LOCKED"
    assert [one.code for one in desk.view.locks if one.code == "LOSSES_IN_A_ROW"] == ["LOSSES_IN_A_ROW"]


@pytest.fixture(params=["America/New_York", "Asia/Tokyo", "UTC"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's own time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's time zone cannot be set for one process")
def test_fault_times_are_local(zone: str) -> None:
    desk = FullDesk()
    desk.view.now = T + 1

    assert denied(desk, expires_at=T) == "EXPIRED"
    assert denied(desk, expires_at=T + 1) == ""
    closed = FullDesk()
    closed.view.now = closed.view.bar_at = nanos_of("2024-01-02 17:00")  # London and New York: 12:00
    assert denied(closed, at=closed.view.now, expires_at=0) == ""
    closed.view.now = closed.view.bar_at = nanos_of("2024-01-02 22:00")
    assert denied(closed, symbol="EURUSD", at=closed.view.now, expires_at=0) == "OUT_OF_SESSION"


def test_fault_ids_differ_between_processes() -> None:
    code = "from domain.order import order_id; print(order_id('run', 'ema_cross', 'EURUSD', 5, 'ENTRY', 0))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(found) == 1


# -- through the whole system ----------------------------------------------------------------------------


def test_fault_an_order_passes_no_gate(tmp_path: Path) -> None:
    """What is sent was approved before; what was denied is never sent."""
    story = System(tmp_path).run(
        {"EURUSD": WAVES}, preset="balanced", sets=("strategy.fast=2", "strategy.slow=5", "risk.max_trades_per_day=3")
    )

    approved: set[str] = set()
    sent = 0
    for one in story.events:
        if one["type"] == "RISK_APPROVED":
            approved.add(one["data"]["order_id"])
        elif one["type"] == "ORDER_SUBMITTED":
            assert one["data"]["order_id"] in approved
            sent += 1
    refused = {one["data"]["order_id"] for one in story.of("RISK_DENIED")}
    assert sent == story.summary.orders == 3
    assert refused
    assert not refused & {one["data"].get("order_id") for one in story.of("TRADE_EXECUTION")}


def test_fault_one_run_remembers_another(tmp_path: Path) -> None:
    system = System(
        tmp_path, ["strategy.fast=2", "strategy.slow=5", "risk.losses_in_a_row=2", "risk.max_trades_per_day=9"]
    )

    first, second = (system.run({"EURUSD": WAVES}, preset="balanced") for _ in range(2))
    assert first.summary.orders > 3
    assert first.summary == second.summary
    assert first.of("RISK_DENIED") != []
    counted = second.runtime.object("RiskManager")._lookout.view.statistics.tally()
    assert counted.trades == len(second.of("POSITION_CLOSED"))


def test_fault_closed_trades_reach_nobody(tmp_path: Path) -> None:
    """Stops, targets and signals alike: every close is a line of the journal, once, and is counted."""
    from journal import views
    from journal.engines import open_engine

    system = System(
        tmp_path,
        ["strategy.fast=2", "strategy.slow=5", "strategy.atr=3", "strategy.stop_atr=1", "risk.cooldown_after_close=60"],
    )
    story = system.run({"EURUSD": WAVES}, preset="balanced")
    closed = [one["data"] for one in story.of("POSITION_CLOSED")]
    engine = open_engine(system.url)
    with engine.connect() as connection:
        lines = views.trades(connection)
    engine.dispose()
    tally = story.runtime.object("RiskManager")._lookout.view.statistics.tally()
    locked = [one["data"] for one in story.of("ALERT") if one["data"]["alert"] == "LOCKED"]

    assert {one["reason"] for one in closed} >= {"STOP", "TARGET"}
    assert len(lines) == len(closed) == tally.trades == len(locked) > 3
    assert tally.losses == sum(one["pnl"] < one["commission"] for one in closed)
