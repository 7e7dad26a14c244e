"""The one use of numba in this package: compiled, cached, without fastmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The same function as machine code; its bits are those of plain Python."""
    return cast(F, numba.njit(cache=True)(function))
