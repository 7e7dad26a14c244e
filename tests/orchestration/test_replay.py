"""What is not as it was recorded is found, and named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from domain.errors import ConfigError
from domain.timeframe import MINUTE, iso
from journal import schema as s
from journal.engines import open_engine
from tests.flow.replaying import (
    COINS,
    QUICK,
    WAVES,
    again,
    identical,
)
from tests.flow.system import START, System, path, write_bars


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


def changed(system: System, statement: sa.Executable) -> None:
    engine = open_engine(system.url)
    with engine.begin() as connection:
        assert connection.execute(statement).rowcount == 1  # type: ignore[attr-defined]
    engine.dispose()


def test_a_changed_bar_is_found_and_named_even_if_no_decision_depends_on_it(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS})
    file = system.folder / "BTC_M1.csv"
    lines = file.read_text().splitlines()
    ts, opened, high, low, close = lines[12].split(",")
    lines[12] = ",".join((ts, opened, str(float(high) + 1e-6), low, close))
    file.write_text("\n".join(lines) + "\n")

    report = again(system)

    assert report.difference is not None
    facts = report.difference.facts()
    assert (facts["kind"], facts["symbol"], facts["cycle"]) == ("bars", "BTC", 12)
    assert facts["ts"] == iso(START + 12 * MINUTE)
    assert story.summary.cycles > 100


def test_bars_that_the_run_did_not_use_may_change(system: System) -> None:
    file = write_bars(system.folder / "EURUSD_M1.csv", WAVES)
    story = system.run(symbols=("EURUSD",), data=(f"EURUSD={file}",), cycles=70)
    write_bars(file, [*WAVES, *COINS[:5]])

    identical(again(system), story)


def test_a_file_that_is_gone_is_refused(system: System) -> None:
    system.run({"EURUSD": WAVES})
    (system.folder / "EURUSD_M1.csv").unlink()

    with pytest.raises(ConfigError, match=r"EURUSD: .*EURUSD_M1.csv, which run run-0 read, is gone"):
        again(system)


def test_a_simulation_of_another_version_is_refused(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    system.run(symbols=("EURUSD",), speed="max", cycles=20)
    monkeypatch.setattr("marketdata.simulated.VERSION", "0")

    with pytest.raises(ConfigError, match="the simulated market has changed"):
        again(system)


def test_a_tampered_decision_is_found(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS})
    engine = open_engine(system.url)
    with engine.begin() as connection:
        rows = connection.execute(sa.select(s.decisions).order_by(s.decisions.c.at, s.decisions.c.rank)).all()
    engine.dispose()
    one = rows[5]
    body = msgspec.json.encode(msgspec.json.decode(one.body) | {"quantity": "7"}, order="sorted")
    mine = (s.decisions.c.at == one.at) & (s.decisions.c.rank == one.rank)
    changed(system, sa.update(s.decisions).where(mine).values(body=body))

    difference = again(system).difference

    assert difference is not None
    assert (difference.kind, difference.at, difference.rank) == ("decision", one.at, one.rank)
    assert difference.names == ["quantity"]
    assert (difference.recorded or {})["quantity"] == "7"
    assert (difference.replayed or {})["quantity"] != "7"
    assert difference.cycle == (one.at - START) // MINUTE
    assert story.summary.fills > 5


def test_a_decision_that_is_gone_or_was_added_is_found(system: System) -> None:
    system.run({"EURUSD": WAVES})
    engine = open_engine(system.url)
    with engine.begin() as connection:
        last = connection.execute(sa.select(s.decisions).order_by(s.decisions.c.at.desc())).first()
    engine.dispose()
    assert last is not None
    changed(system, sa.delete(s.decisions).where(s.decisions.c.at == last.at))

    gone = again(system).difference
    assert gone is not None
    assert (gone.at, gone.recorded) == (last.at, None)

    row = dict(last._mapping)
    changed(system, sa.insert(s.decisions).values(row))
    changed(system, sa.insert(s.decisions).values(row | {"at": row["at"] - MINUTE}))

    added = again(system).difference
    assert added is not None
    assert (added.at, added.replayed) == (last.at - MINUTE, None)


def test_a_tampered_fill_is_found(system: System) -> None:
    system.run({"EURUSD": WAVES})
    engine = open_engine(system.url)
    with engine.begin() as connection:
        one = connection.execute(sa.select(s.fills).order_by(s.fills.c.seq)).first()
    engine.dispose()
    assert one is not None
    changed(system, sa.update(s.fills).where(s.fills.c.id == one.id).values(price="1.5"))

    difference = again(system).difference

    assert difference is not None
    assert (difference.kind, difference.symbol, difference.names) == ("fill", "EURUSD", ["price"])


def test_tampered_figures_are_found(system: System) -> None:
    story = system.run({"EURUSD": WAVES})
    of = s.events.c
    engine = open_engine(system.url)
    with engine.begin() as connection:
        body = connection.execute(sa.select(of.body).where(of.type == "RUN_SUMMARY")).scalar_one()
    engine.dispose()
    told = msgspec.json.encode(msgspec.json.decode(body) | {"equity": 1.0})
    changed(system, sa.update(s.events).where(of.type == "RUN_SUMMARY").values(body=told))

    difference = again(system).difference

    assert difference is not None
    assert (difference.kind, difference.names) == ("summary", ["equity"])
    assert (difference.replayed or {})["equity"] == story.summary.equity


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [('"slow":5', '"slow":6', "parameters"), ('"units":', '"units":7', "decision")],
    ids=["strategy", "risk"],
)
def test_a_changed_configuration_is_found(system: System, old: str, new: str, kind: str) -> None:
    system.run({"EURUSD": WAVES}, sets=("risk.units=1000",))
    engine = open_engine(system.url)
    with engine.begin() as connection:
        config = connection.execute(sa.select(s.runs.c.config)).scalar_one()
    engine.dispose()
    assert old in config
    changed(system, sa.update(s.runs).values(config=config.replace(old, new, 1)))

    difference = again(system).difference

    assert difference is not None
    assert difference.kind == kind


def test_a_limit_that_would_have_latched_is_found_though_nothing_was_decided_then(system: System) -> None:
    falling = path((15, -0.0001), (8, 0.0004), (30, -0.0020))
    system.run({"EURUSD": falling}, sets=("risk.max_drawdown=0.9", "strategy.side=long", "risk.units=100000"))
    engine = open_engine(system.url)
    with engine.begin() as connection:
        config = connection.execute(sa.select(s.runs.c.config)).scalar_one()
    engine.dispose()
    changed(system, sa.update(s.runs).values(config=config.replace('"max_drawdown":0.9', '"max_drawdown":0.0005')))

    difference = again(system).difference

    assert difference is not None
    assert (difference.kind, difference.names[:2]) == ("gate", ["state", "code"])
