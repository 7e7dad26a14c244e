"""Known faults of earlier systems between a signal and its order, each with a test named after it.

Those of the signals themselves are in ``test_faults_of_others.py``, those of what is risked in
``tests/risk/test_known_faults.py``.
"""

from __future__ import annotations

import datetime
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from actors.agent_host import AgentHost
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import REASONS, REPORT, Held, HostReport
from domain.market import BarBatch, empty_bars
from domain.money import NANO, to_float
from domain.order import FILLED
from domain.registry import build
from domain.timeframe import MINUTE, iso
from indicators.regime import REGIMES
from risk.config import ExitConfig
from risk.exits.early_cut import EarlyCut
from risk.exits.readings import Readings
from risk.exits.regime_flip import RegimeFlip
from risk.state import TradingState
from strategies import STRATEGIES
from strategies.base import resolve
from strategies.files import read
from strategies.lint import first_row
from strategies.runner import Rows
from tests.contract.desk import SYMBOLS, an_order, bar, batch, one_bar, paper
from tests.factories import T, a_config, bars
from tests.flow.system import START, Story, System, path
from tests.risk.exit_desk import a_bar, a_position
from tests.risk.gate_desk import GateDesk
from tests.strategies.making import closing
from tests.strategies.own import write

TURNS = path((12, -0.0001), (10, 0.0003), (10, -0.0003), (10, 0.0003), (10, -0.0004))
FOLLOWS = "\n    return 1 if bar.close > bar.open else -1 if bar.close < bar.open else 0\n"
"""Long after a rising bar, short after a falling one, flat after one that stood still."""
RAISES = FOLLOWS.replace("    return", "    if bar.close > 1.5:\n        undefined_model.predict(bar)\n    return")


# -- in a whole run --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two symbols whose averages cross on the same bars, and one whose cross a bar later."""
    system = System(tmp_path_factory.mktemp("run"), ["strategy.fast=2", "strategy.slow=5"])
    later = [1.3, *(one + 0.2 for one in TURNS[:-1])]
    return system.run({"EURUSD": TURNS, "GBPUSD": [one + 0.15 for one in TURNS], "AUDUSD": later})


def by(story: Story, kind: str, key: str = "") -> list[Any]:
    """(symbol, time, value) of every event of a kind."""
    return [(one["symbol"], one["ts"], one["data"][key] if key else None) for one in story.of(kind)]


def test_fault_key_mismatch_that_blocks_every_candidate(story: Story) -> None:
    """The agent read the key ``signal`` and was given ``direction``: every candidate was neutral and none traded."""
    strategy = build("strategy", "ema_cross", STRATEGIES)
    params = resolve(strategy, {"fast": 2, "slow": 5, "stop_atr": 0, "target_atr": 0})
    _, changes = Rows(strategy, params, 1).series(bars(*TURNS, start=START))

    sides = {1: "BUY", -1: "SELL"}
    expected = [("EURUSD", iso(START + (int(one["bar"]) + 1) * MINUTE), sides[int(one["stance"])]) for one in changes]

    assert len(expected) >= 4
    for kind in ("CANDIDATE", "RISK_APPROVED"):
        assert [one for one in by(story, kind, "direction") if one[0] == "EURUSD"] == expected
    assert [side for symbol, _, side in by(story, "POSITION_OPENED", "side") if symbol == "EURUSD"] == [
        side for *_, side in expected
    ]


def test_fault_a_plan_per_tick(story: Story) -> None:
    """Every update made a plan again while the one before was still on its way: one stance is one candidate."""
    for symbol in ("EURUSD", "GBPUSD", "AUDUSD"):
        sides = [side for one, _, side in by(story, "CANDIDATE", "direction") if one == symbol]
        assert all(a != b for a, b in pairwise(sides))
    assert len(story.of("TRADE_EXECUTION")) == len(story.of("CANDIDATE"))


def test_fault_the_best_candidate_only(story: Story) -> None:
    """Of all candidates of a cycle the best one was traded, and the others were dropped without a word."""
    times = [at for symbol, at, _ in by(story, "CANDIDATE") if symbol == "EURUSD"]

    for kind in ("CANDIDATE", "RISK_APPROVED", "ORDER_SUBMITTED"):
        assert [at for symbol, at, _ in by(story, kind) if symbol == "GBPUSD"] == times


def test_fault_no_signals_while_a_position_is_open(story: Story) -> None:
    """With any position open no new signals were made until all were closed."""
    held: set[str] = set()
    opened_beside: list[str] = []
    for one in story.events:
        if one["type"] == "POSITION_OPENED":
            opened_beside += [one["symbol"]] if held - {one["symbol"]} else []
            held.add(one["symbol"])
        elif one["type"] == "POSITION_CLOSED":
            held.discard(one["symbol"])

    assert opened_beside.count("AUDUSD") >= 3
    assert held == {"EURUSD", "GBPUSD", "AUDUSD"}


