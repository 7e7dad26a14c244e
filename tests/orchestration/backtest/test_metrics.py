"""The numbers of a backtest: each by hand, and none where it is not defined."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import NANO, to_float
from domain.order import Denied
from domain.timeframe import DAY, HOUR
from orchestration.backtest.measures import ratios
from orchestration.backtest.measures.metrics import metrics
from orchestration.backtest.measures.returns import WEEKDAYS, calendar_of, closes, daily_equity
from orchestration.backtest.measures.trips import longest_streak, quality, tallies, tally
from orchestration.backtest.result import Open, Refusal, Sent
from risk.statistics import KINDS, Statistics, Trade
from tests.factories import BTC, EURUSD, a_candidate, a_fill, an_order
from tests.orchestration.backtest.measured import NOON, a_close, a_result, closed, some_days


def told(nets: list[float], **changed: Any) -> dict[str, Any]:
    return metrics(a_result(*some_days([100_000.0]), closes=closed(nets, **changed)))


# -- days ------------------------------------------------------------------------------------------


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends() -> None:
    midnight = NOON + 12 * HOUR
    found = closes(np.array([midnight - HOUR, midnight, midnight + HOUR]), np.array([1.0, 2.0, 3.0]), WEEKDAYS)

    assert list(found.equity) == [2.0, 3.0]
    assert list(found.at) == [midnight, midnight + HOUR]


def test_the_weekend_counts_to_monday_where_no_crypto_is_traded() -> None:
    friday, saturday, sunday, monday = (NOON + day * DAY for day in (4, 5, 6, 7))
    equity = [100_000.0, 101_000.0, 102_000.0, 103_000.0]

    told = metrics(a_result([friday, saturday, sunday, monday], equity))
    assert told["periods"] == 2
    assert told["best_period"] == {"date": "2024-01-08", "return": pytest.approx(0.03)}

    told = metrics(a_result([friday, sunday], equity[:2]))
    assert told["best_period"] == {"date": "2024-01-08", "return": pytest.approx(0.01)}


def test_every_day_counts_where_crypto_is_traded() -> None:
    result = a_result([NOON, NOON + 3 * DAY], [100_000.0, 101_000.0], instruments={"EURUSD": EURUSD, "BTC": BTC})

    told = metrics(result)

    assert told["periods"] == 4
    assert told["var_95"] == 0.0
    assert told["conventions"]["annualisation"].startswith("365 days")
    assert daily_equity(result) == {
        "2024-01-01": 100_000.0,
        "2024-01-02": 100_000.0,
        "2024-01-03": 100_000.0,
        "2024-01-04": 101_000.0,
    }


def test_a_crypto_pair_that_only_converts_makes_no_crypto_account() -> None:
    result = a_result([NOON], [1.0], instruments={"EURUSD": EURUSD})
    with_pair = msgspec.structs.replace(result, instruments={"EURUSD": EURUSD, "BTC": BTC})

    assert calendar_of(with_pair) == calendar_of(result) == WEEKDAYS


def test_bars_longer_than_a_day_make_weeks() -> None:
    at = [NOON + 7 * day * DAY for day in range(5)]
    told = metrics(a_result(at, [100_000.0, 101_000.0, 100_500.0, 103_000.0, 102_000.0], timeframe="W1"))

    assert (told["period"], told["periods"]) == ("week", 5)
    assert told["sharpe"] == pytest.approx(told["sharpe_per_period"] * math.sqrt(52))
    assert told["best_period"]["date"] == "2024-01-22"
    friday_too = metrics(a_result([NOON + 4 * DAY, NOON + 6 * DAY, NOON + 7 * DAY], [1.0, 2.0, 3.0], timeframe="W1"))
    assert friday_too["periods"] == 2


def test_warm_up_is_not_counted() -> None:
    at, equity = some_days([100_000.0, 100_000.0, 101_000.0])
    told = metrics(a_result(at, equity, warmed_until=int(at[1])))

    assert (told["periods"], told["moments"]) == (1, 1)
    assert told["first"] == "2024-01-03T12:00:00Z"


# -- drawdown --------------------------------------------------------------------------------------


def test_a_drawdown_has_its_peak_bottom_and_recovery() -> None:
    at, equity = some_days([101_000.0, 105_000.0, 105_000.0, 99_750.0, 102_000.0, 105_000.0, 104_000.0])
    found = metrics(a_result(at, equity))["drawdown"]["bars"]

    assert found == {
        "depth": pytest.approx(-0.05),
        "money": -5_250.0,
        "peak_at": "2024-01-03T12:00:00Z",  # the last bar at the peak
        "bottom_at": "2024-01-04T12:00:00Z",
        "recovered_at": "2024-01-08T12:00:00Z",
        "to_bottom_s": 86_400.0,
        "to_recovery_s": 5 * 86_400.0,
        "longest_s": 5 * 86_400.0,
    }


def test_the_longest_drawdown_may_be_another_one_and_lasts_to_the_end() -> None:
    at, equity = some_days([110_000.0, 90_000.0, 110_500.0, 110_400.0, 110_300.0, 110_200.0, 110_100.0])
    found = metrics(a_result(at, equity))["drawdown"]["bars"]

    assert found["bottom_at"] == "2024-01-02T12:00:00Z"
    assert found["recovered_at"] == "2024-01-03T12:00:00Z"
    assert found["longest_s"] == 6 * 86_400.0  # Wednesday to Tuesday, not recovered


def test_the_time_in_which_equity_only_rises_is_no_drawdown() -> None:
    at = NOON + np.array([0, 1, 2, 3, 90]) * DAY
    found = ratios.drawdown(100.0, at, np.array([101.0, 103.0, 102.0, 104.0, 105.0]))

    assert found is not None
    assert found.longest == 2 * DAY


def test_a_loss_from_the_starting_cash_is_a_drawdown() -> None:
    found = metrics(a_result(*some_days([99_000.0, 98_000.0])))["drawdown"]["bars"]

    assert found["depth"] == pytest.approx(-0.02)
    assert found["recovered_at"] is None


def test_bars_fall_deeper_than_the_days_ends() -> None:
    at = np.array([NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + DAY])
    told = metrics(a_result(at, [100_000.0, 80_000.0, 99_000.0, 99_500.0]))

    assert told["max_drawdown"] == pytest.approx(-0.2)
    assert told["max_drawdown_periods"] == pytest.approx(-0.01)
    assert told["calmar"] == pytest.approx(told["cagr"] / 0.01)
    assert told["calmar_bars"] == pytest.approx(told["cagr"] / 0.2)


def test_equity_that_only_rises_has_no_drawdown() -> None:
    told = metrics(a_result(*some_days([100_000.0, 100_000.0, 101_000.0, 102_000.0])))

    assert told["max_drawdown"] == told["max_drawdown_periods"] == 0.0
    assert told["calmar"] is None
    assert told["drawdown"]["bars"]["peak_at"] is None
    assert told["drawdown"]["bars"]["longest_s"] == 0.0


def test_a_drawdown_is_that_of_a_plain_loop() -> None:
    draw = np.random.default_rng(8)
    for _ in range(200):
        equity = 100 + draw.integers(-3, 4, draw.integers(1, 30)).cumsum().astype(float)
        peak, since, below, peak_at, longest, depth = 100.0, 0, False, 0, 0, 0.0
        for at, value in enumerate(equity):
            if value < peak:
                below, longest = True, max(longest, at - since)
                if value / peak - 1 < depth:
                    depth, peak_at = value / peak - 1, since
            else:
                longest = max(longest, at - since) if below else longest
                peak, since, below = value, at, False
        found = ratios.drawdown(100.0, np.arange(len(equity)), equity)
        assert found is not None
        assert (found.depth, found.peak_at or 0) == (depth, peak_at)
        assert found.longest == longest


# -- trades ----------------------------------------------------------------------------------------


def test_the_numbers_of_trades() -> None:
    found = told([100.0, -50.0, 0.0, 200.0, -25.0, -25.0, 0.0, -100.0])

    assert (found["trades"], found["wins"], found["losses"]) == (8, 2, 4)
    assert found["net_profit"] == found["gross_win"] + found["gross_loss"] == 100.0
    assert found["win_rate"] == pytest.approx(2 / 6)
    assert found["profit_factor"] == pytest.approx(300 / 200)
    assert (found["average_win"], found["average_loss"]) == (150.0, -50.0)
    assert found["payoff_ratio"] == pytest.approx(3.0)
    assert found["expectancy"] == pytest.approx(12.5)
    assert found["kelly"] == pytest.approx(1 / 3 - (2 / 3) / 3)
    nets = np.array([100, -50, 0, 200, -25, -25, 0, -100])
    assert found["sqn"] == pytest.approx(math.sqrt(8) * 12.5 / nets.std(ddof=1))
    assert (found["longest_winning_streak"], found["longest_losing_streak"]) == (1, 3)
    assert found["best_trade"]["net"] == 200.0
    assert found["worst_trade"] == {
        "net": -100.0,
        "r": None,
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": "BUY",
        "opened_at": "2024-01-02T01:00:00Z",
        "closed_at": "2024-01-02T02:00:00Z",
    }
    assert found["average_holding_s"] == found["longest_holding_s"] == 3_600.0


def test_r_is_that_of_trades_with_a_stop() -> None:
    lines = [a_close(net, NOON + n * HOUR, number=n, r=r) for n, (net, r) in enumerate([(9, 1.5), (5, None), (-7, -1)])]
    found = metrics(a_result(*some_days([1.0]), closes=tuple(lines)))

    assert (found["trades"], found["trades_with_r"]) == (3, 2)
    assert found["expectancy_r"] == pytest.approx(0.25)
    assert found["sqn_r"] == pytest.approx(math.sqrt(2) * 0.25 / np.std([1.5, -1], ddof=1))


def test_the_parts_of_a_position_are_one_trade() -> None:
    parts = (
        a_close(30.0, NOON, number=1, opened_at=NOON - HOUR, flat=False, reason="TP1"),
        a_close(-10.0, NOON + HOUR, number=2, opened_at=NOON - HOUR),
        a_close(5.0, NOON + 2 * HOUR, number=3, flat=False),  # not closed at the end
    )
    found = metrics(a_result(*some_days([1.0]), closes=parts))

    assert (found["trades"], found["net_profit"]) == (1, 20.0)
    assert found["longest_holding_s"] == 7_200.0
    assert list(found["by"]["reason"]) == ["STOP"]


def test_tallies_are_by_symbol_strategy_session_factor_reason_and_side() -> None:
    lines = (
        a_close(10.0, NOON, number=1, symbol="BTC", session="london", factors=("trend", "news"), side=-1),
        a_close(-4.0, NOON, number=2, strategy="bos", session="asia", reason="TARGET", factors=("trend",)),
        a_close(6.0, NOON, number=3, strategy="bos", session="asia"),
    )
    by = metrics(a_result(*some_days([1.0]), closes=lines))["by"]

    count = {kind: {name: one["trades"] for name, one in names.items()} for kind, names in by.items()}
    assert count == {
        "symbol": {"BTC": 1, "EURUSD": 2},
        "strategy": {"bos": 2, "ema_cross": 1},
        "session": {"asia": 2, "london": 1},
        "factor": {"news": 1, "trend": 2},
        "reason": {"STOP": 2, "TARGET": 1},
        "side": {"BUY": 2, "SELL": 1},
    }
    bos = by["strategy"]["bos"]
    assert (bos["net_profit"], bos["gross_win"], bos["gross_loss"]) == (2.0, 6.0, -4.0)
    assert (bos["payoff_ratio"], bos["profit_factor"], bos["expectancy"]) == (1.5, 1.5, 1.0)


@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3),
            st.sampled_from((None, -1.0, 0.3)),
            st.sampled_from("AB"),
            st.sets(st.sampled_from("xyz")),
        )
    )
)
def test_tallies_are_those_of_the_gates_statistics(lines: list[tuple[int, float | None, str, set[str]]]) -> None:
    statistics = Statistics()
    trades = []
    for place, (net, r, symbol, factors) in enumerate(lines):
        named = {"symbol": symbol, "strategy": "ab"[net % 2], "session": "st"[net % 2], "reason": "uv"[net % 2]}
        times = {"opened_at": place, "closed_at": place + 1}
        trades.append(Trade(side=1, net=net, r=r, factors=tuple(sorted(factors)), **named, **times))
        statistics.add(trades[-1])

    assert tally(trades) == statistics.tally()
    found = tallies(trades)
    for kind in KINDS:
        own = statistics.by(kind)
        assert list(found[kind]) == list(own)
        for name, told in found[kind].items():
            assert told["trades"] == own[name].trades
            assert told["net_profit"] == to_float(own[name].net)
            assert told["expectancy_r"] == own[name].expectancy


def test_a_tally_of_everything_is_what_is_told_of_all() -> None:
    found = told([100.0, -50.0, 0.0, 200.0, -25.0])
    [one] = found["by"]["symbol"].values()

    assert {name: found[name] for name in one} == pytest.approx(one)


def test_more_trades_than_the_gate_remembers_are_all_counted() -> None:
    found = told([1.0, -2.0] * 6_000)

    assert found["trades"] == found["by"]["symbol"]["EURUSD"]["trades"] == 12_000


def test_streaks() -> None:
    nets = np.array([-1.0, -1.0, 0.0, -1.0, 2.0, 3.0, -1.0, 0.0])

    assert (longest_streak(nets, -1), longest_streak(nets, 1)) == (3, 2)
    assert longest_streak(np.zeros(3), -1) == longest_streak(np.empty(0), 1) == 0


# -- activity --------------------------------------------------------------------------------------


def test_fills_orders_and_denials_are_counted() -> None:
    denied = [Denied("d", "EURUSD", code, 1.0, 0.0, NOON) for code in ("NEWS", "COOLDOWN", "COOLDOWN")]
    result = a_result(
        *some_days([100_000.0, 100_000.0, 50_000.0, 100_000.0]),
        exposure=np.array([0.0, 200_000.0, 200_000.0, 0.0]),
        fills=(a_fill(), a_fill(id="2", quantity=0, reason="FINANCING")),
        orders=(Sent(order=an_order(), status="FILLED"), Sent(order=an_order(id="o2"), status="EXPIRED")),
        refusals=tuple(Refusal(a_candidate(), one) for one in denied),
        positions=(
            Open(symbol="EURUSD", side="BUY", quantity=1.0, entry=1.0, price=1.0, profit=7.5, stop=None, target=None),
        ),
    )
    told = metrics(result)

    assert (told["fills"], told["orders"], told["denials"]) == (1, 2, 3)
    assert told["orders_by_status"] == {"EXPIRED": 1, "FILLED": 1}
    assert list(told["denials_by_code"].items()) == [("COOLDOWN", 2), ("NEWS", 1)]
    assert told["exposure"] == 0.5
    assert told["leverage_average"] == pytest.approx((2 + 4) / 4)
    assert told["leverage_highest"] == 4.0
    ruined = metrics(a_result(*some_days([100_000.0, 0.0, -5.0]), exposure=np.array([50_000.0, 10.0, 10.0])))
    assert ruined["leverage_average"] == ruined["leverage_highest"] == 0.5
    assert (told["positions_open"], told["profit_open"]) == (1, 7.5)


def test_the_sharpe_ratio_is_deflated_by_the_trials() -> None:
    draw = np.random.default_rng(4)
    result = a_result(*some_days(100_000 * np.cumprod(1 + draw.normal(0.001, 0.01, 500))))
    alone, best = metrics(result), metrics(result, trials=200, variance=0.002)

    assert alone["probabilistic_sharpe"] == alone["deflated_sharpe"] == best["probabilistic_sharpe"]
    assert best["deflated_sharpe"] < 0.7 < alone["deflated_sharpe"]
    assert (best["trials"], best["trials_sharpe_variance"]) == (200, 0.002)
    assert best["sharpe_expected_of_luck"] == pytest.approx(math.sqrt(0.002) * 2.76, rel=0.01)
    assert alone["minimum_record_years"] == pytest.approx(alone["minimum_record"] / 252)


# -- edges -----------------------------------------------------------------------------------------

EDGES: dict[str, list[float]] = {
    "nothing": [],
    "one moment": [100_500.0],
    "one moment of a loss": [99_500.0],
    "constant": [100_000.0] * 50,
    "constant from a jump": [120_000.0] * 50,
    "always the same return": list(100_000 * np.cumprod(np.full(300, 1.0001))),
    "to zero": [100_000.0, 50_000.0, 0.0],
    "to zero and on": [100_000.0, 0.0, 0.0, 10_000.0, 20_000.0],
    "below zero": [100_000.0, -50_000.0, -60_000.0],
    "only losses": [99_000.0, 98_000.0, 97_000.0, 96_000.0],
    "no number": [100_000.0, math.nan, 101_000.0, math.inf, -math.inf, 99_000.0],
    "no number at all": [math.nan] * 3,
    "huge": [1e300, 1e305, 1e300, 1e308],
    "tiny": [1e-300, 1e-305, 5e-324, 1e-320],
    "leap": [1e12, 2e15, 1e18],
}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            assert isinstance(key, str)
            yield from leaves(one, f"{path}.{key}")
    else:
        yield path, value


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("timeframe", ["H1", "W1"])
def test_no_equity_is_an_error(name: str, timeframe: str) -> None:
    values = EDGES[name]
    at, equity = some_days(values)
    found = metrics(a_result(at, equity, timeframe=timeframe, equity_final=round(1e5 * NANO)))

    for path, value in leaves(found):
        assert value is None or type(value) in (int, float, str, list), path
        assert not isinstance(value, float) or math.isfinite(value), path
    json.dumps(found, allow_nan=False)


def test_numbers_beyond_all_bounds_are_none_and_no_warning() -> None:
    huge = np.array([1e300, -1e300, 1.7e308])

    assert ratios.deviation(huge) is ratios.volatility(huge, 252) is ratios.sharpe(huge, 252) is None
    assert ratios.sortino(np.array([1e300, -1e-300]), 252) is None
    assert quality(huge) is None
    assert ratios.growth(1.0, 1e300, 1e-3) is None


@pytest.mark.parametrize("name", ["constant", "constant from a jump", "always the same return"])
def test_without_variance_there_is_no_ratio(name: str) -> None:
    values = EDGES[name][1:] if name == "constant from a jump" else EDGES[name]
    start = values[0] if name == "constant from a jump" else 100_000.0
    returns = np.array(values) / np.append(start, values[:-1]) - 1

    assert ratios.sharpe(returns, 252) is None
    assert ratios.volatility(returns, 252) == 0.0
    assert ratios.skewness(returns) is ratios.kurtosis(returns) is None


def test_what_one_day_cannot_tell_is_none() -> None:
    told = metrics(a_result(*some_days([101_000.0])))

    assert told["total_return"] == pytest.approx(0.01)
    assert told["cagr"] == pytest.approx(1.01**252 - 1)
    assert told["var_95"] == pytest.approx(0.01)
    none = ("volatility", "sharpe", "sortino", "calmar", "skewness", "probabilistic_sharpe", "minimum_record")
    assert {told[one] for one in (*none, "cagr_calendar")} == {None}


def test_ruin_leaves_drawdowns_and_totals_but_no_returns() -> None:
    told = metrics(a_result(*some_days([100_000.0, 0.0, 10_000.0])))

    assert told["max_drawdown"] == -1.0
    assert told["total_return"] == pytest.approx(-0.9)
    assert {told[one] for one in ("sharpe", "sortino", "volatility", "var_95", "cvar_99", "best_period")} == {None}
    assert metrics(a_result(*some_days([100_000.0, 0.0])))["cagr"] == -1.0
    assert metrics(a_result(*some_days([100_000.0, -1.0])))["cagr"] is None
    assert metrics(a_result(*some_days([100_000.0, -1.0])))["max_drawdown"] == pytest.approx(-1.00001)


@pytest.mark.parametrize("nets", [[], [5.0], [-5.0], [0.0], [0.0, 0.0], [3.0, 3.0], [-3.0, -3.0]])
def test_no_trades_are_an_error(nets: list[float]) -> None:
    found = told(nets)

    assert found["trades"] == len(nets)
    assert found["payoff_ratio"] is found["kelly"] is found["sqn"] is None
    if not any(one < 0 for one in nets):
        assert found["profit_factor"] is None
    if not any(nets):
        assert found["win_rate"] is None
    json.dumps(found, allow_nan=False)


def test_conventions_name_the_period_the_year_and_the_ddof() -> None:
    words = metrics(a_result(*some_days([100_000.0])))["conventions"]

    assert "252 days a year" in words["annualisation"]
    assert "no crypto" in words["annualisation"]
    assert "ddof 1" in words["sharpe"]
    assert "arithmetic" in words["sharpe"]
    assert "geometric" in words["cagr"]
    assert "flat to flat" in words["trades"]
    assert "every bar" in words["drawdown"]
    assert "not percent" in words["numbers"]
    assert "Saturday and Sunday count to Monday" in words["returns"]


def test_every_number_is_explained() -> None:
    """Each name at the top, and those of costs, stand in docs/metrics.md."""
    text = (Path(__file__).parents[3] / "docs/metrics.md").read_text(encoding="utf-8")
    found = metrics(a_result(*some_days([100_000.0])))
    names = {*found, *(f"costs.{one}" for one in found["costs"]), *(found["drawdown"]["bars"] or ())}

    lacking = [one for one in sorted(names - {"costs", "conventions", "drawdown"}) if f"`{one}`" not in text]
    assert lacking == []
