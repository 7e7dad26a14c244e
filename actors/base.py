"""What every shell shares: the one try around work whose failure must not spread, and health."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from domain.errors import ArgusError

Value = TypeVar("Value")


class Failure(msgspec.Struct, frozen=True):
    """What went wrong in work that nobody else may suffer from."""

    what: str


def guarded(work: Callable[..., Value], *args: object) -> Value | Failure:
    """The answer, or the failure as a value: one symbol's fault stays one symbol's."""
    try:
        return work(*args)
    except Exception as error:  # one of the two places (style section 7)
        return Failure(f"{type(error).__name__}: {error}"[:300])


async def guarded_reply(waiting: Awaitable[Value]) -> Value | Failure:
    """As ``guarded``, for another actor's answer: its fault is a value. Raises ArgusError, which is no fault."""
    try:
        return await waiting
    except ArgusError:
        raise
    except Exception as error:  # the other actor's work is not what this one lives on
        return Failure(f"{type(error).__name__}: {error}"[:300])


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's answer to ``health()``: alive is that it answers, ready that it has finished starting."""

    name: str
    pid: int
    ready: bool = True
    waiting: int = 0
    detail: dict[str, float | int | str] = {}


def health_of(name: str, ready: bool = True, waiting: int = 0, **detail: float | int | str) -> Health:
    return Health(name=name, pid=os.getpid(), ready=ready, waiting=waiting, detail=dict(detail))
