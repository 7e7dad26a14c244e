"""The equity of the last hours: how far it has fallen from its highest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class EquityWindow:
    """Equity by market time within a look-back (ns). Only what may still be the highest is kept, and the last one:
    each sample is lower than those before it."""

    def __init__(self, length: int, samples: Iterable[tuple[int, int]] = ()) -> None:
        self._length = length
        self._samples: deque[tuple[int, int]] = deque()
        for at, equity in samples:
            self.add(at, equity)

    def add(self, at: int, equity: int) -> None:
        """The equity at a time, which is not before that of the last one. The same again changes nothing."""
        while self._samples and self._samples[-1][1] <= equity:
            self._samples.pop()
        self._samples.append((at, equity))
        self._expire(at)

    def _expire(self, now: int) -> None:
        while len(self._samples) > 1 and self._samples[0][0] < now - self._length:
            self._samples.popleft()

    @property
    def samples(self) -> tuple[tuple[int, int], ...]:
        """What is kept, oldest first: a window made of them says the same."""
        return tuple(self._samples)

    @property
    def last(self) -> int | None:
        """The newest equity; None before the first."""
        return self._samples[-1][1] if self._samples else None

    def highest(self, now: int) -> int | None:
        self._expire(now)
        return self._samples[0][1] if self._samples else None

    def fall(self, now: int) -> float:
        """From the highest within the look-back to the last one, as a share of the highest; 1 where that is nothing or
        less. 0 before the first sample."""
        highest, last = self.highest(now), self.last
        if highest is None or last is None:
            return 0.0
        return (highest - last) / highest if highest > 0 else 1.0

    def restart(self) -> None:
        """A person has accepted the fall: it counts from the last sample on."""
        while len(self._samples) > 1:
            self._samples.popleft()
