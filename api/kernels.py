"""Where compiled code is kept, said once before anything imports the compiler."""

from __future__ import annotations

import sys
from threading import Lock

_LOCK = Lock()


def prepared() -> None:
    """Nothing where somebody has said it already: the run that the server is beside, or an earlier request."""
    with _LOCK:
        if "numba" not in sys.modules:
            from orchestration.terminal.ladder_wish import kernels

            kernels()
            import indicators.compiled  # noqa: F401  (brings the compiler along, under the lock)
