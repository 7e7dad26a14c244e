"""Money and tokens that questions may cost: set aside at their worst before a call, settled after it.

One ledger for all processes and runs of a data folder, one transaction for each reservation. Its day is the UTC day of
the machine's clock, not of the market: a run at machine speed goes through a year of the market in minutes, and is paid
for on one day. What is set aside counts as spent until it is settled; by a process that was killed it never is, and it
counts no more once its time is over (``Day.lost`` says how often). Whoever is interrupted while a model is asked pays
the worst case, for the answer may have been made.

A limit on money cannot be kept where no price is known: such a model is asked under a daily limit on tokens only. A
ledger that cannot be read refuses every call until a person has looked at it: begun anew it would have forgotten what
was spent.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from domain.money import from_decimal, to_text
from domain.research import Usage
from domain.timeframe import DAY, SECOND, iso
from research.config import ResearchConfig
from research.port import Answer, Model, Request, Task
from research.prices import Price, Prices
from research.store import FULL, BadRecord, Store, StoreFailed
from research.usage import PER_MESSAGE

FOLDER = "budget"
GRACE = 5.0
"""Seconds that a reservation outlives the time of its question."""
KEPT_FOR = 40 * DAY
"""Older days are forgotten."""
WRITING = 0.05
"""Seconds of a question's time that are left for writing down what came of it."""
REPAIR = 600
"""Tokens of what is said around an answer that has to be repaired."""


class Spent(msgspec.Struct, frozen=True):
    """Money in 1e-9 US dollars."""

    money: int = 0
    tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.money + other.money, self.tokens + other.tokens)


NOTHING = Spent()


class Hold(msgspec.Struct, frozen=True):
    """What is set aside for one question, until ``until`` (UTC ns)."""

    subject: str
    worst: Spent
    until: int


class Day(msgspec.Struct, frozen=True):
    """What was spent on a day, what is set aside, and how many reservations ran out without being settled."""

    spent: Spent = NOTHING
    held: dict[str, Hold] = {}
    lost: int = 0

    def holding(self, subject: str | None = None) -> Spent:
        return sum((one.worst for one in self.held.values() if subject in (None, one.subject)), NOTHING)


class Limits(msgspec.Struct, frozen=True):
    """Money (1e-9 US dollars) and tokens of a call, of a subject's day, and of the day; None is no limit."""

    call: tuple[int | None, int | None]
    symbol: tuple[int | None, int | None]
    day: tuple[int | None, int | None]

    @classmethod
    def of(cls, config: ResearchConfig) -> Limits:
        def exact(dollars: float | None) -> int | None:
            return None if dollars is None else from_decimal(str(dollars))

        return cls(
            (exact(config.budget_call), config.tokens_call),
            (exact(config.budget_symbol), config.tokens_symbol),
            (exact(config.budget_day), config.tokens_day),
        )

    @property
    def money(self) -> bool:
        return any(money is not None for money, _ in (self.call, self.symbol, self.day))


class Budgeted:
    """A Model before a Model. ``folder`` is where research keeps its files; ``now`` is the machine's clock (UTC ns)."""

    def __init__(
        self, model: Model, config: ResearchConfig, prices: Prices, folder: Path, now: Callable[[], int]
    ) -> None:
        self._model, self._prices, self._now = model, prices, now
        self._retries, self._limits = config.retries, Limits.of(config)
        self._store = Store(Path(folder) / FOLDER, FULL)

    async def answer(self, task: Task, within: float) -> Answer:
        until, now = time.monotonic() + within, self._now()
        day, token = day_of(now), uuid.uuid4().hex
        price = self._prices.of(task.request.model, day)
        usage = worst(task.request, self._retries)
        money = 0 if price is None else price.cost(usage)
        hold = Hold(task.subject, Spent(money, usage.prompt + usage.completion), now + int((within + GRACE) * SECOND))
        refused = refused_alone(hold.worst, self._limits)
        if price is None and self._limits.money and self._limits.day[1] is None:
            refused = (
                f"no price is known for {task.request.model}: add it to research.prices, or set research.tokens_day"
            )
        if refused:
            return _refused(refused)
        spent = NOTHING
        try:
            refused = await self._store.run(partial(reserve, day, token, hold, self._limits, now), within)
            if refused:
                return _refused(refused)
            spent = hold.worst
            left = until - time.monotonic()
            answer = await self._model.answer(task, left - min(WRITING, left / 10))
            spent, cost = _billed(answer.usage, price)
            return msgspec.structs.replace(answer, cost=cost)
        except TimeoutError:
            return Answer(outcome="DEADLINE", detail=f"the ledger did not answer within {within:.3g} s", cost=0)
        except (StoreFailed, BadRecord) as error:
            return _refused(f"the ledger of what was spent cannot be used: {error}")
        finally:
            self._store.later(partial(settle, day, token, hold.subject, spent))

    async def day(self, within: float = 1.0) -> Day:
        """The ledger of today. Raises TimeoutError, StoreFailed, BadRecord."""
        return await self._store.run(partial(ledger, day_of(self._now())), within)

    async def close(self) -> None:
        await self._store.close()
        await self._model.close()


