"""A recorded run against a backtest of its time: what is different, why, and what it has cost."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.errors import ConfigError, DeadlineMissed, Refused
from domain.money import NANO, ONE, Rate
from domain.order import BUY, SELL, Fill
from domain.timeframe import MINUTE
from orchestration.backtest.comparisons.comparing import compare
from orchestration.backtest.comparisons.comparing_costs import Held, Priced
from orchestration.backtest.comparisons.comparing_sides import Key, Side, of_result, side
from orchestration.backtest.comparisons.comparing_told import Comparison, facts
from orchestration.backtest.reports.writing import plain
from orchestration.settings import UsageError
from tests.factories import a_fill, nano
from tests.flow.hours import hours, walked
from tests.flow.replaying import COINS, QUICK, WAVES, Growing, Stopped, followed, resumed, telling
from tests.flow.system import START, System, path, write_bars
from tests.parity import everything
from tests.parity.left import ran
from tests.strategies.own import write

CENT = NANO // 100


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


def compared(
    url: str, *sets: str, run: str | None = None, data: Sequence[str] = (), told: list[str] | None = None
) -> Comparison:
    notices: list[str] = [] if told is None else told
    return compare(url, run, sets, data, lambda done, total: None, lambda: False, notices.append)


def identical(found: Comparison) -> None:
    assert found.differences == (), found.differences[0].facts()
    assert found.others == ()
    assert found.equity[0] == found.equity[1]
    assert found.identical
    assert found.same == found.decisions[0] == found.decisions[1] > 0


def adds_up(found: Comparison) -> None:
    """The costs are the whole difference, to a millionth of a cent."""
    assert not found.identical
    assert abs(found.unexplained) < CENT // 1_000_000, found.unexplained
    assert sum(cost for _, cost in found.kinds().values()) + sum(one.cost for one in found.others) == found.explained


def causes(found: Comparison) -> Counter[str]:
    return Counter(one.cause.code for one in found.differences)


# -- nothing is different ----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["ema_cross", "mean_reversion", "dca"])
def test_a_run_with_every_rule_is_identical_to_its_backtest(tmp_path: Path, strategy: str) -> None:
    market = everything.market(tmp_path / "bars", 400)
    run = ran(tmp_path / "run", {**market.given, "strategy": strategy, "sets": everything.sets(strategy)})

    found = compared(run.url)

    identical(found)
    assert found.same == len(run.left.decisions) > 20
    assert found.fills[0] > 10
    assert found.explained == found.unexplained == 0


@pytest.mark.parametrize("preset", ["balanced", "aggressive", "crypto", "scalping"])
def test_a_run_of_any_preset_is_identical(system: System, preset: str) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset=preset)

    identical(compared(system.url))


def test_a_simulated_run_without_an_end_and_with_warm_up_is_identical(system: System) -> None:
    more = {"symbols": ("EURUSD", "BTC"), "seed": 11, "speed": "max", "cycles": 150}
    story = system.run(preset="balanced", sets=("feed.warm_up=500",), **more)

    found = compared(system.url)

    identical(found)
    assert len(found.result.moments) == story.summary.cycles == 150
    assert (found.found.simulated, facts(found)["simulated"]) == (True, True)


@pytest.mark.parametrize(("method", "count"), [("snapshot", 40), ("submit", 8), ("record", 11)])
def test_a_killed_run_is_compared_as_far_as_it_got_and_whole_when_it_went_on(
    system: System, method: str, count: int
) -> None:
    seen: list[str] = []

    def kill(actor: str, asked: str) -> None:
        seen.append(asked)
        if asked == method and seen.count(method) == count:
            raise Stopped

    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES, "BTC": COINS}, fault=kill)
    killed = compared(system.url)
    resumed(system, "run-0")
    whole = compared(system.url)

    identical(killed)
    identical(whole)
    assert killed.same < whole.same
    assert killed.end < whole.end == START + len(WAVES) * MINUTE


def test_fills_of_a_cycle_that_never_closed_are_left_out(system: System) -> None:
    seen: list[str] = []

    def kill(actor: str, asked: str) -> None:
        seen.append(asked)
        if asked == "scan" and "record" in seen[-6:] and len(seen) > 150:
            raise Stopped

    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES, "BTC": COINS}, fault=kill)

    found = compared(system.url)

    identical(found)
    assert _scalar(system, "SELECT max(at) FROM fills") > found.end


def _scalar(system: System, query: str) -> Any:
    connection = sqlite3.connect(system.folder / "argus.db")
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def test_a_live_run_is_compared_without_its_files(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    followed(system, files, 30)
    for symbol in ("EURUSD", "BTC"):
        files.path(symbol).unlink()
    told: list[str] = []

    found = compared(system.url, told=told)

    identical(found)
    assert found.found.live
    assert "the clock" in told[0]


def test_a_run_in_postgresql_is_compared(tmp_path: Path, postgres_url: str) -> None:
    system = System(tmp_path, QUICK, postgres_url)
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", during=telling(system, (40, "pause", {})))

    found = compared(system.url)

    adds_up(found)
    assert "OPERATOR" in causes(found)


def test_a_strategy_of_the_users_own_is_compared_while_its_file_is_the_same(tmp_path: Path) -> None:
    system, file = System(tmp_path, ["strategy.length=2"]), write(tmp_path / "own")
    system.run({"EURUSD": WAVES}, strategy="mine", strategies_dir=str(file.parent))

    identical(compared(system.url))
    adds_up(compared(system.url, "venues.paper.commission_bps=3"))

    file.write_text(file.read_text().replace("else -1", "else 0"))
    with pytest.raises(ConfigError, match=r"strategy mine: .* has changed: sha256 was"):
        compared(system.url)
    with pytest.raises(ConfigError, match=r"strategy mine: .* has changed: sha256 was"):
        compared(system.url, "venues.paper.commission_bps=3")


def test_the_database_is_only_read(system: System) -> None:
    system.run({"EURUSD": WAVES})
    before = _dump(system)

    compared(system.url, "risk.units=500")

    assert _dump(system) == before


def _dump(system: System) -> str:
    connection = sqlite3.connect(system.folder / "argus.db")
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


# -- other costs, other rules ------------------------------------------------------------------------


def test_another_commission_is_priced_fill_by_fill(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS})

    found = compared(system.url, "venues.paper.commission_bps=3")

    adds_up(found)
    assert {one.kinds for one in found.differences} == {("commission",)}
    assert causes(found) == {"SETTINGS": found.fills[0]}
    fills = [fill for one in found.differences for fill in (one.run or {})["fills"]]
    turnover = sum(one["quantity"] * one["price"] for one in fills)
    assert found.explained / NANO == pytest.approx(turnover * 2e-4, abs=1e-6)
    assert found.parts() == {"price": 0, "commission": found.explained, "financing": 0, "trade": 0}
    assert found.keys == {"venues.paper.commission_bps": (1, 3)}
    assert found.same == 0 < found.decisions[0] == found.decisions[1]


def test_slippage_is_measured_in_price_and_basis_points_and_money(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, sets=("venues.paper.slippage_bps=2", "venues.paper.commission_bps=0"))

    found = compared(system.url, "venues.paper.slippage_bps=0")

    adds_up(found)
    assert {one.kinds for one in found.differences} == {("fill_price",)}
    assert found.explained < 0
    for symbol in ("EURUSD", "BTC"):
        told = found.slippage[symbol]
        mine = [one for one in found.differences if one.key.symbol == symbol]
        assert (told.fills, told.cost) == (len(mine), sum(one.cost.price for one in mine))
        assert (told.mean_bps, told.median_bps) == pytest.approx((2, 2), rel=1e-4)
    first = found.differences[0]
    ours, theirs = (side["fills"][0] for side in (first.run, first.backtest) if side)
    assert first.slippage == pytest.approx(abs(ours["price"] - theirs["price"]))
    assert first.cost.price / NANO == pytest.approx(-(first.slippage or 0) * ours["quantity"])


def test_a_denial_of_another_rule_is_shown_with_both_codes_and_the_trade_that_came_of_it(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", sets=("risk.max_open_positions=2",))

    found = compared(system.url, "risk.max_open_positions=1")

    adds_up(found)
    denied = [one for one in found.differences if one.kinds[0] == "answer"]
    assert len(denied) > 3
    assert found.differences[0] == denied[0]
    ours, theirs = denied[0].run or {}, denied[0].backtest or {}
    assert (ours["answer"], ours["code"]) == ("APPROVED", "")
    assert (theirs["code"], theirs["value"], theirs["threshold"]) == ("MAX_OPEN_POSITIONS", 1, 1)
    symbol = denied[0].key.symbol
    ends = [one for one in found.differences if one.kinds == ("run_only",) and one.key.symbol == symbol]
    ends = [one for one in ends if (one.run or {})["fills"]]
    sold, bought = ends[0].run or {}, ours
    units, paid = bought["fills"][0]["quantity"], sum(one["commission"] for one in (sold["fills"][0], ours["fills"][0]))
    profit = units * (sold["fills"][0]["price"] - bought["fills"][0]["price"]) * int(ours["side"]) - paid
    assert denied[0].cost.total / NANO == pytest.approx(profit, abs=1e-6)
    assert ends[0].cost.total == 0  # its profit belongs to what opened the trade
    assert ends[0].cause.code == "FOLLOWS"


def test_financing_is_priced(tmp_path: Path) -> None:
    hours = walked(tmp_path, 120)
    system = System(tmp_path, QUICK)
    system.run(**hours.overrides)

    found = compared(system.url, 'venues.paper.financing_bps={"default": {"long": 9, "short": 4}}')

    adds_up(found)
    assert {one.kinds for one in found.differences} == {("financing",)}
    assert found.explained == found.parts()["financing"] > 0
    assert found.others == ()


@pytest.mark.parametrize("fill_on", ["next_open", "same_close"])
def test_the_rest_of_a_trade_in_another_currency_is_told_apart(tmp_path: Path, fill_on: str) -> None:
    yen = hours(tmp_path, USDJPY=path(*[(6, -0.6), (6, 0.7)] * 9, (4, 0.1), start=150.0))
    system = System(tmp_path, QUICK)
    costs = [f"venues.paper.fill_on={fill_on}", 'venues.paper.financing_bps={"default": {"long": 9, "short": 4}}']
    system.run(preset="balanced", sets=costs, **yen.overrides)

    found = compared(system.url, "venues.paper.slippage_bps=3", "risk.max_order_notional=90000")

    adds_up(found)
    [other] = found.others
    assert (other.what, other.symbol) == ("conversion", "USDJPY")
    assert 0 < abs(other.cost) < abs(found.explained) / 10
    assert any(key.purpose == "FINANCING" for key, _ in _booked(found))


def _booked(found: Comparison) -> list[tuple[Key, Fill]]:
    return of_result(found.result).fills


def test_another_strategy_is_compared_with_its_own_parameters(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, sets=("strategy.side=long",))

    found = compared(system.url, "strategy.name=momentum", "strategy.length=4", "strategy.adx=0", "strategy.enter=0.5")

    adds_up(found)
    assert set(found.kinds()) == {"run_only", "backtest_only"}
    assert found.result.settings.strategy.parameters == {"length": 4, "adx": 0, "enter": 0.5}
    assert found.same == 0


def test_another_cash_is_told_by_itself(system: System) -> None:
    system.run({"EURUSD": WAVES})

    found = compared(system.url, "account.cash=60000")

    adds_up(found)
    assert found.differences == ()
    assert [(one.what, one.cost) for one in found.others] == [("cash", 40_000 * NANO)]


def test_fewer_symbols_leave_the_trades_of_the_others_to_the_run(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS})
    assert [one["symbol"] for one in story.summary.positions] == ["BTC", "EURUSD"]

    found = compared(system.url, "symbols=[EURUSD]")

    adds_up(found)
    assert {one.key.symbol for one in found.differences} == {"BTC"}


# -- what came from outside --------------------------------------------------------------------------


def test_a_pause_is_the_cause_of_what_was_denied_meanwhile(system: System) -> None:
    said = telling(system, (25, "pause", {}), (60, "resume", {}))
    system.run({"EURUSD": WAVES, "BTC": COINS}, during=said)

    found = compared(system.url)

    adds_up(found)
    assert found.explained != 0
    denied = [one for one in found.differences if "answer" in one.kinds]
    assert len(denied) == 12
    assert {(one.run or {})["code"] for one in denied} == {"ENGINE_PAUSED"}
    assert {one.cause.code for one in denied} == {"OPERATOR"}
    assert denied[0].cause.text == "pause by test at 2024-01-01T00:26:00Z: why pause"
    assert sum(one.cost.total for one in denied) == found.explained
    assert causes(found) == {"OPERATOR": 12, "FOLLOWS": 4}
    assert found.context == {
        "ts": "2024-01-01T00:27:00Z",
        "cycle": 27,
        "run": {"equity": 219_068.3076, "state": "ACTIVE", "positions": {"BTC": -10_000.0, "EURUSD": 10_000.0}},
        "backtest": {
            "equity": pytest.approx(219_068.3076),
            "state": "ACTIVE",
            "positions": {"BTC": -10_000.0, "EURUSD": 10_000.0},
        },
    }


def test_after_a_pause_has_ended_it_is_no_cause_any_more(system: System) -> None:
    said = telling(system, (25, "pause", {}), (60, "resume", {}))
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", during=said)

    found = compared(system.url, "venues.paper.commission_bps=3")

    adds_up(found)
    sizes = [one for one in found.differences if one.kinds[0] == "size"]
    assert len([one for one in sizes if one.key.at > START + 62 * MINUTE]) > 5
    assert {one.cause.code for one in sizes if one.key.at > START + 62 * MINUTE} == {"SETTINGS"}


def test_what_was_said_between_two_bars_counts_from_the_next_one(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, during=telling(system, (25, "pause", {})))
    _edit(system, "UPDATE commands SET step = 'wait', cycle = 25")

    [one] = {one.cause.text for one in compared(system.url).differences if one.cause.code == "OPERATOR"}

    assert one == "pause by test at 2024-01-01T00:26:00Z: why pause"


def test_a_close_by_an_operator_costs_what_the_position_did_afterwards(system: System) -> None:
    said = telling(system, (23, "close", {"symbol": "EURUSD"}))
    system.run({"EURUSD": WAVES, "BTC": COINS}, during=said)

    found = compared(system.url)

    adds_up(found)
    closed, smaller = found.differences
    assert (closed.kinds, closed.cause.code) == (("run_only",), "OPERATOR")
    assert closed.cause.text.startswith("close EURUSD by test at ")
    assert (smaller.kinds, smaller.cause.code) == (("size",), "FOLLOWS")
    assert "10,000 less than the backtest" in smaller.cause.text
    ours, theirs = (one.run["fills"][0] for one in (closed, smaller) if one.run)
    apart = 10_000 * (ours["price"] - theirs["price"])
    assert closed.cost.total / NANO == pytest.approx(apart - ours["commission"] + theirs["commission"])
    assert smaller.cost.total == 0


def test_a_halt_is_named_until_it_is_reset(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    said = telling(system, (35, "halt", {"flatten": True}), (70, "reset-kill-switch", {}))
    system.run({"EURUSD": WAVES, "BTC": COINS}, during=said)

    found = compared(system.url)

    adds_up(found)
    assert set(causes(found)) == {"OPERATOR", "FOLLOWS"}
    emergency = [one for one in found.differences if one.key.purpose == "EMERGENCY"]
    assert ["halt --flatten by test" in one.cause.text for one in emergency] == [True, True]
    assert {(one.run or {})["code"] for one in found.differences if "answer" in one.kinds} == {"KILL_SWITCH"}


def test_a_host_that_was_down_is_named(system: System) -> None:
    calls: list[str] = []

    def hang(actor: str, method: str) -> None:
        calls.append(actor)
        if (actor, method) == ("PairAgent:BTC", "scan") and calls.count(actor) > 40:
            raise DeadlineMissed(actor, 5.0)

    system.run({"EURUSD": WAVES, "BTC": COINS}, fault=hang)

    found = compared(system.url)

    adds_up(found)
    assert {one.key.symbol for one in found.differences} == {"BTC"}
    assert causes(found) == {"HOST_DOWN": len(found.differences)}
    assert "did not answer" in found.differences[0].cause.text


def test_an_order_that_the_venue_refused_is_named(system: System) -> None:
    seen: list[str] = []

    def refuse(actor: str, method: str) -> None:
        seen.append(method)
        if method == "submit" and actor.startswith("VenueGateway") and seen.count(method) > 8 and len(seen) < 10**6:
            seen.extend([""] * 10**6)
            raise Refused("no margin left", "NO_MARGIN")

    system.run({"EURUSD": WAVES, "BTC": COINS}, fault=refuse)

    found = compared(system.url)

    adds_up(found)
    first = found.differences[0]
    assert first.kinds == ("fill_missing", "ended")
    assert (first.cause.code, first.cause.text) == ("VENUE", "the order ended as REJECTED (NO_MARGIN: no margin left)")
    assert first.cost.total == found.explained != 0
    assert {one.cause.code for one in found.differences[1:]} == {"FOLLOWS"}


def test_what_a_live_account_held_before_is_priced_by_itself(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    first = followed(system, files, 12)
    followed(system, files, 25)
    assert len(first.summary.positions) == 2

    found = compared(system.url)

    adds_up(found)
    held = [one for one in found.differences if one.kinds == ("held_before",)]
    assert {one.key.symbol for one in held} == {"EURUSD", "BTC"}
    assert sum(one.cost.total for one in held) == found.explained
    assert found.result.settings.account.cash / NANO == pytest.approx(first.summary.equity, abs=0.01)
    assert causes(found) == {"HELD_BEFORE": 2, "FOLLOWS": 2}


# -- bars --------------------------------------------------------------------------------------------


def changed_bar(file: Path, line: int, by: float) -> None:
    lines = file.read_text().splitlines()
    ts, opened, high, low, close = lines[line].split(",")
    lines[line] = ",".join((ts, opened, str(float(high) + abs(by)), low, str(round(float(close) + by, 6))))
    file.write_text("\n".join(lines) + "\n")


def test_a_changed_file_is_named_with_its_first_bar_that_is_not_the_same(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS})
    changed_bar(system.folder / "EURUSD_M1.csv", 40, 0.0015)
    told: list[str] = []

    found = compared(system.url, told=told)

    adds_up(found)
    assert told == ["EURUSD: its file has changed since run run-0, first used at 2024-01-01T00:40:00Z"]
    assert {one.key.symbol for one in found.differences} == {"EURUSD"}
    first = found.differences[0]
    assert (first.cause.code, first.key.at) == ("DATA", START + 40 * MINUTE)
    assert found.explained != 0


def test_a_file_that_only_grew_changes_nothing(system: System) -> None:
    system.run({"EURUSD": WAVES}, cycles=60)
    changed_bar(system.folder / "EURUSD_M1.csv", 80, 0.0015)
    told: list[str] = []

    found = compared(system.url, told=told)

    identical(found)
    assert told == ["EURUSD: its file has changed since run run-0, no bar that the run used"]


def test_another_last_close_is_money_of_no_decision(system: System) -> None:
    story = system.run({"EURUSD": WAVES})
    [held] = story.summary.positions
    changed_bar(system.folder / "EURUSD_M1.csv", len(WAVES), 0.00001)

    found = compared(system.url)

    adds_up(found)
    assert found.differences == ()
    [other] = found.others
    side = 1 if held["side"] == "BUY" else -1
    assert (other.what, other.symbol) == ("close", "EURUSD")
    assert other.cost / NANO == pytest.approx(-side * held["quantity"] * 0.00001)


def test_other_files_over_the_same_time(system: System, tmp_path: Path) -> None:
    system.run({"EURUSD": WAVES[:90]}, cycles=70)
    longer = write_bars(tmp_path / "more.csv", [*[1.2] * 20, *WAVES], START - 20 * MINUTE)

    found = compared(system.url, data=(f"EURUSD={longer}",))

    assert found.result.moments[0] == START + MINUTE
    assert found.end == found.result.moments[-1] == START + 70 * MINUTE
    assert "feed.data" in found.keys
    late = write_bars(tmp_path / "late.csv", WAVES, START + 900 * MINUTE)
    with pytest.raises(ConfigError, match="no bars of the time in which run run-0 traded"):
        compared(system.url, data=(f"EURUSD={late}",))


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["nonsense", "%", "run-0' OR '1'='1", "\x1b[31m", "run-" * 5000, "-1", "../run-0"])
def test_a_run_that_is_not_there_is_refused_whatever_it_is_called(system: System, run: str) -> None:
    system.run({"EURUSD": WAVES[:20]})

    with pytest.raises(ConfigError, match="there is no run"):
        compared(system.url, run=run)


def test_inputs_that_are_gone_are_refused(system: System) -> None:
    system.run({"EURUSD": WAVES})
    (system.folder / "EURUSD_M1.csv").unlink()

    with pytest.raises(ConfigError, match=r"EURUSD: .* is gone: put it back"):
        compared(system.url)


def test_a_run_without_a_closed_cycle_is_refused(system: System) -> None:
    def kill(actor: str, method: str) -> None:
        if method == "scan":
            raise Stopped

    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES}, fault=kill)

    with pytest.raises(ConfigError, match="has closed no cycle"):
        compared(system.url)


@pytest.mark.parametrize("body", ["{", "[]", '{"T": "x", "symbol": 1}', "\\x00\\xff"])
def test_a_decision_that_a_hand_has_spoilt_is_refused(system: System, body: str) -> None:
    system.run({"EURUSD": WAVES})
    _edit(system, "UPDATE decisions SET body = ? WHERE rank = 0", body)

    with pytest.raises(ConfigError, match="a recorded decision"):
        compared(system.url)


def test_a_decision_that_a_hand_has_changed_is_found(system: System) -> None:
    system.run({"EURUSD": WAVES})
    _edit(system, "UPDATE decisions SET body = replace(CAST(body AS TEXT), '\"side\":1', '\"side\":-1')")

    found = compared(system.url)

    assert set(found.kinds()) == {"side"}
    assert found.explained == found.unexplained == 0


def test_a_fill_that_a_hand_has_changed_is_found_and_priced(system: System) -> None:
    system.run({"EURUSD": WAVES})
    _edit(system, "UPDATE fills SET price = '1.2' WHERE seq = (SELECT min(seq) FROM fills)")

    found = compared(system.url)

    [one] = found.differences
    assert (one.kinds, one.cause.code) == (("fill_price",), "UNKNOWN")
    assert found.equity[0] == found.equity[1]  # what the run said of its equity was not edited
    assert found.unexplained == -found.explained != 0


def test_other_parameters_than_those_of_the_anchors_are_told(system: System) -> None:
    system.run({"EURUSD": WAVES})
    _edit(system, "UPDATE anchors SET parameters = 'fast=1'")
    told: list[str] = []

    identical(compared(system.url, told=told))

    assert told[0].startswith("strategy ema_cross has changed since run run-0 began: its parameters were fast=1, are ")


def _edit(system: System, text: str, *values: str) -> None:
    connection = sqlite3.connect(system.folder / "argus.db")
    connection.execute(text, values)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("sets", "error", "text"),
    [
        (("risk.units",), UsageError, "write KEY=VALUE"),
        (("ray.deadline=3",), UsageError, "no meaning in a backtest"),
        (("cycle.cycles=9",), UsageError, "no meaning in a backtest"),
        (("risk.nonsense=1",), ConfigError, "not a known key"),
        (("strategy.fast=-3",), ConfigError, "strategy.fast = -3: allowed is"),
        (("strategy.name=nope",), ConfigError, "unknown strategy 'nope'"),
        (("feed.follow=true",), ConfigError, "to change its market, give --data"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    system: System, sets: tuple[str, ...], error: type[Exception], text: str
) -> None:
    system.run({"EURUSD": WAVES[:30]})

    with pytest.raises(error, match=text):
        compared(system.url, *sets)


def test_only_what_is_changed_changes(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS__RISK__UNITS", "777")
    system.run({"EURUSD": WAVES}, preset="balanced", sets=("risk.stages_off=[8]", "risk.max_open_positions=4"))
    _edit(
        system, "UPDATE runs SET config = replace(config, '\"max_leverage\":10.0', '\"max_leverage\":9.0')"
    )  # a preset
    before = compared(system.url).result.settings

    after = compared(system.url, "risk.risk_fraction=0.002", "venues.paper.commission_bps.crypto=7").result.settings

    assert after.risk.explicit == before.risk.explicit | {"risk_fraction"}
    assert (before.risk.units, after.risk.units, after.risk.risk_fraction) == (10_000 * NANO, 10_000 * NANO, 0.002)
    assert after.venues[0].commission_bps == {**before.venues[0].commission_bps, "crypto": 7}
    assert (before.risk.max_leverage, after.risk.max_leverage) == (9, 9)
    assert (after.exits, after.strategy, after.feed) == (before.exits, before.strategy, before.feed)


# -- the portfolio of what is different, by hand -----------------------------------------------------


class Fixed:
    """Rates and closes that are always the same."""

    def __init__(self, close: str = "1.2", rate: Rate = ONE) -> None:
        self._close, self._rate = nano(close), rate

    def of(self, fill: Fill, sent_at: int) -> Rate:
        return self._rate

    def end(self, symbol: str) -> Rate:
        return self._rate

    def last(self, symbol: str) -> int:
        return self._close


def filled(*fills: tuple[int, str, int, int, str]) -> Side:
    """(minute, purpose, side, units, price), each with a commission of a ten-thousandth."""
    made = [
        a_fill(
            id=f"{n}",
            order_id=f"{n}",
            at=START + at * MINUTE,
            side=sign,
            quantity=units * NANO,
            price=nano(price),
            commission=nano(price) * units // 10_000,
            reason=purpose,
        )
        for n, (at, purpose, sign, units, price) in enumerate(fills)
    ]
    return side((), (), made)


def priced(run: Side, backtest: Side, rates: Any = None, held: Sequence[Held] = ()) -> dict[tuple[int, str], float]:
    """By minute and purpose what it has cost, without what has cost nothing."""
    one = Priced(rates or Fixed())
    one.held(held, START)
    one.take(run, backtest)
    one.end({})
    found = {((key.at - START) // MINUTE, key.purpose): cost.total / NANO for key, cost in one.costs.items()}
    return {key: cost for key, cost in found.items() if cost}


BOUGHT = (1, "ENTRY", BUY, 1000, "1.1")


def test_a_trade_of_one_side_costs_its_profit_after_commission() -> None:
    run = filled(BOUGHT, (5, "TARGET", SELL, 1000, "1.3"))

    assert priced(run, filled()) == {(1, "ENTRY"): pytest.approx(200 - 0.11 - 0.13)}
    assert priced(filled(), run) == {(1, "ENTRY"): pytest.approx(-200 + 0.11 + 0.13)}
    assert priced(run, filled(), Fixed(rate=(1, 2))) == {(1, "ENTRY"): pytest.approx(100 - 0.055 - 0.065)}


def test_what_is_still_open_is_marked_at_the_last_close() -> None:
    assert priced(filled(BOUGHT), filled()) == {(1, "ENTRY"): pytest.approx(100 - 0.11)}
    assert priced(filled(), filled(BOUGHT)) == {(1, "ENTRY"): pytest.approx(-100 + 0.11)}


def test_the_same_fill_costs_nothing_and_another_price_its_money() -> None:
    assert priced(filled(BOUGHT), filled(BOUGHT)) == {}
    dearer = filled((1, "ENTRY", BUY, 1000, "1.101"))
    assert priced(dearer, filled(BOUGHT)) == {(1, "ENTRY"): pytest.approx(-1 - 0.0001)}


def test_more_units_cost_what_became_of_them() -> None:
    run = filled((1, "ENTRY", BUY, 1500, "1.1"), (5, "STOP", SELL, 1500, "1.05"))
    backtest = filled(BOUGHT, (5, "STOP", SELL, 1000, "1.05"))

    assert priced(run, backtest) == {(1, "ENTRY"): pytest.approx(500 * -0.05 - 0.055 - 0.0525)}


def test_a_reversal_closes_what_only_one_side_held() -> None:
    run = filled((1, "ENTRY", BUY, 1000, "1.1"), (5, "ENTRY", SELL, 2000, "1.15"))
    backtest = filled((5, "ENTRY", SELL, 1000, "1.15"))

    assert priced(run, backtest) == {(1, "ENTRY"): pytest.approx(50 - 0.11 - 0.115)}


def test_who_came_later_ends_the_difference() -> None:
    run, backtest = filled((1, "ENTRY", BUY, 1000, "1.1")), filled((3, "ENTRY", BUY, 1000, "1.12"))

    assert priced(run, backtest) == {(1, "ENTRY"): pytest.approx(20 - 0.11 + 0.112)}


def test_a_stop_at_another_time_costs_the_way_between() -> None:
    run, backtest = filled(BOUGHT, (4, "STOP", SELL, 1000, "1.0")), filled(BOUGHT, (9, "STOP", SELL, 1000, "1.25"))

    assert priced(run, backtest) == {(4, "STOP"): pytest.approx(-250 - 0.1 + 0.125)}


def test_lots_end_in_the_order_in_which_they_began() -> None:
    run = filled(BOUGHT, (2, "ENTRY", BUY, 1000, "1.2"), (3, "SIGNAL", SELL, 1500, "1.3"))

    found = priced(run, filled())

    assert found[1, "ENTRY"] == pytest.approx(200 - 0.11 - 0.13)
    assert found[2, "ENTRY"] == pytest.approx(500 * 0.1 + 500 * 0.0 - 0.12 - 0.065)


def test_opposite_fills_of_one_moment_cost_twice() -> None:
    run, backtest = filled(BOUGHT), filled((1, "ENTRY", SELL, 1000, "1.1"))

    assert priced(run, backtest) == {(1, "ENTRY"): pytest.approx(200)}


def test_financing_belongs_to_what_one_side_holds_more() -> None:
    def paid(side_: Side, at: int, amount: str) -> Side:
        fill = a_fill(id=f"f{at}", at=START + at * MINUTE, quantity=0, price=0, commission=nano(amount),
                      reason="FINANCING", order_id=f"f{at}")  # fmt: skip
        return side((), (), [*(one for _, one in side_.fills), fill])

    both = priced(paid(filled(BOUGHT), 3, "0.5"), paid(filled(BOUGHT), 3, "0.3"))
    assert both == {(3, "FINANCING"): pytest.approx(-0.2)}
    assert priced(paid(filled(BOUGHT), 3, "0.5"), filled())[1, "ENTRY"] == pytest.approx(100 - 0.11 - 0.5)


def test_what_was_held_before_counts_from_its_price_then() -> None:
    held = [Held("EURUSD", "ema_cross", -1000 * NANO, nano("1.15"))]
    run = filled((2, "SIGNAL", BUY, 1000, "1.1"))

    assert priced(run, filled(), held=held) == {(0, "HELD_BEFORE"): pytest.approx(50 - 0.11)}


def test_parts_of_one_order_are_paired_by_quantity() -> None:
    def parts(*of: tuple[int, int, str]) -> Side:
        made = [
            a_fill(id=f"{n}", at=START + at * MINUTE, quantity=units * NANO, price=nano(price))
            for n, (at, units, price) in enumerate(of)
        ]
        key = Key(START, "EURUSD", "ema_cross", "ENTRY")
        found = side((), (), made)
        deed = next(iter(found.deeds.values()))
        deed.fills = made
        return Side({key: deed}, [(key, one) for one in made])

    one, two = parts((1, 400, "1.1"), (2, 600, "1.2")), parts((1, 1000, "1.1"))

    assert priced(one, two) == {(0, "ENTRY"): pytest.approx(-60)}


# -- the verb ----------------------------------------------------------------------------------------


@pytest.fixture
def argus(system: System) -> Callable[..., tuple[int, str, str]]:
    from cli import app

    def call(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["compare", "--db-url", system.url, *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return call


def test_a_person_reads_that_nothing_is_different(system: System, argus: Callable[..., Any]) -> None:
    story = system.run({"EURUSD": WAVES})

    code, out, err = argus()

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("run run-0 and a backtest: ema_cross on EURUSD M1, preset yardstick, 2024-01-01T00:01")
    assert lines[1].startswith("identical: ")
    assert f"equity {story.summary.equity:,.2f} USD on both sides" in lines[1]
    assert len(lines) == 2


def test_a_person_reads_costs_and_causes_and_the_first_difference(system: System, argus: Callable[..., Any]) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, during=telling(system, (25, "pause", {}), (60, "resume", {})))

    code, out, _ = argus()
    lines = out.splitlines()

    assert code == 0  # a difference is no error
    assert lines[1].split() == ["run", "backtest", "run", "-", "backtest"]
    [unexplained] = [line for line in lines if line.startswith("unexplained")]
    assert unexplained.split() == ["unexplained", "0.00"]
    [explained] = [line for line in lines if line.startswith("explained")]
    assert explained.split()[-1] == lines[2].split()[-1]
    [first] = [place for place, line in enumerate(lines) if line.startswith("the first difference: ")]
    assert lines[first].endswith("approved or denied: ENTRY BTC at 2024-01-01T00:27:00Z, cycle 27")
    assert lines[first + 1] == "  why  OPERATOR: pause by test at 2024-01-01T00:26:00Z: why pause"
    worst = lines[lines.index("largest by cost:") + 1 :]
    costs = [abs(float(next(one for one in line.split() if one[0] in "+-0" and "." in one).replace(",", "")))
             for line in (one[95:] for one in worst[1:])]  # fmt: skip
    assert len(costs) == 16
    assert costs == sorted(costs, reverse=True)


def test_a_program_reads_all_of_it(system: System, argus: Callable[..., Any], tmp_path: Path) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced")
    target = tmp_path / "compare.json"

    code, out, _ = argus("--json", "--set", "venues.paper.commission_bps=3", "--out", str(target))
    told = json.loads(out)

    assert code == 0
    assert json.loads(target.read_text()) == told
    assert told["changed"]["venues.paper.commission_bps"]["backtest"] == 3
    assert len(told["differences"]) > len(told["worst"]) == 20
    assert told["first_difference"]["ts"] == told["differences"][0]["ts"]
    total = sum(one["cost"] for one in told["differences"]) + sum(one["cost"] for one in told["others"])
    assert total == pytest.approx(told["equity"]["difference"], abs=1e-6)
    assert total == pytest.approx(sum(told["costs"].values()), abs=1e-6)
    assert told["equity"]["unexplained"] == pytest.approx(0, abs=1e-6)
    assert sum(one["count"] for one in told["kinds"].values()) == len(told["differences"])


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--run", "\x1b[31mx"), 4, "there is no run \\x1b[31mx in this database"),
        (("--set", "risk.units"), 2, "write KEY=VALUE"),
        (("--out", "/nowhere/x.json"), 4, "the folder /nowhere is not there"),
        (("--data", "/nowhere"), 4, "does not exist"),
    ],
)
def test_what_is_refused_is_told_with_its_code(
    system: System, argus: Callable[..., Any], arguments: tuple[str, ...], code: int, text: str
) -> None:
    system.run({"EURUSD": WAVES[:30]})

    found, out, err = argus(*arguments)

    assert (found, out) == (code, "")
    assert text in err


def test_a_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path, argus: Callable[..., Any]) -> None:
    code, out, err = argus()

    assert (code, out) == (4, "")
    assert "there is no database" in err
    assert list(tmp_path.iterdir()) == []


def test_a_stop_asked_for_compares_nothing(system: System) -> None:
    from domain.errors import ArgusError

    system.run({"EURUSD": path(*[(6, -0.0004), (6, 0.0005)] * 300)}, sets=("risk.max_order_notional=1e9",))

    with pytest.raises(ArgusError, match="nothing was compared"):
        compare(system.url, None, (), (), lambda done, total: None, lambda: True, lambda text: None)


def test_every_kind_can_be_written_as_json(system: System) -> None:
    system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", during=telling(system, (40, "pause", {})))

    told = plain(facts(compared(system.url, "venues.paper.slippage_bps=2", "exits.breakeven_at=0.3")))

    assert json.loads(json.dumps(told, allow_nan=False)) == told
