"""Text exports: bars with named columns (MT5, most CSV files) and HistData's, which have none.

MT5 (Symbols, Bars, Export): tabs, ``<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>``, times of the
broker's clock, spread in points. HistData (histdata.com/f-a-q/data-files-detailed-specification): no header,
``YYYYMMDD HHMMSS;open;high;low;close;volume`` or ``YYYY.MM.DD,HH:MM,open,high,low,close,volume``, times of EST without
daylight saving, bid prices.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from domain.errors import ConfigError
from domain.market import Bars
from marketdata import columns
from marketdata.importing.zones import ZONE_FORMS, to_utc, zone
from marketdata.validate import PRICES

HISTDATA = re.compile(r"^\d{8} \d{6};|^\d{4}\.\d\d\.\d\d,\d\d:\d\d,")
HISTDATA_ZONE = "EST"
_TICKS = re.compile(r"^\d{8} \d{9},|<bid>", re.IGNORECASE)
_NAMES = {
    "ts": ("ts", "timestamp", "datetime", "open_time", "date_time", "gmt time", "local time"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "ticks": ("tickvol", "tick_volume", "tickvolume"),
    "spread": ("spread",),
}
_DATE = r"^\s*(\d{4})[./-]?(\d\d)[./-]?(\d\d)"
_CLOCK = r"(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(\.\d{1,9})?)?)?\s*$"
_ZONED = r"(Z|[+-]\d\d:?\d\d)\s*$"
_BROKER = "MT5 exports show the broker's clock, for most brokers America/New_York+7; data check tells whether it fits"


class Stated(NamedTuple):
    """Bars as a file had them, not yet checked; the zone of its times; what was chosen on the way."""

    bars: Bars
    zone: str
    notes: list[str]


def decoded(content: bytes, name: str) -> bytes:
    """The text in UTF-8 without a byte order mark, with lines that end in LF."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        at = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}: line {at} is not a text in UTF-8; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise ConfigError(f"{name}: it is not a text (it holds zero bytes); export it as CSV")
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n").encode()


def first_line(text: bytes) -> str:
    return text.split(b"\n", 1)[0].decode()


def refuse_ticks(line: str, name: str) -> None:
    if _TICKS.search(line):
        raise ConfigError(f"{name}: it holds ticks ({line[:60]!r}), not bars; export bars")


def read_histdata(text: bytes, name: str, where: str | None) -> Stated:
    """HistData's two layouts of minute bars."""
    line = first_line(text)
    refuse_ticks(line, name)
    if not HISTDATA.match(line):
        raise ConfigError(
            f"{name}: row 1: {line[:60]!r} is not HistData's 'YYYYMMDD HHMMSS;open;high;low;close;volume'"
        )
    semicolons = ";" in line
    names = ["ts", *PRICES, "volume"] if semicolons else ["date", "time", *PRICES, "volume"]
    table = _table(text, names, ";" if semicolons else ",", 0, name)
    times = table.column("ts") if semicolons else _joined(table.column("date"), table.column("time"))
    return _stated(table, times, where or HISTDATA_ZONE, name, [])


def read_named(text: bytes, name: str, where: str | None) -> Stated:
    """Bars under a header, whatever the order and the separator (comma, semicolon, tab)."""
    line = first_line(text)
    refuse_ticks(line, name)
    separator = max(",;\t", key=line.count)
    header = [one.strip().strip('"').strip("<>").strip().lower() for one in line.split(separator)]
    columns_found = {kind: one for kind, known in _NAMES.items() for one in header if one in known}
    times = [one for one in ("date", "time") if one in header]
    lacking = [one for one in PRICES if one not in columns_found]
    if lacking or not (times or "ts" in columns_found):
        what = ", ".join([*([] if times or "ts" in columns_found else ["a time"]), *lacking])
        raise ConfigError(
            f"{name}: there is no column for {what} in its first line ({line[:100]!r}); a header needs date and time"
            " (or timestamp), open, high, low, close"
        )
    doubled = sorted({one for one in header if one and header.count(one) > 1})
    if doubled:
        raise ConfigError(f"{name}: column {doubled[0]} appears {header.count(doubled[0])} times; keep one")
    table = _table(text, [one or f"column {place}" for place, one in enumerate(header)], separator, 1, name)
    exported = line.lstrip().startswith("<")
    chosen = {kind: table.column(one) for kind, one in columns_found.items() if kind not in ("ts", "ticks")}
    notes = _choose_volume(chosen, table, columns_found.get("ticks"))
    if exported and "spread" in chosen:
        chosen["spread"], note = _points(chosen, name)
        notes.append(note)
    when = table.column(columns_found["ts"]) if "ts" in columns_found else table.column(times[0])
    if "ts" not in columns_found and len(times) == 2:
        when = _joined(table.column("date"), table.column("time"))
    return _stated(pa.table(chosen), when, where, name, notes, _BROKER if exported else "")


# --- columns ----------------------------------------------------------------------------------


