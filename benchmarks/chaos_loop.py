"""An event loop with a time of its own: nobody waits, and the same seed happens in the same order.

Where every task sleeps, its clock leaps to the next one that is due. Work for a thread is done in the loop,
one step later, so that other tasks come in between as they would beside a real thread.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

from orchestration.local import Killed, living

Value = TypeVar("Value")


class Stuck(RuntimeError):
    """Every task waits for something that cannot come."""


class _Leaping(selectors.SelectSelector):
    """Never waits: it says how long it would have."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is None:
            raise Stuck("every task waits, and nothing is due")
        if not found and timeout:
            self._leap(timeout)
        return found


class OwnTime(asyncio.SelectorEventLoop):
    """Seconds since it began, which pass only while everybody sleeps."""

    def __init__(self) -> None:
        self._moment = 0.0
        super().__init__(_Leaping(self._leap))

    def _leap(self, seconds: float) -> None:
        self._moment += seconds

    def time(self) -> float:
        return self._moment

    def run_in_executor(self, executor: Any, func: Callable[..., Value], *args: Any) -> asyncio.Future[Value]:  # type: ignore[override]
        done: asyncio.Future[Value] = self.create_future()

        def work() -> None:
            life = living()
            if done.cancelled() or (life is not None and life.over):
                done.cancel()
                return
            value: Any = None
            raised: BaseException | None = None
            try:
                value = func(*args)
            except (Exception, Killed) as error:  # as a thread's: it goes to whoever waits
                raised = error
            if done.done():
                return  # whoever waited has died of it
            if raised is None:
                done.set_result(value)
            else:
                done.set_exception(raised)

        self.call_soon(work)
        return done


def run(coroutine: Coroutine[Any, Any, Value]) -> Value:
    """``asyncio.run`` in a loop of its own time, which is the machine time of everybody meanwhile."""
    with asyncio.Runner(loop_factory=OwnTime) as runner:
        loop = runner.get_loop()
        with (
            patch.object(time, "monotonic", loop.time),
            patch.object(time, "monotonic_ns", lambda: int(loop.time() * 1e9)),
        ):
            return runner.run(coroutine)
