"""A breaker and a bucket for each endpoint: who is asked, who waits, and who is told at once that it is no use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from domain.limits import CLOSED, HALF_OPEN, OPEN
from domain.research import OK, OUTCOMES
from research.config import ResearchConfig
from research.guarded import FAILS, UNASKED, Guarded
from research.port import Answer, Task
from tests.research.asking_desk import a_config, a_model, a_task
from tests.research.wire import Wire


class Scripted:
    """A model that answers what it is told to; each answer takes ``seconds`` of the clock."""

    def __init__(self, outcome: str = OK, tries: int = 1) -> None:
        self.outcome, self.tries, self.seconds, self.now = outcome, tries, 0.0, 1000.0
        self.within: list[float] = []
        self.slept: list[float] = []
        self.most = self.running = 0
        self.hold: asyncio.Event | None = None
        self.raises: BaseException | None = None
        self.closed = False

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def answer(self, task: Task, within: float) -> Answer:
        self.within.append(within)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.raises is not None:
                raise self.raises
            self.now += self.seconds
            return Answer(outcome=self.outcome, tries=self.tries, detail="as it is scripted")
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


def guarded(model: Scripted, **changes: Any) -> Guarded:
    given: dict[str, Any] = {"rate_per_minute": None, "breaker_failures": 3, "breaker_seconds": 60.0}
    return Guarded(model, ResearchConfig(**(given | changes)), model.clock, model.sleep)


def outcomes(guard: Guarded, number: int, within: float = 8.0, **changes: Any) -> list[str]:
    async def whole() -> list[str]:
        return [(await guard.answer(a_task(**changes), within)).outcome for _ in range(number)]

    return asyncio.run(whole())


def state(guard: Guarded) -> str:
    (breaker,) = guard.breakers.values()
    return breaker.state


# -- the breaker -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome", ["NO_CHOICES", "RATE_LIMITED", "SERVER_ERROR", "TIMEOUT", "UNAUTHORISED", "UNREACHABLE"]
)
def test_failures_in_a_row_open_the_breaker(outcome: str) -> None:
    model = Scripted(outcome)
    guard = guarded(model)

    assert outcomes(guard, 5) == [outcome] * 3 + ["BREAKER_OPEN"] * 2
    assert len(model.within) == 3
    assert state(guard) == OPEN


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - FAILS))
def test_what_says_nothing_of_the_endpoint_does_not(outcome: str) -> None:
    guard = guarded(Scripted(outcome))

    assert outcomes(guard, 5) == [outcome] * 5
    assert state(guard) == CLOSED


def test_an_answer_between_failures_keeps_it_closed() -> None:
    model = Scripted()
    guard = guarded(model)

    for outcome in ("TIMEOUT", "TIMEOUT", "REFUSAL", "TIMEOUT", "TIMEOUT"):
        model.outcome = outcome
        assert outcomes(guard, 1) == [outcome]
    assert state(guard) == CLOSED


def test_a_question_that_was_never_asked_does_not_count() -> None:
    model = Scripted()
    guard = guarded(model)

    for outcome in ("TIMEOUT", "TIMEOUT", *sorted(UNASKED), "TIMEOUT"):
        model.outcome = outcome
        outcomes(guard, 1)
    assert state(guard) == OPEN


def test_the_breaker_says_why_and_until_when() -> None:
    guard = guarded(Scripted("UNAUTHORISED"))
    outcomes(guard, 3)

    async def whole() -> Answer:
        return await guard.answer(a_task(), 8.0)

    answer = asyncio.run(whole())
    assert "60 s" in answer.detail
    assert "UNAUTHORISED: as it is scripted" in answer.detail
    assert (answer.tries, answer.usage, answer.value) == (0, None, None)


def test_a_probe_closes_it_again() -> None:
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3)

    model.now += 59.9
    assert outcomes(guard, 1) == ["BREAKER_OPEN"]
    model.now += 0.1
    model.outcome = OK
    assert outcomes(guard, 2) == [OK, OK]
    (breaker,) = guard.breakers.values()
    assert [(one.before, one.after) for one in breaker.history] == [
        (CLOSED, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED),
    ]


def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3)

    model.now += 60.0
    assert outcomes(guard, 2) == ["TIMEOUT", "BREAKER_OPEN"]
    model.now += 59.0
    assert outcomes(guard, 1) == ["BREAKER_OPEN"]


def test_one_probe_at_a_time() -> None:
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3)
    model.now += 60.0
    model.outcome = OK

    async def three() -> list[str]:
        model.hold = asyncio.Event()
        asking = [asyncio.create_task(guard.answer(a_task(), 8.0)) for _ in range(3)]
        await asyncio.sleep(0)
        model.hold.set()
        return [one.outcome for one in await asyncio.gather(*asking)]

    assert sorted(asyncio.run(three())) == ["BREAKER_OPEN", "BREAKER_OPEN", OK]
    assert state(guard) == CLOSED


@pytest.mark.parametrize("error", [asyncio.CancelledError(), MemoryError()])
def test_a_probe_that_is_cancelled_lets_the_next_one_pass(error: BaseException) -> None:
    """Else the endpoint would be left alone for ever."""
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3)
    model.now += 60.0

    async def once() -> None:
        model.raises = error
        with pytest.raises(type(error)):
            await guard.answer(a_task(), 8.0)
        model.raises = None

    asyncio.run(once())
    model.outcome = OK
    assert outcomes(guard, 1) == [OK]
    assert state(guard) == CLOSED


def test_a_probe_that_found_no_time_lets_the_next_one_pass() -> None:
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3)
    model.now += 60.0

    model.outcome = "DEADLINE"
    outcomes(guard, 1)
    model.outcome = OK
    assert outcomes(guard, 1) == [OK]


def test_each_endpoint_has_a_breaker_of_its_own() -> None:
    model = Scripted("TIMEOUT")
    guard = guarded(model)
    outcomes(guard, 3, endpoint="http://one/v1")

    model.outcome = OK
    assert outcomes(guard, 1, endpoint="http://one/v1") == ["BREAKER_OPEN"]
    assert outcomes(guard, 1, endpoint="http://two/v1") == [OK]
    assert {name: one.state for name, one in guard.breakers.items()} == {"http://one/v1": OPEN, "http://two/v1": CLOSED}


# -- the bucket ------------------------------------------------------------------------------------


def test_after_a_burst_questions_wait_their_turn() -> None:
    """60 a minute, four for each of two places at once: eight, then one a second."""
    model = Scripted()
    guard = guarded(model, rate_per_minute=60.0, parallel=2)

    assert outcomes(guard, 11) == [OK] * 11
    assert model.slept == pytest.approx([1.0, 1.0, 1.0])
    assert model.within == pytest.approx([8.0] * 8 + [7.0] * 3)


def test_who_cannot_be_asked_in_time_is_told_at_once() -> None:
    model = Scripted()
    guard = guarded(model, rate_per_minute=6.0, parallel=1)

    assert outcomes(guard, 6, within=8.0) == [OK] * 4 + ["RATE_LIMITED"] * 2  # the next would wait ten seconds
    assert model.slept == []


def test_those_who_wait_together_wait_one_after_another() -> None:
    model = Scripted()
    guard = guarded(model, rate_per_minute=60.0, parallel=8)
    outcomes(guard, 32)

    async def three() -> list[str]:
        return [one.outcome for one in await asyncio.gather(*(guard.answer(a_task(), 60.0) for _ in range(3)))]

    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    guard._sleep = note
    assert asyncio.run(three()) == [OK] * 3
    assert waited == pytest.approx([1.0, 2.0, 3.0])


def test_retries_count_as_requests() -> None:
    model = Scripted(tries=4)
    guard = guarded(model, rate_per_minute=60.0, parallel=2)

    assert outcomes(guard, 3) == [OK] * 3
    assert model.slept == pytest.approx([1.0])


def test_a_breaker_that_opens_while_one_waits_is_heeded() -> None:
    model = Scripted()
    guard = guarded(model, rate_per_minute=60.0, parallel=1)

    async def meanwhile(seconds: float) -> None:
        (breaker,) = guard.breakers.values()
        for _ in range(3):
            breaker.failed(model.now, breaker.allow(model.now))

    guard._sleep = meanwhile
    assert outcomes(guard, 5) == [OK] * 4 + ["BREAKER_OPEN"]


@pytest.mark.parametrize("rate", [0.5, 1.0, 600.0, None])
def test_any_rate_lets_somebody_through(rate: float | None) -> None:
    assert outcomes(guarded(Scripted(), rate_per_minute=rate), 1) == [OK]


# -- places ----------------------------------------------------------------------------------------


def test_so_many_are_asked_at_once_and_no_more() -> None:
    model = Scripted()
    guard = guarded(model, parallel=3)

    async def ten() -> list[str]:
        model.hold = asyncio.Event()
        asking = [asyncio.create_task(guard.answer(a_task(), 8.0)) for _ in range(10)]
        for _ in range(5):
            await asyncio.sleep(0)
        model.hold.set()
        return [one.outcome for one in await asyncio.gather(*asking)]

    assert asyncio.run(ten()) == [OK] * 10
    assert model.most == 3


def test_who_finds_no_place_in_time_is_late() -> None:
    model = Scripted()
    guard = guarded(model, parallel=1)

    async def two() -> tuple[str, str]:
        model.hold = asyncio.Event()
        first = asyncio.create_task(guard.answer(a_task(), 8.0))
        await asyncio.sleep(0)
        second = await guard.answer(a_task(), 0.05)
        model.hold.set()
        return (await first).outcome, second.outcome

    assert asyncio.run(two()) == (OK, "DEADLINE")
    assert outcomes(guard, 1) == [OK]  # the place is free again


def test_closing_closes_what_is_behind() -> None:
    model = Scripted()

    asyncio.run(guarded(model).close())

    assert model.closed


# -- over the wire ---------------------------------------------------------------------------------


def test_a_dead_endpoint_is_left_alone_and_found_again(wire: Wire) -> None:
    wire.rule("500", times=2)
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    config = a_config(wire, retries=0, breaker_failures=2, breaker_seconds=30.0)
    guard = Guarded(a_model(wire, retries=0), config, clock)

    async def whole() -> list[str]:
        ask: Callable[[], Coroutine[Any, Any, Answer]] = lambda: guard.answer(a_task(endpoint=wire.url), 5.0)  # noqa: E731
        found = [(await ask()).outcome for _ in range(3)]
        now[0] += 30.0
        found += [(await ask()).outcome for _ in range(2)]
        await guard.close()
        return found

    assert asyncio.run(whole()) == ["SERVER_ERROR", "SERVER_ERROR", "BREAKER_OPEN", OK, OK]
    assert wire.hits == 4
