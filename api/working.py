"""Answers that cost something: made one at a time, beside the requests, and good for a while."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from threading import Lock
from typing import Any, NamedTuple

from api.errors import Problem

SHARE = 20.0
"""An answer is made again after so many times what it took: a twentieth of a processor, at most."""
LEAST = 5.0
"""Seconds an answer is good for at least."""
KEPT = 16


class Made(NamedTuple):
    """An answer, when it was made (monotonic), and for how many seconds it is good (None: for ever)."""

    value: Any
    at: float
    good_for: float | None

    @property
    def age(self) -> float:
        return time.monotonic() - self.at

    @property
    def fresh(self) -> bool:
        return self.good_for is None or self.age < self.good_for


class Workshop:
    """Threads may share it. An answer that has grown old is given until there is a newer one."""

    def __init__(self, name: str) -> None:
        self._worker = ThreadPoolExecutor(1, name)
        self._made: OrderedDict[Any, Made] = OrderedDict()
        self._making: dict[Any, Future[Any]] = {}
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], Any], within: float, for_ever: bool = False) -> Made:
        """The answer for a key; waits ``within`` seconds for the first one. Raises what ``make`` raised, or Problem
        503 while it is being made."""
        with self._lock:
            known = self._made.get(key)
            if known is not None and known.fresh:
                self._made.move_to_end(key)
                return known
            making = self._making.get(key)
            if making is None:
                making = self._making[key] = self._worker.submit(self._make, key, make, for_ever)
        if known is not None:
            return known
        try:
            made: Made = making.result(within)
        except Late:
            raise Problem(503, "IN_WORK", "this is being worked out: ask again", headers={"Retry-After": "1"}) from None
        return made

    def _make(self, key: Any, make: Callable[[], Any], for_ever: bool) -> Made:
        began = time.monotonic()
        try:
            value = make()
            took = time.monotonic() - began
            made = Made(value, time.monotonic(), None if for_ever else max(LEAST, SHARE * took))
            with self._lock:
                self._made[key] = made
                while len(self._made) > KEPT:
                    self._made.popitem(last=False)
            return made
        finally:
            with self._lock:
                self._making.pop(key, None)


class Shared:
    """What many ask at the same time is made once, and is good for some fractions of a second."""

    def __init__(self) -> None:
        self._made: OrderedDict[Any, Made] = OrderedDict()
        self._locks: dict[Any, Lock] = {}
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], Any], seconds: float) -> Any:
        """Whoever comes while it is being made waits for it. Raises what ``make`` raises."""
        with self._lock:
            while len(self._made) > KEPT:
                self._locks.pop(self._made.popitem(last=False)[0], None)
            making = self._locks.setdefault(key, Lock())
        with making:
            known = self._made.get(key)
            if known is None or not known.fresh:
                began = time.monotonic()  # as old as what it was read from
                known = self._made[key] = Made(make(), began, seconds)
        return known.value
