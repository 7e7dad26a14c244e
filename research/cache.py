"""Answers are written down and found again: the cache of a live run, and all that a backtest or a replay may ask.

A record is the whole request and the whole answer under the request's key; it is never evicted. Kept is what a model
has said: answers that are OK, and those that could not be used (a refusal, text that is no JSON, …), so that a run from
records goes as the run went that made them. A live run finds the OK ones only and asks again where there is none: bad
luck is not for ever. What says nothing about the model (no connection, no time, no budget) is not kept.

One of all processes asks a question, the others wait for its answer: the place under ``lock`` belongs to whoever wrote
its token there, until it is given back or, by a process that was killed, until its time is over.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import ConfigError
from domain.research import CACHE, OK
from domain.timeframe import iso
from research.config import LIVE
from research.port import Answer, Model, Request, Task, UnknownEvidence
from research.store import BadRecord, Store, StoreFailed

KEPT = frozenset((OK, "REFUSAL", "CONTENT_FILTER", "TRUNCATED", "EMPTY", "NOT_JSON", "INVALID", "UNKNOWN_EVIDENCE"))
"""Outcomes that are an answer of the model."""

FOLDER = "answers"
MARGIN = 1.0
"""Seconds that the right to ask outlives the time its holder has."""

PAUSES = (0.01, 0.02, 0.05, 0.1)
"""Seconds between two looks for another process's answer; the last one again and again."""

MISSING_ERROR = "error"


class Record(msgspec.Struct, frozen=True):
    request: Request
    answer: Answer


class Recorded:
    """A Model before a Model. ``folder`` is where research keeps its files, ``answers`` live or recorded.

    Recorded asks nobody and needs no ``model``: what is not there is NOT_RECORDED, with an ``error`` for the caller to
    raise where ``missing`` says so. An answer from here costs nothing, and under recorded has latency 0, so that two
    runs are alike; its usage is that of the call that was made.
    """

    def __init__(self, model: Model | None, folder: Path, answers: str = LIVE, missing: str = "rules") -> None:
        if answers == LIVE and model is None:
            raise ValueError("live answers need a model")
        self._model, self._missing = model, missing
        self._live = model if answers == LIVE else None
        self._store = Store(Path(folder) / FOLDER)

    async def answer(self, task: Task, within: float) -> Answer:
        begun = time.monotonic()
        try:
            if self._live is None:
                record = await self._store.run(partial(found, task.request.key), within)
                return _not_recorded(task, self._missing) if record is None else _again(task, record.answer, 0.0)
            return await self._asked(self._live, task, begun, within)
        except TimeoutError:
            return _failed("DEADLINE", f"neither a recorded answer nor a turn to ask within {within:g} s")
        except BadRecord as error:
            if self._live is not None:
                self._store.later(partial(drop, task.request.key))
            return _failed("CACHE_DAMAGED", f"the recorded answer {task.request.key[:12]} cannot be read: {error}")
        except StoreFailed as error:
            return await self._broken(error, begun + within - time.monotonic())

    async def close(self) -> None:
        await self._store.close()
        if self._model is not None:
            await self._model.close()

    async def _asked(self, model: Model, task: Task, begun: float, within: float) -> Answer:
        """The recorded answer, or that of another process which is asking, or the model's. Raises as Store.run."""
        key, token, until = task.request.key, uuid.uuid4().hex, begun + within
        before: Record | None = None
        turns = 0
        while True:
            left = until - time.monotonic()
            ours = True  # until it is known: a turn that nobody waits for may still be taken
            try:
                record, ours = await self._store.run(partial(turn, key, token, max(left, 0.0) + MARGIN), left)
                if record is not None and (record.answer.outcome == OK or (turns and record != before)):
                    return _again(task, record.answer, (time.monotonic() - begun) * 1000)
                if ours:
                    answer = await model.answer(task, until - time.monotonic())
                    if answer.outcome in KEPT:
                        answer = await self._kept(task.request, answer, token, until - time.monotonic())
                    return answer
            finally:
                if ours:
                    self._store.later(partial(give_back, key, token))
            if not turns:
                before = record
            pause = PAUSES[min(turns, len(PAUSES) - 1)]
            await asyncio.sleep(max(0.0, min(pause, until - time.monotonic())))
            turns += 1

    async def _kept(self, request: Request, answer: Answer, token: str, left: float) -> Answer:
        """The same answer, with a word about it where it could not be written down."""
        record = msgspec.to_builtins(Record(request, msgspec.structs.replace(answer, value=None, error=None)))
        try:
            await self._store.run(partial(keep, request.key, token, record), left)
        except TimeoutError:
            return answer  # the writing goes on
        except StoreFailed as error:
            said = "; ".join(one for one in (answer.detail, f"not recorded: {error}") if one)
            return msgspec.structs.replace(answer, detail=said)
        return answer

    async def _broken(self, error: Any, left: float) -> Answer:
        """A live run goes on with a new file; a recorded one has none, and keeps saying so."""
        aside = ""
        if error.damaged and self._live is not None:
            try:
                aside = await self._store.set_aside(left)
            except TimeoutError:
                aside = ""
        said = f"the recorded answers cannot be used: {error}"
        return _failed("CACHE_DAMAGED", said + (f"; the file is now {aside}" if aside else ""))


