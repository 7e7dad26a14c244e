"""What a file of bars holds, and everything that is wrong or strange in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import DAY, iso, length
from marketdata import files, validate
from marketdata.gaps import Gap, gaps
from marketdata.week_open import week_open

SHOWN = 5
HOLE = {"crypto": DAY, "forex": 3 * DAY, "metal": 3 * DAY}
OTHER_HOLE = 7 * DAY
"""A gap of so much open time is longer than any holiday: something is lost."""


class DataFile(NamedTuple):
    """A file and the symbol it is for; ``timeframe`` is what its name says."""

    path: Path
    symbol: str
    timeframe: str | None


class Finding(NamedTuple):
    """``refused``: a run would not take the file; ``wrong``: it would, and should not; ``note``: worth knowing."""

    level: str
    kind: str
    text: str


class Content(NamedTuple):
    """A readable file: its bars, as read."""

    bars: Bars
    timeframe: str
    zone: str
    sha256: str
    decimals: int


def data_files(items: Sequence[str]) -> tuple[list[DataFile], list[str]]:
    """The files of folders, FILE and SYMBOL=FILE, and notes on what a folder holds besides. Raises ConfigError."""
    found: list[DataFile] = []
    notes: list[str] = []
    problems: list[str] = []
    for item in items:
        symbol, equals, file = item.partition("=")
        path = Path(item).expanduser()
        if path.is_dir():
            there = sorted(one for one in path.iterdir() if one.suffix in files.ENDINGS and one.is_file())
            named = [data_file(one) for one in there]
            found += [one for one in named if one.timeframe]
            notes += [f"{one.path}: left out, its name is not SYMBOL_TIMEFRAME" for one in named if not one.timeframe]
            if not any(one.timeframe for one in named):
                problems.append(f"{path}: there is no SYMBOL_TIMEFRAME.parquet or .csv in this folder")
        elif path.exists() or not equals:
            found.append(data_file(path))
        else:
            found.append(data_file(Path(file).expanduser())._replace(symbol=symbol))
    problems += [f"{one.path}: there is no such file" for one in found if not one.path.exists()]
    if problems:
        raise ConfigError(problems)
    return found, notes


def data_file(path: Path) -> DataFile:
    symbol, timeframe = files.name_parts(path.name)
    return DataFile(path, symbol or path.stem, timeframe)


def content(file: DataFile) -> Content:
    """What the file holds. Raises ConfigError with everything for which a run would refuse it."""
    read = files.read_bars(file.path)
    timeframe = validate.detect_timeframe(read.bars["ts"], str(file.path), file.timeframe)
    return Content(read.bars, timeframe, read.zone, read.sha256, read.decimals)


def summary(file: DataFile, held: Content, asset_class: str) -> dict[str, Any]:
    """The facts of a file, for ``data show``."""
    bars = held.bars
    missing = gaps(bars["ts"], held.timeframe, asset_class)
    return {
        "file": str(file.path),
        "symbol": file.symbol,
        "asset_class": asset_class,
        "timeframe": held.timeframe,
        "first": iso(int(bars["ts"][0])),
        "last": iso(int(bars["ts"][-1])),
        "bars": len(bars),
        "gaps": len(missing),
        "missing": sum(one.missing for one in missing),
        "low": float(bars["low"].min()),
        "high": float(bars["high"].max()),
        "decimals": held.decimals,
        "volume_known": float(np.mean(bars["volume"] > 0)),
        "spread_known": float(np.mean(np.isfinite(bars["spread"]))),
        "zone": held.zone,
        "sha256": held.sha256,
    }


def findings(file: DataFile, asset_class: str, limit: float | None = None) -> list[Finding]:
    """Everything found in one file; ``limit`` is the fraction of a bad print, else that of the asset class."""
    try:
        held = content(file)
    except ConfigError as error:
        return [Finding("refused", "data", one) for one in error.problems]
    bars, name = held.bars, str(file.path)
    if limit is None:
        limit = validate.bad_print_limit(file.symbol, asset_class, None)
    found = _bad_prints(bars, name, limit)
    found += _zone(bars, held.timeframe, asset_class, name)
    return found + _gaps(gaps(bars["ts"], held.timeframe, asset_class), held.timeframe, asset_class, name)


def _bad_prints(bars: Bars, name: str, limit: float) -> list[Finding]:
    places = np.flatnonzero(validate.bad_prints(bars, limit))
    shown = [
        f"{name}: row {place + 1} ({iso(int(bars['ts'][place]))}): close {float(bars['close'][place])!r} or its high or"
        f" low is more than {limit:.0%} from the last good close; a run holds it back; repair or remove the row"
        for place in places[:SHOWN].tolist()
    ]
    if len(places) > SHOWN:
        shown.append(f"{name}: {len(places):,} bad prints in all")
    return [Finding("wrong", "bad print", one) for one in shown]


def _zone(bars: Bars, timeframe: str, asset_class: str, name: str) -> list[Finding]:
    opened = week_open(bars["ts"], timeframe, asset_class)
    if opened is None or opened.fits:
        return []
    way = f"import the original with --zone {opened.zone}" if opened.zone else "find out which clock its source had"
    return [
        Finding(
            "wrong",
            "zone",
            f"{name}: by the ends of its {opened.weeks} weeks (Friday and Sunday 17:00 New York) the stamps are not"
            f" UTC; they seem to be {opened.words}; {way}",
        )
    ]


def _gaps(missing: list[Gap], timeframe: str, asset_class: str, name: str) -> list[Finding]:
    if not missing:
        return []
    hole = HOLE.get(asset_class, OTHER_HOLE)
    holes = [one for one in missing if one.missing * length(timeframe) > hole]
    shown = [Finding("wrong", "hole", f"{name}: {_told(one)}; get the bars of that time") for one in holes[:SHOWN]]
    if len(holes) > SHOWN:
        shown.append(Finding("wrong", "hole", f"{name}: {len(holes):,} holes in all"))
    count = sum(one.missing for one in missing)
    longest = max(missing, key=lambda one: one.missing)
    where = f"{count:,} bars missing in {len(missing):,} gaps while the market is open"
    text = f"{name}: {where}; the longest: {_told(longest)}"
    return [*shown, Finding("note", "gaps", text)]


def _told(gap: Gap) -> str:
    return f"row {gap.row}: {gap.missing:,} bars missing from {iso(gap.after)} to {iso(gap.until)}"
