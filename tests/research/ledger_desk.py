"""Questions and models for the tests of what is recorded and what is spent, also in processes of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from domain.research import JUDGE, Usage
from research.budget import Budgeted, Day, Spent, worst
from research.cache import FOLDER, Recorded
from research.config import RECORDED, ResearchConfig
from research.port import Answer, Message, Model, Request, Task, UnknownEvidence
from research.prices import Price, Prices

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00Z
GIVEN = Usage(prompt=100, completion=50, cached=20)
MODEL = "test-model"
DEAR = Prices(
    {MODEL: (Price(MODEL, "2020-01-01", 2_000_000_000, 1_000_000_000, 8_000_000_000, "a test", "2026-01-01"),)}
)
"""2 dollars for a million tokens, 1 for kept ones, 8 for those of the answer."""

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def checked(value: Any) -> int:
    if value["n"] == 404:
        raise UnknownEvidence("E404 was not shown")
    if not isinstance(value["n"], int):
        raise ValueError("n is an integer")
    return int(value["n"])


def a_task(text: str = "what is n?", subject: str = "EURUSD", **request: Any) -> Task:
    given: dict[str, Any] = {
        "prompt": "judge@1",
        "endpoint": "http://127.0.0.1:1/v1",
        "model": MODEL,
        "messages": (Message("system", "You count."), Message("user", text)),
        "schema_name": "count",
        "schema": SCHEMA,
        "max_tokens": 100,
    }
    return Task(role=JUDGE, subject=subject, at=NOON, given=None, request=Request(**(given | request)), check=checked)


def answer_of(task: Task, n: int = 7, **more: Any) -> Answer:
    parsed = {"n": n}
    return Answer(value=n, text=str(parsed), parsed=parsed, tries=1, usage=GIVEN, mode="json_schema", **more)


WORST = worst(a_task().request, 0)
TOKENS = WORST.prompt + WORST.completion
MONEY = WORST.prompt * 2000 + WORST.completion * 8000  # 1e-9 USD: 2 and 8 USD for a million tokens
ACTUAL = Spent(80 * 2000 + 20 * 1000 + 50 * 8000, 150)  # of 100 tokens of the prompt 20 were kept


class Scripted:
    """A model that keeps what it was asked and says what it was given, one after the other, the last for ever."""

    def __init__(self, *says: Answer | Callable[[Task], Answer], meanwhile: Callable[[], Awaitable[Any]] | None = None):
        self.says: list[Any] = list(says) or [answer_of]
        self.meanwhile = meanwhile
        self.asked: list[Task] = []
        self.within: list[float] = []
        self.closed = 0

    async def answer(self, task: Task, within: float) -> Answer:
        self.asked.append(task)
        self.within.append(within)
        says = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if self.meanwhile is not None:
            await self.meanwhile()
        answer: Answer = says(task) if callable(says) else says
        return answer

    async def close(self) -> None:
        self.closed += 1


def heard(model: Model, *tasks: Task, within: float = 20.0) -> list[Answer]:
    """Asks all at once, in a loop of its own, and closes the model."""

    async def asking() -> list[Answer]:
        try:
            return await asyncio.gather(*(model.answer(one, within) for one in tasks))
        finally:
            await model.close()

    return asyncio.run(asking())


def a_budget(
    folder: Path, model: Model, now: Callable[[], int] | int = NOON, prices: Prices = DEAR, **limits: Any
) -> Budgeted:
    free: dict[str, Any] = dict.fromkeys(
        ("budget_call", "budget_symbol", "budget_day", "tokens_call", "tokens_symbol", "tokens_day")
    )
    config = ResearchConfig(**(free | {"retries": 0} | limits))
    return Budgeted(model, config, prices, folder, (lambda: now) if isinstance(now, int) else now)


class Nobody:
    """A model that must not be asked."""

    async def answer(self, task: Task, within: float) -> Answer:
        raise AssertionError(f"{task.request.key} was asked")

    async def close(self) -> None:
        """Nothing is open."""


def database(folder: Path) -> Path:
    return folder / FOLDER / "cache.db"


def recorded(folder: Path, task: Task | None = None, missing: str = "rules") -> Answer:
    return heard(Recorded(Nobody(), folder, RECORDED, missing), task or a_task())[0]


def ledger_of(folder: Path, now: int = NOON) -> Day:
    async def reading() -> Day:
        model = a_budget(folder, Scripted(), now)
        try:
            return await model.day(20.0)
        finally:
            await model.close()

    return asyncio.run(reading())


def outcomes(answers: Sequence[Answer]) -> list[str]:
    return [one.outcome for one in answers]


# -- in other processes --------------------------------------------------------------------------------


class Noting:
    """Takes its time, and leaves a line in a file for each question."""

    def __init__(self, notes: Path, seconds: float = 0.05, dies: bool = False, usage: Usage = GIVEN) -> None:
        self.notes, self.seconds, self.dies, self.usage = notes, seconds, dies, usage

    async def answer(self, task: Task, within: float) -> Answer:
        with self.notes.open("a") as file:
            file.write(task.request.key + "\n")
        if self.dies:
            os._exit(9)
        await asyncio.sleep(self.seconds)
        return Answer(value=7, text='{"n": 7}', parsed={"n": 7}, tries=1, usage=self.usage)

    async def close(self) -> None:
        """Nothing is open."""


def ask_recorded(folder: Path, notes: Path, texts: Sequence[str], dies: bool, answers: Any) -> None:
    """All texts at once; puts their outcomes and sources."""
    said = heard(Recorded(Noting(notes, dies=dies), folder), *map(a_task, texts), within=0.5 if dies else 60.0)
    answers.put([(one.outcome, one.source, one.value) for one in said])


def ask_budgeted(
    folder: Path, notes: Path, count: int, dies: bool, limits: dict[str, Any], usage: Usage, answers: Any
) -> None:
    """So many questions, four at once; puts their outcomes."""
    model = a_budget(folder, Noting(notes, 0.0, dies, usage), **limits)

    async def asking() -> list[str]:
        found: list[str] = []
        for start in range(0, count, 4):
            tasks = (a_task(f"{os.getpid():08d} {n:03d}") for n in range(start, min(start + 4, count)))
            found += [one.outcome for one in await asyncio.gather(*(model.answer(one, 60.0) for one in tasks))]
        await model.close()
        return found

    answers.put(asyncio.run(asking()))
