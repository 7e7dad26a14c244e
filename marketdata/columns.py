"""The columns of an Arrow table become bars, or a list of what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.market import BAR, Bars
from marketdata.validate import PRICES

REQUIRED = ("ts", *PRICES)
OPTIONAL = ("volume", "spread")
ZONE_HELP = "write times with their zone, such as 2024-01-02T00:00:00Z or 2024-01-02T00:00:00+02:00"

_UNITS = {"s": (10**8, 10**10), "ms": (10**11, 10**13), "us": (10**14, 10**16), "ns": (10**17, 9 * 10**18)}
_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_TIME_NAMES = ("time", "timestamp", "date", "datetime", "open_time")


def missing(names: list[str], name: str) -> list[str]:
    """What is wrong with the names of the columns."""
    lacking = [column for column in REQUIRED if column not in names]
    found = [
        f"{name}: column {column} appears {names.count(column)} times; keep one"
        for column in (*REQUIRED, *OPTIONAL)
        if names.count(column) > 1
    ]
    if lacking:
        times = [column for column in names if column.lower() in _TIME_NAMES]
        hint = f"; rename {times[0]!r} to ts if it is the bar's open" if "ts" in lacking and times else ""
        found.append(f"{name}: missing column {', '.join(lacking)} (it has: {_listed(names)}){hint}")
    return found


def _listed(names: list[str], most: int = 200) -> str:
    text = ", ".join(names) or "none"
    return text if len(text) <= most else text[:most] + "…"


def to_bars(table: Any, name: str, csv: bool) -> tuple[Bars, str]:
    """Bars with row 0, and the zone their times were stated in. Raises ConfigError with every problem."""
    wrong: list[str] = []
    bars = np.zeros(table.num_rows, BAR)
    bars["spread"] = np.nan
    zone = ""
    try:
        bars["ts"], zone = _times(table.column("ts"), name, csv)
    except ConfigError as error:
        wrong += error.problems
    for column in (*PRICES, *OPTIONAL):
        if column in table.column_names:
            try:
                bars[column] = _numbers(table.column(column), column, name, csv)
            except ConfigError as error:
                wrong += error.problems
    if wrong:
        raise ConfigError(wrong)
    bars["volume"] = np.nan_to_num(bars["volume"], nan=0.0, posinf=0.0)
    unknown = ~(bars["spread"] >= 0) | np.isinf(bars["spread"])  # crossed quotes say nothing about the spread
    bars["spread"][unknown] = np.nan
    return bars, zone


def _numbers(column: Any, label: str, name: str, csv: bool) -> NDArray[np.float64]:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        raise ConfigError(_bad_text(column, label, name, csv))
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise ConfigError(f"{name}: column {label} holds {kind}, not numbers; write it as float64")
    numbers = _plain(column.cast(pa.float64(), safe=False), np.float64)
    numbers[_nulls(column)] = np.nan
    return numbers


def _plain(column: Any, kind: type[Any]) -> NDArray[Any]:
    """A column of numbers as a numpy array, whatever where it is null (``to_numpy`` would import pandas)."""
    size = np.dtype(kind).itemsize
    parts = [
        np.frombuffer(chunk.buffers()[1], kind, len(chunk), size * chunk.offset)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _nulls(column: Any) -> NDArray[np.int64]:
    """The places (from 0) where a column is null."""
    if not column.null_count:
        return np.empty(0, np.int64)
    return np.flatnonzero(_plain(column.is_null().cast(pa.uint8()), np.uint8))


def _bad_text(column: Any, label: str, name: str, csv: bool) -> list[str]:
    """A CSV file is read as text when one column holds a text that is no number: the others are right."""
    if csv and _castable(column):
        return []
    for row, text in enumerate(column.to_pylist(), 1):
        if text is not None and not _is_number(text):
            shown = text if len(text) <= 60 else text[:60] + "…"
            return [f"{name}: column {label}, row {row}: {shown!r} is not a number; repair or remove the row"]
    return [f"{name}: column {label} holds text, not numbers; write it as float64"]


def _castable(column: Any) -> bool:
    try:
        pc.utf8_trim_whitespace(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _times(column: Any, name: str, csv: bool) -> tuple[NDArray[np.int64], str]:
    kind = column.type
    if column.null_count:
        row = int(_nulls(column)[0]) + 1
        raise ConfigError(f"{name}: column ts, row {row}: no time; repair or remove the row")
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            raise ConfigError(
                f"{name}: column ts holds times without a zone ({kind}); store it as timestamp[ns, UTC],"
                " with pandas: df['ts'] = df['ts'].dt.tz_localize('UTC') if the times are UTC"
            )
        return _nanos(column, name, column.cast), str(kind.tz)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if csv and len(column) and _all_integers(column):
            return _epoch(column, name)
        return _iso(column, name), "as written"
    raise ConfigError(f"{name}: column ts holds {kind}, not times; store it as timestamp[ns, UTC]")


def _nanos(column: Any, name: str, cast: Callable[[Any], Any]) -> NDArray[np.int64]:
    try:
        stamps = cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{name}: column ts: {_one_line(error)}; times go from 1678 to 2261") from error
    return _plain(stamps.cast(pa.int64()), np.int64)


def _all_integers(column: Any) -> bool:
    return bool(pc.all(pc.match_substring_regex(column, r"^\d+$")).as_py())


def _epoch(column: Any, name: str) -> tuple[NDArray[np.int64], str]:
    try:
        numbers = _plain(column.cast(pa.int64()), np.int64)
    except pa.ArrowInvalid:
        numbers = np.zeros(1, np.int64)
    least, most = int(numbers.min()), int(numbers.max())
    for unit, (low, high) in _UNITS.items():
        if low <= least and most < high:
            return numbers * _NANOS[unit], f"UTC epoch {unit}"
    raise ConfigError(
        f"{name}: column ts holds whole numbers from {least} to {most} that are not clearly one unit"
        f" (epoch s, ms, us or ns); {ZONE_HELP}"
    )


def _iso(column: Any, name: str) -> NDArray[np.int64]:
    try:
        stamps = column.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        raise ConfigError(_bad_time(column, name)) from None
    return _plain(stamps.cast(pa.int64()), np.int64)


def _bad_time(column: Any, name: str) -> str:
    for row, text in enumerate(column.to_pylist(), 1):
        try:
            column.slice(row - 1, 1).cast(pa.timestamp("ns", "UTC"))
        except pa.ArrowInvalid:
            what = "has no zone" if _is_naive(text) else "is not a time"
            return f"{name}: column ts, row {row}: {text!r} {what}; {ZONE_HELP}"
    return f"{name}: column ts cannot be read as times; {ZONE_HELP}"


def _is_naive(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", text.strip()) is not None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
