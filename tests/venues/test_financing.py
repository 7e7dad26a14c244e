from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.timeframe import nanos
from venues.financing import nights


def at(text: str) -> int:
    return nanos(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("after", "until", "asset_class", "count"),
    [
        ("2024-01-02 21:00", "2024-01-02 21:59", "forex", 0),  # Tuesday, New York is UTC-5
        ("2024-01-02 21:00", "2024-01-02 22:00", "forex", 1),
        ("2024-01-02 22:00", "2024-01-02 23:00", "forex", 0),  # at the rollover itself: already paid
        ("2024-01-03 21:00", "2024-01-03 23:00", "forex", 3),  # Wednesday
        ("2024-01-03 21:00", "2024-01-03 23:00", "metal", 3),
        ("2024-01-03 21:00", "2024-01-03 23:00", "crypto", 1),
        ("2024-01-05 21:00", "2024-01-07 23:00", "forex", 1),  # Friday; the weekend was Wednesday's
        ("2024-01-05 21:00", "2024-01-07 23:00", "crypto", 3),
        ("2024-01-01 23:00", "2024-01-08 23:00", "forex", 7),  # a week is seven nights
        ("2024-01-01 23:00", "2024-01-08 23:00", "crypto", 7),
        ("2024-07-02 20:00", "2024-07-02 21:00", "forex", 1),  # summer: UTC-4
        ("2024-03-08 23:00", "2024-03-11 22:00", "crypto", 3),  # over the change to summer time
    ],
)
def test_nights_are_counted_at_five_in_new_york(after: str, until: str, asset_class: str, count: int) -> None:
    assert nights(at(after), at(until), asset_class) == count
