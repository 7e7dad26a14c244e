"""The local runtime: the same actors in one process and one loop, in order; for tests and replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from domain.errors import ActorLost, DeadlineMissed
from domain.registry import load
from orchestration.topology import ActorSpec


class NoMeter:
    """Measures nothing."""

    def count(self, name: str, by: float = 1, **tags: str) -> None:
        return None

    def gauge(self, name: str, value: float) -> None:
        return None

    def observe(self, name: str, value: float) -> None:
        return None


class Part:
    """One element of an answer that has several."""

    def __init__(self, whole: asyncio.Future[Any], place: int) -> None:
        self.whole, self.place = whole, place

    def __await__(self) -> Any:
        return self._value().__await__()

    async def _value(self) -> Any:
        return (await asyncio.shield(self.whole))[self.place]


class LocalRuntime:
    """Actors by name. A message runs as a task; one actor's synchronous messages keep their order.

    ``fault`` is asked before every call with (name, method) and may raise, for tests that break things.
    """

    def __init__(self, fault: Callable[[str, str], None] | None = None) -> None:
        self._specs: dict[str, ActorSpec] = {}
        self._objects: dict[str, Any] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._fault = fault

    def spawn(self, specs: Sequence[ActorSpec]) -> None:
        for spec in specs:
            self._specs[spec.name] = spec
            self._locks[spec.name] = asyncio.Lock()
            self._build(spec.name)

    def _build(self, name: str) -> None:
        spec = self._specs[name]
        self._objects[name] = load(spec.build)(spec.spec, self, NoMeter())

    def object(self, name: str) -> Any:
        """The actor's object itself."""
        return self._objects[name]

    def lose(self, name: str) -> None:
        """The process dies: what it held in memory is gone; it comes back with the next message."""
        self._objects.pop(name, None)

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        task = asyncio.ensure_future(self._call(name, method, args))
        task.add_done_callback(lambda one: one.cancelled() or one.exception())  # an answer nobody awaits is no warning
        return task if parts == 1 else [Part(task, place) for place in range(parts)]

    async def _call(self, name: str, method: str, args: tuple[Any, ...]) -> Any:
        lock = self._locks.get(name)
        if lock is None:
            raise ActorLost(name, "there is no such actor")
        if self._specs[name].asynchronous:
            return await self._work(name, method, args)
        async with lock:
            return await self._work(name, method, args)

    async def _work(self, name: str, method: str, args: tuple[Any, ...]) -> Any:
        values = [await one if isinstance(one, (asyncio.Future, Part)) else one for one in args]
        if self._fault is not None:
            self._fault(name, method)
        if name not in self._objects:
            self._build(name)
        answer = getattr(self._objects[name], method)(*values)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def get(self, name: str, reference: Any, within: float) -> Any:
        try:
            async with asyncio.timeout(within):
                return await (asyncio.shield(reference) if isinstance(reference, asyncio.Future) else reference)
        except TimeoutError:
            raise DeadlineMissed(name, within) from None

    async def get_all(self, references: Sequence[tuple[str, Any]], within: float) -> list[Any]:
        waiting = [self.get(name, reference, within) for name, reference in references]
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    async def restart(self, name: str) -> None:
        self.lose(name)

    def names(self, prefix: str) -> Sequence[str]:
        return sorted(one for one in self._specs if one.startswith(prefix))
