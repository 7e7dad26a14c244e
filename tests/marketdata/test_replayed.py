from __future__ import annotations

import math

import numpy as np
import pytest
from bar_making import MONDAY, bars, walk

from domain.market import BarBatch, FeedInfo, empty_bars
from domain.timeframe import MINUTE
from marketdata.replayed import ReplayedFeed, packed, unpacked
from marketdata.timeline import batch

INFO = FeedInfo(
    name="recorded",
    live=True,
    simulated=False,
    symbols=("EURUSD",),
    timeframe="M1",
    decimals={"EURUSD": 5},
    start_at=MONDAY + MINUTE,
    warmed_until=MONDAY + MINUTE,
    inputs={},
)


class Recorded:
    def __init__(self, *batches: BarBatch) -> None:
        self._batches = batches

    def next(self, after: int) -> BarBatch | None:
        return next((one for one in self._batches if one.at > after), None)

    def history(self, after: int, until: int, most: int) -> BarBatch:
        return BarBatch(at=until, bars=self._batches[0].rows)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_packed_bars_come_back_bit_by_bit(count: int) -> None:
    made = walk(count) if count else empty_bars()
    made["row"] = np.arange(count) % 7
    made["spread"][::2] = 0.0001

    again = unpacked(packed(made))

    assert again.dtype == made.dtype
    assert again.tobytes() == made.tobytes()
    assert again.flags.writeable


def test_packing_is_worth_while() -> None:
    made = walk(20_000)

    assert len(packed(made)) * 3 < made.nbytes


def test_nothing_is_given_before_the_market_has_come_there() -> None:
    first, second = (batch(MONDAY + n * MINUTE, bars(1.1, start=MONDAY + (n - 1) * MINUTE)) for n in (2, 3))
    reached = [first.at - 1]
    feed = ReplayedFeed(INFO, Recorded(first, second), lambda: reached[0])

    assert feed.info() == INFO
    assert feed.next(INFO.warmed_until) is None
    reached[0] = first.at
    assert feed.next(INFO.warmed_until) is first
    assert feed.next(first.at) is None
    reached[0] = second.at
    assert feed.next(first.at) is second
    assert feed.next(first.at) is second
    assert feed.next(second.at) is None
    assert math.isnan(feed.history(-1, INFO.warmed_until, 5).rows["spread"][0])
