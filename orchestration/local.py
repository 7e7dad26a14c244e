"""The local runtime: the same actors in one process and one loop, in order; for tests, replay and chaos."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from typing import Any, NamedTuple, NoReturn

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


class Killed(BaseException):
    """The process whose code runs ends here. Nobody catches it but the runtime."""


class Message(NamedTuple):
    """One call on its way; ``sender`` is empty when it comes from outside."""

    sender: str
    name: str
    method: str


class Life:
    """One actor from its constructor to its end: the object, and every task that its code has begun."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.over = False
        self.object: Any = None
        self.tasks: dict[asyncio.Task[Any], None] = {}

    def end(self) -> None:
        """Nothing that it had begun goes on."""
        self.over = True
        for task in list(self.tasks):
            task.cancel()

    def begun(self, task: asyncio.Task[Any]) -> None:
        self.tasks[task] = None
        task.add_done_callback(self._done)
        if self.over:
            task.cancel()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        if self.over and not task.cancelled():
            task.exception()  # nobody is left to hear it


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
"""Whose code runs."""


def living() -> Life | None:
    """The actor whose code runs; None outside of all actors."""
    return _LIFE.get()


def _task(loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None) -> asyncio.Task[Any]:
    """A task factory by which a task belongs to the actor whose code has begun it."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context)
    life = _LIFE.get() if context is None else context.get(_LIFE)
    if life is not None:
        life.begun(task)
    return task


def _begin(coroutine: Coroutine[Any, Any, Any], life: Life | None) -> asyncio.Task[Any]:
    """A task that belongs to ``life`` (None: to nobody)."""
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is not _task:
        loop.set_task_factory(_task)
    return loop.create_task(coroutine, context=_context(life))


def _context(life: Life | None) -> Context:
    context = copy_context()
    context.run(_LIFE.set, life)
    return context


class Part:
    """One element of an answer that has several."""

    def __init__(self, whole: asyncio.Future[Any], place: int) -> None:
        self.whole, self.place = whole, place

    def __await__(self) -> Any:
        return self._value().__await__()

    async def _value(self) -> Any:
        return (await asyncio.shield(self.whole))[self.place]


Deliver = Callable[..., Awaitable[Any]]
"""Hands a message to its actor; ``deliver(pause)`` lets the actor take so many seconds before it begins."""


class LocalRuntime:
    """Actors by name. A message runs as a task; one actor's synchronous messages keep their order.

    ``fault`` is asked before every call with (name, method) and may raise, for tests that break things.
    ``sending``, ``carry``, ``make`` and ``lose`` may be overridden by who breaks more than that.
    """

    def __init__(self, fault: Callable[[str, str], None] | None = None) -> None:
        self._specs: dict[str, ActorSpec] = {}
        self._lives: dict[str, Life] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._lost: Counter[str] = Counter()
        self._fault = fault

    def spawn(self, specs: Sequence[ActorSpec]) -> None:
        for spec in specs:
            self._specs[spec.name] = spec
            self._locks[spec.name] = asyncio.Lock()
            self._build(spec.name)

    def object(self, name: str) -> Any:
        """The actor's object itself."""
        return self._lives[name].object

    def lose(self, name: str) -> None:
        """The process dies: what it held in memory and what it was doing is gone; messages that it had not taken
        are lost, and it comes back with the next one."""
        self._lost[name] += 1
        life = self._lives.pop(name, None)
        if life is not None:
            life.end()

    def die(self, name: str) -> NoReturn:
        """The process dies in the middle of its own code."""
        self.lose(name)
        raise Killed(name)

    # -- what may be broken ----------------------------------------------------------------------

    def sending(self, message: Message) -> None:
        """A message is about to be sent, by the code of its sender."""

    async def carry(self, message: Message, deliver: Deliver) -> Any:
        """A message on its way: its answer, as its sender hears it."""
        return await deliver()

    def make(self, spec: ActorSpec, life: Life) -> Any:
        """The actor's object."""
        return load(spec.build)(spec.spec, self, NoMeter())

    # -- messages --------------------------------------------------------------------------------

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        sender = living()
        message = Message(sender.name if sender else "", name, method)
        self.sending(message)
        task = _begin(self._call(message, args, self._lost[name]), None)
        task.add_done_callback(lambda one: one.cancelled() or one.exception())  # an answer nobody awaits is no warning
        return task if parts == 1 else [Part(task, place) for place in range(parts)]

    async def _call(self, message: Message, args: tuple[Any, ...], lost: int) -> Any:
        lock = self._locks.get(message.name)
        if lock is None:
            raise ActorLost(message.name, "there is no such actor")
        at_once = self._specs[message.name].asynchronous

        async def deliver(pause: float = 0.0) -> Any:
            if at_once:
                return await self._work(message, args, lost, pause)
            async with lock:
                return await self._work(message, args, lost, pause)

        return await self.carry(message, deliver)

    async def _work(self, message: Message, args: tuple[Any, ...], lost: int, pause: float) -> Any:
        name = message.name
        values = [await one if isinstance(one, (asyncio.Future, Part)) else one for one in args]
        if pause:
            await asyncio.sleep(pause)
        if self._lost[name] != lost:
            raise ActorLost(name, "it died before it took the message")
        if self._fault is not None:
            self._fault(name, message.method)
        life = self._lives.get(name)
        try:
            life = self._build(name) if life is None else life
            answer = _context(life).run(getattr(life.object, message.method), *values)
            return await self._done(life, answer) if asyncio.iscoroutine(answer) else answer
        except Killed:
            raise ActorLost(name, "killed") from None

    async def _done(self, life: Life, answer: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await _begin(answer, life)
        except asyncio.CancelledError:
            asked = asyncio.current_task()
            if life.over and not (asked and asked.cancelling()):
                raise ActorLost(life.name, "killed") from None
            raise

    def _build(self, name: str) -> Life:
        life = Life(name)
        life.object = _context(life).run(self.make, self._specs[name], life)
        self._lives[name] = life
        return life

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
