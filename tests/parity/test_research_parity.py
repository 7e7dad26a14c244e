"""With research that may refuse and shrink: run, replay and backtest decide the same, and a backtest asks nobody."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigError
from orchestration.backtest import running
from orchestration.backtest.result import Result
from orchestration.settings import Overrides
from tests.flow.replaying import again, identical
from tests.flow.system import Story, System, path
from tests.research.wire import Wire, a_wire
from tests.research.wire_shapes import filled

EURO = path(*[(16, -0.0004), (16, 0.0005), (9, -0.0001)] * 12)
POUND = path(*[(13, -0.0003), (19, 0.0006), (5, 0.00001)] * 13, start=1.25)
BARS = {"EURUSD": EURO, "GBPUSD": POUND}
QUICK = ("strategy.fast=3", "strategy.slow=8", "strategy.side=both")
NEWS = """[
 {"title": "Fed signals rate hike, dollar surges", "date": "2024-01-01T02:00:00Z", "currencies": ["USD"]},
 {"title": "Euro zone inflation falls", "date": "2024-01-01T05:00:00Z", "currencies": ["EUR"]}
]"""


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def backtested(system: System, sets: tuple[str, ...], dense: bool = False, preset: str = "yardstick") -> Result:
    files = tuple(f"{symbol}={system.folder / f'{symbol}_M1.csv'}" for symbol in BARS)
    given = Overrides(symbols=tuple(BARS), data=files, preset=preset, sets=sets)
    return running.run(running.prepare(given, lambda text: None), dense=dense)


def same(story: Story, *results: Result) -> None:
    for result in results:
        assert result.decisions_hash == story.summary.decisions_hash
        assert len(result.fills) == story.summary.fills


@pytest.mark.parametrize(
    "roles",
    [
        ("research.researcher=veto",),
        ("research.analyst=veto",),
        ("research.researcher=veto", "research.analyst=veto", "research.rebuttal=true", "research.top_k=1"),
        ("research.researcher=veto", "research.arm=rules", "research.critic=advisory", "research.on_abstain=deny"),
    ],
)
def test_by_rules(system: System, roles: tuple[str, ...]) -> None:
    sets = (*QUICK, *roles)
    story = system.run(BARS, sets=sets)

    same(story, backtested(system, sets), backtested(system, sets, dense=True))
    effects = {one["data"]["effect"] for one in story.of("RESEARCH_RESULT")}
    assert len(effects) > 1
    identical(again(system), story)


def test_with_news_of_a_file(system: System, tmp_path: Path) -> None:
    (tmp_path / "news.json").write_text(NEWS)
    sets = (*QUICK, "research.researcher=veto", f"research.news=[1 file {tmp_path / 'news.json'}]")
    story = system.run(BARS, sets=sets)
    result = backtested(system, sets)

    same(story, result, backtested(system, sets, dense=True))
    assert result.research is not None
    told = [{fact.kind for fact in one.case.facts} for one in result.research.judged]
    assert {"news" in kinds for kinds in told} == {True, False}


def test_under_a_preset_with_limits(system: System) -> None:
    sets = (*QUICK, "risk.max_open_positions=1", "research.researcher=veto", "research.analyst=veto")
    story = system.run(BARS, sets=sets, preset="balanced")

    same(story, backtested(system, sets, preset="balanced"))
    assert len({one["data"]["code"] for one in story.of("RISK_DENIED")}) > 1


# -- recorded answers ------------------------------------------------------------------------------


@pytest.fixture
def wire() -> Any:
    with a_wire() as server:
        yield server


def judge(asked: Any) -> Any:
    """Says no to some, half to others: by what it is shown."""
    made = filled(asked)
    if asked.schema_name == "verdict":
        p_win = (len(asked.text) % 7) / 10 + 0.2
        made |= {
            "verdict": "GO" if p_win >= 0.5 else "NO_GO",
            "p_win": p_win,
            "size_factor": 0.5 if p_win < 0.7 else 1.0,
        }
        made["size_factor"] = made["size_factor"] if made["verdict"] == "GO" else 0.0
    return made


def forbidden(monkeypatch: Any) -> list[Any]:
    """Nothing may connect from here on; what tried to."""
    tried: list[Any] = []

    def refuse(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError(f"no connections here: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return tried


def recorded(system: System, wire: Wire, tmp_path: Path, *sets: str) -> tuple[Story, tuple[str, ...]]:
    """A run that asks the wire, and the settings that find its answers again."""
    wire.script = judge
    where = (
        f"research.base_url={wire.url}",
        f"research.folder={tmp_path / 'answers'}",
        "research.rate_per_minute=null",
    )
    sets = (*QUICK, "research.researcher=veto", *where, *sets)
    return system.run(BARS, sets=sets), sets


def test_a_backtest_has_the_recorded_answers_and_connects_to_nobody(
    system: System, wire: Wire, tmp_path: Path, monkeypatch: Any
) -> None:
    story, sets = recorded(system, wire, tmp_path)
    hits = wire.hits
    tried = forbidden(monkeypatch)
    first = backtested(system, (*sets, "research.missing=error"))
    second = backtested(system, (*sets, "research.missing=error"))

    assert tried == []
    same(story, first, second)
    assert wire.hits == hits > 20
    assert first.research is not None
    assert second.research is not None
    assert first.research.missing == 0
    assert {one.verdict.source for one in first.research.judged} == {"cache"}
    assert first.research.judged == second.research.judged
    assert {one.effect for one in first.research.judged} == {"NONE", "VETO", "SHRINK"}


@pytest.mark.parametrize("missing", ["rules", "abstain", "error"])
def test_what_is_not_recorded_is_what_is_configured(system: System, wire: Wire, tmp_path: Path, missing: str) -> None:
    sets = (*QUICK, "research.researcher=veto", f"research.folder={tmp_path / 'none'}", f"research.base_url={wire.url}")
    deny = "research.on_abstain=deny"
    rules = system.run(BARS, sets=(*QUICK, "research.researcher=veto", "research.arm=rules", deny))
    sets = (*sets, f"research.missing={missing}", deny)
    if missing == "error":
        with pytest.raises(ConfigError, match="no recorded answer of gpt-4o-mini"):
            backtested(system, sets)
        assert wire.hits == 0
        return
    result = backtested(system, sets)

    assert wire.hits == 0
    assert result.research is not None
    assert result.research.missing > 0
    if missing == "rules":
        assert result.decisions_hash == rules.summary.decisions_hash
    else:
        assert {one.denied.code for one in result.refusals} == {"RESEARCH_ABSTAIN"}


def test_a_cutoff_marks_what_the_model_may_know(system: System, wire: Wire, tmp_path: Path) -> None:
    _, sets = recorded(system, wire, tmp_path)
    result = backtested(system, (*sets, "research.cutoff=2024-06-30"))

    assert result.research is not None
    assert all(one.contaminated for one in result.research.judged)
