"""Which file holds a symbol's bars, and reading it: parquet or CSV, one row per closed bar.

Columns: ts (the bar's open, with a zone), open, high, low, close, and optionally volume (0: unknown)
and spread (price units; empty or negative: unknown). Whatever is wrong becomes a ConfigError that
names file, column, row and value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import TIMEFRAMES, length
from marketdata import columns, validate
from marketdata.bars import digest

ENDINGS = (".parquet", ".csv")
_MAGIC = b"PAR1"
_NAMED = re.compile(r"^(?P<symbol>.+?)_(?P<timeframe>" + "|".join(TIMEFRAMES) + r")(__.*)?\.(parquet|csv)$")


class FileBars(NamedTuple):
    """What a file holds. ``sha256`` (hex) is of the bars' bytes in dtype BAR with row and flags 0, as read:
    before bad prints are held back and before any range is cut; so parquet and CSV of the same bars agree.
    ``zone`` says how the file stated its times; ``stated`` the timeframe in the file's name, if any."""

    bars: Bars
    decimals: int
    sha256: str
    zone: str
    stated: str | None


# --- which file -------------------------------------------------------------------------------


def find_sources(data: Sequence[str], symbols: Sequence[str], timeframe: str | None) -> dict[str, Path]:
    """The file of each symbol, from items ``DIR`` and ``SYMBOL=FILE``. Raises ConfigError with every problem.

    In a folder the file is ``<SYMBOL>_<TIMEFRAME>.parquet`` or ``.csv``; when there is none of the
    asked timeframe, the largest one that divides it; when none was asked, the only one there is.
    """
    problems: list[str] = []
    if timeframe is not None and timeframe not in TIMEFRAMES:
        raise ConfigError(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAMES)}")
    named, folders = _items(data, symbols, problems)
    found: dict[str, Path] = dict(named)
    for symbol in symbols:
        if symbol not in found:
            try:
                found[symbol] = _in_folders(symbol, folders, timeframe)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    return {symbol: found[symbol] for symbol in symbols}


def _items(data: Sequence[str], symbols: Sequence[str], problems: list[str]) -> tuple[dict[str, Path], list[Path]]:
    named: dict[str, Path] = {}
    folders: list[Path] = []
    for item in data:
        symbol, equals, file = item.partition("=")
        path = Path(item).expanduser()
        if path.is_dir():
            folders.append(path)
        elif not equals:
            what = "is a file; write SYMBOL=FILE" if path.exists() else "does not exist; give a folder or SYMBOL=FILE"
            problems.append(f"data {item!r} {what}")
        elif symbol not in symbols:
            problems.append(f"data {item!r}: {symbol!r} is not among the symbols ({', '.join(symbols)})")
        elif symbol in named:
            problems.append(f"data {item!r}: {symbol} already has {named[symbol]}; give one file per symbol")
        elif not Path(file).expanduser().is_file():
            problems.append(f"data {item!r}: file {file!r} {_no_file(Path(file).expanduser())}")
            named[symbol] = Path(file)
        else:
            named[symbol] = Path(file).expanduser()
    return named, folders


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "is a folder, not a file"
    if os.path.lexists(path):
        return "is no file that can be read twice (a pipe, a device, a broken link); save the bars in a file"
    return "does not exist"


def _in_folders(symbol: str, folders: list[Path], timeframe: str | None) -> Path:
    if not folders:
        raise ConfigError(f"no data for {symbol}: add {symbol}=FILE or a folder with {symbol}_<TIMEFRAME>.parquet")
    there = [
        (name, path)
        for folder in folders
        for name in TIMEFRAMES
        for ending in ENDINGS
        if (path := folder / f"{symbol}_{name}{ending}").is_file()
    ]
    listed = ", ".join(str(path) for _, path in there)
    places = ", ".join(str(folder) for folder in folders)
    if not there:
        raise ConfigError(
            f"no data for {symbol}: there is no {symbol}_{timeframe or '<TIMEFRAME>'}.parquet or .csv in {places}"
        )
    if timeframe is not None:
        fitting = [name for name, _ in there if length(timeframe) % length(name) == 0]
        if not fitting:
            raise ConfigError(f"no data for {symbol} in {timeframe} or a timeframe that divides it; there is {listed}")
        best = max(fitting, key=length)
        there = [(name, path) for name, path in there if name == best]
    if len(there) > 1:
        way = f"name one as {symbol}=FILE" + ("" if timeframe else ", or ask for a timeframe")
        raise ConfigError(f"several files for {symbol}: {', '.join(str(path) for _, path in there)}; {way}")
    return there[0][1]


