"""Live runs once more: from what they recorded, by their own clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from actors.executor import Executor
from domain.errors import ActorLost
from domain.order import Order
from domain.timeframe import MINUTE, iso
from journal import commands
from journal import schema as s
from journal.engines import open_engine
from tests.flow.replaying import (
    COINS,
    LATER,
    QUICK,
    WAVES,
    Growing,
    Stopped,
    again,
    feeding,
    followed,
    identical,
    resumed,
)
from tests.flow.system import System


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """A system on either kind of database."""
    return System(tmp_path, QUICK, "" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))


def test_a_live_run_is_identical_without_its_files(either: System) -> None:
    files = Growing(either.folder, EURUSD=WAVES, BTC=COINS)
    story = followed(either, files, 40)
    for symbol in ("EURUSD", "BTC"):
        files.path(symbol).unlink()

    assert story.summary.fills > 1
    assert story.summary.cycles > 41  # also cycles in which nothing had closed
    identical(again(either), story)


def test_what_was_late_by_the_clock_is_late_again(system: System) -> None:
    files = Growing(system.folder, behind=14, EURUSD=WAVES, BTC=COINS)
    story = followed(system, files, 40, sets=("risk.max_data_age=3",))

    assert "DATA_STALE" in {one["data"]["code"] for one in story.of("RISK_DENIED")}
    assert story.summary.fills > 0
    identical(again(system), story)


def test_a_live_run_goes_on_from_what_its_account_held(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    first = followed(system, files, 12)
    second = followed(system, files, 25)

    assert first.summary.positions
    assert second.summary.fills > 0
    assert second.reasons("EURUSD")
    identical(again(system), second)
    identical(again(system, first.run_id), first)


def test_a_live_run_that_was_told_something_between_two_bars_is_identical(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)

    def tell(number: int) -> None:
        said = {8: ("close", {"symbol": "BTC"}), 14: ("halt", {"flatten": True}), 20: ("reset-kill-switch", {})}
        if number in said:
            engine = open_engine(system.url)
            verb, arguments = said[number]
            commands.add(engine, verb, arguments, "test", f"why {verb}", LATER + number)
            engine.dispose()

    story = followed(system, files, 40, told=tell)

    engine = open_engine(system.url)
    with engine.begin() as connection:
        steps = {row.verb: (row.state, row.step) for row in connection.execute(sa.select(s.commands))}
    engine.dispose()
    assert {state for state, _ in steps.values()} == {"DONE"}
    assert "OPERATOR" in str(story.of("POSITION_CLOSED"))
    identical(again(system), story)


def test_symbols_without_a_host_in_a_live_cycle_are_left_out_again(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    lost: list[int] = []

    def die(actor: str, method: str) -> None:
        if (actor, method) == ("PairAgent:BTC", "scan") and files.given in range(74, 80):
            lost.append(files.given)
            raise ActorLost(actor, "killed by the test")

    story = followed(system, files, 40, fault=die)

    assert lost
    assert any(one.startswith("HOST_DOWN") for one in story.reasons("BTC"))
    assert not story.reasons("BTC")[-1].startswith("HOST_DOWN")
    identical(again(system), story)


def test_an_order_that_expired_before_it_was_sent_expires_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    asked: list[str] = []

    def late(self: Executor, order: Order, now: int) -> bool:
        asked.append(order.id)
        return list(dict.fromkeys(asked)).index(order.id) in (0, 2)

    with monkeypatch.context() as patch:
        patch.setattr(Executor, "expired", late)
        story = followed(system, files, 40)

    assert story.of("ORDER_EXPIRED")
    assert story.summary.fills > 0
    identical(again(system), story)


def test_a_live_run_that_was_killed_and_resumed_is_identical(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)
    seen: list[str] = []

    def kill(actor: str, method: str) -> None:
        seen.append(method)
        if method == "submit" and seen.count("submit") == 5:
            raise Stopped

    with pytest.raises(Stopped):
        followed(system, files, 40, fault=kill)

    killed = again(system)
    assert killed.difference is None, killed.difference.facts()
    assert killed.decisions > 2

    for _ in range(5):
        files.grow()
    resumed(system, killed.run_id, feeding(files, 20))

    report = again(system)
    assert report.difference is None, report.difference.facts()
    assert report.decisions > killed.decisions + 5


def test_late_lines_of_a_followed_file_are_not_in_the_replay_as_they_were_not_in_the_run(system: System) -> None:
    files = Growing(system.folder, EURUSD=WAVES, BTC=COINS)

    def withhold(number: int) -> None:
        if number == 10:
            files.grow("EURUSD")  # BTC has no line for this minute
        if number == 15:
            before, close = COINS[70:72]
            with files.path("BTC").open("a", encoding="utf-8") as file:
                file.write(f"{iso(files.start + 71 * MINUTE)},{before},{before},{close},{close}\n")

    story = followed(system, files, 30, told=withhold)

    identical(again(system), story)
