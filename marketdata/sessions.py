"""When a simulated market is open: crypto always, forex and metals from Sunday to Friday 17:00 New York."""

from __future__ import annotations

from datetime import timedelta

from domain.timeframe import NEW_YORK, bucket, day_start, forex_anchored, length, nanos, utc

WEEKLY = ("forex", "metal")


class Session:
    """The bars of one timeframe that exist in one kind of market, by their opens in UTC nanoseconds."""

    def __init__(self, timeframe: str, asset_class: str) -> None:
        self.timeframe = timeframe
        self._class = "forex" if asset_class in WEEKLY else "crypto"
        self._size = length(timeframe)
        self._anchored = forex_anchored(timeframe, self._class)
        self._plain = not self._anchored and timeframe != "W1"
        self._week = (0, 0, 0)

    def first(self, at: int) -> int:
        """The first bar that opens at ``at`` or later."""
        start, end = self._bucket(at)
        return self._open(start if start == at else end)

    def after(self, opened: int) -> int:
        """The bar after the one that opened then."""
        return self._open(self._bucket(opened)[1])

    def before(self, opened: int) -> int:
        """The bar before the one that opens then."""
        at = opened
        while True:
            at = self._bucket(at - 1)[0]
            if not self._closed(at):
                return at

    def close(self, opened: int) -> int:
        """T of the bar that opened then: its open plus the timeframe, and never before its bucket's end."""
        return opened + self._size if self._plain else max(opened + self._size, self._bucket(opened)[1])

    def _bucket(self, at: int) -> tuple[int, int]:
        if self._plain:
            start = at // self._size * self._size
            return start, start + self._size
        return bucket(at, self.timeframe, self._class)

    def _open(self, at: int) -> int:
        while self._closed(at):
            start, end = self._bucket(self._week[2])  # the market opens again
            at = start if start == self._week[2] else end
        return at

    def _closed(self, at: int) -> bool:
        if self._class == "crypto":
            return False
        start, shut, end = self._week
        if not start <= at < end:
            start, end = bucket(at, "W1", "forex")
            sunday = utc(start).astimezone(day_start(f"17:00 {NEW_YORK}").zone)
            shut = nanos(sunday + timedelta(days=5))  # Friday, the same local time
            self._week = start, shut, end
        return at >= shut


def is_weekly(asset_class: str) -> bool:
    return asset_class in WEEKLY