# --- reading ----------------------------------------------------------------------------------


def read_bars(path: Path | str) -> FileBars:
    """All bars of one file, checked. Raises ConfigError with every problem found in it."""
    path = Path(path)
    return checked(path, *read_table(read_bytes(path), path))


def checked(path: Path, bars: Bars, zone: str) -> FileBars:
    """Bars that passed ``validate.problems``, with what is known of them."""
    wrong = validate.problems(bars, str(path))
    if wrong:
        raise ConfigError(wrong)
    return FileBars(bars, validate.decimals(bars), digest(bars), zone, name_parts(path.name)[1])


def name_parts(name: str) -> tuple[str | None, str | None]:
    """Symbol and timeframe that a file's name states."""
    stated = _NAMED.match(name)
    return (None, None) if stated is None else (stated["symbol"], stated["timeframe"])


def read_bytes(path: Path) -> bytes:
    """The file's bytes, when they are what its name says."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not content:
        raise ConfigError(f"{path}: the file is empty")
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: its name ends in {path.suffix!r}; bars are read from .parquet and .csv files")
    packed = content.startswith(_MAGIC)
    if packed and path.suffix == ".csv":
        raise ConfigError(f"{path}: it is a parquet file named .csv; rename it to .parquet")
    if not packed and path.suffix == ".parquet":
        raise ConfigError(f"{path}: it is named .parquet and is not one; if it is CSV, rename it to .csv")
    if packed and not content.endswith(_MAGIC):
        raise ConfigError(f"{path}: the parquet file is truncated (its end is missing); copy or write it again")
    return content


def read_table(content: bytes, path: Path) -> tuple[Bars, str]:
    """Bars of a parquet or CSV file's content, not yet checked, and the zone of its times."""
    table = _csv_table(content, path) if path.suffix == ".csv" else _parquet_table(content, path)
    return columns.to_bars(table, str(path), csv=path.suffix == ".csv")


def _parquet_table(content: bytes, path: Path) -> Any:
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        names = list(file.schema_arrow.names)
        wrong = columns.missing(names, str(path))
        if wrong:
            raise ConfigError(wrong)
        wanted = [name for name in (*columns.REQUIRED, *columns.OPTIONAL) if name in names]
        return file.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"{path}: the parquet file is damaged ({why}); copy or write it again") from error


def _csv_table(content: bytes, path: Path) -> Any:
    names = header(content, path)
    prices = {name: pa.float64() for name in (*validate.PRICES, *columns.OPTIONAL)}
    try:
        return _read_csv(content, path, names, {"ts": pa.string()} | prices)
    except pa.ArrowInvalid:  # some cell is no number: read text, so that it can be named
        try:
            return _read_csv(content, path, names, dict.fromkeys(("ts", *prices), pa.string()))
        except pa.ArrowInvalid as error:
            why = " ".join(str(error).split())
            raise ConfigError(f"{path}: the CSV file cannot be read ({why})") from error


def header(content: bytes, path: Path) -> list[str]:
    """The column names of a CSV file. Raises ConfigError when the needed ones are not there."""
    line = content.split(b"\n", 1)[0].strip()
    if b"\0" in line:
        raise ConfigError(f"{path}: it is not a text in UTF-8 (it holds zero bytes); save it as CSV in UTF-8")
    if b"\r" in line:
        raise ConfigError(f"{path}: its lines end in CR alone; save it with LF or CR LF")
    first = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    names = [name.strip().strip('"') for name in first.split(",")]
    if len(names) == 1 and (";" in first or "\t" in first):
        raise ConfigError(f"{path}: its columns are separated by {';' if ';' in first else 'tabs'}; use commas")
    wrong = columns.missing(names, str(path))
    if wrong:
        raise ConfigError(wrong)
    return names


def _read_csv(content: bytes, path: Path, names: list[str], types: dict[str, Any]) -> Any:
    ragged: list[str] = []

    def keep(row: Any) -> str:
        ragged.append(
            f"{path}: row {row.number - 1}: {row.actual_columns} values for {row.expected_columns} columns"
            f" ({row.text[:60]!r}); the file is truncated or the row damaged"
        )
        return "skip"

    table = arrow_csv.read_csv(
        pa.BufferReader(content),
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1),
        parse_options=arrow_csv.ParseOptions(invalid_row_handler=keep),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=[name for name in types if name in names],
            strings_can_be_null=True,
        ),
    )
    if ragged:
        raise ConfigError(ragged[:5])
    return table
