"""Bars, levels and ladders of single symbols, and where the account stands: what the run itself used and said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.inputs import RecordedBars
from api import queries
from api.market import Followed, Levels
from api.read import risk
from api.runs import Runs
from domain.timeframe import MINUTE, nanos
from journal import schema
from journal.engines import open_engine
from tests.api.routes_desk import Desk, play, played
from tests.flow.replaying import COINS, WAVES, Growing, feeding
from tests.flow.system import START, System, write_bars

RUN = "20240102T000000-aaaa"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("levels")
    url = f"sqlite:///{folder / 'argus.db'}"
    played(url, RUN, folder, cycles=80, strategy="breakout", sets=("feed.warm_up=600",))
    return url


@pytest.fixture
def desk(simulated: str) -> Iterator[Desk]:
    one = Desk(simulated)
    yield one
    one.close()


# -- bars ------------------------------------------------------------------------------------------


def test_the_bars_of_a_simulated_run_are_those_of_its_scans(desk: Desk) -> None:
    for symbol in ("EURUSD", "BTC"):
        told = desk.get(f"/api/symbols/{symbol}/bars", limit=200)
        scan = desk.get("/api/scan")

        assert told["timeframe"] == "M1"
        assert len(told["bars"]) == 200
        assert told["bars"][-1][4] == scan["symbols"][symbol]["price"]
        assert told["bars"][-1][0] + 60_000 == _millis(scan["at"])
        assert np.all(np.diff([one[0] for one in told["bars"]]) == 60_000)
    assert len(desk.get("/api/symbols/EURUSD/bars", limit=5000)["bars"]) == 680


def test_the_bars_of_files_are_those_of_the_files(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    files = {"EURUSD": write_bars(tmp_path / "EURUSD.csv", WAVES), "BTC": write_bars(tmp_path / "BTC.csv", COINS)}
    data = tuple(f"{symbol}={path}" for symbol, path in files.items())
    played(url, RUN, tmp_path, data=data, sets=("strategy.fast=2", "strategy.slow=5"), speed=None)
    one = Desk(url)
    told = one.get("/api/symbols/BTC/bars", limit=5000)["bars"]

    assert [row[4] for row in told] == COINS
    assert told[0][0] == START // 1_000_000
    files["BTC"].unlink()
    again = Desk(url)
    assert again.get("/api/symbols/BTC/bars", expect=409)["error"]["code"] == "BARS_GONE"
    assert str(tmp_path) not in again.client.get("/api/symbols/BTC/bars").text
    assert len(again.get("/api/symbols/EURUSD/bars")["bars"]) == len(WAVES)
    again.close()
    one.close()


def test_the_bars_of_a_live_run_are_those_its_cycles_used(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    prices = [1.1 + 0.0001 * (place % 7) for place in range(90)]
    files = Growing(tmp_path, EURUSD=prices, BTC=[20_000 * price for price in prices])
    run = play(
        url, RUN, tmp_path, data=files.data, follow=True, during=feeding(files, 12), speed=None,
        sets=("strategy.fast=2", "strategy.slow=5", "cycle.interval=0.01"),
    )  # fmt: skip
    asyncio.run(run)
    one = Desk(url)
    engine = open_engine(url)
    recorded = RecordedBars(engine.begin, RUN)
    last = recorded.newest()
    for symbol, row in (("EURUSD", 0), ("BTC", 1)):
        told = one.get(f"/api/symbols/{symbol}/bars", limit=5000)["bars"]
        assert [bar[0] for bar in told] == sorted({bar[0] for bar in told})
        assert told[-1][0] * 1_000_000 + MINUTE == last
        found = recorded.next(last - MINUTE)
        assert found is not None
        assert told[-1][4] == found.rows[found.rows["row"] == row]["close"][0]
        assert len(told) >= 70  # the warm-up as well
        assert len(one.get(f"/api/symbols/{symbol}/bars", limit=3)["bars"]) == 3
    engine.dispose()
    one.close()


def _millis(text: str) -> int:
    return nanos(datetime.fromisoformat(text)) // 1_000_000


# -- levels ----------------------------------------------------------------------------------------


def test_levels_are_what_the_strategy_itself_holds(desk: Desk) -> None:
    """The kernel's state over all bars at once is that of the run's hosts, bar by bar."""
    told = desk.get("/api/symbols/EURUSD/levels")

    assert told["strategy"] == "breakout"
    assert told["bars"] == 680
    assert len(told["items"]) > 3
    strengths = [one["strength"] for one in told["items"]]
    assert strengths == sorted(strengths, reverse=True)
    assert all(0 <= one <= 1 for one in strengths)
    price = desk.get("/api/scan")["symbols"]["EURUSD"]["price"]
    assert all(abs(one["price"] / price - 1) < 0.05 for one in told["items"])
    assert desk.get("/api/symbols/EURUSD/levels") == told


def test_levels_go_on_bar_by_bar_as_at_once(desk: Desk) -> None:
    with desk.site.read() as c:
        run = Runs().newest(c)
        cycle = queries.last_cycle(c, RUN)
    assert run is not None
    assert cycle is not None
    whole = Followed(run, "BTC", 0)
    whole.upto(cycle["at"])
    steps, some = Levels(run, "BTC"), whole.bars
    for start in range(0, len(some), 37):
        steps.step(some[start : start + 37])
        if start % 3 == 0:
            steps.now()

    assert steps.now() == whole.levels.now()
    assert steps.now()


def test_a_strategy_without_levels_has_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, RUN, tmp_path, cycles=5)
    one = Desk(url)
    assert one.get("/api/symbols/EURUSD/levels") == {
        "symbol": "EURUSD", "run_id": RUN, "strategy": "ema_cross", "bars": 0, "items": [],
    }  # fmt: skip
    one.close()


@pytest.mark.parametrize(("strategy", "kinds"), [("bos", {"break"}), ("grid", {"centre", "grid"})])
def test_other_strategies_tell_theirs(tmp_path: Path, strategy: str, kinds: set[str]) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, RUN, tmp_path, cycles=30, strategy=strategy, sets=("feed.warm_up=300",))
    one = Desk(url)
    told = [level for symbol in ("EURUSD", "BTC") for level in one.get(f"/api/symbols/{symbol}/levels")["items"]]
    assert {level["kind"] for level in told} <= kinds
    assert told or strategy == "bos"  # a break waits only now and then
    one.close()


# -- the ladder ------------------------------------------------------------------------------------


def test_the_ladder_is_that_of_the_last_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.read.symbols.WITHIN", 120.0)  # a busy machine takes its time
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, RUN, tmp_path, cycles=60)
    one = Desk(url)
    told = one.get("/api/symbols/EURUSD/ladder")
    last = one.get("/api/symbols/EURUSD/signals", limit=1)["items"][0]

    assert told["order_id"] == last["order_id"]
    assert told["explained"]["identical"] is True
    assert told["explained"]["decision"] == last["answer"]
    assert told["explained"]["code"] == last["code"]
    assert told["explained"]["rules"]
    one.close()


# -- risk ------------------------------------------------------------------------------------------


def test_limits_are_as_risk_status_says_them(desk: Desk) -> None:
    told = desk.get("/api/risk")
    expected = risk.asked(desk.url, RUN, False)

    assert told["computed"] is True
    assert {one["name"]: (one["used"], one["allowed"], one["share"]) for one in told["limits"]} == {
        one["key"]: (one["used"], one["threshold"], one["share"]) for one in expected["limits"]
    }
    assert told["equity"] == desk.get("/api/account")["equity"]
    assert told["latches"] == []


def test_figures_are_not_made_again_within_seconds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = risk.asked
    monkeypatch.setattr(risk, "asked", lambda *given: made.append(given) or real(*given))
    for _ in range(5):
        desk.get("/api/risk")

    assert len(made) == 1


def test_a_run_that_cannot_be_asked_still_has_its_latches_and_locks(tmp_path: Path) -> None:
    system = System(tmp_path, ["strategy.fast=2", "strategy.slow=5"])
    system.run({"EURUSD": WAVES})
    one = Desk(system.url)
    (tmp_path / "EURUSD_M1.csv").unlink()
    told = one.get("/api/risk")

    assert (told["computed"], told["limits"]) == (False, [])
    assert "is gone" in told["why"]
    assert str(tmp_path) not in told["why"]
    one.close()


def test_a_latch_is_told_at_once(desk: Desk) -> None:
    before = desk.get("/api/risk")
    assert before["latches"] == []
    desk.post("/api/engine/emergency-stop", {"reason": "enough"})
    told = desk.get("/api/risk")
    assert [(one["code"], one["who"]) for one in told["latches"]] == [("HALT", "api:operator@test")]
    desk.post("/api/engine/reset-kill-switch", {"reason": "over"})
    assert desk.get("/api/risk")["latches"] == []
    assert len(desk.rows(schema.commands)) == 2
