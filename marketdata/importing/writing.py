"""Bars into the parquet file that runs read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from domain.errors import ConfigError
from domain.market import Bars
from marketdata import files
from marketdata.bars import digest
from marketdata.importing.source import Source
from marketdata.validate import PRICES

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._#+-]*")


def check_symbol(symbol: str) -> None:
    """Raises ConfigError when a symbol cannot be part of a file's name."""
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(f"symbol {symbol!r}: letters, digits and . _ # + - only")


def target(folder: Path, symbol: str, timeframe: str, force: bool) -> Path:
    """The file to write. Raises ConfigError when it is there (without ``force``), or another in its place."""
    path = folder / f"{symbol}_{timeframe}.parquet"
    other = path.with_suffix(".csv")
    if other.exists():
        raise ConfigError(f"{other} is there: of two files for one symbol a run takes none; remove it first")
    if path.exists() and not force:
        raise ConfigError(f"{path} is there; --force overwrites it")
    return path


def write_bars(path: Path, source: Source) -> None:
    """The whole file or none: it is read back before it takes its place."""
    content = packed(source.bars, {"zone": source.zone, "layout": source.layout})
    read = files.checked(path, *files.read_table(content, path))
    if read.sha256 != digest(source.bars):
        raise ConfigError(f"{path}: what was written reads as other bars; nothing was kept, please report it")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def packed(bars: Bars, stated: dict[str, str]) -> bytes:
    """A parquet file: ts in UTC, prices, and volume and spread where any is known."""
    cells = {"ts": pa.array(bars["ts"].copy()).cast(pa.timestamp("ns", "UTC"))}
    known = [*PRICES]
    known += ["volume"] if bool((bars["volume"] > 0).any()) else []
    known += ["spread"] if bool(np.isfinite(bars["spread"]).any()) else []
    for column in known:
        cells[column] = pa.array(bars[column].copy())
    table = pa.table(cells).replace_schema_metadata({f"argus.{key}": value for key, value in stated.items()})
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