# -- work of the store's thread ------------------------------------------------------------------------


def found(key: str, cache: Any) -> Record | None:
    """The record under a key. Raises BadRecord for one that is not whole or not of this request."""
    raw = cache.get(key)
    if raw is None:
        return None
    try:
        record = msgspec.convert(raw, Record)
    except msgspec.ValidationError as error:
        raise BadRecord(str(error)) from error
    if record.request.key != key:
        raise BadRecord("it is of another request")
    return record


def turn(key: str, token: str, seconds: float, cache: Any) -> tuple[Record | None, bool]:
    """The record, and whether the right to ask is now the token's (for so many seconds). The record is looked for
    again once the right is taken: whoever had it may have answered in between."""
    record = found(key, cache)
    if record is not None and record.answer.outcome == OK:
        return record, False
    if cache.get(lock(key)) is not None or not cache.add(lock(key), token, expire=seconds):
        return record, False
    return found(key, cache), True


def keep(key: str, token: str, record: Any, cache: Any) -> None:
    with cache.transact():
        cache.set(key, record)
        give_back(key, token, cache)


def give_back(key: str, token: str, cache: Any) -> None:
    """End the right to ask, if it is still the token's."""
    if cache.get(lock(key)) == token:
        with cache.transact():
            if cache.get(lock(key)) == token:
                cache.delete(lock(key))


def drop(key: str, cache: Any) -> None:
    """Make place for a new record where the old one cannot be read."""
    with cache.transact():
        try:
            found(key, cache)
        except BadRecord:
            cache.delete(key)


def lock(key: str) -> str:
    return f"lock:{key}"


# -- answers -------------------------------------------------------------------------------------------


def _again(task: Task, answer: Answer, latency: float) -> Answer:
    """A recorded answer, checked as a new one is."""
    said: dict[str, Any] = {"source": CACHE, "cost": 0, "tries": 0, "latency": latency, "value": None}
    if answer.outcome == OK:
        try:
            said["value"] = task.check(answer.parsed)
        except UnknownEvidence as error:
            said |= {"outcome": "UNKNOWN_EVIDENCE", "detail": f"recorded, but not valid now: {error}"}
        except ValueError as error:
            said |= {"outcome": "INVALID", "detail": f"recorded, but not valid now: {error}"}
    return msgspec.structs.replace(answer, **said)


def _not_recorded(task: Task, missing: str) -> Answer:
    request = task.request
    about = f"about {task.subject or 'the book'} at {iso(task.at)} (key {request.key[:12]})"
    said = f"no recorded answer of {request.model} to {request.prompt} {about}"
    if missing != MISSING_ERROR:
        return _failed("NOT_RECORDED", said)
    error = ConfigError(
        f"research.answers = recorded: {said}; record it with research.answers=live, or let research.missing be rules "
        f"or abstain"
    )
    return msgspec.structs.replace(_failed("NOT_RECORDED", said), error=error)


def _failed(outcome: str, detail: str) -> Answer:
    return Answer(outcome=outcome, source=CACHE, detail=detail, cost=0)
