"""A step is tried again for what passes by itself, and for nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import redo
from domain.errors import ActorLost, ConfigError, DatabaseAway, InvalidTransition, StaleEpoch
from domain.faults import Fault


class Steps:
    """Raises what it is given, one after another, then answers."""

    def __init__(self, *errors: BaseException, recovering: tuple[BaseException, ...] = ()) -> None:
        self.errors, self.recovering = list(errors), list(recovering)
        self.tries = 0
        self.recovered: list[tuple[str, int]] = []
        self.given_up: list[Fault] = []

    async def work(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def recover(self, fault: Fault, attempt: int) -> None:
        self.recovered.append((fault.text.partition(":")[0], attempt))
        if self.recovering:
            raise self.recovering.pop(0)

    def run(self) -> str:
        return asyncio.run(redo.through(self.work, self.recover, self.given_up.append))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(redo.asyncio, "sleep", sleep)
    return found


def test_what_passes_by_itself_is_tried_again_after_it_was_recovered_from(pauses: list[float]) -> None:
    steps = Steps(ActorLost("Executor", "killed"), DatabaseAway("away"))

    assert steps.run() == "done"
    assert steps.tries == 3
    assert steps.recovered == [("ActorLost", 1), ("DatabaseAway", 2)]
    assert steps.given_up == []
    assert len(pauses) == 2


def test_recovering_may_fail_like_the_work() -> None:
    steps = Steps(DatabaseAway("away"), recovering=(DatabaseAway("still"), ActorLost("Executor", "restarting")))

    assert steps.run() == "done"
    assert steps.tries == 2
    assert steps.recovered == [("DatabaseAway", 1), ("DatabaseAway", 2), ("ActorLost", 3)]


def test_the_pauses_double_with_chance_in_them_and_have_an_end(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = iter([0.0, 1.0] * redo.ATTEMPTS)
    monkeypatch.setattr(redo.random, "random", lambda: next(chance))
    steps = Steps(*(ActorLost("RiskManager", "killed") for _ in range(redo.ATTEMPTS - 1)))

    assert steps.run() == "done"
    assert pauses == [0.125, 0.5, 0.5, 2.0, 2.0, 8.0, 4.0]


def test_it_gives_up_in_time_with_the_last_error() -> None:
    steps = Steps(*(ActorLost("RiskManager", str(number)) for number in range(redo.ATTEMPTS)))

    with pytest.raises(ActorLost, match="RiskManager is lost: 7"):
        steps.run()
    assert steps.tries == redo.ATTEMPTS == 8
    assert [one.text for one in steps.given_up] == ["ActorLost: RiskManager is lost: 7"]


@pytest.mark.parametrize(
    "error", [InvalidTransition("order", "FILLED", "INTENT"), StaleEpoch("gone"), ConfigError("wrong")], ids=repr
)
def test_what_does_not_pass_by_itself_is_not_tried_again(error: Exception) -> None:
    steps = Steps(error)

    with pytest.raises(type(error)):
        steps.run()
    assert (steps.tries, len(steps.given_up)) == (1, 1)


def test_an_error_of_the_program_is_not_caught() -> None:
    steps: Any = Steps(AttributeError("a bug"))

    with pytest.raises(AttributeError):
        steps.run()
    assert steps.given_up == []
