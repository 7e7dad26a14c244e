"""Moments as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from domain.timeframe import nanos


def at(text: str, zone: str = "UTC") -> int:
    """``2024-03-08 16:59`` on the clock of a zone, in UTC nanoseconds."""
    return nanos(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))
