"""Under barriers a lost actor changes no decision, no fill and no position."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.system import System, path, write_bars

pytestmark = pytest.mark.ray

BARS = {
    "EURUSD": path(*[(30, -0.0002), (30, 0.0003)] * 4),
    "BTC": path(*[(30, 9.0), (30, -8.0)] * 4, start=40_000.0),
}
ACTORS = ("PairAgent:EURUSD", "RiskManager", "Executor", "VenueGateway:paper", "MarketFeed", "InstitutionalStrategy")


def files(folder: Path) -> tuple[str, ...]:
    return tuple(f"{symbol}={write_bars(folder / f'{symbol}_M1.csv', prices)}" for symbol, prices in BARS.items())


def test_every_actor_has_its_name(start: Any, tmp_path: Path) -> None:
    run = start(("EURUSD", "BTC"), data=files(tmp_path), cycles=5)
    run.end()

    from orchestration.cluster import RayPeers

    names = RayPeers().names("")
    assert {"PairAgent:EURUSD", "PairAgent:BTC", "RiskManager", "InstitutionalStrategy", "Executor"} <= set(names)


@pytest.mark.parametrize("name", ACTORS)
def test_a_killed_actor_changes_no_decision(start: Any, tmp_path: Path, name: str) -> None:
    calm = tmp_path / "calm"
    calm.mkdir()
    expected = System(calm).run(BARS, preset="balanced").summary
    run = start(("EURUSD", "BTC"), data=files(tmp_path), preset="balanced", speed="60")
    run.wait(lambda: len(run.told("TRADE_EXECUTION")) >= 2, what="trades")

    os.kill(run.pid(name), signal.SIGKILL)
    if name == "InstitutionalStrategy":
        with pytest.raises(Exception, match="is lost"):
            run.end()
        run.wait(lambda: run.pid(name) > 0, what="the driver is back")
        run.run_again()
    summary = run.end(90)

    assert summary.decisions_hash == expected.decisions_hash
    assert (summary.fills, summary.orders, summary.equity) == (expected.fills, expected.orders, expected.equity)
    assert summary.positions == expected.positions
    numbers = [one["seq"] for one in run.told()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
