"""The feed's shell: asks it for closed bars, at the pace that was asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from actors.base import Health, health_of
from actors.inputs import Inputs
from domain.market import BarBatch, empty_bars
from domain.ports import Feed

POLL = 0.1
"""Seconds between two looks for a bar while waiting for one."""


class MarketFeed:
    """Serves one T after another. ``seconds_per_bar`` 0 means as fast as it goes; live feeds wait for the
    market, at most one ``interval`` (seconds), and then say that nothing has closed."""

    def __init__(self, feed: Feed, seconds_per_bar: float, live: bool, inputs: Inputs) -> None:
        self._feed, self._pace, self._live, self._inputs = feed, seconds_per_bar, live, inputs
        self._due = 0.0
        self._asked = 0
        if live:
            inputs.begin(feed.info())

    async def next(self, after: int, patience: float = 0.0) -> tuple[tuple[int, str, bool], BarBatch]:
        """The bars of the first T after ``after`` (ns), and in front of them (T, digest, final).

        Live: waits at most ``patience`` seconds; then the T stays ``after`` and there are no bars.
        """
        self._asked += 1
        batch = self._next(after)
        ends = time.monotonic() + patience
        while batch is None and time.monotonic() < ends:
            await asyncio.sleep(min(POLL, max(0.0, ends - time.monotonic())))
            batch = self._next(after)
        if batch is None:
            batch = BarBatch(at=after, bars=empty_bars())
        elif self._pace and not self._live and not batch.final:
            await self._wait()
        return (batch.at, batch.digest, batch.final), batch

    def _next(self, after: int) -> BarBatch | None:
        return self._inputs.next(self._feed, after) if self._live else self._feed.next(after)

    async def _wait(self) -> None:
        """One bar every ``seconds_per_bar``; what was missed is not caught up."""
        moment = time.monotonic()
        if self._due:
            await asyncio.sleep(max(0.0, self._due - moment))
        self._due = max(self._due, moment) + self._pace

    async def history(self, after: int, until: int, most: int) -> tuple[int, BarBatch]:
        """Bars with after < close <= until, of at most ``most`` moments, and the close reached before them."""
        if self._live:
            batch = self._inputs.history(self._feed, after, until, most)
        else:
            batch = self._feed.history(after, until, most)
        return batch.at, batch

    async def absent(self, n: int, at: int, symbols: Mapping[str, str]) -> None:
        """From cycle ``n`` on these symbols are without a host, each with the reason: an input of the run."""
        self._inputs.absent(n, at, symbols)

    async def health(self) -> Health:
        return health_of("MarketFeed", asked=self._asked)
