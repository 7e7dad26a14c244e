"""The local runtime loses an actor as a process is lost: with everything that it was doing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks import chaos_loop
from benchmarks.chaos_loop import Stuck
from domain.errors import ActorLost, DeadlineMissed
from domain.ports import Meter, Peers
from orchestration.local import LocalRuntime, Message
from orchestration.topology import ActorSpec

DONE: list[str] = []


class Slow:
    """Takes a second for a step, and writes down what it has done."""

    def __init__(self, spec: str, peers: LocalRuntime) -> None:
        self.name, self._peers = spec, peers
        self.steps = 0
        self.task: asyncio.Task[None] | None = None

    async def step(self, what: str) -> int:
        await asyncio.sleep(1.0)
        DONE.append(what)
        self.steps += 1
        return self.steps

    async def begin(self, what: str) -> None:
        self.task = asyncio.create_task(self._beside(what))

    async def _beside(self, what: str) -> None:
        await self.step(what)

    async def fork(self, *what: str) -> list[int]:
        return list(await asyncio.gather(*(self.step(one) for one in what)))

    async def through(self, other: str, what: str) -> Any:
        return await self._peers.get(other, self._peers.ask(other, "step", what), 5.0)

    async def suicide(self) -> None:
        self._peers.die(self.name)


class Quick(Slow):
    """A synchronous actor."""

    def add(self, what: str) -> int:
        DONE.append(what)
        self.steps += 1
        return self.steps


def slow(spec: str, peers: Peers, meter: Meter) -> Any:
    return Slow(spec, peers)  # type: ignore[arg-type]


def quick(spec: str, peers: Peers, meter: Meter) -> Any:
    return Quick(spec, peers)  # type: ignore[arg-type]


def made(runtime: LocalRuntime) -> LocalRuntime:
    DONE.clear()
    here = "tests.chaos.test_local_runtime"
    runtime.spawn(
        [
            ActorSpec(name="slow", shows="Slow", build=f"{here}:slow", spec="slow", asynchronous=True),
            ActorSpec(name="other", shows="Slow", build=f"{here}:slow", spec="other", asynchronous=True),
            ActorSpec(name="quick", shows="Quick", build=f"{here}:quick", spec="quick"),
        ]
    )
    return runtime


def test_whoever_waits_for_a_lost_actor_hears_it() -> None:
    async def story() -> None:
        runtime = made(LocalRuntime())
        asked = runtime.ask("slow", "step", "one")
        await asyncio.sleep(0.5)
        runtime.lose("slow")

        with pytest.raises(ActorLost, match="slow is lost: killed"):
            await runtime.get("slow", asked, 5.0)
        assert await runtime.get("slow", runtime.ask("slow", "step", "two"), 5.0) == 1
        assert DONE == ["two"]

    chaos_loop.run(story())


@pytest.mark.parametrize(("method", "what"), [("begin", ("one",)), ("fork", ("one", "two"))])
def test_every_task_that_it_had_begun_ends_with_it(method: str, what: tuple[str, ...]) -> None:
    async def story() -> None:
        runtime = made(LocalRuntime())
        runtime.ask("slow", method, *what)
        await asyncio.sleep(0.5)
        runtime.lose("slow")
        await asyncio.sleep(5.0)

        assert DONE == []

    chaos_loop.run(story())


def test_a_message_that_it_has_sent_goes_on_without_it() -> None:
    async def story() -> None:
        runtime = made(LocalRuntime())
        runtime.ask("slow", "through", "other", "one")
        await asyncio.sleep(0.5)
        runtime.lose("slow")
        await asyncio.sleep(5.0)

        assert DONE == ["one"]

    chaos_loop.run(story())


def test_a_message_that_it_had_not_taken_is_lost_with_it() -> None:
    async def story() -> None:
        runtime = made(LocalRuntime())
        asked = runtime.ask("quick", "add", "one")
        runtime.lose("quick")

        with pytest.raises(ActorLost, match="before it took the message"):
            await runtime.get("quick", asked, 5.0)
        assert DONE == []

    chaos_loop.run(story())


def test_death_in_the_middle_of_its_own_code() -> None:
    async def story() -> None:
        runtime = made(LocalRuntime())
        before = runtime.object("slow")

        with pytest.raises(ActorLost, match="slow is lost: killed"):
            await runtime.get("slow", runtime.ask("slow", "suicide"), 5.0)
        await runtime.get("slow", runtime.ask("slow", "step", "one"), 5.0)
        assert runtime.object("slow") is not before

    chaos_loop.run(story())


def test_a_message_knows_its_sender_and_may_be_lost_or_doubled_on_its_way() -> None:
    class Doubling(LocalRuntime):
        async def carry(self, message: Message, deliver: Any) -> Any:
            seen.append(message)
            await deliver()
            return await deliver(2.0)

    seen: list[Message] = []

    async def story() -> None:
        runtime = made(Doubling())

        assert await runtime.get("slow", runtime.ask("quick", "add", "one"), 3.0) == 2
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)
        with pytest.raises(DeadlineMissed):
            await runtime.get("slow", runtime.ask("slow", "through", "other", "two"), 3.0)
        await asyncio.sleep(60.0)
        assert seen[0] == Message("", "quick", "add")
        assert Message("slow", "other", "step") in seen

    chaos_loop.run(story())


def test_nobody_waits_in_a_loop_of_its_own_time() -> None:
    async def story() -> float:
        await asyncio.gather(asyncio.sleep(3600.0), asyncio.sleep(10.0))
        return asyncio.get_running_loop().time()

    assert chaos_loop.run(story()) == pytest.approx(3600.0)


def test_work_for_a_thread_is_done_one_step_later() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        loop.call_soon(order.append, "other")
        done = loop.run_in_executor(None, order.append, "work")
        order.append("asked")
        await done

        assert order == ["asked", "other", "work"]

    chaos_loop.run(story())


def test_waiting_for_nothing_is_an_error_and_no_hanging() -> None:
    async def story() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        chaos_loop.run(story())
