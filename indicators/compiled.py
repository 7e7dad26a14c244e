"""The one use of numba: how every kernel, indicator and loop is compiled.

No fastmath, so that the arithmetic keeps its order and live, backtest and plain Python give the same
bits; division by zero gives inf or NaN as in numpy. With ``NUMBA_DISABLE_JIT=1`` in the environment
all of it is plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit
from numba.core import config

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call of each signature, or load it from the kernel cache.

    Machine code goes to disk only where ``NUMBA_CACHE_DIR`` names a folder (see
    ``orchestration.kernel_cache``): numba does not notice changes in imported files, so a cache beside
    the sources would go on trading by an old formula. Inlining saves a third of a loop's time: the
    counting of references to the state row at every call.
    """
    made = njit(cache=bool(config.CACHE_DIR), fastmath=False, error_model="numpy", nogil=True, forceinline=True)(
        function
    )
    return cast(F, made)


def called(function: F) -> F:
    """The same, but never inlined: for a large function that a loop rarely calls, which would only swell it."""
    made = njit(cache=bool(config.CACHE_DIR), fastmath=False, error_model="numpy", nogil=True)(function)
    return cast(F, made)