def day_of(now: int) -> str:
    return iso(now)[:10]


def worst(request: Request, retries: int) -> Usage:
    """The most that an answer can use: the question as often as it may be sent, and a repair that quotes the answer.

    Bytes bound tokens from above. In ASCII words come to about 4 bytes a token, lists of decimal numbers to 1.6: three
    bytes are counted as two tokens, and every byte of anything else as one.
    """
    prompt = sum(_tokens(one.content) + PER_MESSAGE for one in request.messages)
    prompt += _tokens(msgspec.json.encode(request.schema).decode())
    times = 2 + max(0, retries)
    return Usage(times * prompt + request.max_tokens + REPAIR, times * request.max_tokens, estimated=True)


def _tokens(text: str) -> int:
    size = len(text.encode("utf-8", "replace"))
    plain = sum(one < "\x80" for one in text) if size > len(text) else size
    return -(-2 * plain // 3) + size - plain


def _billed(usage: Usage | None, price: Price | None) -> tuple[Spent, int | None]:
    """What an answer has used, and its cost where the price is known. Without a usage nothing was answered."""
    if usage is None:
        return NOTHING, 0
    cost = None if price is None else max(0, price.cost(usage))
    return Spent(cost or 0, max(0, usage.prompt) + max(0, usage.completion)), cost


def _refused(why: str) -> Answer:
    return Answer(outcome="BUDGET", detail=why, cost=0)


# -- work of the store's thread ------------------------------------------------------------------------


def reserve(day: str, token: str, hold: Hold, limits: Limits, now: int, cache: Any) -> str:
    """Set it aside: "". Or why it may not be."""
    with cache.transact():
        book = ledger(day, cache)
        held = {name: one for name, one in book.held.items() if one.until > now}
        book = Day(book.spent, held, book.lost + len(book.held) - len(held))
        of_subject = _read(_place(day, hold.subject), Spent, NOTHING, cache)
        refused = _over("symbol", limits.symbol, hold.worst, of_subject, book.holding(hold.subject))
        refused = refused or _over("day", limits.day, hold.worst, book.spent, book.holding())
        if not refused:
            _write(day, Day(book.spent, {**held, token: hold}, book.lost), cache)
        return refused


def settle(day: str, token: str, subject: str, spent: Spent, cache: Any) -> None:
    """What was set aside becomes what was spent."""
    with cache.transact():
        book = ledger(day, cache)
        if token not in book.held and spent == NOTHING:
            return
        held = {name: one for name, one in book.held.items() if name != token}
        _write(day, Day(book.spent + spent, held, book.lost), cache)
        if spent != NOTHING:
            place = _place(day, subject)
            _write(place, _read(place, Spent, NOTHING, cache) + spent, cache)


def ledger(day: str, cache: Any) -> Day:
    found: Day = _read(day, Day, Day(), cache)
    return found


def refused_alone(wanted: Spent, limits: Limits) -> str:
    """Why a call is too large by itself; "" if it is not."""
    return _over("call", limits.call, wanted, NOTHING, NOTHING)


def _over(which: str, most: tuple[int | None, int | None], wanted: Spent, spent: Spent, held: Spent) -> str:
    money, tokens = most
    if money is not None and wanted.money + spent.money + held.money > money:
        figures = [to_text(one.money) for one in (spent, held, wanted)]
        return _words(f"research.budget_{which} = {to_text(money)} USD", *figures)
    if tokens is not None and wanted.tokens + spent.tokens + held.tokens > tokens:
        figures = [str(one.tokens) for one in (spent, held, wanted)]
        return _words(f"research.tokens_{which} = {tokens}", *figures)
    return ""


def _words(limit: str, spent: str, held: str, wanted: str) -> str:
    return f"{limit}: {spent} spent, {held} set aside, at most {wanted} for this call"


def _place(day: str, subject: str) -> str:
    return f"{day} {subject}"


def _read(place: str, kind: Any, otherwise: Any, cache: Any) -> Any:
    raw = cache.get(place)
    try:
        return otherwise if raw is None else msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise BadRecord(f"{place}: {error}") from error


def _write(place: str, value: Any, cache: Any) -> None:
    cache.set(place, msgspec.to_builtins(value), expire=KEPT_FOR / SECOND)
