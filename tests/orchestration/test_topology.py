"""Which actors a run has and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.specs import DriverSpec, HostSpec
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from orchestration.topology import ActorSpec, hosts
from strategies import STRATEGIES

MANY = tuple(f"S{number:02d}" for number in range(20))


@pytest.mark.parametrize(
    ("symbols", "per_host", "cores", "sizes"),
    [
        (MANY[:2], None, 4, [1, 1]),
        (MANY[:16], None, 4, [1] * 16),
        (MANY[:17], None, 4, [5, 5, 5, 2]),
        (MANY, None, 2, [10, 10]),
        (MANY, 1, 2, [1] * 20),
        (MANY, 8, 2, [8, 8, 4]),
    ],
)
def test_agents_have_an_actor_each_or_share_hosts(
    symbols: tuple[str, ...], per_host: int | None, cores: int, sizes: list[int]
) -> None:
    found = hosts(symbols, per_host, cores)

    assert [len(part) for _, part in found] == sizes
    assert tuple(symbol for _, part in found for symbol in part) == symbols


def test_a_host_is_named_after_its_symbols() -> None:
    assert [name for name, _ in hosts(("EURUSD", "BTC"), 1, 2)] == ["PairAgent:EURUSD", "PairAgent:BTC"]
    assert hosts(MANY[:5], 4, 2)[0][0] == "AgentHost:0 (S00,S01,S02,…)"


def specs(folder: Path, strategy: str, *sets: str) -> list[ActorSpec]:
    overrides = Overrides(symbols=("EURUSD", "USDJPY", "BTC"), sets=("ray.agents_per_host=3", *sets), strategy=strategy)
    settings = load(overrides, {})
    return actor_specs(settings, market(settings), Identity("run", 1, f"sqlite:///{folder / 'a.db'}", 0, ""))


def test_every_actor_of_the_design_is_there_the_driver_last(tmp_path: Path) -> None:
    names = [one.name for one in specs(tmp_path, "ema_cross")]

    assert names[-1] == "InstitutionalStrategy"
    assert {"RiskManager", "Executor", "MarketFeed", "Observer", "VenueGateway:paper"} < set(names)
    assert "AgentHost:0 (EURUSD,USDJPY,BTC)" in names


def test_a_plain_python_strategy_shares_no_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "raising", "tests.actors.raising:raising")

    driver = specs(tmp_path, "raising")[-1].spec

    assert isinstance(driver, DriverSpec)
    assert [len(symbols) for _, symbols in driver.hosts] == [1, 1, 1]


@pytest.mark.parametrize(("sets", "regimes"), [((), False), (("risk.regime_factors.VOLATILE=0.5",), True)])
def test_madeknow_how_positions_are_managed(tmp_path: Path, sets: tuple[str, ...], regimes: bool) -> None:
    found = specs(tmp_path, "ema_cross", "exits.breakeven_at=0.8", "ray.agents_per_host=2", *sets)

    made = [one.spec for one in found if isinstance(one.spec, HostSpec)]
    assert [(one.exits.breakeven_at, one.regimes) for one in made] == [(0.8, regimes)] * 2
    assert [[one.symbol for one in host.instruments] for host in made] == [["EURUSD", "USDJPY"], ["BTC"]]
    assert [host.symbols for host in made] == [("EURUSD", "USDJPY"), ("BTC",)]