def _table(text: bytes, names: list[str], separator: str, skip: int, name: str) -> Any:
    """All cells as text, in columns of these names."""
    if skip and not text.partition(b"\n")[2].strip():
        raise ConfigError(f"{name}: there are no bars in it")
    ragged: list[str] = []

    def keep(row: Any) -> str:
        ragged.append(
            f"{name}: row {row.number - skip}: {row.actual_columns} values for {row.expected_columns} columns"
            f" ({row.text[:60]!r}); the file is truncated or the row damaged"
        )
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=skip),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, invalid_row_handler=keep),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{name}: the file cannot be read ({' '.join(str(error).split())})") from None
    if ragged:
        raise ConfigError(ragged[:5])
    if not table.num_rows:
        raise ConfigError(f"{name}: there are no bars in it")
    return table


def _joined(date: Any, time: Any) -> Any:
    return pc.binary_join_element_wise(pc.utf8_trim_whitespace(date), pc.utf8_trim_whitespace(time), " ")


def _choose_volume(chosen: dict[str, Any], table: Any, ticks: str | None) -> list[str]:
    """Traded volume where the file has any, else the number of ticks."""
    if ticks is None or ("volume" in chosen and pc.any(pc.match_substring_regex(chosen["volume"], "[1-9]")).as_py()):
        return []
    chosen["volume"] = table.column(ticks)
    return ["volume is the number of ticks: the file has no traded volume"]


def _points(chosen: dict[str, Any], name: str) -> tuple[Any, str]:
    """MT5's spread in price units; a point is the last decimal that the prices are written with."""
    fraction = [pc.replace_substring_regex(chosen[one], r"^[^.]*\.?", "") for one in PRICES]
    digits = max(pc.max(pc.utf8_length(one)).as_py() or 0 for one in fraction)
    points = _numbers(chosen["spread"])
    if not pa.types.is_floating(points.type):
        return points, ""
    if not (pc.max(points).as_py() or 0.0) > 0:
        return pa.chunked_array([pa.nulls(len(points), pa.float64())]), "spread is unknown: the file has none above 0"
    scaled = np.round(points.to_numpy(zero_copy_only=False) / 10**digits, digits)
    return pa.chunked_array([pa.array(scaled)]), f"spread was in points of {10.0**-digits:.{digits}f}"


def _numbers(column: Any) -> Any:
    """The column as floats, or as it is when one of its cells is no number."""
    if not pa.types.is_string(column.type):
        return column
    try:
        return pc.utf8_trim_whitespace(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return column


def _stated(table: Any, times: Any, where: str | None, name: str, notes: list[str], hint: str = "") -> Stated:
    cells = {one: _numbers(table.column(one)) for one in (*PRICES, *columns.OPTIONAL) if one in table.column_names}
    stamps, stated = _stamps(times, where, name, hint)
    bars, read = columns.to_bars(pa.table({"ts": stamps} | cells), name, csv=True)
    return Stated(bars, stated or read, [one for one in notes if one])


# --- times ------------------------------------------------------------------------------------


def _stamps(times: Any, where: str | None, name: str, hint: str) -> tuple[Any, str | None]:
    """UTC times; or the texts as they are, where they state their zone by themselves."""
    zoned = pc.fill_null(pc.match_substring_regex(times, _ZONED), False)
    counted = pc.fill_null(pc.match_substring_regex(times, r"^\d{9,}$"), False)
    if pc.all(zoned).as_py() or pc.all(counted).as_py():
        if where not in (None, "UTC"):
            raise ConfigError(f"{name}: its times ({times[0].as_py()!r}) state their zone; leave out --zone")
        return times, None
    parts = pc.extract_regex(times, _named(_DATE + _CLOCK))
    wrong = np.flatnonzero(pc.is_null(parts).to_numpy(zero_copy_only=False))
    if len(wrong):
        row = int(wrong[0])
        raise ConfigError(
            f"{name}: row {row + 1}: {times[row].as_py()!r} is not a time like 2024-01-31 23:59:00, 2024.01.31 23:59 or"
            " 20240131 235900; repair or remove the row"
        )
    if where is None:
        raise ConfigError(
            f"{name}: its times ({times[0].as_py()!r}) have no zone; give --zone: {ZONE_FORMS}"
            + (f". {hint}" if hint else "")
        )
    local = _nanoseconds(times, name)
    return pa.array(to_utc(local, zone(where), name)).cast(pa.timestamp("ns", "UTC")), where


def _named(pattern: str) -> str:
    """The pattern with names for its groups, as Arrow wants them."""
    for letter in "abcdefg":
        pattern = re.sub(r"\((?!\?)", f"(?P<{letter}>", pattern, count=1)
    return pattern


def _nanoseconds(times: Any, name: str) -> Any:
    """Nanoseconds since 1970 by the file's own clock."""
    dated = pc.replace_substring_regex(times, _DATE, r"\1-\2-\3")
    clocked = pc.replace_substring_regex(dated, r"[T ](\d\d):?(\d\d)(?::?(\d\d))?", r" \1:\2:\3")
    text = pc.replace_substring_regex(clocked, r":(\.|\s*$)", r":00\1")
    text = pc.utf8_trim_whitespace(text)
    try:
        return text.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        for row in range(len(text)):
            try:
                text[row].cast(pa.timestamp("ns"))
            except pa.ArrowInvalid:
                raise ConfigError(
                    f"{name}: row {row + 1}: {times[row].as_py()!r} is on no calendar; repair or remove the row"
                ) from None
        raise
