"""What a Monte Carlo needs of a backtest, from the document that ``backtest --out`` wrote."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

import msgspec
import numpy as np

from domain.errors import ConfigError
from orchestration.backtest.result import Floats

Plain = dict[str, Any]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """``nets``: the round trips in the order of their closes, money after costs. ``equity``: at the end of each day
    (``dates``). ``unfinished``: closes of positions that are still open at the end; they are in no round trip."""

    name: str
    currency: str
    cash: float
    nets: Floats
    dates: tuple[str, ...]
    equity: Floats
    unfinished: int = 0
    partial: bool = False


def read(path: Path) -> History:
    """Raises ConfigError with everything that is wrong with the file, OSError if it cannot be read."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name the file that backtest --out wrote")
    if not path.exists():
        raise ConfigError(f"{path} is not there: backtest --out {path.name} writes one")
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not JSON ({error}): name the file that backtest --out wrote") from error
    return history(found, str(path))


def history(found: Any, name: str) -> History:
    """Of the decoded document."""
    if not isinstance(found, dict):
        raise ConfigError(f"{name} is no result of a backtest: it holds {_kind(found)}, not an object")
    lacking = [key for key in ("cash", "trades", "daily") if key not in found]
    if lacking:
        raise ConfigError(f"{name} is no result of a backtest: {', '.join(lacking)} missing; backtest --out writes one")
    problems: list[str] = []
    cash = found["cash"]
    if not (_number(cash) and cash > 0):
        problems.append(f"{name}: cash is {_shown(cash)}, not an amount above 0")
    nets, unfinished = _round_trips(found["trades"], name, problems)
    dates, equity = _days(found["daily"], name, problems)
    if problems:
        raise ConfigError(problems)
    return History(
        name=name,
        currency=str(found.get("currency", "")),
        cash=float(cash),
        nets=nets,
        dates=dates,
        equity=equity,
        unfinished=unfinished,
        partial=found.get("partial") is True,
    )


def _round_trips(trades: Any, name: str, problems: list[str]) -> tuple[Floats, int]:
    """A line per close; those of one position end with the one that is ``flat``."""
    if not isinstance(trades, list):
        problems.append(f"{name}: trades is {_kind(trades)}, not a list")
        return np.empty(0), 0
    nets: list[float] = []
    parts: dict[tuple[Any, Any], list[float]] = {}
    for place, one in enumerate(trades):
        net = one.get("net") if isinstance(one, dict) else None
        if not _number(net):
            problems.append(f"{name}: trades[{place}] has no net result ({_shown(net)})")
            break
        position = (str(one.get("symbol")), str(one.get("opened_at")))
        parts.setdefault(position, []).append(float(net))
        if one.get("flat", True):
            nets.append(math.fsum(parts.pop(position)))
    return np.array(nets), sum(map(len, parts.values()))


def _days(daily: Any, name: str, problems: list[str]) -> tuple[tuple[str, ...], Floats]:
    if not isinstance(daily, dict):
        problems.append(f"{name}: daily is {_kind(daily)}, not equity by date")
        return (), np.empty(0)
    for day, value in daily.items():
        if not (_date(day) and _number(value)):
            problems.append(f"{name}: daily[{day!r}] is {_shown(value)}, not the equity of a date")
            return (), np.empty(0)
    days = tuple(daily)
    if any(later <= earlier for earlier, later in pairwise(days)):
        problems.append(f"{name}: the dates of daily are not in order")
    return days, np.array([float(daily[day]) for day in days])


def _number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _kind(value: Any) -> str:
    return {"dict": "an object", "list": "a list", "NoneType": "null"}.get(type(value).__name__, type(value).__name__)


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
