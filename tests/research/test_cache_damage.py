"""Records that were damaged, forged or could not be written are an outcome, never an answer and never a crash."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.research import CACHE, LLM, OK
from research import store
from research.cache import FOLDER, Recorded
from research.config import RECORDED
from research.port import Answer, Task
from tests.research.ledger_desk import Nobody, Scripted, a_task, database, heard, recorded


def rewritten(folder: Path, task: Task, change: Callable[[Any], Any]) -> None:
    """Change the bytes of a task's record."""
    key = zlib.compress(f'"{task.request.key}"'.encode(), 1)
    with sqlite3.connect(database(folder)) as connection:
        ((value,),) = connection.execute("SELECT value FROM Cache WHERE key = ?", (key,)).fetchall()
        connection.execute("UPDATE Cache SET value = ? WHERE key = ?", (change(value), key))
    connection.close()


# -- damage ------------------------------------------------------------------------------------------


def damaged_head(file: Path) -> None:
    file.write_bytes(b"this is no database " * 500)


def damaged_pages(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    connection.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:size] + b"\xa5" * (len(whole) - size))


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("damage", [damaged_head, damaged_pages, cut_off])
def test_a_damaged_file_is_set_aside_and_the_run_goes_on(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    heard(Recorded(Scripted(), tmp_path), *(a_task(f"{n} {'x' * 3000 * (n % 2)}") for n in range(30)))
    damage(database(tmp_path))
    left = database(tmp_path).read_bytes()
    model = Scripted()
    first = heard(Recorded(model, tmp_path), a_task("new"))[0]

    assert (first.outcome, first.value, first.source, model.asked) == ("CACHE_DAMAGED", None, CACHE, [])
    assert "the file is now damaged-1.db" in first.detail
    assert (tmp_path / FOLDER / "damaged-1.db").read_bytes()[:1000] == left[:1000]
    assert heard(Recorded(model, tmp_path), a_task("new"))[0].source == LLM
    assert recorded(tmp_path, a_task("new")).outcome == OK


def test_a_recorded_run_says_so_each_time_and_leaves_the_file(tmp_path: Path) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task())
    damaged_head(database(tmp_path))
    said = heard(Recorded(Nobody(), tmp_path, RECORDED, "error"), *[a_task()] * 3)

    assert [(one.outcome, one.value) for one in said] == [("CACHE_DAMAGED", None)] * 3
    assert "not a database" in said[0].detail
    assert [one.name for one in (tmp_path / FOLDER).glob("*.db")] == ["cache.db"]


def test_the_new_file_of_another_process_is_not_set_aside(tmp_path: Path) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task())

    async def meeting() -> list[str]:
        first, second = store.Store(tmp_path / FOLDER), store.Store(tmp_path / FOLDER)
        for one in (first, second):
            await one.run(lambda cache: cache.get("opened"), 20.0)
        damaged_pages(database(tmp_path))
        named = [await first.set_aside(20.0)]
        await first.run(lambda cache: cache.set("new", 1), 20.0)
        named.append(await second.set_aside(20.0))
        found = await second.run(lambda cache: cache.get("new"), 20.0)
        await first.close()
        await second.close()
        return [*named, str(found)]

    assert asyncio.run(meeting()) == ["damaged-1.db", "", "1"]


def of_another(value: bytes) -> bytes:
    return zlib.compress(zlib.decompress(value).replace(b"what is n?", b"what is m?"), 1)


BAD_RECORDS: dict[str, Callable[[Any], Any]] = {
    "cut off": lambda value: value[: len(value) // 2],
    "a bit": lambda value: value[:40] + bytes([value[40] ^ 4]) + value[41:],
    "no JSON": lambda value: zlib.compress(b"{"),
    "deep": lambda value: zlib.compress(b"[" * 100_000 + b"]" * 100_000),
    "another shape": lambda value: zlib.compress(b'{"request": {}, "answer": []}'),
    "a number": lambda value: 7,
    "another request": of_another,
}


@pytest.mark.parametrize("bad", BAD_RECORDS)
def test_a_record_that_is_not_what_was_written_is_no_answer(tmp_path: Path, bad: str) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task(), a_task("other"))
    rewritten(tmp_path, a_task(), BAD_RECORDS[bad])

    assert recorded(tmp_path).outcome == "CACHE_DAMAGED"
    said = heard(Recorded(Nobody(), tmp_path), a_task())[0]
    assert (said.outcome, said.value) == ("CACHE_DAMAGED", None)
    assert "cannot be read" in said.detail
    assert heard(Recorded(Scripted(), tmp_path), a_task())[0].outcome == OK
    assert [recorded(tmp_path, one).outcome for one in (a_task(), a_task("other"))] == [OK, OK]


class Sprung:
    """Pickled, it makes a file when it is unpickled."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> Any:
        return Path.touch, (self.trap,)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task())
    trap = tmp_path / "sprung"
    rewritten(tmp_path, a_task(), lambda value: pickle.dumps(Sprung(trap)))
    with sqlite3.connect(database(tmp_path)) as connection:
        connection.execute("UPDATE Cache SET mode = 4")
    connection.close()

    assert recorded(tmp_path).outcome == "CACHE_DAMAGED"
    assert heard(Recorded(Nobody(), tmp_path), a_task())[0].outcome == "CACHE_DAMAGED"
    assert not trap.exists()


def test_a_folder_that_cannot_be_is_an_outcome(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file is in its place")

    assert recorded(tmp_path).outcome == "CACHE_DAMAGED"
    assert heard(Recorded(Nobody(), tmp_path), a_task())[0].outcome == "CACHE_DAMAGED"


def test_a_closed_one_answers_too(tmp_path: Path) -> None:
    model = Recorded(Scripted(), tmp_path)
    heard(model, a_task())

    assert heard(model, a_task())[0].outcome == "CACHE_DAMAGED"


# -- a slow disk -------------------------------------------------------------------------------------


def test_the_loop_goes_on_while_others_write(tmp_path: Path) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task())
    other = sqlite3.connect(database(tmp_path), isolation_level=None)
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def asking() -> tuple[Answer, Answer]:
        beside = asyncio.create_task(ticking())
        model = Recorded(Scripted(), tmp_path)
        await model.answer(a_task("opens it"), 20.0)
        other.execute("BEGIN IMMEDIATE")
        hit = await model.answer(a_task(), 20.0)
        late = await model.answer(a_task("new"), 0.3)
        beside.cancel()
        other.execute("ROLLBACK")
        await model.close()
        return hit, late

    hit, late = asyncio.run(asking())
    other.close()
    assert hit.outcome == OK
    assert late.outcome == "DEADLINE"
    assert ticks >= 3


def test_an_answer_that_cannot_be_written_down_is_still_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY", 0.2)
    heard(Recorded(Scripted(), tmp_path), a_task("first"))
    other = sqlite3.connect(database(tmp_path), isolation_level=None)

    async def in_the_way() -> None:
        other.execute("BEGIN IMMEDIATE")

    said = heard(Recorded(Scripted(meanwhile=in_the_way), tmp_path), a_task())[0]
    other.execute("ROLLBACK")
    other.close()

    assert (said.outcome, said.value) == (OK, 7)
    assert "not recorded: " in said.detail
    assert recorded(tmp_path).outcome == "NOT_RECORDED"


def test_what_is_heavy_is_imported_by_whoever_uses_it() -> None:
    ask = "import research.cache, research.budget, sys; print({'diskcache', 'openai'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "set()"
