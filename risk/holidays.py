"""Days on which a market is closed."""

from __future__ import annotations

from collections.abc import Sequence


def days(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(texts)
