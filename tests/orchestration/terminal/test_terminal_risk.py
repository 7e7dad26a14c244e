"""What the gate would say, and said, on the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.terminal.ladder import shown, unit, unit_of
from risk.rules import RULES
from tests.flow.replaying import Growing, followed
from tests.flow.system import Story, System, path, write_bars
from tests.orchestration.terminal.conftest import Argus

WAVES = path(*[(6, -0.0004), (6, 0.0005)] * 5)
QUICK = ["strategy.fast=2", "strategy.slow=5"]
WISH = ("--symbol", "EURUSD", "--direction", "long", "--price", "1.1", "--stop", "0.002", "--target", "0.003")
TUESDAY = ("--at", "2024-01-02T12:00")
ASKED = ("risk", "explain", *WISH, *TUESDAY)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for database and HALT file; compiled kernels stay where this session has them."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ARGUS__DATABASE__URL", f"sqlite:///{folder / 'argus.db'}")
    monkeypatch.setattr("orchestration.terminal.place.halt_file", lambda: folder / "HALT")
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture
def argus(home: Path) -> Argus:
    """Runs a verb: (exit code, stdout, stderr)."""
    from cli import app

    def call(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return call


def told(argus: Argus, *arguments: str) -> dict[str, Any]:
    code, out, err = argus(*arguments, "--json")
    assert (code, err) == (0, ""), err
    found: dict[str, Any] = json.loads(out)
    return found


def by_rule(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["rule"]: one for one in found["rules"]}


# -- a wish, with nothing recorded -------------------------------------------------------------------


def test_a_wish_before_an_empty_book(argus: Argus, home: Path) -> None:
    found = told(argus, *ASKED)

    assert (found["decision"], found["code"], found["run_id"], found["account"]) == ("APPROVED", None, None, None)
    assert (found["equity"], found["currency"], found["at"]) == (100_000.0, "USD", "2024-01-02T12:00:00Z")
    assert (found["quantity"], found["stop"], found["target"]) == (181_000.0, 1.09808, 1.10308)
    assert (found["entry"], found["spread"]) == (1.10008, 0.00008)
    assert (found["planned_loss"], found["planned_loss_share"]) == (362.0, 0.00362)
    size = found["size"]
    assert (size["method"], size["wanted"], size["lot_step"], size["quantity"]) == (
        "fixed_fraction",
        250_000.0,
        1_000.0,
        181_000.0,
    )
    first = size["caps"][0]
    assert (first["rule"], first["binds"], first["passed"]) == ("max_order_notional", True, True)
    assert not (home / "argus.db").exists()


def test_a_person_sees_every_rule_the_size_and_the_answer(argus: Argus) -> None:
    code, out, err = argus(*ASKED)

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["wish", "EURUSD", "long,", "market"]
    assert any(line.split() == ["6", "max_daily_loss", "0.00", "3,000.00", "yes"] for line in lines)
    assert any(line.split() == ["7", "max_spread", "0.7272", "bps", "5", "bps", "yes"] for line in lines)
    bound = next(line for line in lines if line.startswith("max_order_notional"))
    assert bound.split()[-4:] == ["199,114.48", "200,000.00", "yes,", "binds"]
    rounded = next(line for line in lines if line.startswith("on the lot step of 1,000 "))
    assert rounded.split()[6:8] == ["181,000", "362.00"]
    assert "APPROVED: buy 181,000 EURUSD at 1.10008, stop 1.09808, target 1.10308" in lines
    assert "loses 362.00 USD at the stop, 0.362 % of equity, costs and gaps beside" in lines


def test_a_denial_is_explained_and_that_is_done(argus: Argus) -> None:
    deny = ("--set", "risk.max_spread_bps={forex: 0.5}", "--set", "risk.min_reward_to_risk=2")
    found = told(argus, *ASKED, *deny)
    code, out, _ = argus(*ASKED, *deny)

    assert (found["decision"], found["code"], found["threshold"]) == ("DENIED", "MAX_SPREAD", 0.5)
    assert [one["rule"] for one in found["rules"] if not one["passed"]] == ["max_spread", "min_reward_to_risk"]
    assert (found["quantity"], found["planned_loss"]) == (0.0, None)
    assert found["size"]["quantity"] == 181_000.0
    assert code == 0
    assert "the size, as if all had passed:" in out
    assert "DENIED by max_spread: MAX_SPREAD, 0.7272 bps against 0.5 bps; 1 more would deny it" in out


def test_a_limit_on_the_size_that_denies_is_named(argus: Argus) -> None:
    code, out, _ = argus(*ASKED, "--set", "risk.max_order_notional=500")

    assert code == 0
    assert "DENIED by max_order_notional: MAX_ORDER_NOTIONAL, 1,100.08 against 500.00" in out


def test_the_multipliers_are_shown_one_by_one(argus: Argus) -> None:
    sets = ("--set", "risk.score_factors={'0.5': 1, '0.8': 1.5}", "--set", "risk.regime_factors={RANGING: 0.5}")
    found = told(argus, *ASKED, *sets, "--score", "0.9", "--regime", "RANGING")
    lines = argus(*ASKED, *sets, "--score", "0.9", "--regime", "RANGING")[1].splitlines()

    size = found["size"]
    assert [(one["name"], one["times"]) for one in size["multipliers"]] == [
        ("research", 1.0),
        ("score", 1.5),
        ("regime", 0.5),
    ]
    assert (size["multiplier"], size["multiplied"]) == (0.75, 187_500.0)
    assert [line.split()[:2] for line in lines if line.startswith("x ")] == [["x", "score"], ["x", "regime"]]
    assert any(line.startswith("after multipliers") and "187,500" in line for line in lines)


def test_options_of_a_run_say_the_limits(argus: Argus, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("risk: {max_trades_per_day: 7}\naccount: {cash: 5000}\n", encoding="utf-8")

    found = told(argus, *ASKED, "-c", str(file), "--preset", "conservative", "--set", "risk.max_open_positions=2")

    rules = by_rule(found)
    assert rules["max_trades_per_day"]["threshold"] == 7
    assert rules["max_open_positions"]["threshold"] == 2
    assert (found["preset"], found["equity"]) == ("conservative", 5_000.0)
    assert "max_daily_loss" in found["not_set"]


def test_the_last_close_of_the_data_is_the_price(argus: Argus, tmp_path: Path) -> None:
    file = write_bars(tmp_path / "EURUSD_M1.csv", WAVES)
    asked = ("risk", "explain", "--symbol", "EURUSD", "--direction", "short", "--stop", "0.001", "--data")

    found = told(argus, *asked, f"EURUSD={file}", "--set", "risk.market_hours=false")
    earlier = told(argus, *asked, f"EURUSD={file}", "--at", "2024-01-01T00:30")
    stale = told(argus, *asked, f"EURUSD={file}", "--at", "2024-01-02T12:00")

    assert (found["price"], found["at"]) == (WAVES[-1], "2024-01-01T01:01:00Z")
    assert (earlier["price"], earlier["at"]) == (WAVES[29], "2024-01-01T00:30:00Z")
    assert (stale["price"], stale["code"]) == (WAVES[-1], "DATA_STALE")


def test_a_halt_file_halts_what_is_asked_too(argus: Argus, home: Path) -> None:
    (home / "HALT").touch()

    assert told(argus, *ASKED)["code"] == "KILL_SWITCH"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no wish and no id: give --symbol EURUSD --direction long, or the id of an event or an order"),
        (["--symbol", "EURUSD"], "--direction is missing: long or short"),
        (["--symbol", "EURUSD", "--direction", "up"], "--direction up: allowed: long or short"),
        ([*WISH, "--stop", "-1"], "--stop -1.0: allowed: a number above 0, in the unit of the price"),
        ([*WISH, "--price", "nan"], "--price nan: allowed: a number above 0, in the unit of the price"),
        ([*WISH, "--target", "inf"], "--target inf: allowed: a number above 0, in the unit of the price"),
        ([*WISH, "--score", "nan"], "--score nan: allowed: 0 to 1"),
        ([*WISH, "--regime", "CALM"], "--regime CALM: allowed: TRENDING, RANGING, VOLATILE, NORMAL"),
        ([*WISH, "--at", "noon"], "--at noon: allowed: a time like 2024-01-02T14:30 (UTC)"),
        (["--symbol", "EURUSD", "--direction", "long"], "EURUSD has no price here: give --price, its bars with --data"),
        (["abcd", "--symbol", "EURUSD", "--set", "risk.units=5"], "leave out --symbol, --set"),
        ([*WISH, "--run", "run", "--symbols", "BTC"], "--run brings its own market: leave out --symbols"),
    ],
)
def test_wrong_usage_names_the_way_out(argus: Argus, arguments: list[str], said: str) -> None:
    code, out, err = argus("risk", "explain", *arguments)

    assert (code, out) == (2, "")
    assert said in err


def test_a_wrong_configuration_is_refused(argus: Argus, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("risk: {max_open_positions: -1}\n", encoding="utf-8")

    code, out, err = argus(*ASKED, "-c", str(file))

    assert (code, out) == (4, "")
    assert "risk.max_open_positions = -1" in err


def test_a_database_that_is_named_must_be_there(argus: Argus, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"

    for asked in (ASKED, ("risk", "explain", "abcd"), ("risk", "status")):
        code, out, err = argus(*asked, "--db-url", url)
        assert (code, out) == (4, "")
        assert "there is no database" in err
    assert not (tmp_path / "none.db").exists()


# -- a recorded run ------------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


@pytest.fixture
def story(system: System) -> Story:
    return system.run({"EURUSD": WAVES}, preset="balanced", sets=("risk.max_trades_per_day=3",))


def dumped(system: System) -> list[str]:
    connection = sqlite3.connect(system.folder / "argus.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_a_wish_before_the_book_of_a_run(argus: Argus, system: System, story: Story) -> None:
    before = dumped(system)
    asked = ("risk", "explain", "--db-url", system.url, "--run", "run-", "--symbol", "EURUSD", "--stop", "0.002")

    found = told(argus, *asked, "--direction", "long")

    assert (found["run_id"], found["account"], found["preset"]) == ("run-0", "paper:run-0", "balanced")
    assert found["price"] == WAVES[-1]
    assert found["at"] == "2024-01-01T01:01:00Z"
    assert found["equity"] == pytest.approx(story.summary.equity)
    assert (found["code"], found["value"], found["threshold"]) == ("MAX_TRADES_PER_DAY", 3, 3)
    assert by_rule(found)["max_open_positions"]["value"] == len(story.summary.positions)
    assert dumped(system) == before


def test_other_limits_before_the_book_of_a_run(argus: Argus, system: System, story: Story) -> None:
    asked = ("risk", "explain", "--db-url", system.url, "--run", "run-0", "--symbol", "EURUSD", "--direction", "long")
    asked += ("--stop", "0.002", "--preset", "conservative", "--price", "1.2")

    found = told(argus, *asked)

    assert (found["preset"], found["price"]) == ("conservative", 1.2)
    assert by_rule(found)["max_trades_per_day"]["threshold"] != 3
    held = next(iter(story.summary.positions), None)
    if held is not None:
        side = 1 if held["side"] == "BUY" else -1
        moved = (1.2 - held["price"]) * held["quantity"] * side
        assert found["equity"] == pytest.approx(story.summary.equity + moved)


def test_what_a_run_does_not_trade_and_what_is_over_is_refused(argus: Argus, system: System, story: Story) -> None:
    asked = ("risk", "explain", "--db-url", system.url, "--run", "run-0", "--direction", "long")

    code, _, err = argus(*asked, "--symbol", "BTC")
    assert code == 2
    assert "BTC is not traded by run run-0 (EURUSD)" in err
    code, _, err = argus(*asked, "--symbol", "EURUSD", "--at", "2024-01-01T00:10")
    assert code == 2
    assert "explained by the id of its event" in err
    assert argus(*asked, "--run", "nonsense", "--symbol", "EURUSD")[0] == 4


def test_a_run_that_is_not_live_is_asked_only_by_its_name(argus: Argus, system: System, story: Story) -> None:
    assert told(argus, *ASKED, "--db-url", system.url)["run_id"] is None


def test_the_newest_live_run_is_asked_without_its_name(
    argus: Argus, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(system, Growing(system.folder, EURUSD=WAVES * 2), 5, preset="aggressive")
    asked = ("risk", "explain", "--db-url", system.url, "--symbol", "EURUSD", "--direction", "long", "--stop", "0.002")

    live = told(argus, *asked)
    other = told(argus, *asked, "--set", "risk.max_open_positions=9")
    market_of_its_own = told(argus, *asked, "--symbols", "BTC", "--price", "1.1")
    monkeypatch.setattr("orchestration.terminal.ladder_wish.paused", lambda url, found: found.run_id == "run-0")
    paused = told(argus, *asked)

    assert (live["run_id"], live["account"], live["preset"]) == ("run-0", "paper", "aggressive")
    assert (other["run_id"], other["preset"]) == ("run-0", "balanced")
    assert by_rule(other)["max_open_positions"]["threshold"] == 9
    assert market_of_its_own["run_id"] is None
    assert by_rule(paused)["trading_state"]["code"] == "ENGINE_PAUSED"


def test_an_engine_that_was_paused_takes_no_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.terminal.ladder_wish import paused

    class Found:
        run_id = "run-0"

    for state, run, expected in (("PAUSED", "run-0", True), ("running", "run-0", False), ("PAUSED", "run-1", False)):
        said = {"state": state, "run": {"run_id": run}}
        monkeypatch.setattr("orchestration.terminal.state.of", lambda url, said=said: said)
        assert paused("", Found()) is expected  # type: ignore[arg-type]


def test_an_operators_halt_holds_for_what_is_asked(argus: Argus, system: System, story: Story) -> None:
    assert argus("halt", "--reason", "test", "--db-url", system.url)[0] == 0

    found = told(argus, "risk", "explain", "--db-url", system.url, "--run", "run", *WISH)
    status = told(argus, "risk", "status", "--db-url", system.url)

    assert (found["code"], status["state"], status["code"]) == ("KILL_SWITCH", "HALTED", "HALT")


# -- a decision that was made ----------------------------------------------------------------------


def test_a_denied_event_is_explained_as_it_was(argus: Argus, system: System, story: Story) -> None:
    event = story.of("RISK_DENIED")[0]

    found = told(argus, "risk", "explain", event["id"], "--db-url", system.url)
    code, out, err = argus("risk", "explain", event["id"], "--db-url", system.url)

    assert found["identical"]
    assert found["first_difference"] is None
    assert (found["order_id"], found["at"]) == (event["data"]["order_id"], event["ts"])
    assert (found["code"], found["value"], found["threshold"]) == (
        event["data"]["code"],
        event["data"]["value"],
        event["data"]["threshold"],
    )
    assert (code, err) == (0, "")
    assert f"DENIED by max_trades_per_day: {event['data']['code']}, 3 against 3" in out
    assert "identical: the replay of" in out


def test_an_approved_order_is_explained_by_the_beginning_of_its_id(argus: Argus, system: System, story: Story) -> None:
    event = story.of("RISK_APPROVED")[0]
    order = event["data"]["order_id"]

    found = told(argus, "risk", "explain", order[:14], "--db-url", system.url)

    assert (found["decision"], found["order_id"], found["identical"]) == ("APPROVED", order, True)
    assert (found["quantity"], found["stop"]) == (event["data"]["quantity"], event["data"]["stop"])
    assert found["size"]["quantity"] == found["quantity"]


def test_a_record_that_was_changed_is_said_and_fails(argus: Argus, system: System, story: Story) -> None:
    event = story.of("RISK_DENIED")[0]
    connection = sqlite3.connect(system.folder / "argus.db")
    connection.execute(
        "UPDATE decisions SET body = CAST(replace(CAST(body AS TEXT), '\"value\":3', '\"value\":4') AS BLOB)"
    )
    connection.commit()
    connection.close()

    code, out, _ = argus("risk", "explain", event["id"], "--db-url", system.url)
    as_json = argus("risk", "explain", event["id"], "--db-url", system.url, "--json")

    assert code == as_json[0] == 1
    assert "DIFFERENT: the replay is not what was recorded" in out
    assert any(line.split() == ["value", "4", "3"] for line in out.splitlines())
    assert not json.loads(as_json[1])["identical"]
    assert json.loads(as_json[1])["first_difference"]["kind"] == "decision"


def test_ids_that_are_none_or_too_many_or_no_entries(argus: Argus, system: System, story: Story) -> None:
    closed = next(one for one in story.of("TRADE_EXECUTION") if one["data"]["reason"] != "ENTRY")
    asked = ("risk", "explain", "--db-url", system.url)

    for beginning, said in (
        ("zzzz", "no event or order begins with 'zzzz'"),
        ("", "no event or order begins with ''"),
        (closed["id"], "is an event of type TRADE_EXECUTION: CANDIDATE, RISK_DENIED, RISK_APPROVED tell of decisions"),
        (closed["data"]["order_id"], "closes EURUSD"),
        (story.of("CANDIDATE")[0]["id"][0], "is the beginning of several ids"),
    ):
        code, out, err = argus(*asked, beginning)
        assert (code, out) == (4, ""), beginning
        assert said in err


# -- where the limits stand ------------------------------------------------------------------------


def test_status_says_how_much_of_each_limit_is_used(argus: Argus, system: System, story: Story) -> None:
    before = dumped(system)

    found = told(argus, "risk", "status", "--db-url", system.url)
    code, out, err = argus("risk", "status", "--db-url", system.url, "--run", "run-0")

    limits = {one["key"]: one for one in found["limits"]}
    assert (limits["max_trades_per_day"]["used"], limits["max_trades_per_day"]["share"]) == (3, 1.0)
    assert limits["max_open_positions"]["used"] == len(story.summary.positions)
    assert limits["max_leverage"]["used"] == pytest.approx(found["portfolio"]["gross"] / found["equity"])
    assert found["equity"] == pytest.approx(story.summary.equity)
    assert (code, err) == (0, "")
    assert any(line.split() == ["max_trades_per_day", "3", "3", "100", "%"] for line in out.splitlines())
    assert "VaR 99 %" in out
    assert dumped(system) == before


# -- units -----------------------------------------------------------------------------------------


def test_figures_are_in_the_unit_of_their_key() -> None:
    units = {name: unit(name) for name in RULES}

    assert {units[one] for one in ("max_daily_loss", "max_order_notional", "max_risk_money")} == {"money"}
    assert {units[one] for one in ("max_drawdown", "max_var", "max_risk", "max_cost_ratio")} == {"share"}
    assert {units[one] for one in ("max_leverage", "max_class_exposure")} == {"times"}
    assert (units["max_spread"], units["cooldown"], units["max_open_positions"]) == ("bps", "seconds", "")
    assert {units[one] for one in ("correlation", "locks", "quotes", "trading_state")} == {""}
    assert unit_of("nothing") == ""


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1234.5, "money", "1,234.50"),
        (0.0123, "share", "1.23 %"),
        (1.5, "times", "1.5 x"),
        (0.7272, "bps", "0.7272 bps"),
        (90.0, "seconds", "90 s"),
        (0.00008, "", "0.00008"),
        (50_000_000.0, "", "50,000,000"),
        (1 / 3, None, "0.333333"),
        (None, "money", "-"),
        ("2024-01-02T12:00:00Z", "", "2024-01-02 12:00:00"),
        ("BTC 0.91", "share", "BTC 0.91"),
    ],
)
def test_a_figure_as_a_person_reads_it(value: Any, kind: str | None, text: str) -> None:
    assert shown(value, kind) == text
