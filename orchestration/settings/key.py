"""What one key of the configuration is, and the bounds that many keys share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

Whole = Annotated[int, Ge(1), Le(10**9)]
Fraction = Annotated[float, Gt(0), Le(1)]
Money = Annotated[float, Gt(0), Le(1e12)]
Bps = Annotated[float, Ge(0), Le(10_000)]
Percent = Annotated[float, Gt(0), Le(100)]
Megabytes = Annotated[float, Gt(0), Le(1e9)]
Seconds = Annotated[float, Gt(0), Le(604_800)]


@dataclass(frozen=True, slots=True)
class Key:
    """``names``: the registry whose names are allowed. ``parse``: what must be readable in the text.
    ``feeds``: the feeds that have it. ``sub``: the names of a mapping's entries ('currency', 'class', 'name')."""

    type: Any
    default: Any
    what: str
    names: str = ""
    parse: str = ""
    feeds: tuple[str, ...] = ()
    sub: str = ""
