"""Numbers, times and reasons as people read them; all times are UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence

NOTHING = "-"
_BLOCKS = "▁▂▃▄▅▆▇█"


def money(value: float | None, *, sign: bool = False) -> str:
    """Two decimals and thousands separators; with ``sign`` a plus before gains."""
    if value is None:
        return NOTHING
    text = f"{value:+,.2f}" if sign else f"{value:,.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text


def price(value: float | None) -> str:
    """As many decimals as a price of that size is quoted with; 0 and None are no price."""
    if not value:
        return NOTHING
    size = abs(value)
    decimals = 2 if size >= 1000 else 3 if size >= 20 else 5 if size >= 0.01 else 9
    return f"{value:,.{decimals}f}"


def quantity(value: float | None) -> str:
    """Units of the base, without trailing zeros."""
    if value is None:
        return NOTHING
    text = f"{value:,.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(value: float, of: float | None) -> str:
    """The change from ``of`` to ``value``."""
    return f"{(value / of - 1) * 100:+.2f} %" if of else NOTHING


def plain(value: object) -> str:
    """A value of an event or a setting, numbers shortly."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return str(value)


def moment(text: str | None) -> str:
    """An ISO 8601 time as ``2024-01-02 00:12:00``, to the second."""
    return NOTHING if not text else text[:19].replace("T", " ")


def seconds(value: float) -> str:
    """How long, for a person."""
    if value < 120:
        return f"{max(value, 0):.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"


def reason(text: str) -> str:
    """A symbol's reason as one word: ``DENIED(MAX_ORDER_NOTIONAL)``, ``HOST_DOWN`` without its story."""
    denied = re.fullmatch(r"DENIED (\w+)", text)
    return f"DENIED({denied[1]})" if denied else text.partition(":")[0].partition(" ")[0]


def sparkline(values: Sequence[float], width: int) -> str:
    """The values as blocks, at most ``width`` of them: each is the last value of its share."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    picked = [values[(number + 1) * len(values) // count - 1] for number in range(count)]
    low, high = min(picked), max(picked)
    if high <= low:
        return _BLOCKS[3] * count
    return "".join(_BLOCKS[round((one - low) / (high - low) * (len(_BLOCKS) - 1))] for one in picked)
