"""Which layout a file has, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from domain.errors import ConfigError
from domain.market import Bars
from marketdata import validate
from marketdata.importing import freqtrade, text

LAYOUTS = ("auto", "csv", "mt5", "freqtrade", "histdata")
_PACKED, _GZIP = b"PAR1", b"\x1f\x8b"
_FEATHER = (b"ARROW1", b"FEA1")


class Source(NamedTuple):
    """Checked bars in UTC of one exported file, with the layout and zone they were read by."""

    bars: Bars
    timeframe: str
    layout: str
    zone: str
    notes: list[str]


def read_source(path: Path, layout: str, zone: str | None, timeframe: str | None) -> Source:
    """The bars of an exported file. Raises ConfigError with file, row and value of what cannot be read."""
    name = str(path)
    content = _content(path)
    chosen, stated = _read(content, path, layout, zone)
    wrong = validate.problems(stated.bars, name)
    if wrong:
        raise ConfigError(wrong)
    return Source(stated.bars, _timeframe(stated.bars, name, timeframe), chosen, stated.zone, stated.notes)


def _content(path: Path) -> bytes:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file")
    if not path.is_file():
        raise ConfigError(f"{path}: it is no file; give one exported file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not content:
        raise ConfigError(f"{path}: the file is empty")
    return content


def _read(content: bytes, path: Path, layout: str, zone: str | None) -> tuple[str, text.Stated]:
    name = str(path)
    if content.startswith(_GZIP):
        content = freqtrade.unpacked(content, name)
    table = content.startswith((_PACKED, *_FEATHER))
    if table or path.suffix == ".feather" or path.name.endswith((".json", ".json.gz")):
        if layout not in ("auto", "freqtrade"):
            raise ConfigError(f"{name}: it is no text, so not of the layout {layout}; leave out --format")
        return "freqtrade", _candles(content, name, table or path.suffix == ".feather", zone)
    if layout == "freqtrade":
        return layout, _candles(content, name, False, zone)
    clear = text.decoded(content, name)
    line = text.first_line(clear)
    if layout == "auto":
        layout = "histdata" if text.HISTDATA.match(line) else "mt5" if line.lstrip().startswith("<") else "csv"
    if layout == "histdata":
        return layout, text.read_histdata(clear, name, zone)
    if layout == "mt5" and not line.lstrip().startswith("<"):
        raise ConfigError(
            f"{name}: its first line is {line[:60]!r}, not MT5's <DATE> <TIME> <OPEN> …; leave out --format"
        )
    return layout, text.read_named(clear, name, zone)


def _candles(content: bytes, name: str, table: bool, zone: str | None) -> text.Stated:
    if zone not in (None, "UTC"):
        raise ConfigError(f"{name}: freqtrade keeps times in UTC; leave out --zone {zone}")
    if table:
        return freqtrade.read_table(content, name, content.startswith(_PACKED))
    return freqtrade.read_json(content, name)


def _timeframe(bars: Bars, name: str, stated: str | None) -> str:
    """The timeframe that the stamps have and that --timeframe, if given, says."""
    try:
        return validate.detect_timeframe(bars["ts"], name, stated)
    except ConfigError:
        found = validate.detect_timeframe(bars["ts"], name)
    raise ConfigError(f"{name}: --timeframe says {stated}, its bars are {found}; leave it out, or give the right one")