def test_fault_neutral_is_sold(tmp_path: Path) -> None:
    """What was neutral went down the branch of a sale: flat closes, and nothing is ever short."""
    system = System(tmp_path, ["strategy.fast=2", "strategy.slow=5", "strategy.side=long"])

    story = system.run({"EURUSD": TURNS})

    assert {one["data"]["direction"] for one in story.of("CANDIDATE")} == {"BUY"}
    assert {one["data"]["side"] for one in story.of("POSITION_OPENED")} == {"BUY"}
    assert {one["data"]["reason"] for one in story.of("POSITION_CLOSED")} == {"SIGNAL"}
    assert story.summary.positions == []


def test_fault_all_active_signals_are_executed(tmp_path: Path) -> None:
    """Risk approved some of the signals, and then all that were active were executed."""
    system = System(tmp_path, ["strategy.fast=2", "strategy.slow=5", "risk.max_open_positions=1"])

    story = system.run({"EURUSD": TURNS, "GBPUSD": [one + 0.15 for one in TURNS]})

    assert {symbol for symbol, *_ in by(story, "RISK_DENIED")} == {"GBPUSD"}
    assert {symbol for symbol, *_ in by(story, "ORDER_SUBMITTED")} == {"EURUSD"}


# -- in an agent -----------------------------------------------------------------------------------

NAMES = ("EURUSD", "GBPUSD", "BTC")


def host(folder: Path, body: str = FOLLOWS) -> AgentHost:
    own = read(write(folder, body=body, warm_up="0"))
    spec = HostSpec(
        name="AgentHost:0",
        symbols=NAMES,
        rows=(0, 1, 2),
        width=3,
        strategy="mine",
        parameters={},
        timeframe_ns=MINUTE,
        own=own,
    )
    made = AgentHost(spec)
    made.load(-1, BarBatch(at=T, bars=empty_bars()))
    return made


def at_once(cycle: int, *closes: float) -> BarBatch:
    """A bar of every symbol that opens at 1.2 and closes as given, T + cycle minutes."""
    start = T + (cycle - 2) * MINUTE
    rows = [bars(1.2, close, start=start, row=row)[1:] for row, close in enumerate(closes)]
    return BarBatch(at=T + cycle * MINUTE, bars=np.concatenate(rows))


def asked(agents: AgentHost, cycle: int, *closes: float, **held: Held) -> HostReport:
    nothing: dict[str, Any] = dict.fromkeys(("at", "equity", "balance", "peak", "day", "day_equity"), 0)
    snapshot = GateSnapshot(state=TradingState(), held=held, marks={}, **nothing)
    return agents.scan(cycle, T + (cycle - 1) * MINUTE, at_once(cycle, *closes), snapshot)


def test_fault_a_signal_of_old_bars(tmp_path: Path) -> None:
    """The newest bars were missing, or older quotes were judged again: a candidate is of the bar that just closed."""
    agents = host(tmp_path)

    for cycle, closes in ((1, (1.21, 1.19, 1.22)), (2, (1.18, 1.23, 1.17))):
        report = asked(agents, cycle, *closes)
        found = {one.symbol: (one.at, to_float(one.price), one.direction) for one in report.candidates}
        at = T + cycle * MINUTE
        assert found == {name: (at, close, 1 if close > 1.2 else -1) for name, close in zip(NAMES, closes, strict=True)}
    assert {one.expires_at for one in report.candidates} == {at + MINUTE}


def test_fault_an_error_is_swallowed_as_not_blocking(tmp_path: Path) -> None:
    """A name that was not imported or not defined was an error at every scan, and nobody saw it."""
    report = asked(host(tmp_path, RAISES), 1, 1.21, 1.9, 1.19)

    codes = [REASONS[one] for one in np.frombuffer(report.rows, REPORT)["code"]]
    assert codes == ["CANDIDATE", "ERROR", "CANDIDATE"]
    assert report.texts == {"GBPUSD": "ERROR: NameError: name 'undefined_model' is not defined"}


