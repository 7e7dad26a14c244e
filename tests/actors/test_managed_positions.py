"""A host manages the positions of its symbols: what its policies propose, beside what its strategy says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from actors.agent_host import AgentHost
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import REASONS, REPORT, Amend, Exit, Held, HostReport
from domain.market import BAR, BarBatch, empty_bars
from domain.money import NANO
from domain.timeframe import DAY, HOUR, MINUTE
from risk.config import ExitConfig
from risk.state import TradingState
from strategies import STRATEGIES
from tests.actors.raising import CURSED
from tests.factories import BTC, EURUSD, nano

SYMBOLS = ("EURUSD", "BTC")
TICK = EURUSD.tick
HELD = Held(
    quantity=10_000 * NANO,
    entry=nano("1.1"),
    stop=nano("1.098"),
    distance=nano("0.002"),
    first=10_000 * NANO,
    opened_at=MINUTE,
    best=nano("1.1"),
    worst=nano("1.1"),
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "raising", "tests.actors.raising:raising")


def host(exits: ExitConfig | None = None, strategy: str = "raising", **changed: Any) -> AgentHost:
    made = AgentHost(
        HostSpec(
            name="AgentHost:0",
            symbols=SYMBOLS,
            rows=(0, 1),
            width=2,
            strategy=strategy,
            parameters={},
            timeframe_ns=MINUTE,
            exits=exits or ExitConfig(),
            instruments=(EURUSD, BTC),
            **changed,
        )
    )
    made.load(-1, BarBatch(at=0, bars=empty_bars()))
    return made


def batch(number: int, spread: float = math.nan, **closes: float) -> BarBatch:
    bars = np.zeros(len(closes), BAR)
    bars["row"] = [SYMBOLS.index(symbol) for symbol in closes]
    bars["ts"] = (number - 1) * MINUTE
    for name in ("open", "high", "low", "close"):
        bars[name] = list(closes.values())
    bars["high"] *= 1.0005
    bars["low"] *= 0.9995
    bars["spread"] = spread
    return BarBatch(at=number * MINUTE, bars=bars)


def snapshot(**held: Held) -> GateSnapshot:
    nothing = dict.fromkeys(("at", "equity", "balance", "peak", "day", "day_equity"), 0)
    return GateSnapshot(state=TradingState(), held=held, marks={}, **nothing)  # type: ignore[arg-type]


def scan(agents: AgentHost, number: int, closes: dict[str, float], **held: Held) -> HostReport:
    return agents.scan(number, (number - 1) * MINUTE, batch(number, **closes), snapshot(**held))


def reasons(report: HostReport) -> dict[str, str]:
    rows = np.frombuffer(report.rows, REPORT)
    return {symbol: REASONS[code] for symbol, code in zip(SYMBOLS, rows["code"], strict=True)} | report.texts


def long(close: float, exits: ExitConfig, **changed: Any) -> HostReport:
    """The second bar of a host that says long since the first, with EURUSD held."""
    agents = host(exits)
    scan(agents, 1, {"EURUSD": close})
    held = {name: changed.get(name, getattr(HELD, name)) for name in HELD.__struct_fields__}
    return scan(agents, 2, {"EURUSD": close}, EURUSD=Held(**held))


def test_a_tighter_stop_is_an_amendment_and_the_position_is_still_held() -> None:
    report = long(1.103, ExitConfig(breakeven_at=1.0), best=nano("1.103"))

    assert report.amends == (
        Amend("EURUSD", "raising", "BREAKEVEN", 2 * MINUTE, nano("1.103"), nano("1.1"), "BREAKEVEN"),
    )
    assert report.exits == ()
    assert reasons(report)["EURUSD"] == "HOLDING"


def test_a_part_is_an_exit_with_its_fraction() -> None:
    report = long(1.103, ExitConfig(targets=((1.0, 0.4),)))

    assert report.exits == (Exit("EURUSD", "raising", "TP1", 2 * MINUTE, nano("1.103"), 0.4),)
    assert reasons(report)["EURUSD"] == "EXIT"


@pytest.mark.parametrize(("lots", "closes"), [(1, False), (2, True)])
def test_a_part_below_the_instruments_least_order_is_not_proposed(lots: int, closes: bool) -> None:
    report = long(1.103, ExitConfig(targets=((1.0, 0.5), (9.0, 0.5))), first=lots * EURUSD.min_quantity)

    assert bool(report.exits) == closes


def test_of_several_proposals_one_is_reported() -> None:
    everything = ExitConfig(breakeven_at=0.5, targets=((1.0, 0.4),), max_hold=60.0)

    report = long(1.103, everything, best=nano("1.103"))

    assert [one.purpose for one in report.exits] == ["MAX_HOLD"]
    assert report.amends == ()


@pytest.mark.parametrize(("spread", "exits"), [(math.nan, 0), (0.0, 1)])
def test_a_bar_without_a_spread_has_the_instruments(spread: float, exits: int) -> None:
    """A short earns exactly one R by the bid; by the ask it is less."""
    agents = host(ExitConfig(targets=((1.0, 1.0),)), "ema_cross")
    short = Held(-10 * NANO, entry=nano("1.1"), distance=nano("0.002"), first=10 * NANO)

    report = agents.scan(1, 0, batch(1, spread, EURUSD=1.098), snapshot(EURUSD=short))

    assert [one.purpose for one in report.exits] == ["TP1"] * exits


def test_a_stance_that_left_its_side_closes_all_whatever_the_policies_say() -> None:
    agents = host(ExitConfig(targets=((0.5, 0.5),), breakeven_at=0.5))
    scan(agents, 1, {"EURUSD": 1.1})
    short = Held(-10 * NANO, entry=nano("1.2"), distance=nano("0.002"), first=10 * NANO, best=nano("1.1"))

    report = scan(agents, 2, {"EURUSD": 1.1}, EURUSD=short)

    assert [(one.purpose, one.fraction) for one in report.exits] == [("SIGNAL", 1.0)]
    assert report.amends == ()


def test_a_reversal_is_left_to_its_candidate() -> None:
    short = Held(-10 * NANO, entry=nano("1.2"), distance=nano("0.002"), first=10 * NANO)

    report = scan(host(ExitConfig(targets=((0.5, 1.0),))), 1, {"EURUSD": 1.1}, EURUSD=short)

    assert [one.direction for one in report.candidates] == [1]
    assert report.exits == ()


@pytest.mark.parametrize(
    ("exits", "candidates", "exit", "amends"),
    [
        (ExitConfig(), 1, None, 0),
        (ExitConfig(max_hold=1.0), 0, "MAX_HOLD", 0),
        (ExitConfig(targets=((1.0, 0.5),)), 1, "TP1", 0),
        (ExitConfig(breakeven_at=1.0), 1, None, 1),
    ],
)
def test_a_candidate_for_the_side_that_is_held_goes_with_all_but_a_full_close(
    exits: ExitConfig, candidates: int, exit: str | None, amends: int
) -> None:
    held = Held(10_000 * NANO, 0, nano("1.1"), 0, 0, nano("0.002"), 10_000 * NANO, 1, nano("1.103"))

    report = scan(host(exits), 1, {"EURUSD": 1.103}, EURUSD=held)

    assert len(report.candidates) == candidates
    assert [one.purpose for one in report.exits] == ([exit] if exit else [])
    assert len(report.amends) == amends
    assert reasons(report)["EURUSD"] == ("CANDIDATE" if candidates else "EXIT")


def test_a_position_is_managed_while_its_strategy_warms_up_but_closed_by_no_stance() -> None:
    agents = host(ExitConfig(breakeven_at=1.0, trail_from=0.1), "ema_cross")
    held = Held(10 * NANO, 0, nano("1.1"), nano("1.0"), 0, nano("0.002"), 10 * NANO, 1, nano("1.103"))

    report = scan(agents, 1, {"EURUSD": 1.103}, EURUSD=held)

    assert [one.purpose for one in report.amends] == ["BREAKEVEN"]
    assert report.exits == ()
    assert reasons(report)["EURUSD"] == "WARMING_UP"


def test_a_position_is_managed_although_its_strategy_fails() -> None:
    held = Held(10 * NANO, 0, nano("1.1"), 0, 0, 0, 10 * NANO, 1)

    report = scan(host(ExitConfig(max_hold=1.0)), 1, {"EURUSD": CURSED, "BTC": 100.0}, EURUSD=held)

    assert [one.purpose for one in report.exits] == ["MAX_HOLD"]
    assert reasons(report)["EURUSD"] == "ERROR: ZeroDivisionError: thirteen"


def test_a_policy_that_raises_costs_only_its_own_symbol() -> None:
    class Raises:
        keys = ()
        indicators = False

        def propose(self, held: Held, facts: Any) -> None:
            if facts.close > nano(50):
                raise OverflowError("too much")

    agents = host(ExitConfig(max_hold=1.0))
    for agent in agents._agents:
        agent.policies = (*agent.policies, Raises())
    held = Held(10 * NANO, 0, nano("1.1"), 0, 0, 0, 10 * NANO, 1)

    report = scan(agents, 1, {"EURUSD": 1.1, "BTC": 100.0}, EURUSD=held, BTC=held)

    assert [(one.symbol, one.purpose) for one in report.exits] == [("EURUSD", "MAX_HOLD")]
    assert reasons(report) == {"EURUSD": "EXIT", "BTC": "ERROR: OverflowError: too much"}


def test_crypto_is_held_over_the_weekend() -> None:
    friday = 1 * DAY + 22 * HOUR  # 1970-01-02, 17:00 in New York
    agents = host(ExitConfig(before_weekend=0.0))
    agents.load(-1, BarBatch(at=friday - 2 * MINUTE, bars=empty_bars()))
    last = batch(friday // MINUTE - 1, EURUSD=1.1, BTC=100.0)

    report = agents.scan(1, friday - 2 * MINUTE, last, snapshot(EURUSD=HELD, BTC=HELD))

    assert [(one.symbol, one.purpose) for one in report.exits] == [("EURUSD", "WEEKEND")]


def test_without_a_policy_nothing_is_read_and_nothing_proposed() -> None:
    agents = host()

    report = scan(agents, 1, {"EURUSD": 1.1}, EURUSD=HELD)

    assert agents._readings is None
    assert (report.exits, report.amends) == ((), ())
    assert host(ExitConfig(max_hold=60.0))._readings is None


@pytest.mark.parametrize("regimes", [False, True])
def test_a_candidate_names_its_regime_when_it_is_asked_for(regimes: bool) -> None:
    agents = host(strategy="ema_cross", regimes=regimes)
    closes = [100 + 0.2 * k if k < 150 else 130 - 0.2 * (k - 150) for k in range(220)]
    found = []
    for number, close in enumerate(closes, 1):
        found += scan(agents, number, {"BTC": close}).candidates

    assert [one.regime != "" for one in found] == [regimes and one.at > 114 * MINUTE for one in found]
    assert len(found) == 2
    assert ("RANGING" in found[-1].reasons or "TRENDING" in found[-1].reasons) == regimes


EVERY_STOP = ExitConfig(trail_from=0.1, chandelier_atr=2.0, breakeven_at=0.2, early_cut=0.1, regime_flip=True)


def test_a_restarted_host_proposes_what_one_that_never_died_proposes() -> None:
    closes = [1.1 + 0.0008 * math.sin(k / 5) + 0.00002 * k for k in range(160)]
    lived, proposals = host(EVERY_STOP), 0
    for number, close in enumerate(closes, 1):
        held = Held(10 * NANO, 0, nano("1.1"), nano("1.0999"), 0, nano("0.001"), 10 * NANO, 1, nano("1.1021"))
        said = scan(lived, number, {"EURUSD": close, "BTC": 100 * close}, EURUSD=held)
        if number % 40:
            continue
        reborn = host(EVERY_STOP)
        history = np.concatenate([batch(k, EURUSD=c, BTC=100 * c).rows for k, c in enumerate(closes[: number - 1], 1)])
        half = len(history) // 4 * 2
        reborn.load(-1, BarBatch(at=half // 2 * MINUTE, bars=history[:half]))
        reborn.load(half // 2 * MINUTE, BarBatch(at=(number - 1) * MINUTE, bars=history[half:]))
        again = scan(reborn, number, {"EURUSD": close, "BTC": 100 * close}, EURUSD=held)

        assert (again.exits, again.amends) == (said.exits, said.amends)
        assert lived._readings is not None
        assert reborn._readings is not None
        assert lived._readings.state.tobytes() == reborn._readings.state.tobytes()
        proposals += len(said.exits) + len(said.amends)
    assert proposals > 0


def test_loading_from_the_anchor_again_forgets_what_was_read_before() -> None:
    agents = host(EVERY_STOP)
    for number in range(1, 30):
        scan(agents, number, {"EURUSD": 1.1})
    agents.load(-1, BarBatch(at=0, bars=empty_bars()))

    assert agents._readings is not None
    assert not agents._readings.state.any()
