"""A step of the run that is tried again while what it cannot do without comes back: the one place that does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from domain.errors import ArgusError
from domain.faults import RETRY, Fault, backoff, classify

Value = TypeVar("Value")

ATTEMPTS = 8
"""How often a step is tried in all."""
FIRST, LONGEST = 0.25, 8.0
"""Seconds before the second try, and between two of the later ones (half of it at least, half by chance)."""
FAULTS = (ArgusError, OSError, SQLAlchemyError)
"""What a step may meet that is no error of this program."""


async def through(
    work: Callable[[], Awaitable[Value]],
    recover: Callable[[Fault, int], Awaitable[None]],
    gave_up: Callable[[Fault], None],
) -> Value:
    """What ``work`` answers. ``recover`` (the fault, which try it was) comes before every further try and may fail
    like the work itself. Raises what does not pass by itself, or has not passed in time, after ``gave_up``."""
    fault: Fault | None = None
    for attempt in range(ATTEMPTS):
        try:
            if fault is not None:
                await recover(fault, attempt)
            return await work()
        except FAULTS as error:
            fault = classify(error)
            if fault.action != RETRY or attempt == ATTEMPTS - 1:
                gave_up(fault)
                raise
        await asyncio.sleep(backoff(attempt, FIRST, LONGEST, jitter=random.random()))
    raise AssertionError("unreachable")
