"""Many processes, kills, interruptions and damage: the ledger stays exact, or refuses."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest

from domain.research import OK, Usage
from domain.timeframe import SECOND
from research.budget import FOLDER, GRACE, Day, Spent, worst
from research.port import Model
from tests.research.ledger_desk import (
    ACTUAL,
    GIVEN,
    MONEY,
    NOON,
    TOKENS,
    Scripted,
    a_budget,
    a_task,
    ask_budgeted,
    heard,
    ledger_of,
    outcomes,
)

SPAWN = multiprocessing.get_context("spawn")


def test_processes_share_one_ledger_to_the_token(tmp_path: Path) -> None:
    notes, answers = tmp_path / "notes", SPAWN.Queue()
    request = worst(a_task("12345678 123").request, 0)  # as long as every question
    room, usage = 30, Usage(prompt=request.prompt, completion=request.completion)
    limits = {"tokens_day": room * (usage.prompt + usage.completion)}
    given = (tmp_path, notes, 25, False, limits, usage, answers)
    others = [SPAWN.Process(target=ask_budgeted, args=given) for _ in range(4)]
    for one in others:
        one.start()
    said = [outcome for _ in others for outcome in answers.get(timeout=120)]
    for one in others:
        one.join()

    assert (said.count(OK), said.count("BUDGET")) == (room, 100 - room)
    assert len(notes.read_text().split()) == room
    day = ledger_of(tmp_path)
    assert (day.spent.tokens, day.held, day.lost) == (limits["tokens_day"], {}, 0)


def test_what_a_killed_process_set_aside_is_free_when_its_time_is_over(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"tokens_day": 2 * TOKENS - 1}
    answers = SPAWN.Queue()
    other = SPAWN.Process(target=ask_budgeted, args=(tmp_path, tmp_path / "notes", 1, True, limits, GIVEN, answers))
    other.start()
    other.join()
    over = NOON + int((60.0 + GRACE) * SECOND)
    assert other.exitcode == 9
    assert len(ledger_of(tmp_path).held) == 1

    before = heard(a_budget(tmp_path, Scripted(), over - 1, **limits), a_task())[0]
    after = heard(a_budget(tmp_path, Scripted(), over, **limits), a_task())[0]

    assert (before.outcome, after.outcome) == ("BUDGET", OK)
    day = ledger_of(tmp_path)
    assert (day.spent, day.held, day.lost) == (ACTUAL, {}, 1)


def interrupted(folder: Path, model: Model, within: float) -> None:
    async def asking() -> None:
        asked = a_budget(folder, model)
        under_way = asyncio.create_task(asked.answer(a_task(), 600.0))
        await asyncio.sleep(within)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await asked.close()

    asyncio.run(asking())


def test_whoever_is_interrupted_while_a_model_is_asked_pays_the_worst(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def forever() -> None:
        asked.set()
        await asyncio.Event().wait()

    async def asking() -> None:
        model = a_budget(tmp_path, Scripted(meanwhile=forever))
        under_way = asyncio.create_task(model.answer(a_task(), 600.0))
        await asked.wait()
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await model.close()

    asyncio.run(asking())
    assert ledger_of(tmp_path) == Day(Spent(MONEY, TOKENS))


def test_whoever_is_interrupted_before_a_model_is_asked_pays_nothing(tmp_path: Path) -> None:
    model = Scripted()
    interrupted(tmp_path, model, 0.0)

    assert model.asked == []
    assert ledger_of(tmp_path) == Day()


def test_a_ledger_that_does_not_answer_in_time_is_a_missed_deadline(tmp_path: Path) -> None:
    model = Scripted()
    said = heard(a_budget(tmp_path, model), a_task(), within=0.0)[0]

    assert (said.outcome, said.cost, model.asked) == ("DEADLINE", 0, [])
    assert ledger_of(tmp_path) == Day()


@pytest.mark.parametrize("bad", [b"no database " * 500, None], ids=["the file", "the record"])
def test_a_ledger_that_cannot_be_read_refuses_and_is_not_begun_anew(tmp_path: Path, bad: bytes | None) -> None:
    heard(a_budget(tmp_path, Scripted()), a_task())
    file = tmp_path / FOLDER / "cache.db"
    if bad is None:
        spoil_records(file)
    else:
        file.write_bytes(bad)
    left, model = file.read_bytes(), Scripted()
    said = heard(a_budget(tmp_path, model), a_task(), a_task("b"))

    assert outcomes(said) == ["BUDGET", "BUDGET"]
    assert model.asked == []
    assert "the ledger of what was spent cannot be used" in said[0].detail
    assert bad is None or file.read_bytes() == left
    assert [one.name for one in (tmp_path / FOLDER).glob("*.db")] == ["cache.db"]


def spoil_records(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE Cache SET value = ?", (zlib.compress(b'{"spent": "nothing"}'),))
    connection.close()
