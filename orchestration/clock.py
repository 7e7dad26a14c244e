"""The wall clock: the one place that reads it."""

from __future__ import annotations

import time


class WallClock:
    """UTC nanoseconds of this machine."""

    def now(self) -> int:
        return time.time_ns()
