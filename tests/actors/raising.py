"""A plain Python strategy that raises for bars at one price, as a user's own might."""

from __future__ import annotations

from typing import NamedTuple

from strategies.base import OWN, ClosedBar, Row, strategy

CURSED = 13.0


class Params(NamedTuple):
    """Nothing can be set."""


@strategy(params=Params, own_slots=lambda params: 0, warm_up=lambda params: 0, words=("NONE",), compiled=False)
def raising(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long, and broken at one price."""
    if bar.close == CURSED:
        raise ZeroDivisionError("thirteen")
    return 1 if OWN else 0
