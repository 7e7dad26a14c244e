"""What trading costs, as the gate plans with it."""

from __future__ import annotations

import msgspec


class Costs(msgspec.Struct, frozen=True, gc=False):
    """Fractions of the value (1e-9): commission and slippage of one fill, financing of one night (positive is paid)."""

    commission: int = 0
    slippage: int = 0
    financing_long: int = 0
    financing_short: int = 0
