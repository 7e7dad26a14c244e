"""Care for an endpoint around whoever asks it: how often, how many at once, and not at all while it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from domain.limits import Breaker, TokenBucket
from research.config import ResearchConfig
from research.port import Answer, Model, Task

FAILS = frozenset({"SERVER_ERROR", "UNREACHABLE", "TIMEOUT", "RATE_LIMITED", "UNAUTHORISED", "NO_CHOICES"})
"""Outcomes that say something of the endpoint, not of one question: they count towards its breaker."""
UNASKED = frozenset({"NO_KEY", "DEADLINE"})
"""Outcomes of questions that never reached it."""
SUCCESSES = 1
"""Answers to probes that close a breaker."""


class _Desk:
    """One endpoint: its breaker, its bucket, and who may be talking to it. Waiting is in order of coming."""

    def __init__(self, config: ResearchConfig) -> None:
        rate = config.rate_per_minute
        burst = 0 if rate is None else max(1, int(min(rate, 4.0 * config.parallel)))
        self.bucket = None if rate is None else TokenBucket(rate / 60.0, burst)
        self.breaker = Breaker(config.breaker_failures, config.breaker_seconds, SUCCESSES)
        self.places = asyncio.Semaphore(config.parallel)
        self.last = ""


class Guarded:
    """A model behind a breaker and a bucket for each endpoint, and ``config.parallel`` questions at once.

    ``rate_per_minute`` counts requests on the wire, retries and repairs included; after a pause four for each place
    go at once. Waiting takes from the time of the question; one that cannot be asked in its time is RATE_LIMITED
    without waiting. ``clock`` in seconds, monotonic.
    """

    def __init__(
        self,
        model: Model,
        config: ResearchConfig,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._model, self._config, self._clock, self._sleep = model, config, clock, sleep
        self._desks: dict[str, _Desk] = {}

    @property
    def breakers(self) -> Mapping[str, Breaker]:
        """By endpoint, of those that were asked."""
        return {endpoint: desk.breaker for endpoint, desk in self._desks.items()}

    async def answer(self, task: Task, within: float) -> Answer:
        started = self._clock()
        endpoint = task.request.endpoint
        desk = self._desks.get(endpoint) or self._desks.setdefault(endpoint, _Desk(self._config))
        if desk.breaker.waits(started):
            return self._open(desk, started)
        try:
            async with asyncio.timeout(within):
                await desk.places.acquire()
        except TimeoutError:
            return self._not("DEADLINE", f"{self._config.parallel} questions were ahead for {within:.3g} s", started)
        try:
            return await self._asked(desk, task, started, within)
        finally:
            desk.places.release()

    async def close(self) -> None:
        await self._model.close()

    async def _asked(self, desk: _Desk, task: Task, started: float, within: float) -> Answer:
        until = started + within
        if desk.bucket is not None:
            now = self._clock()
            wait = desk.bucket.take(now)
            if wait and wait >= until - now:
                allowed = f"research.rate_per_minute allows the next question in {wait:.3g} s"
                return self._not("RATE_LIMITED", allowed, started)
            if wait:
                desk.bucket.owe(now)
                await self._sleep(wait)
        now = self._clock()
        ticket = desk.breaker.allow(now)
        if not ticket:
            return self._open(desk, started)
        told = False
        try:
            answer = await self._model.answer(task, until - now)
            told = answer.outcome not in UNASKED
        finally:
            if not told:
                desk.breaker.dropped(ticket)
        if told:
            self._tell(desk, ticket, answer)
        return answer

    def _tell(self, desk: _Desk, ticket: int, answer: Answer) -> None:
        now = self._clock()
        if desk.bucket is not None and answer.tries > 1:
            desk.bucket.owe(now, answer.tries - 1)
        if answer.outcome in FAILS:
            desk.last = f"{answer.outcome}: {answer.detail}"
            desk.breaker.failed(now, ticket)
        else:
            desk.breaker.succeeded(now, ticket)

    def _open(self, desk: _Desk, started: float) -> Answer:
        wait = desk.breaker.waits(self._clock())
        when = (
            f"the next question may pass in {wait:.3g} s" if wait else "one question is out to see whether it answers"
        )
        last = f"; last {desk.last}" if desk.last else ""
        return self._not("BREAKER_OPEN", f"the endpoint fails and is left alone: {when}{last}", started)

    def _not(self, outcome: str, why: str, started: float) -> Answer:
        return Answer(outcome=outcome, detail=why, latency=(self._clock() - started) * 1000)
