"""What goes over the wire: modes that are learned, one repair, retries inside the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate

import pytest

from domain.research import OK
from research.dialect import OBJECT, SCHEMA, TEXT, Dialect
from research.failures import Failure, wait_of
from research.port import Answer, Message
from tests.research.asking_desk import SCHEMA as SHAPE
from tests.research.asking_desk import a_model, a_request, a_task, ask, asked
from tests.research.wire import Wire

# -- the request -----------------------------------------------------------------------------------


def test_a_request_is_sent_as_it_is(wire: Wire) -> None:
    asked(a_model(wire), a_task(effort="low"))

    (sent,) = wire.seen
    assert sent.body == {
        "model": "gpt-wire",
        "messages": [
            {"role": "system", "content": "You judge."},
            {"role": "user", "content": "E1 the trend is up\nE2 the range is wide"},
        ],
        "max_completion_tokens": 300,
        "temperature": 0.0,
        "seed": 7,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "schema": SHAPE, "strict": True},
        },
    }


def test_what_is_not_set_is_not_sent(wire: Wire) -> None:
    asked(a_model(wire), a_task(temperature=None, seed=None))

    assert {"temperature", "seed", "reasoning_effort"} & set(wire.seen[0].body) == set()


# -- modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "modes", "after"),
    [
        ("ok", [SCHEMA], SCHEMA),
        ("no-schema", [SCHEMA, OBJECT], OBJECT),
        ("no-json", [SCHEMA, OBJECT, TEXT], TEXT),
    ],
)
def test_the_mode_that_works_is_remembered(wire: Wire, fault: str, modes: list[str], after: str) -> None:
    wire.rule(fault)
    model = a_model(wire)

    first, second = asked(model, a_task(), a_task(seed=8))

    assert (first.outcome, second.outcome) == (OK, OK)
    assert [one.mode for one in wire.seen] == [*modes, after]
    assert (first.mode, second.mode, model.mode("gpt-wire")) == (after, after, after)
    assert (first.tries, second.tries) == (len(modes), 1)


def test_each_model_has_a_mode_of_its_own(wire: Wire) -> None:
    wire.models = {"gpt-wire", "gpt-other"}
    wire.rule("no-schema", times=1)
    model = a_model(wire)

    asked(model, a_task(), a_task(model="gpt-other"))

    assert (model.mode("gpt-wire"), model.mode("gpt-other")) == (OBJECT, SCHEMA)


@pytest.mark.parametrize("fault", ["no-schema", "no-json"])
def test_a_mode_without_the_schema_has_it_in_the_text(wire: Wire, fault: str) -> None:
    """json_object is refused by endpoints unless the messages have the word JSON."""
    ask(wire, fault)

    assert wire.seen[-1].schema == SHAPE
    system, user = wire.seen[-1].body["messages"]
    assert system["content"].startswith("You judge.\n\nAnswer with one JSON object")
    assert user["content"] == "E1 the trend is up\nE2 the range is wide"


def test_without_a_system_message_the_schema_has_one_of_its_own() -> None:
    request = a_request(messages=(Message("user", "why?"),))

    first, second = Dialect(mode=TEXT).messages(request)

    assert (first.role, second) == ("system", Message("user", "why?"))


@pytest.mark.parametrize(
    ("fault", "gone", "instead"),
    [
        ("old-limit", "max_completion_tokens", "max_tokens"),
        ("no-temperature", "temperature", ""),
        ("no-seed", "seed", ""),
    ],
)
def test_a_parameter_that_is_refused_is_left_out_from_then_on(wire: Wire, fault: str, gone: str, instead: str) -> None:
    wire.rule(fault)

    first, second = asked(a_model(wire), a_task(), a_task())

    assert (first.outcome, second.outcome, wire.hits) == (OK, OK, 3)
    for one in wire.seen[1:]:
        assert gone not in one.body
        assert not instead or one.body[instead] == 300


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ("'response_format.type' must be 'json_schema' or 'text'", OBJECT),
        ("This response_format type is unavailable now", OBJECT),
        ("This model does not support response format `json_schema`", OBJECT),
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'response_format')}]", OBJECT),
        ("This model's maximum context length is 8192 tokens", None),
        ("your schema is lovely", None),
    ],
)
def test_a_refusal_is_understood_by_its_words(words: str, mode: str | None) -> None:
    simpler = Dialect().after(words)

    assert (simpler.mode if simpler else None) == mode


def test_stepping_down_ends() -> None:
    """An endpoint that refuses whatever it is asked is asked a handful of times."""
    everything = "unsupported: max_completion_tokens temperature seed reasoning_effort response_format"
    dialect: Dialect | None = Dialect()
    steps = 0
    while dialect is not None:
        dialect, steps = dialect.after(everything), steps + 1

    assert steps == 7


def test_two_questions_at_once_learn_together(wire: Wire) -> None:
    wire.rule("no-json")
    model = a_model(wire)

    async def both() -> list[Answer]:
        found = await asyncio.gather(*(model.answer(a_task(seed=one), 5.0) for one in range(4)))
        await model.close()
        return found

    assert [one.outcome for one in asyncio.run(both())] == [OK] * 4
    assert model.mode("gpt-wire") == TEXT


def test_what_one_question_learned_is_not_forgotten_for_another(wire: Wire) -> None:
    """Two questions left in the first dialect; each is refused for another parameter."""
    model = a_model(wire)
    for name in ("temperature", "seed"):
        assert model._learned("gpt-wire", Dialect(), Failure("BAD_REQUEST", f"unsupported: {name}", 400))

    assert model._dialects["gpt-wire"].without == {"temperature"}  # the second asks again so, and learns the rest


# -- repair ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["malformed-once", "five-once", "unknown-evidence-once"])
def test_one_repair_is_asked_for_with_what_was_wrong(wire: Wire, fault: str) -> None:
    answer = ask(wire, fault)

    first, second = wire.seen
    assert (answer.outcome, answer.repaired, answer.tries) == (OK, True, 2)
    assert second.body["messages"][:2] == first.body["messages"]
    wrong, why = second.body["messages"][2:]
    assert (wrong["role"], why["role"]) == ("assistant", "user")
    assert {"malformed-once": "not JSON", "five-once": "p_win", "unknown-evidence-once": "E999"}[fault] in why[
        "content"
    ]
    assert answer.detail.startswith("repaired: ")
    assert answer.usage is not None
    assert answer.usage.prompt > max(1, len(first.text) // 4)  # both requests are paid


def test_a_repair_that_finds_no_endpoint_leaves_the_first_problem(wire: Wire) -> None:
    wire.rule("malformed", times=1)
    wire.rule("500")

    answer = ask(wire, retries=0)

    assert (answer.outcome, answer.value) == ("NOT_JSON", None)
    assert "SERVER_ERROR" in answer.detail


def test_a_repair_has_no_time_of_its_own(wire: Wire) -> None:
    wire.rule("malformed", times=1)
    wire.rule("hang")

    answer = ask(wire, within=0.5)

    assert (answer.outcome, answer.repaired) == ("NOT_JSON", True)
    assert "TIMEOUT" in answer.detail
    assert answer.usage is not None
    assert answer.usage.estimated  # the lost repair, at its worst
    assert answer.usage.completion > 300


# -- retries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429-soon", "503", "500", "drop", "cut", "408", "409"])
def test_a_passing_fault_is_retried(wire: Wire, fault: str) -> None:
    wire.rule(fault, times=1)

    answer = ask(wire)

    assert (answer.outcome, answer.tries, answer.repaired) == (OK, 2, False)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_bounded(wire: Wire, retries: int) -> None:
    assert ask(wire, "503", retries=retries).outcome == "SERVER_ERROR"
    assert wire.hits == 1 + retries


def test_a_wait_beyond_the_deadline_is_not_waited_for(wire: Wire) -> None:
    answer = ask(wire, "429-later", within=30.0)

    assert answer.outcome == "RATE_LIMITED"
    assert answer.latency < 10_000
    assert "60" in answer.detail


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e999"}, float("inf")),
        ({"retry-after": formatdate(1_700_000_030, usegmt=True), "date": formatdate(1_700_000_000, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(1_700_000_030, usegmt=True)}, None),
        ({"retry-after": formatdate(1_700_000_000, usegmt=True), "date": formatdate(1_700_000_030, usegmt=True)}, None),
    ],
)
def test_what_retry_after_asks_for(headers: dict[str, str], wait: float | None) -> None:
    assert wait_of(headers) == wait


# -- loops -----------------------------------------------------------------------------------------


def test_a_client_is_of_the_loop_that_uses_it(wire: Wire) -> None:
    model = a_model(wire)

    assert [asked(model, a_task())[0].outcome for _ in range(3)] == [OK] * 3


def test_a_client_of_a_loop_that_is_over_is_left_behind(wire: Wire) -> None:
    """Nobody can close it any more; used in another loop it raises."""
    wire.rule("drop", times=1)
    model = a_model(wire, retries=0)
    first = asyncio.run(model.answer(a_task(), 5.0))
    left = model._client

    async def second() -> tuple[str, bool]:
        answer = await model.answer(a_task(), 5.0)
        fresh = model._client is not left
        await model.close()
        return answer.outcome, fresh

    assert first.outcome == "UNREACHABLE"
    assert asyncio.run(second()) == (OK, True)


def test_closing_twice_and_before_anything_was_asked(wire: Wire) -> None:
    model = a_model(wire)

    async def ended() -> None:
        await model.close()
        await model.answer(a_task(), 5.0)
        await model.close()
        await model.close()

    asyncio.run(ended())


def test_cancelling_is_the_only_thing_that_is_raised(wire: Wire) -> None:
    wire.rule("hang")
    model = a_model(wire)

    async def cancelled() -> None:
        asking = asyncio.create_task(model.answer(a_task(), 30.0))
        await asyncio.to_thread(wire.asked.wait, 10.0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await model.close()

    asyncio.run(cancelled())


def test_the_clock_is_that_of_the_deadline(wire: Wire) -> None:
    """``latency`` is told in milliseconds of the clock that was given."""
    ticks = iter(range(1000))
    model = a_model(wire)
    clock: Callable[[], float] = lambda: float(next(ticks))  # noqa: E731
    model._clock = clock

    (answer,) = asked(model, a_task(), within=500.0)

    assert answer.latency >= 1000
    assert answer.latency % 1000 == 0
