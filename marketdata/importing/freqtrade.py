"""Candles as freqtrade stores them: JSON (also gzipped), feather or parquet; times in UTC.

JSON is a list of ``[milliseconds since 1970, open, high, low, close, volume]``; the tables have the columns date, open,
high, low, close, volume (freqtrade/data/history/datahandlers).
"""

from __future__ import annotations

import gzip
import re
import zlib
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

from domain.errors import ConfigError
from marketdata import columns
from marketdata.importing.text import Stated
from marketdata.validate import PRICES

NAMES = ("date", *PRICES, "volume")
_Number = float | None
_Candles = list[tuple[int, _Number, _Number, _Number, _Number, _Number]]
_PLACE = re.compile(r"\$\[(\d+)\](?:\[(\d+)\])?")


def unpacked(content: bytes, name: str) -> bytes:
    """The content of a gzip file."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{name}: the gzip file is damaged or truncated ({error}); copy it again") from None


def read_json(content: bytes, name: str) -> Stated:
    try:
        candles = msgspec.json.decode(content, type=_Candles)
    except msgspec.ValidationError as error:
        raise ConfigError(_wrong_value(content, name, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(_broken(name, error)) from None
    if not candles:
        raise ConfigError(f"{name}: there are no candles in it")
    try:
        times = pa.array([one[0] for one in candles], pa.timestamp("ms", "UTC"))
    except (OverflowError, pa.ArrowInvalid) as error:
        raise ConfigError(f"{name}: a time is no milliseconds since 1970 ({error})") from None
    numbers = np.array([one[1:] for one in candles], np.float64)
    cells = {column: pa.array(numbers[:, place].copy()) for place, column in enumerate(NAMES[1:])}
    return _stated(pa.table({"ts": times} | cells), name)


def _broken(name: str, error: Exception) -> str:
    return f"{name}: it is not whole JSON ({error}); copy or write it again"


def _wrong_value(content: bytes, name: str, said: str) -> str:
    found = _PLACE.search(said)
    if found is None:
        return f"{name}: it is not a list of candles [time, open, high, low, close, volume] ({said})"
    row, column = int(found[1]), found[2]
    try:
        value: Any = msgspec.json.decode(content)[row]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _broken(name, error)
    where = f"row {row + 1}"
    if column is not None:
        where, value = f"column {NAMES[int(column)]}, {where}", value[int(column)]
    return f"{name}: {where}: {str(value)[:60]!r} is not what a candle holds ({said.split(' - ')[0]})"


def read_table(content: bytes, name: str, packed: bool) -> Stated:
    """A feather file, or a parquet file where ``packed``."""
    try:
        return _stated(_table(content, name, packed), name)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = "parquet" if packed else "feather"
        why = " ".join(str(error).split())
        raise ConfigError(f"{name}: it is no {kind} file, or damaged ({why}); copy or write it again") from None


def _table(content: bytes, name: str, packed: bool) -> Any:
    source = pa.BufferReader(content)
    if packed:
        table = parquet.ParquetFile(source).read(use_threads=False)
    else:
        table = feather.read_table(source, use_threads=False)
    table.validate(full=True)
    lacking = [one for one in NAMES[:5] if one not in table.column_names]
    if lacking:
        listed = ", ".join(table.column_names)[:200]
        raise ConfigError(
            f"{name}: missing column {', '.join(lacking)} (it has: {listed}); freqtrade has {', '.join(NAMES)}"
        )
    date = table.column("date")
    if pa.types.is_integer(date.type):
        date = date.cast(pa.int64()).cast(pa.timestamp("ms", "UTC"))
    elif pa.types.is_timestamp(date.type):
        date = date.cast(pa.timestamp(date.type.unit, "UTC"))
    return pa.table({"ts": date} | {one: table.column(one) for one in NAMES[1:] if one in table.column_names})


def _stated(table: Any, name: str) -> Stated:
    bars, _ = columns.to_bars(table, name, csv=False)
    return Stated(bars, "UTC", [])
