"""The local runtime in a thread of its own, as the engine sees its actors: so that the real watch watches them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from typing import Any

from actors.base import Health
from domain.errors import ArgusError, DeadlineMissed
from domain.ports import Meter
from orchestration.local import LocalRuntime, NoMeter
from orchestration.topology import ActorSpec

Reference = concurrent.futures.Future[Any]


class Threaded:
    """What ``Watch`` needs of a runtime, over real actors. ``before`` is asked before every call and may raise."""

    def __init__(self, specs: Sequence[ActorSpec], before: Callable[[str, str], None] | None = None) -> None:
        self.local = LocalRuntime(before)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._spawn(specs), self._loop).result(30.0)
        names = [one.name for one in specs]
        self.first: dict[str, Health] = {one: self.ask(one, "health").result(30.0) for one in names}

    async def _spawn(self, specs: Sequence[ActorSpec]) -> None:
        self.local.spawn(specs)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._ended(), self._loop).result(30.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    async def _ended(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def ask(self, name: str, method: str, *args: Any) -> Reference:
        return asyncio.run_coroutine_threadsafe(self._asked(name, method, args), self._loop)

    async def _asked(self, name: str, method: str, args: tuple[Any, ...]) -> Any:
        return await self.local.ask(name, method, *args)

    def done(self, reference: Reference, within: float) -> bool:
        return bool(concurrent.futures.wait([reference], within).done)

    def answered(self, references: Sequence[Reference]) -> list[bool]:
        return [one.done() for one in references]

    def outcome(self, name: str, reference: Reference, within: float) -> Any:
        try:
            return reference.result(within)
        except TimeoutError:
            return DeadlineMissed(name, within)
        except ArgusError as error:
            return error

    def meter(self) -> Meter:
        return NoMeter()

    def restart(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self.local.lose, name)

    def end(self, name: str) -> None:
        return None
