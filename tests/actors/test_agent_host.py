"""A host: one call in, one report per symbol; what one symbol's step raises stays that symbol's."""

from __future__ import annotations

import numpy as np
import pytest

from actors.agent_host import AgentHost
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import REASONS, REPORT, Held, HostReport
from domain.market import BAR, BarBatch, empty_bars
from domain.timeframe import MINUTE
from risk.state import TradingState
from strategies import STRATEGIES
from tests.actors.raising import CURSED

SYMBOLS = ("EURUSD", "BTC", "XAUUSD")


def host(strategy: str = "raising", **parameters: float | str) -> AgentHost:
    return AgentHost(
        HostSpec(
            name="AgentHost:0",
            symbols=SYMBOLS,
            rows=(0, 1, 2),
            width=3,
            strategy=strategy,
            parameters=parameters,
            timeframe_ns=MINUTE,
        )
    )


def batch(at: int, closes: dict[str, float]) -> BarBatch:
    bars = np.zeros(len(closes), BAR)
    bars["row"] = [SYMBOLS.index(symbol) for symbol in closes]
    bars["ts"] = at - MINUTE
    for price in ("open", "high", "low", "close"):
        bars[price] = list(closes.values())
    return BarBatch(at=at, bars=bars)


def snapshot(**held: Held) -> GateSnapshot:
    nothing = dict.fromkeys(("at", "equity", "balance", "peak", "day", "day_equity"), 0)
    return GateSnapshot(state=TradingState(), held=held, marks={}, **nothing)  # type: ignore[arg-type]


def reasons(report: HostReport) -> dict[str, str]:
    rows = np.frombuffer(report.rows, REPORT)
    return {symbol: REASONS[code] for symbol, code in zip(SYMBOLS, rows["code"], strict=True)} | report.texts


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "raising", "tests.actors.raising:raising")


def started(strategy: str = "raising") -> AgentHost:
    agents = host(strategy)
    agents.load(-1, BarBatch(at=0, bars=empty_bars()))
    return agents


def test_a_step_that_raises_costs_only_its_own_symbol() -> None:
    report = started().scan(1, 0, batch(MINUTE, {"EURUSD": 1.1, "BTC": CURSED, "XAUUSD": 2000.0}), snapshot())

    said = reasons(report)
    assert said["BTC"] == "ERROR: ZeroDivisionError: thirteen"
    assert said["EURUSD"] == said["XAUUSD"] == "CANDIDATE"
    assert [one.symbol for one in report.candidates] == ["EURUSD", "XAUUSD"]


def test_a_symbol_without_a_bar_says_so() -> None:
    report = started().scan(1, 0, batch(MINUTE, {"EURUSD": 1.1}), snapshot())

    assert reasons(report) == {"EURUSD": "CANDIDATE", "BTC": "NO_NEW_BAR", "XAUUSD": "NO_NEW_BAR"}


def test_the_same_cycle_again_gets_the_same_report() -> None:
    agents = started("ema_cross")
    bars = batch(MINUTE, {"EURUSD": 1.1})

    assert agents.scan(1, 0, bars, snapshot()) is agents.scan(1, 0, bars, snapshot())


def test_a_host_that_missed_a_cycle_says_that_it_is_behind_and_steps_nothing() -> None:
    agents = started("ema_cross")

    assert agents.scan(2, MINUTE, batch(2 * MINUTE, {"EURUSD": 1.1}), snapshot()).behind
    assert not agents.scan(1, 0, batch(MINUTE, {"EURUSD": 1.1}), snapshot()).behind


def test_nothing_is_stepped_before_the_gate_has_settled() -> None:
    agents = started()
    bars = batch(MINUTE, {"EURUSD": 1.1})

    assert agents.scan(1, 0, bars, None).candidates == ()
    assert [one.symbol for one in agents.scan(1, 0, bars, snapshot()).candidates] == ["EURUSD"]


def test_a_host_loaded_from_its_anchor_equals_one_that_never_died() -> None:
    closes = [1.1 + 0.001 * ((7 * k) % 11 - 5) for k in range(80)]
    lived, reborn = started("ema_cross"), host("ema_cross")
    for k, close in enumerate(closes, 1):
        lived.scan(k, (k - 1) * MINUTE, batch(k * MINUTE, {"EURUSD": close}), snapshot())
    history = np.concatenate([batch(k * MINUTE, {"EURUSD": close}).rows for k, close in enumerate(closes, 1)])
    reborn.load(-1, BarBatch(at=80 * MINUTE, bars=history))

    following = batch(81 * MINUTE, {"EURUSD": 1.2})
    assert (
        lived.scan(81, 80 * MINUTE, following, snapshot()).rows
        == reborn.scan(81, 80 * MINUTE, following, snapshot()).rows
    )
    assert lived._rows.state.tobytes() == reborn._rows.state.tobytes()


@pytest.mark.parametrize(("closing", "exits"), [(0, 1), (10, 0)])
def test_a_stance_on_the_other_side_closes_what_is_not_yet_on_its_way_out(closing: int, exits: int) -> None:
    agents = started()
    agents.scan(1, 0, batch(MINUTE, {"EURUSD": 1.1}), snapshot())

    held = snapshot(EURUSD=Held(-10, closing))
    report = agents.scan(2, MINUTE, batch(2 * MINUTE, {"EURUSD": 1.1}), held)

    assert len(report.exits) == exits
