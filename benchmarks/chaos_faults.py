"""Which faults there are, where they strike, and when: drawn from a seed alone.

A point is a message between two actors, or the commit of one. Each of its faults has a countdown of the
point's occurrences, drawn anew whenever it has struck; the first is short, so that every fault of a short run
strikes at least once. Most faults leave the next messages alone; one in five is followed at once by what is due.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

DIES_BEFORE, DIES_AFTER = "dies_before", "dies_after"
"""The process that is asked, or that commits, dies before it has done it, or right after."""
ALL_BEFORE, ALL_AFTER = "all_before", "all_after"
"""Every process dies at that moment, and another engine starts on the same database."""
SENDER_BEFORE, SENDER_AFTER = "sender_before", "sender_after"
"""The sender dies before the message has left, or while it waits for the answer."""
FROZEN = "frozen"
"""The engine freezes with the message on its way, another one starts, and the old one thaws and goes on."""
HANGS, LATE, TWICE, ECHO = "hangs", "late", "twice", "echo"
"""Done too late, answered too late, delivered twice at once, delivered again when nobody expects it."""
DOWN, TAKEN, UNTAKEN = "down", "unknown_taken", "unknown_untaken"
"""The venue cannot be reached for a while; its answer is lost, and the order has arrived or has not."""
BUSY, FULL, AWAY = "busy", "full", "away"
"""The database is held by another writer; its disk is full; it is lost in the commit, which did happen."""

EARLIER = (SENDER_BEFORE,)
"""Faults that strike before the message is on its way."""
KILLS = frozenset({DIES_BEFORE, DIES_AFTER, ALL_BEFORE, ALL_AFTER, SENDER_BEFORE, SENDER_AFTER})

_MESSAGE = (DIES_BEFORE, DIES_AFTER, HANGS, LATE, TWICE, SENDER_BEFORE, SENDER_AFTER, ALL_BEFORE, ALL_AFTER)
_COMMIT = (DIES_BEFORE, DIES_AFTER, ALL_BEFORE, ALL_AFTER, BUSY, FULL, AWAY)
_VENUE = (DOWN, TAKEN, UNTAKEN, ECHO)


class Often(NamedTuple):
    """Occurrences of a point from one fault of a kind to its next, on average, and to its first, at most."""

    every: int
    first: int


CYCLE, ORDER, SELDOM = Often(200, 25), Often(1500, 150), Often(60, 4)
OVERDUE = 6
"""After so many occurrences a fault that is due waits for no quiet any more."""


class Point(NamedTuple):
    """Its faults, how often it meets them, and whether a run that has not met each of them has failed."""

    kinds: tuple[str, ...]
    often: Often
    must: bool = True


POINTS = {
    "MarketFeed.next": Point(_MESSAGE, CYCLE),
    "AgentHost.scan": Point(_MESSAGE, Often(800, 50)),
    "VenueGateway.advance": Point((*_MESSAGE, DOWN, ECHO), CYCLE),
    "RiskManager.snapshot": Point(_MESSAGE, CYCLE),
    "RiskManager.reserve": Point((*_MESSAGE, FROZEN), CYCLE),
    "Executor.record": Point((*_MESSAGE, ECHO), CYCLE),
    "Executor.submit": Point((*_MESSAGE, ECHO, FROZEN), CYCLE),
    "VenueGateway.submit": Point((*_MESSAGE, *_VENUE, FROZEN), ORDER),
    "RiskManager.commit": Point(_COMMIT, Often(600, 60)),
    "Executor.commit": Point(_COMMIT, ORDER),
    "VenueGateway.commit": Point(_COMMIT, ORDER),
    "InstitutionalStrategy.commit": Point(_COMMIT, Often(600, 60)),
    "Executor.amend": Point((*_MESSAGE, ECHO, FROZEN), CYCLE),
    "VenueGateway.modify": Point((*_MESSAGE, *_VENUE, FROZEN), ORDER),
    "Executor.start": Point((DIES_BEFORE, DIES_AFTER, LATE, TWICE, SENDER_AFTER), SELDOM, False),
    "Executor.cancel": Point((*_MESSAGE, ECHO), SELDOM, False),
    "VenueGateway.cancel": Point((*_MESSAGE, *_VENUE), SELDOM, False),
    "VenueGateway.query": Point((DIES_BEFORE, DIES_AFTER, HANGS, LATE, DOWN, SENDER_AFTER), Often(300, 60), False),
}
"""A ``query`` is any question to a venue."""

_QUESTIONS_OF = "VenueGateway"


def point_of(name: str, method: str) -> str:
    """The point of a message to an actor: its kind and the method."""
    kind = name.partition(":")[0]
    kind = "AgentHost" if kind == "PairAgent" else kind
    found = f"{kind}.{method}"
    return found if found in POINTS or kind != _QUESTIONS_OF or method == "health" else f"{kind}.query"


class Faults:
    """Says at each occurrence of a point which fault strikes, if any; never one if they are not ``wanted``."""

    def __init__(self, seed: int, wanted: bool = True) -> None:
        self._wanted = wanted
        self.random = random.Random(f"faults|{seed}")
        self.struck: Counter[tuple[str, str]] = Counter()
        self.on = True
        self._left = {
            (name, kind): self.random.randint(1, point.often.first)
            for name, point in POINTS.items()
            for kind in point.kinds
        }
        self._quiet = 0

    def at(self, name: str, only: Collection[str] = ()) -> str:
        """The fault that strikes now; empty for none. ``only``: of these, which have an occurrence of their own."""
        point = POINTS.get(name)
        if point is None or not (self.on and self._wanted):
            return ""
        self._quiet -= not only
        due = ""
        for kind in point.kinds:
            if (kind in only) if only else (kind not in EARLIER):
                self._left[name, kind] -= 1
                if self._left[name, kind] < self._left.get((name, due), 1):
                    due = kind
        if not due or (self._quiet > 0 and self._left[name, due] > -OVERDUE):
            return ""
        self._left[name, due] = 1 + int(self.random.expovariate(1 / point.often.every))
        self._quiet = 0 if self.random.random() < 0.2 else self.random.randint(5, 60)
        self.struck[name, due] += 1
        return due

    def never(self) -> list[str]:
        """Faults that a run must meet and has not met."""
        return [
            f"{name} {kind}"
            for name, point in POINTS.items()
            if point.must
            for kind in point.kinds
            if not self.struck[name, kind]
        ]

    def kills(self) -> int:
        return sum(count for (_, kind), count in self.struck.items() if kind in KILLS)
