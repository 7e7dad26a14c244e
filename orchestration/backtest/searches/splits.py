"""Which bars a search may see and which it may not: parts of a market by time, each with a fingerprint of its bars."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from domain.errors import ConfigError
from domain.timeframe import DAY, HOUR, iso, length
from orchestration.backtest.result import Times
from orchestration.backtest.running import Ready

if TYPE_CHECKING:
    from orchestration.backtest.grid import Grid

UNITS = {"h": HOUR, "d": DAY, "w": 7 * DAY}
_WINDOWS = re.compile(r"(\d{1,9})([hdwb])/(\d{1,9})([hdwb])", re.ASCII)
FEWEST = 2
"""Moments that a part has at least."""
MOST_WINDOWS = 5_000


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The moments T with start < T <= end (ns), the bars that close at them, and their fingerprint."""

    start: int
    end: int
    bars: int
    sha256: str

    def told(self) -> dict[str, str | int]:
        """After ``from``, up to and with ``to``."""
        return {"from": iso(self.start), "to": iso(self.end), "bars": self.bars, "sha256": self.sha256}


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Where parameters are chosen, and where they are tried after that."""

    inside: Span
    outside: Span


def fingerprint(grid: Grid) -> str:
    """SHA-256 over every bar that is there, those of the warm-up included, and the moments of their closes."""
    digest = hashlib.sha256(np.ascontiguousarray(grid.merged).tobytes())
    digest.update(np.ascontiguousarray(grid.moments).tobytes())
    return digest.hexdigest()


def span(ready: Ready, start: int, end: int) -> Span:
    alone = inside(ready, start, end).grid
    return Span(start=start, end=end, bars=len(alone.merged), sha256=fingerprint(alone))


def inside(ready: Ready, start: int, end: int) -> Ready:
    """A market that holds the bars of this part and no others: what a search is given. Where the part is the beginning
    of the data, the warm-up of the data belongs to it."""
    grid = ready.grid
    begin = int(np.searchsorted(grid.moments, start, "right"))
    return ready.between(start, end, begin if begin == grid.begin else 0)


def outside(ready: Ready, window: Window) -> Ready:
    """The bars out of sample, and before them, as uncounted warm-up, those in sample."""
    part = window.inside
    low, high = (int(one) for one in np.searchsorted(ready.grid.moments, (part.start, window.outside.start), "right"))
    return ready.between(window.outside.start, window.outside.end, high - low)


def split(ready: Ready, share: float) -> Window:
    """The last ``share`` of the moments stays out of sample. Raises ConfigError where a part would be too short."""
    moments = ready.grid.moments[ready.grid.begin :]
    kept = len(moments) - round(len(moments) * share)
    if min(kept, len(moments) - kept) < FEWEST:
        raise ConfigError(
            f"--oos {share:g} of {len(moments):,} bars leaves {max(kept, 0):,} to search and {len(moments) - kept:,} "
            "out of sample: give more data, or another share"
        )
    first = int(moments[0]) - length(ready.market.info.timeframe)
    border, last = int(moments[kept - 1]), int(moments[-1])
    return Window(inside=span(ready, first, border), outside=span(ready, border, last))


class Lengths(msgspec.Struct, frozen=True):
    """Of the windows of a walk: nanoseconds, or bars where ``in_bars``."""

    inside: int
    outside: int
    in_bars: bool


def read_lengths(text: str) -> Lengths:
    """``180d/30d`` (h, d, w) or ``5000b/1000b``. Raises ConfigError."""
    found = _WINDOWS.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"--walk-forward {text!r}: write IN-SAMPLE/OUT-OF-SAMPLE like 180d/30d (h, d, w) or 5000b/1000b (bars)"
        )
    if (found[2] == "b") != (found[4] == "b"):
        raise ConfigError(f"--walk-forward {text}: give both lengths in bars, or both in time")
    lengths = [int(number) * UNITS.get(unit, 1) for number, unit in (found.group(1, 2), found.group(3, 4))]
    if min(lengths) < 1:
        raise ConfigError(f"--walk-forward {text}: a window of no length; both are 1 at least")
    return Lengths(lengths[0], lengths[1], found[2] == "b")


def windows(ready: Ready, text: str, anchored: bool) -> list[Window]:
    """Of a walk through the data: each is in sample first, then out of sample, and where that ends the next one's
    out-of-sample part begins. ``anchored``: all begin in sample at the first bar. What is left at the end and makes
    no whole window stays unused, and out-of-sample parts without a bar are left out.

    Raises ConfigError where the data are too short for one window.
    """
    lengths = read_lengths(text)
    moments = ready.grid.moments[ready.grid.begin :]
    step = length(ready.market.info.timeframe)
    borders = _in_bars(moments, lengths, step) if lengths.in_bars else _in_time(moments, lengths, step)
    if not borders:
        days = (int(moments[-1]) - int(moments[0])) / DAY if len(moments) else 0.0
        raise ConfigError(
            f"--walk-forward {text}: one window is longer than the data ({len(moments):,} bars over {days:,.1f} days): "
            "give shorter windows or more data"
        )
    if len(borders) > MOST_WINDOWS:
        raise ConfigError(
            f"--walk-forward {text} makes {len(borders):,} windows (at most {MOST_WINDOWS:,}): longer ones"
        )
    first = borders[0][0]
    made = [
        Window(inside=span(ready, first if anchored else start, middle), outside=span(ready, middle, end))
        for start, middle, end in borders
    ]
    kept = [one for one in made if one.outside.bars and one.inside.bars]
    checked(kept)
    return kept


def _in_bars(moments: Times, lengths: Lengths, step: int) -> list[tuple[int, int, int]]:
    ends = [int(moments[0]) - step, *moments.tolist()] if len(moments) else [0]
    whole = lengths.inside + lengths.outside
    return [
        (ends[at], ends[at + lengths.inside], ends[at + whole]) for at in range(0, len(ends) - whole, lengths.outside)
    ]


def _in_time(moments: Times, lengths: Lengths, step: int) -> list[tuple[int, int, int]]:
    if not len(moments):
        return []
    start, last = int(moments[0]) - step, int(moments[-1])
    found = []
    while start + lengths.inside + lengths.outside <= last:
        middle = start + lengths.inside
        found.append((start, middle, middle + lengths.outside))
        start += lengths.outside
    return found


def checked(made: Sequence[Window]) -> None:
    """Raises ConfigError where a window ends before it begins, is tried on what it was chosen on, or two windows are
    tried on the same time."""
    for one in made:
        for part in (one.inside, one.outside):
            if part.end <= part.start:
                raise ConfigError(f"a window ends before it begins: after {iso(part.start)}, up to {iso(part.end)}")
        if one.outside.start < one.inside.end:
            raise ConfigError(
                f"out of sample begins after {iso(one.outside.start)}, before in sample ends at {iso(one.inside.end)}"
            )
    for earlier, later in pairwise(made):
        if later.outside.start < earlier.outside.end:
            raise ConfigError(
                f"two windows overlap out of sample: one ends at {iso(earlier.outside.end)}, the next begins after "
                f"{iso(later.outside.start)}"
            )
