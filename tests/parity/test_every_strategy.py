"""The same bars through `backtest`, a run and `replay`: the same decisions and fills, with every rule on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.timeframe import utc
from orchestration.backtest.result import Result
from orchestration.replay import replay
from strategies import STRATEGIES
from tests.parity import everything
from tests.parity.left import Given, Ran, backtested, curve, equities, of_backtest, ran, same
from tests.parity.made import Made

SHARED = Path(__file__).parents[2].parent / "shared/data"
every_strategy = pytest.mark.parametrize("strategy", list(STRATEGIES))


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return everything.market(tmp_path_factory.mktemp("bars"), 600)


def says_something(result: Result) -> Counter[str]:
    """Much was approved and much denied, for more than one reason, in every symbol. Returns the codes."""
    codes = Counter(one.denied.code for one in result.refusals)
    reasons = {one.reason for one in result.fills}
    assert everything.off(result.settings) == set()
    assert {one.symbol for one in result.fills} == set(result.settings.symbols)
    assert {"ENTRY", "STOP"} <= reasons, reasons
    assert len(reasons) >= 5, reasons
    assert codes.total() >= 20, codes
    assert len(codes) >= 4, codes
    assert len(result.locks) >= 5
    return codes


def identical(found: Ran) -> None:
    """A replay of the run decides the same."""
    report = replay(found.url, found.run_id, lambda done, total: None, lambda text: None)
    assert report.difference is None, report.difference.facts()
    assert (report.cycles, report.decisions) == (found.summary.cycles, len(found.left.decisions))


def given_of(strategy: str, market: Made) -> Given:
    return {**market.given, "strategy": strategy, "sets": everything.sets(strategy)}


@pytest.mark.parametrize("strategy", ["breakout", "dca"])
def test_a_backtest_decides_and_fills_as_a_longer_run_in_one_process_and_its_replay(
    tmp_path: Path, bars: Made, strategy: str
) -> None:
    given = given_of(strategy, bars)

    result = backtested(given)
    run = ran(tmp_path, given)

    says_something(result)
    same(of_backtest(result), run.left)
    identical(run)


@pytest.mark.ray
@every_strategy
def test_a_backtest_decides_and_fills_as_a_run_on_ray_and_its_replay(
    bars: Made, strategy: str, on_ray: Callable[[Given], Ran]
) -> None:
    given = {**given_of(strategy, bars), "timerange": "20240102-20240105"}

    result = backtested(given)
    run = on_ray(given)

    assert len(result.fills) > 10 < len(result.refusals)
    same(of_backtest(result), run.left)
    identical(run)


@pytest.mark.parametrize("strategy", ["ema_cross", "bos"])
def test_a_backtest_of_a_simulated_market_decides_as_its_run(tmp_path: Path, strategy: str) -> None:
    """Its warm-up is no cycle of either."""
    given: Given = {"symbols": ("EURUSD", "EURJPY", "BTC"), "timeframe": "M15", "seed": 5, "speed": "max"}
    given |= {"strategy": strategy, "sets": (*everything.sets(strategy), "feed.bars=350")}

    result = backtested(given)
    run = ran(tmp_path, given)

    assert result.moments.size == run.summary.cycles == 350
    assert len(result.fills) > 5 < len(result.refusals)
    same(of_backtest(result), run.left)
    identical(run)


@pytest.mark.data
@every_strategy
def test_a_backtest_decides_and_fills_as_a_run_on_recorded_bars(tmp_path: Path, strategy: str) -> None:
    files = {one: SHARED / f"{one}_H1.parquet" for one in ("EURUSD", "USDJPY", "XAUUSD")}
    missing = [one.name for one in files.values() if not one.exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not beside this checkout (shared/data)")
    given: Given = {
        "symbols": tuple(files),
        "data": tuple(f"{symbol}={path}" for symbol, path in files.items()),
        "timeframe": "H1",
        "timerange": "20150111-20150121",  # the euro lost its footing
        "strategy": strategy,
        "sets": everything.sets(strategy),
    }

    result = backtested(given)
    run = ran(tmp_path, given)

    assert everything.off(result.settings) == set()
    assert len(result.fills) > 5 < len(result.refusals)
    same(of_backtest(result), run.left)
    identical(run)


def test_together_they_meet_most_of_what_can_be_said(bars: Made, tmp_path: Path) -> None:
    longer = everything.market(tmp_path, 1200)
    results = [backtested(given_of(strategy, market)) for market in (bars, longer) for strategy in STRATEGIES]

    codes = Counter[str]()
    for one in results:
        codes += says_something(one)
    reasons = {fill.reason for one in results for fill in one.fills}
    stops = {json.loads(said)["purpose"] for one in results for said in one.decisions if b'"quantity":"0"' in said}
    assert len(codes) >= 15, codes
    assert codes.keys() >= {
        *("OUT_OF_SESSION", "NEWS_BLACKOUT", "MARKET_CLOSED", "CONVERSION_UNKNOWN", "COOLDOWN", "LOCKED"),
        *("MAX_TRADES_PER_DAY", "MAX_SPREAD", "MAX_OPEN_POSITIONS", "MAX_CURRENCY_EXPOSURE", "IN_FLIGHT"),
        "MAX_DRAWDOWN_SOFT",
    }
    assert reasons >= {
        *("ENTRY", "SIGNAL", "STOP", "TARGET", "TP1", "TP2", "REGIME_FLIP", "EARLY_CUT", "SESSION_CLOSE", "WEEKEND"),
        "FINANCING",
    }
    assert stops == {"ENTRY", "BREAKEVEN", "TRAILING", "CHANDELIER"}  # an entry of no size is a denial
    assert {utc(int(at)).weekday() for one in results for at in one.moments} == set(range(7))


def test_the_curve_is_what_the_account_was_worth_at_every_cycle(tmp_path: Path, bars: Made) -> None:
    given = given_of("momentum", bars)

    result, run = backtested(given), ran(tmp_path, given)

    assert [one.at for one in run.snapshots] == result.moments.tolist()
    for at, ours, theirs in zip(result.moments, curve(result), equities(run), strict=True):
        assert abs(ours - theirs) < 1e-6 * 1e9, utc(int(at))
