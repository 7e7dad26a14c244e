"""What is recorded is found again, asked once by all, and never trusted further than it can be checked."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import ConfigError
from domain.research import CACHE, LLM, OK, OUTCOMES
from research import store
from research.cache import KEPT, Record, Recorded, give_back, lock, turn
from research.config import RECORDED
from research.port import Answer
from tests.research.ledger_desk import (
    GIVEN,
    Nobody,
    Scripted,
    a_task,
    answer_of,
    ask_recorded,
    database,
    heard,
    recorded,
)

SPAWN = multiprocessing.get_context("spawn")


# -- found again -------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_once_and_found_again_with_all_that_was_said(tmp_path: Path) -> None:
    model = Scripted(lambda task: answer_of(task, fingerprint="fp_1 ü 😀", cost=42, latency=9.5, repaired=True))
    first = heard(Recorded(model, tmp_path), a_task())[0]
    again = heard(Recorded(model, tmp_path), a_task())[0]

    assert len(model.asked) == 1
    assert (first.source, first.cost, first.tries) == (LLM, 42, 1)
    assert (again.outcome, again.value, again.source, again.cost, again.tries) == (OK, 7, CACHE, 0, 0)
    same = {"source": LLM, "cost": 42, "tries": 1, "latency": 9.5}
    assert msgspec.structs.replace(again, **same) == first


@pytest.mark.parametrize(
    "other",
    [{"text": "what is m?"}, {"model": "another"}, {"sample": 1}, {"prompt": "judge@2"}, {"endpoint": "http://x/v1"}],
    ids=lambda other: next(iter(other)),
)
def test_another_request_is_another_question(tmp_path: Path, other: dict[str, Any]) -> None:
    model = Scripted()
    heard(Recorded(model, tmp_path), a_task(), a_task(**other))

    assert len(model.asked) == 2


def test_a_recorded_run_asks_nobody_and_is_the_same_twice(tmp_path: Path) -> None:
    heard(Recorded(Scripted(lambda task: answer_of(task, latency=12.0)), tmp_path), a_task())
    first, again = (heard(Recorded(None, tmp_path, RECORDED), a_task())[0] for _ in range(2))

    assert first == again
    assert (first.outcome, first.value, first.latency, first.usage) == (OK, 7, 0.0, GIVEN)


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - KEPT))
def test_what_says_nothing_about_the_model_is_not_kept(tmp_path: Path, outcome: str) -> None:
    model = Scripted(Answer(outcome=outcome), answer_of)

    assert heard(Recorded(model, tmp_path), a_task())[0].outcome == outcome
    assert recorded(tmp_path).outcome == "NOT_RECORDED"
    assert heard(Recorded(model, tmp_path), a_task())[0].outcome == OK


@pytest.mark.parametrize("outcome", sorted(KEPT - {OK}))
def test_an_answer_that_cannot_be_used_is_kept_for_records_and_asked_again_when_live(
    tmp_path: Path, outcome: str
) -> None:
    model = Scripted(Answer(outcome=outcome, text="no", detail="it would not"), answer_of)
    heard(Recorded(model, tmp_path), a_task())
    said = recorded(tmp_path)

    assert (said.outcome, said.value, said.source, said.detail) == (outcome, None, CACHE, "it would not")
    assert heard(Recorded(model, tmp_path), a_task())[0].source == LLM
    assert recorded(tmp_path).outcome == OK


def test_a_record_is_checked_as_a_new_answer_is(tmp_path: Path) -> None:
    heard(Recorded(Scripted(answer_of, lambda task: answer_of(task, 404)), tmp_path), a_task("a"), a_task("b"))

    def stricter(value: Any) -> Any:
        raise ValueError("n is too large")

    changed = msgspec.structs.replace(a_task("a"), check=stricter)
    refused, unknown = recorded(tmp_path, changed), recorded(tmp_path, a_task("b"))

    assert (refused.outcome, refused.value) == ("INVALID", None)
    assert "n is too large" in refused.detail
    assert (unknown.outcome, unknown.value) == ("UNKNOWN_EVIDENCE", None)


def test_nothing_is_evicted_however_full_it_is(tmp_path: Path) -> None:
    heard(Recorded(Scripted(), tmp_path), a_task("first"))
    with sqlite3.connect(database(tmp_path)) as connection:
        connection.execute("UPDATE Settings SET value = 1 WHERE key = 'size_limit'")
        connection.execute("UPDATE Settings SET value = 'least-recently-stored' WHERE key = 'eviction_policy'")
    connection.close()
    tasks = [a_task(f"{n}") for n in range(30)]
    heard(Recorded(Scripted(), tmp_path), *tasks)

    said = heard(Recorded(None, tmp_path, RECORDED), a_task("first"), *tasks)
    assert [one.outcome for one in said] == [OK] * 31


# -- missing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["rules", "abstain"])
def test_a_missing_record_is_not_recorded_and_says_what_was_asked(tmp_path: Path, missing: str) -> None:
    said = recorded(tmp_path, missing=missing)

    assert (said.outcome, said.value, said.error, said.source) == ("NOT_RECORDED", None, None, CACHE)
    assert "test-model to judge@1 about EURUSD at 2026-01-01T12:00:00Z" in said.detail


def test_a_missing_record_carries_its_error_where_that_is_wanted(tmp_path: Path) -> None:
    said = recorded(tmp_path, a_task(subject=""), missing="error")

    assert said.outcome == "NOT_RECORDED"
    assert isinstance(said.error, ConfigError)
    assert "about the book" in str(said.error)
    assert "research.answers=live" in str(said.error)
    assert str(pickle.loads(pickle.dumps(said)).error) == str(said.error)


def test_live_answers_need_a_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need a model"):
        Recorded(None, tmp_path)


# -- asked once --------------------------------------------------------------------------------------


def test_many_at_once_are_one_question(tmp_path: Path) -> None:
    model = Scripted(meanwhile=lambda: asyncio.sleep(0.05))
    said = heard(Recorded(model, tmp_path), *[a_task()] * 20)

    assert len(model.asked) == 1
    assert sorted(one.source for one in said) == [CACHE] * 19 + [LLM]
    assert {one.value for one in said} == {7}


def test_processes_ask_each_question_once(tmp_path: Path) -> None:
    texts, answers = [f"symbol {n}" for n in range(6)], SPAWN.Queue()
    given = (tmp_path, tmp_path / "notes", texts, False, answers)
    others = [SPAWN.Process(target=ask_recorded, args=given) for _ in range(4)]
    for one in others:
        one.start()
    said = [row for _ in others for row in answers.get(timeout=120)]
    for one in others:
        one.join()

    assert sorted((tmp_path / "notes").read_text().split()) == sorted(a_task(one).request.key for one in texts)
    assert {(outcome, value) for outcome, _, value in said} == {(OK, 7)}
    assert sorted(source for _, source, _ in said) == [CACHE] * 18 + [LLM] * 6


def test_an_answer_that_came_just_before_the_turn_is_found(tmp_path: Path) -> None:
    task = a_task()
    record = msgspec.to_builtins(Record(task.request, answer_of(task)))

    class Late:
        """Another process writes its answer and gives its turn back after we have looked."""

        def __init__(self) -> None:
            self.rows: dict[str, Any] = {}

        def get(self, key: str) -> Any:
            return self.rows.get(key)

        def add(self, key: str, value: str, expire: float) -> bool:
            self.rows |= {task.request.key: record, key: value}
            return True

    found, ours = turn(task.request.key, "mine", 60.0, Late())

    assert ours
    assert found is not None
    assert found.answer.outcome == OK


def test_whoever_waits_takes_the_unusable_answer_that_came_meanwhile(tmp_path: Path) -> None:
    model = Scripted(Answer(outcome="REFUSAL", text="no"), meanwhile=lambda: asyncio.sleep(0.05))
    said = heard(Recorded(model, tmp_path), *[a_task()] * 5)

    assert [one.outcome for one in said] == ["REFUSAL"] * 5
    assert len(model.asked) == 1


def test_whoever_waits_asks_where_the_other_had_no_answer(tmp_path: Path) -> None:
    model = Scripted(Answer(outcome="TIMEOUT"), answer_of, meanwhile=lambda: asyncio.sleep(0.05))
    said = heard(Recorded(model, tmp_path), *[a_task()] * 4)

    assert sorted(one.outcome for one in said) == [OK] * 3 + ["TIMEOUT"]
    assert len(model.asked) == 2


def test_a_killed_process_holds_nobody_up_for_ever(tmp_path: Path) -> None:
    answers = SPAWN.Queue()
    other = SPAWN.Process(target=ask_recorded, args=(tmp_path, tmp_path / "notes", ["one"], True, answers))
    other.start()
    other.join()
    model = Scripted()
    said = heard(Recorded(model, tmp_path), a_task("one"), within=30.0)[0]

    assert other.exitcode == 9
    assert (said.outcome, said.source) == (OK, LLM)
    assert len(model.asked) == 1


def test_whoever_is_interrupted_lets_the_next_one_ask(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def forever() -> None:
        asked.set()
        await asyncio.Event().wait()

    async def asking() -> Answer:
        first, second = Recorded(Scripted(meanwhile=forever), tmp_path), Recorded(Scripted(), tmp_path)
        under_way = asyncio.create_task(first.answer(a_task(), 600.0))
        await asked.wait()
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        try:
            return await second.answer(a_task(), 20.0)
        finally:
            await first.close()
            await second.close()

    assert asyncio.run(asking()).outcome == OK


def test_a_waiter_has_its_own_deadline(tmp_path: Path) -> None:
    async def asking() -> tuple[Answer, Answer]:
        begun, over = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            begun.set()
            await over.wait()

        first, second = Recorded(Scripted(meanwhile=slow), tmp_path), Recorded(Nobody(), tmp_path)
        under_way = asyncio.create_task(first.answer(a_task(), 600.0))
        await begun.wait()
        late = await second.answer(a_task(), 0.1)
        over.set()
        said = await under_way
        await first.close()
        await second.close()
        return late, said

    late, said = asyncio.run(asking())
    assert (late.outcome, late.value) == ("DEADLINE", None)
    assert said.outcome == OK


def test_the_right_to_ask_is_given_back_by_its_holder_only(tmp_path: Path) -> None:
    async def trying() -> list[Any]:
        here = store.Store(tmp_path)
        taken = await here.run(lambda cache: turn("key", "mine", 60.0, cache), 20.0)
        await here.run(lambda cache: give_back("key", "another's", cache), 20.0)
        held = await here.run(lambda cache: cache.get(lock("key")), 20.0)
        await here.run(lambda cache: give_back("key", "mine", cache), 20.0)
        free = await here.run(lambda cache: cache.get(lock("key")), 20.0)
        await here.close()
        return [taken, held, free]

    assert asyncio.run(trying()) == [(None, True), "mine", None]