def test_fault_signals_by_the_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events without a time got that of the machine, in a backtest too: here no clock is there to be read."""

    def never(*given: object) -> float:
        raise AssertionError("a clock was read")

    class NoTime(datetime.datetime):
        now = utcnow = today = classmethod(never)

    agents, other = host(tmp_path), host(tmp_path)
    expected = asked(other, 1, 1.21, 1.19, 1.2)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"):
        monkeypatch.setattr(time, name, never)
    monkeypatch.setattr(datetime, "datetime", NoTime)

    report = asked(agents, 1, 1.21, 1.19, 1.2)
    monkeypatch.undo()

    assert report == expected
    assert len(report.candidates) == 2


def test_fault_the_state_of_one_run_is_seen_by_the_next(tmp_path: Path) -> None:
    """What had been signalled in one run was a duplicate in the next, which traded 54 times instead of 18."""
    agents = host(tmp_path)
    first = asked(agents, 1, 1.21, 1.19, 1.22)

    again = asked(agents, 1, 1.21, 1.19, 1.22)
    agents.load(-1, BarBatch(at=T, bars=empty_bars()))
    anew = asked(agents, 1, 1.21, 1.19, 1.22)

    assert again is first  # the same question is not a second signal
    assert anew == first
    assert anew is not first


def test_fault_a_stance_without_a_signal_keeps_what_it_left(tmp_path: Path) -> None:
    """A side that was given up stayed open until the other side was signalled."""
    agents = host(tmp_path)
    asked(agents, 1, 1.21, 1.21, 1.21)

    report = asked(agents, 2, 1.2, 1.2, 1.2, EURUSD=Held(10 * NANO, 0))

    assert report.candidates == ()
    assert [(one.symbol, one.at) for one in report.exits] == [("EURUSD", T + 2 * MINUTE)]


# -- at the gate and at the venue ------------------------------------------------------------------


def test_fault_stale_signals_never_expire() -> None:
    """Scan results waited for a free slot as long as it took, and were then traded at whatever the price was."""
    desk = GateDesk()
    fresh = desk.enter()
    desk.view.now = T + MINUTE + 1

    late = desk.enter(strategy="other")

    assert fresh.order is not None
    assert fresh.order.expires_at == T + MINUTE
    assert late.order is None
    assert late.denial is not None
    assert late.denial.code == "EXPIRED"


def test_fault_a_price_is_invented_where_none_is_known() -> None:
    """Where no price was known one was made up: here the gate denies, and the venue waits for a bar of the symbol."""
    desk = GateDesk(a_config())
    desk.view.price = 0
    denied = desk.enter(price=0)
    venue = paper()
    venue.submit(an_order(symbol="SYM3"))

    assert denied.order is None
    assert venue.advance(one_bar(0, 100)) == []
    assert [step.status for step in venue.advance(batch(bar(3, 1, 50)))] == [FILLED]


def test_fault_equal_stamps_are_matched_at_stale_prices() -> None:
    """The first symbol's update matched the orders of all others against their bars of before."""
    venue = paper()
    venue.advance(batch(*(bar(row, 0, 100 + row) for row in range(len(SYMBOLS)))))
    for row, symbol in reversed(list(enumerate(SYMBOLS))):
        venue.submit(an_order(f"order-{row}", symbol=symbol, rank=row))

    steps = venue.advance(batch(*(bar(row, 1, 200 + 10 * row) for row in range(len(SYMBOLS)))))

    prices = {step.fill.symbol: to_float(step.fill.price) for step in steps if step.fill}
    assert prices == {symbol: 200.0 + 10 * row for row, symbol in enumerate(SYMBOLS)}


def test_fault_equal_stamps_in_a_run(story: Story) -> None:
    """The same, told by a run: every fill is at the open of its own symbol's bar after the signal."""
    for symbol, at, price in by(story, "TRADE_EXECUTION", "price"):
        shift = {"EURUSD": 0.0, "GBPUSD": 0.15, "AUDUSD": 0.2}[symbol]
        closes = [one + shift for one in TURNS] if symbol != "AUDUSD" else [1.3, *(one + shift for one in TURNS[:-1])]
        opens = {iso(START + (place + 1) * MINUTE): close for place, close in enumerate(closes, 1)}
        assert price == pytest.approx(opens[at], abs=1e-9)


# -- what exits ask of indicators ------------------------------------------------------------------


def falling() -> Readings:
    found = Readings(ExitConfig(), 1)
    market = closing(*[100.0] * 130, *(100.0 - 0.05 * i - 0.002 * i * i for i in range(60)), reach=0.1)
    found.step(market, first_row(market))
    return found


def test_fault_an_exit_looks_for_regimes_that_do_not_exist() -> None:
    """It compared with words that no regime was called by: here a real falling market closes a long, not a short."""
    reading = falling().of(0)
    facts = msgspec.structs.replace(a_bar(0), reading=reading)

    assert reading.regime in REGIMES[1:]
    assert RegimeFlip().propose(a_position(1), facts) is not None
    assert RegimeFlip().propose(a_position(-1), facts) is None


def test_fault_a_vote_on_a_column_that_does_not_exist() -> None:
    """The histogram was asked for under a name that no column had, so that this vote never counted."""
    reading = msgspec.structs.replace(falling().of(0), rsi=50.0)  # the close is one vote, so that this one decides
    without = msgspec.structs.replace(reading, macd_bars=0.0)
    lost = [msgspec.structs.replace(a_bar(-5), reading=one) for one in (reading, without)]

    closes = [EarlyCut(0.0).propose(a_position(1), one) is not None for one in lost]

    assert closes == [True, False]
