"""`run --feed recorded`, `backtest` and `replay` as their user calls them: the same decisions and fills."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parity import everything
from tests.run.place import Place, lines

pytestmark = [pytest.mark.ray, pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")]
OF_A_FILL = ("side", "quantity", "price", "commission", "reason")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.close()


def test_run_backtest_and_replay_say_the_same(place: Place) -> None:
    market = everything.market(place.folder / "bars", 250)
    given = ["--symbols", ",".join(market.symbols), "--data", str(market.folder), "--timeframe", "M15"]
    given += ["--strategy", "confluence"]
    given += [part for one in everything.sets("confluence") for part in ("--set", one)]
    packed = ["--set", "ray.agents_per_host=8"]

    run = place.verb("run", *given, *packed, "--feed", "recorded", "--speed", "max", "--json", "--no-api")
    result = place.ask("backtest", *given)
    replayed = place.ask("replay")

    assert run.code == 0, run.err
    told = lines(run.out)
    summary = told[-1]["data"]
    assert summary["decisions_hash"] == result["decisions_hash"]
    assert summary["equity"] == result["equity_final"]
    trades = [one for one in told if one["type"] == "TRADE_EXECUTION"]
    assert len(trades) > 10
    assert [(one["ts"], one["symbol"], *(one["data"][name] for name in OF_A_FILL)) for one in trades] == [
        (one["ts"], one["symbol"], *(one[name] for name in OF_A_FILL))
        for one in result["fills"]
        if one["reason"] != "FINANCING"  # no trade
    ]
    assert replayed["result"] == "identical", json.dumps(replayed)
