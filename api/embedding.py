"""Events for a program that embeds Argus: functions of its own that are called for each, in order."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from actors.base import Failure, guarded
from api.hub import SIZE, Hub
from api.pages import COMPACTED, Told
from api.subscription import Subscription
from domain.errors import ArgusError, ConfigError
from domain.events import TYPES
from domain.registry import unknown
from journal.address import default_url, resolved

Handler = Callable[[dict[str, Any]], None] | Callable[[dict[str, Any]], Awaitable[None]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A handler has failed for one event, and goes on with the next. ``alert`` says so as an ALERT would."""

    handler: str
    error: str
    event: dict[str, Any]
    failures: int
    """How often this handler has failed by now."""

    @property
    def alert(self) -> dict[str, Any]:
        """As the data of an ALERT has it."""
        told = {"handler": self.handler, "error": self.error, "failures": self.failures}
        return {"alert": "HANDLER_FAILED", **told, "event_id": self.event["id"], "event_type": self.event["type"]}


class Handling:
    """One handler at work, in a thread of its own. ``unsubscribe`` ends it after the event that it is at."""

    def __init__(self, hub: Hub, handler: Handler, stream: Subscription, reports: Callable[[Report], None]) -> None:
        self._hub, self._handler, self._reports = hub, handler, reports
        self._stream = stream
        self._over = threading.Event()
        self.name = getattr(handler, "__qualname__", type(handler).__qualname__)
        self.seq = stream.seq
        """The last event that it was called for: what it has missed when it comes again is what is after it."""
        self.failures = 0
        self.resumed = 0
        """How often it was too slow for the stream, and was caught up from the database."""
        self._thread = threading.Thread(target=self._work, name=f"events:{self.name}", daemon=True)
        self._thread.start()

    def unsubscribe(self, within: float = 5.0) -> None:
        """No further call. Waits up to so many seconds for the one that is under way, except where it is it that
        unsubscribes."""
        self._over.set()
        self._stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(within)

    @property
    def active(self) -> bool:
        """Whether it may still be called."""
        return self._thread.is_alive() and not self._over.is_set()

    # -- in its thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        with asyncio.Runner() as loop:
            while not self._over.is_set():
                found = self._stream.take()
                for event in found:
                    if self._over.is_set():
                        return
                    self._call(loop, event)
                if not found and not self._again():
                    return

    def _again(self) -> bool:
        """Go on where a stream that it was too slow for has ended."""
        before = self._stream
        if not before.lost or self._over.is_set():
            return False
        wanted = before.wanted
        self._stream = self._hub.subscribe(wanted.run_id, before.seq, wanted.types, wanted.symbols, before.size)
        self.resumed += 1
        return not self._stream.closed

    def _call(self, loop: asyncio.Runner, event: Told) -> None:
        failed = guarded(self._once, loop, event)
        if isinstance(failed, Failure):
            self.failures += 1
            report = Report(handler=self.name, error=failed.what, event=dict(event), failures=self.failures)
            guarded(self._reports, report)  # who listens to reports may fail, too: nobody else is to suffer from it
        self.seq = event["seq"]

    def _once(self, loop: asyncio.Runner, event: Told) -> None:
        answer = self._handler(event)
        if inspect.isawaitable(answer):
            loop.run(_awaited(answer))


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


class Events:
    """The events of a database, past and to come, for functions of one's own; a context manager.

    ``url`` None is the user's own database. ``reports`` is called for every call of a handler that raised, in that
    handler's thread; without it the last are in ``failed``. Raises ConfigError for a URL that cannot be used.
    """

    KEPT = 100
    """So many reports are kept."""

    def __init__(self, url: str | None = None, reports: Callable[[Report], None] | None = None) -> None:
        self._hub = Hub(resolved(url or default_url()))
        self._reports = reports
        self._handlings: list[Handling] = []
        self.failed: list[Report] = []

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def away(self) -> str:
        """Why nothing can be read now; empty while all is well."""
        return self._hub.away

    def subscribe(
        self,
        handler: Handler,
        types: Iterable[str] | None = None,
        symbols: Iterable[str] | None = None,
        run_id: str | None = None,
        after: int | None = None,
        size: int = SIZE,
    ) -> Handling:
        """Call a function, or a coroutine function, for every event of these types and symbols (None: all).

        One event after the other, in the order of ``seq``, in a thread of the handler's own. ``after`` is the last
        number that it has seen: 0 for everything there is, None for what comes from now on. At most ``size`` events
        wait in memory; a handler that is slower is caught up from the database and misses none. One that raises is
        reported and goes on with the next event. Raises ConfigError for a type that is not one.
        """
        wanted = None if types is None else list(types)
        wrong = [one for one in wanted or () if one not in (*TYPES, COMPACTED)]
        if wrong:
            raise ConfigError([unknown("event type", one, TYPES) for one in wrong])
        stream = self._hub.subscribe(run_id, self._now() if after is None else after, wanted, symbols, size)
        made = Handling(self._hub, handler, stream, self._report)
        self._handlings.append(made)
        return made

    def snapshot(self, run_id: str | None = None) -> dict[str, Any]:
        """STATE_SNAPSHOT: how everything is after the event ``seq``, from which to subscribe. Raises DatabaseAway."""
        return self._hub.snapshot(run_id)

    def close(self) -> None:
        """No handler is called any more."""
        for one in self._handlings:
            one.unsubscribe()
        self._hub.close()

    @property
    def handlings(self) -> Sequence[Handling]:
        return tuple(self._handlings)

    def _now(self) -> int:
        """The newest number; 0 while there is no database yet, for then everything is still to come."""
        try:
            return self._hub.newest()
        except ArgusError:
            return 0

    def _report(self, report: Report) -> None:
        self.failed = [*self.failed, report][-self.KEPT :]
        if self._reports is not None:
            self._reports(report)
