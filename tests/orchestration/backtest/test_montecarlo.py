"""Paths drawn again: what they are made of, how they spread, and what they are refused for."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import ConfigError
from orchestration.backtest.measures import montecarlo as simulation
from orchestration.backtest.measures.blocks import block_length, block_places
from orchestration.backtest.measures.history import History, history, read
from orchestration.backtest.measures.montecarlo import Asked, deepest, montecarlo
from orchestration.backtest.measures.montecarlo_report import fan, montecarlo_page


def a_history(
    nets: Any = (100.0, -50.0, 30.0, -20.0), equity: Any = (1_010.0, 990.0, 1_040.0), **changed: Any
) -> History:
    usual: dict[str, Any] = {
        "name": "r.json",
        "currency": "USD",
        "cash": 1_000.0,
        "nets": np.array(nets, float),
        "dates": tuple(f"2024-01-{day + 1:02}" for day in range(len(equity))),
        "equity": np.array(equity, float),
    }
    return History(**usual | changed)


def document(**changed: Any) -> dict[str, Any]:
    trades = [
        {"symbol": "EURUSD", "opened_at": f"2024-01-0{n}T00:00:00Z", "net": net, "flat": True}
        for n, net in enumerate((100.0, -50.0, 30.0, -20.0), 1)
    ]
    daily = {"2024-01-01": 1_010.0, "2024-01-02": 990, "2024-01-03": 1_040.0}
    return {"cash": 1_000.0, "currency": "USD", "trades": trades, "daily": daily} | changed


# -- blocks ----------------------------------------------------------------------------------------


def autoregressive(coefficient: float, count: int, seed: int = 0) -> Any:
    walk = np.random.RandomState(seed).standard_normal(count + 100)
    for place in range(1, len(walk)):
        walk[place] = coefficient * walk[place - 1] + walk[place]
    return walk[100:]


def test_the_block_length_is_that_of_the_package_arch() -> None:
    """Its own test of ``optimal_block_length`` has this series and this number."""
    assert block_length(autoregressive(0.3, 10_000)) == pytest.approx(13.635665, rel=1e-6)


def test_the_block_length_nears_that_of_the_process() -> None:
    """For an AR(1): (2 rho / (1 - rho^2))^(2/3) n^(1/3)."""
    for rho in (0.2, 0.5, 0.7):
        found = np.median([block_length(autoregressive(rho, 4_000, seed)) for seed in range(30)])
        assert found == pytest.approx((2 * rho / (1 - rho**2)) ** (2 / 3) * 4_000 ** (1 / 3), rel=0.15)


def test_what_does_not_hang_together_has_short_blocks() -> None:
    lengths = [block_length(np.random.default_rng(seed).normal(size=1_000)) for seed in range(20)]

    assert np.median(lengths) < 4
    swinging = np.tile([1.0, -1.0], 20) + np.random.default_rng(1).normal(0, 0.3, 40)
    assert block_length(swinging) == math.ceil(40 / 3)  # not more than that, whatever the formula says


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 100, list(range(10)), [0.0, 1.0] * 20, [1e-9, 2e-9] * 30])
def test_every_series_has_a_block_length(values: list[float]) -> None:
    found = block_length(np.array(values, float))

    assert 1 <= found <= max(1.0, len(values))


def test_blocks_go_on_from_where_they_began_and_have_the_mean_length() -> None:
    places = block_places(np.random.default_rng(5), 400, 250, 10.0)
    follows = np.diff(places, axis=1) % 250 == 1

    assert places.shape == (400, 250)
    assert (places.min(), places.max()) == (0, 249)
    assert 1 / (1 - follows.mean()) == pytest.approx(10.0, rel=0.05)  # one in 250 begins again at its follower
    assert np.bincount(places.ravel(), minlength=250).min() > 250  # each value is as likely: 400 expected


def test_blocks_of_one_are_drawn_one_by_one() -> None:
    places = block_places(np.random.default_rng(5), 300, 100, 1.0)

    assert np.mean(np.diff(places, axis=1) % 100 == 1) == pytest.approx(0.01, abs=0.003)


# -- paths -----------------------------------------------------------------------------------------


def test_shuffled_trades_end_alike_and_fall_as_all_orders_do() -> None:
    told = montecarlo(a_history(), Asked(method="shuffle", paths=20_000, limit=0.05))

    assert told["equity_final"]["lowest"] == pytest.approx(1_060.0)
    assert told["equity_final"]["highest"] == pytest.approx(1_060.0)
    assert told["observed"]["paths_with_lower_final"] == told["probability_of_loss"] == 0.0
    orders = np.array(list(itertools.permutations((100.0, -50.0, 30.0, -20.0))))
    falls = deepest(1_000.0, 1_000 + orders.cumsum(axis=1))
    assert told["max_drawdown"]["mean"] == pytest.approx(falls.mean(), rel=0.01)
    assert told["max_drawdown"]["lowest"] == pytest.approx(falls.min())
    assert told["probability_of_drawdown"] == pytest.approx(np.mean(falls <= -0.05), abs=0.012)
    assert told["observed"]["max_drawdown"] == pytest.approx(1_050 / 1_100 - 1)
    assert told["observed"]["paths_with_deeper_drawdown"] == pytest.approx(
        np.mean(falls < 1_050 / 1_100 - 1 - 1e-12), abs=0.012
    )


def test_sums_that_differ_by_rounding_are_the_same() -> None:
    nets = np.random.default_rng(6).normal(0, 100, 200)
    nets[-1] -= nets.sum()  # of which nothing is left
    told = montecarlo(a_history(nets), Asked(method="shuffle"))

    assert told["equity_final"]["lowest"] < told["equity_final"]["highest"]
    assert told["observed"]["paths_with_lower_final"] == told["probability_of_loss"] == 0.0


def test_trades_drawn_again_spread_as_sums_of_draws_do() -> None:
    nets = np.random.default_rng(2).normal(1, 10, 400)
    told = montecarlo(a_history(nets), Asked(paths=20_000))

    mean, spread = 1_000 + nets.sum(), nets.std() * math.sqrt(400)
    assert told["equity_final"]["mean"] == pytest.approx(mean, abs=spread / 40)
    assert told["equity_final"]["p5"] == pytest.approx(mean - 1.645 * spread, abs=spread / 15)
    assert told["equity_final"]["p95"] == pytest.approx(mean + 1.645 * spread, abs=spread / 15)
    assert told["observed"]["equity_final"] == pytest.approx(mean)
    assert told["observed"]["paths_with_lower_final"] == pytest.approx(0.5, abs=0.03)


def test_days_are_multiplied() -> None:
    returns = np.random.default_rng(2).normal(0.001, 0.01, 400)
    equity = 1_000 * np.cumprod(1 + returns)
    told = montecarlo(a_history(equity=equity, dates=("d",) * 400), Asked(method="blocks", paths=20_000, block=1))

    assert told["equity_final"]["mean"] == pytest.approx(1_000 * (1 + returns.mean()) ** 400, rel=0.01)
    logs = np.log1p(returns)
    assert math.log(told["equity_final"]["p50"] / 1_000) == pytest.approx(logs.sum(), abs=0.02)
    assert told["observed"]["equity_final"] == pytest.approx(equity[-1])
    assert (told["unit"], told["steps"], told["block"], told["block_by"]) == ("days", 400, 1.0, "given")


def test_the_first_day_earns_on_the_starting_cash() -> None:
    told = montecarlo(a_history(equity=(1_100.0, 1_100.0, 1_100.0)), Asked(method="blocks", block=1))

    assert told["equity_final"]["highest"] == pytest.approx(1_331.0)


def test_blocks_keep_what_hangs_together() -> None:
    """The sum of a series with momentum spreads more than that of its single values; blocks show it."""
    returns = autoregressive(0.6, 1_000) * 0.002
    equity = 1_000 * np.cumprod(1 + returns)
    one = a_history(equity=equity, dates=("d",) * 1_000)

    def spread(**changed: Any) -> float:
        told = montecarlo(one, Asked(method="blocks", paths=4_000, **changed))
        return math.log(told["equity_final"]["p95"] / told["equity_final"]["p5"])

    single = spread(block=1)
    assert spread() > 1.5 * single
    assert montecarlo(one, Asked(method="blocks", paths=1))["block_by"] == "politis-white"


def test_the_same_seed_gives_the_same_paths_and_another_others() -> None:
    for method in simulation.METHODS:
        first, again, other = (montecarlo(a_history(), Asked(method=method, seed=seed)) for seed in (7, 7, 8))
        assert first == again
        assert first["max_drawdown"]["mean"] != other["max_drawdown"]["mean"]


@pytest.mark.parametrize("method", simulation.METHODS)
def test_every_path_counts_when_they_are_made_in_parts(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "CHUNK", 40)  # 10 or 13 paths at once
    told = montecarlo(a_history(), Asked(method=method, paths=1_005))

    monkeypatch.undo()
    whole = montecarlo(a_history(), Asked(method=method, paths=1_005))
    assert told["max_drawdown"]["mean"] == pytest.approx(whole["max_drawdown"]["mean"], rel=0.1)
    assert told["bands"]["p95"][-1] == told["equity_final"]["p95"]


def test_the_bands_are_the_quantiles_of_each_step() -> None:
    told = montecarlo(a_history(), Asked(method="shuffle", paths=20_000))
    bands = told["bands"]

    assert bands["step"] == [0, 1, 2, 3, 4]
    assert bands["observed"] == pytest.approx([1_000.0, 1_100.0, 1_050.0, 1_080.0, 1_060.0])
    assert {bands[f"p{q}"][0] for q in simulation.QUANTILES} == {1_000.0}
    assert (bands["p5"][1], bands["p95"][1]) == pytest.approx((950.0, 1_100.0))
    assert [bands[f"p{q}"][4] for q in simulation.QUANTILES] == pytest.approx([1_060.0] * 5)
    second = [1_000 + a + b for a, b in itertools.combinations((100.0, -50.0, 30.0, -20.0), 2)]
    assert bands["p5"][2] == pytest.approx(min(second))
    assert bands["p95"][2] == pytest.approx(max(second))
    for lower, higher in itertools.pairwise(simulation.QUANTILES):
        assert all(a <= b + 1e-6 for a, b in zip(bands[f"p{lower}"], bands[f"p{higher}"], strict=True))


def test_ruin_and_loss_are_counted() -> None:
    told = montecarlo(a_history((-600.0, -600.0, 500.0)), Asked(method="shuffle", paths=5_000, limit=1.0))

    assert told["probability_of_loss"] == 1.0
    assert told["probability_of_ruin"] == pytest.approx(1 / 3, abs=0.02)  # both losses before the win
    assert told["probability_of_drawdown"] == pytest.approx(1 / 3, abs=0.02)
    assert told["max_drawdown"]["lowest"] == pytest.approx(-1.2)


def test_long_histories_keep_few_steps_and_little_memory() -> None:
    nets = np.random.default_rng(1).normal(1, 10, 20_000)
    tracemalloc.start()
    told = montecarlo(a_history(nets, cash=1e6), Asked(paths=2_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(told["bands"]["step"]) == simulation.POINTS + 1
    assert told["bands"]["step"][-1] == 20_000
    assert peak < 100e6  # all at once would be 320 MB, some times over


def test_many_paths_keep_fewer_steps() -> None:
    assert len(simulation._marks(10_000, 1_000)) == simulation.POINTS
    assert len(simulation._marks(10_000, simulation.MOST_PATHS)) * simulation.MOST_PATHS <= simulation.KEPT
    assert list(simulation._marks(1, 10)) == [0]
    assert list(simulation._marks(2, 10)) == [0, 1]


def test_numbers_beyond_all_bounds_are_none() -> None:
    told = montecarlo(a_history((9e299,) * 3), Asked(paths=5))
    json.dumps(told, allow_nan=False)
    huge = np.cumprod(np.full(1_000, 10.0**0.3))
    told = montecarlo(a_history(equity=huge * 1_000, dates=("d",) * 1_000), Asked(method="blocks", paths=50))
    json.dumps(told, allow_nan=False)


# -- refused ---------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "method": ({"method": "coin"}, "--method coin: allowed: trades, shuffle, blocks"),
    "no paths": ({"paths": 0}, "--paths 0: allowed: 1 to 100,000"),
    "too many paths": ({"paths": 100_001}, "--paths 100001"),
    "block": ({"method": "blocks", "block": 0}, "--block 0: allowed: 1 or more"),
    "block of trades": ({"block": 5}, "--block needs --method blocks"),
    "seed": ({"seed": -1}, "--seed -1"),
    "limit": ({"limit": 0.0}, "--limit 0.0"),
    "limit in percent": ({"limit": 20.0}, "--limit 20.0"),
    "limit that is none": ({"limit": math.nan}, "--limit nan"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_simulated_is_refused(name: str) -> None:
    given, said = WRONG[name]
    with pytest.raises(ConfigError) as refused:
        Asked(**given)
    assert said in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Asked(paths=0, seed=-1)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("one", "asked", "said"),
    [
        (a_history(nets=()), {}, "0 closed trades: --method trades needs 2 or more"),
        (a_history(nets=(1.0,)), {"method": "shuffle"}, "1 closed trades: --method shuffle"),
        (a_history(equity=(1_000.0,)), {"method": "blocks"}, "1 days: --method blocks needs 2 or more"),
        (a_history(), {"method": "blocks", "block": 4}, "--block 4: r.json has 3 days"),
        (a_history(equity=(1.0, 0.0, 2.0)), {"method": "blocks"}, "0 or less on 2024-01-02"),
    ],
)
def test_a_history_that_is_too_short_is_refused(one: History, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        montecarlo(one, Asked(**asked))
    assert said in str(refused.value)


def test_a_document_is_read() -> None:
    found = history(document(), "r.json")

    assert (found.cash, found.currency, found.partial, found.unfinished) == (1_000.0, "USD", False, 0)
    assert list(found.nets) == [100.0, -50.0, 30.0, -20.0]
    assert list(found.equity) == [1_010.0, 990.0, 1_040.0]
    assert found.dates == ("2024-01-01", "2024-01-02", "2024-01-03")


def test_parts_of_a_position_are_one_trade_and_what_is_open_is_left_out() -> None:
    lines = [
        {"symbol": "A", "opened_at": "1", "net": 5.0, "flat": False},
        {"symbol": "B", "opened_at": "1", "net": 7.0, "flat": True},
        {"symbol": "A", "opened_at": "1", "net": -2.0, "flat": True},
        {"symbol": "A", "opened_at": "2", "net": 9.0, "flat": False},
    ]
    found = history(document(trades=lines, partial=True), "r.json")

    assert list(found.nets) == [7.0, 3.0]
    assert found.unfinished == 1
    notes = montecarlo(found, Asked())["notes"]
    assert notes[1:] == [
        "1 closes of positions that are still open are left out",
        "the backtest was stopped before the end of its data",
    ]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in document().items() if name != key}


REFUSED: dict[str, tuple[Any, str]] = {
    "a list": ([], "holds a list, not an object"),
    "nothing": (None, "holds null"),
    "no daily": (without("daily"), "daily missing; backtest --out writes one"),
    "another document": ({"hello": 1}, "cash, trades, daily missing"),
    "no cash": (document(cash=None), "cash is null"),
    "cash of nothing": (document(cash=0), "cash is 0, not an amount above 0"),
    "cash that is true": (document(cash=True), "cash is True"),
    "endless cash": (document(cash=1e308), "cash is 1e+308"),
    "trades are none": (document(trades="many"), "trades is str, not a list"),
    "a trade is none": (document(trades=[{"net": 1.0}, 7]), "trades[1] has no net result"),
    "a net is none": (document(trades=[{"net": None}]), "trades[0] has no net result (null)"),
    "a net is text": (document(trades=[{"net": "x" * 500}]), "trades[0] has no net result ('xxx"),
    "daily is a list": (document(daily=[1.0]), "daily is a list, not equity by date"),
    "no date": (document(daily={"yesterday": 1.0}), "daily['yesterday'] is 1.0"),
    "a time": (document(daily={"2024-01-01T00:00:00": 1.0}), "daily['2024-01-01T00:00:00']"),
    "no equity": (document(daily={"2024-01-01": None}), "daily['2024-01-01'] is null"),
    "out of order": (document(daily={"2024-01-02": 1.0, "2024-01-01": 2.0}), "the dates of daily are not in order"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_is_no_result_is_refused(name: str) -> None:
    found, said = REFUSED[name]
    with pytest.raises(ConfigError) as refused:
        history(found, "r.json")
    assert said in str(refused.value)
    assert all(one.startswith("r.json") and len(one) < 200 for one in refused.value.problems)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "is not JSON"),
        (lambda path: path.write_bytes(b'{"cash": 1'), "is not JSON"),
        (lambda path: path.write_bytes(b'{"cash": NaN}'), "is not JSON"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not JSON"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, write: Callable[[Path], Any], said: str) -> None:
    path = tmp_path / "r.json"
    write(path)
    with pytest.raises(ConfigError) as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(msgspec.json.encode(document()))

    assert list(read(path).nets) == [100.0, -50.0, 30.0, -20.0]


# -- page ------------------------------------------------------------------------------------------


def test_the_page_has_the_bands_and_the_numbers_and_nothing_from_outside() -> None:
    told = montecarlo(a_history(name="<script>alert(1)</script>.json", currency="<b>"), Asked(paths=200))

    page = montecarlo_page(told, "/* plotly */")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "200 paths of 4 trades, seed 7" in page
    assert 'id="fan"' in page
    assert "http://" not in page
    assert "https://" not in page
    charts = page.partition('id="charts">')[2].partition("</script>")[0]
    [drawn] = json.loads(charts)["fan"]
    assert drawn == fan(told)
    assert [one.get("name") for one in drawn["data"]] == [
        None,
        "5 to 95 %",
        None,
        "25 to 75 %",
        "median",
        "as it was",
    ]
    assert drawn["data"][5]["y"] == told["bands"]["observed"]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "equity, &lt;b&gt;"
    assert "<b>" not in charts
