"""An opinion without a trade, and whether an endpoint works, on the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.flow.system import path, write_bars
from tests.orchestration.terminal.conftest import Argus
from tests.research.wire import Wire, a_wire, dead_port

KEY = "sk-proj-AbC123dEf456GhI789"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key, no configuration; compiled kernels stay where this session has them."""
    for name in [one for one in os.environ if one.upper().startswith("ARGUS__RESEARCH") or one == "OPENAI_API_KEY"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARGUS__RESEARCH__FOLDER", str(tmp_path / "answers"))
    monkeypatch.setenv("ARGUS__DATABASE__URL", f"sqlite:///{tmp_path / 'argus.db'}")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def argus(place: Path) -> Argus:
    from cli import app

    def call(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["research", *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return call


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire(key=KEY) as server:
        yield server


def found(argus: Argus, *arguments: str, code: int = 0) -> dict[str, Any]:
    got, out, err = argus(*arguments, "--json")
    assert (got, err) == (code, ""), err
    said: dict[str, Any] = json.loads(out)
    return said


# -- ask -------------------------------------------------------------------------------------------


def test_without_a_key_the_rules_judge_both_sides_of_a_simulated_market(argus: Argus, place: Path) -> None:
    said = found(argus, "ask", "EURUSD")

    assert said["simulated"] is True
    assert [one["direction"] for one in said["cases"]] == ["BUY", "SELL"]
    for one in said["cases"]:
        assert one["verdict"] in ("GO", "NO_GO")
        assert (one["source"], one["effect"], len(one["arguments"])) == ("rules", "NONE", 2)
        assert {fact["id"] for fact in one["facts"]} >= set(one["evidence"])
    assert {one["role"] for one in said["calls"]} == {"analyst", "bull", "bear", "judge"}
    assert not (place / "argus.db").exists()
    assert found(argus, "ask", "EURUSD")["cases"] == said["cases"]


def test_an_opinion_is_told_to_a_person(argus: Argus) -> None:
    code, out, err = argus("ask", "EURUSD", "--side", "buy", "--calls")

    assert (code, err) == (0, "")
    for part in ("SIMULATED market", "BUY EURUSD", "bull: strength", "bear: strength", "p_win", "judge ", "view  "):
        assert part in out, part
    assert "SELL EURUSD" not in out


def test_recorded_bars_are_judged_as_they_were_at_a_moment(argus: Argus, place: Path) -> None:
    write_bars(place / "EURUSD_M1.csv", path((120, 0.0004), (60, -0.0006)))
    given = ("ask", "EURUSD", "--data", str(place), "--side", "buy")

    last = found(argus, *given)
    early = found(argus, *given, "--at", last["cases"][0]["at"][:11] + "01:00")

    assert last["simulated"] is False
    assert early["cases"][0]["at"] < last["cases"][0]["at"]
    assert early["cases"][0]["facts"] != last["cases"][0]["facts"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("EURUSD", "--side", "up"), 2, "--side up"),
        (("EURUSD", "--score", "3"), 2, "--score 3"),
        (("EURUSD", "--at", "noon"), 2, "--at noon"),
        (("EURUSD", "--at", "1990-01-01"), 4, "no closed bar"),
        (("EURUSD", "--data", "/nowhere"), 4, "/nowhere"),
        (("EURUSD", "--set", "research.model=5", "--set", "research.colour=red"), 4, "research.colour"),
        ((), 2, ""),
    ],
)
def test_what_cannot_be_asked_is_refused(argus: Argus, arguments: tuple[str, ...], code: int, word: str) -> None:
    got, out, err = argus("ask", *arguments)

    assert (got, out) == (code, "")
    assert word in err


def test_a_model_is_asked_once_and_then_its_recorded_answer(
    argus: Argus, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", KEY)
    given = ("ask", "EURUSD", "--side", "buy", "--set", f"research.base_url={wire.url}", "--set", "research.arm=single")

    first = found(argus, *given)
    hits = wire.hits
    again = found(argus, *given)

    assert hits > 0
    assert wire.hits == hits
    assert [one["source"] for one in first["cases"]] == ["llm"]
    assert [one["source"] for one in again["cases"]] == ["cache"]
    assert again["cases"][0]["p_win"] == first["cases"][0]["p_win"]
    assert KEY not in json.dumps([first, again])


def test_an_endpoint_that_fails_is_an_abstention_with_its_reason(
    argus: Argus, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", "sk-proj-WrOng999888777666")

    said = found(argus, "ask", "EURUSD", "--side", "sell", "--set", f"research.base_url={wire.url}")

    assert (said["cases"][0]["verdict"], said["cases"][0]["code"]) == ("ABSTAIN", "UNAUTHORISED")
    assert "WrOng" not in json.dumps(said)


# -- check -----------------------------------------------------------------------------------------


def test_without_a_key_one_is_told_what_to_do(argus: Argus) -> None:
    code, out, err = argus("check")

    assert (code, err) == (4, "")
    for part in ("NO_KEY", "OPENAI_API_KEY", "ARGUS__RESEARCH__API_KEY", "research.key_file", "research.base_url"):
        assert part in out
    assert found(argus, "check", code=4)["outcome"] == "NO_KEY"
    assert found(argus, "check", "--set", "research.provider=openai", code=4)["outcome"] == "NO_KEY"


@pytest.mark.parametrize("chosen", ["research.provider=rules", "research.arm=rules", "research.answers=recorded"])
def test_who_wants_nobody_asked_is_told_so(argus: Argus, chosen: str) -> None:
    said = found(argus, "check", "--set", chosen)

    assert (said["outcome"], "nobody is asked" in said["detail"]) == ("OFF", True)


def test_an_endpoint_says_mode_latency_tokens_and_price(
    argus: Argus, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", KEY)
    given = ("check", "--set", f"research.base_url={wire.url}")

    said = found(argus, *given)

    assert (said["outcome"], said["mode"], said["tries"]) == ("OK", "json_schema", 1)
    assert said["latency_ms"] > 0
    assert said["cost_usd"] > 0
    assert said["price"]["input_usd_per_million"] == 0.15
    assert said["key_from"] == "ARGUS__RESEARCH__API_KEY"
    assert KEY not in json.dumps(said)
    assert found(argus, *given)["outcome"] == "OK"
    assert wire.hits == 2  # never a recorded answer
    code, out, _ = argus(*given, "--set", "research.model=my-own")
    assert (code, "price        not known" in out) == (0, True)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("401", "UNAUTHORISED"), ("page", "NO_CHOICES"), ("refusal", "REFUSAL"), ("404", "UNKNOWN_MODEL")],
)
def test_a_failing_endpoint_is_named_and_exit_code_one(
    argus: Argus, wire: Wire, monkeypatch: pytest.MonkeyPatch, fault: str, outcome: str
) -> None:
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", KEY)
    wire.rule(fault)

    said = found(argus, "check", "--set", f"research.base_url={wire.url}", code=1)

    assert said["outcome"] == outcome
    assert KEY not in json.dumps(said)


def test_nobody_there_and_a_spent_budget_are_named(argus: Argus, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = f"research.base_url=http://127.0.0.1:{dead_port()}/v1"
    assert found(argus, "check", "--set", dead, "--set", "research.retries=0", code=1)["outcome"] == "UNREACHABLE"
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", KEY)
    spent = ("--set", "research.budget_day=0.0000001", "--set", f"research.base_url={wire.url}")

    assert found(argus, "check", *spent, code=1)["outcome"] == "BUDGET"
    assert wire.hits == 0


def test_a_key_that_others_can_read_is_refused_without_being_shown(argus: Argus, place: Path) -> None:
    file = place / "key"
    file.write_text(KEY)
    file.chmod(0o644)

    code, out, err = argus("check", "--set", f"research.key_file={file}")

    assert (code, out) == (4, "")
    assert "chmod 600" in err
    assert KEY not in err
