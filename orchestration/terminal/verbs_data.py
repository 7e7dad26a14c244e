"""The verbs ``data show``, ``data check`` and ``data import``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import DONE, FAILED, REFUSED, guarded
from orchestration.terminal.options import AsJson
from orchestration.terminal.output import Column, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from marketdata.checkup import DataFile

EXAMPLES = (
    "Example: python cli.py data import EURUSD_M5.csv --to data --symbol EURUSD --zone America/New_York+7, then"
    " python cli.py data check data"
)


class Layout(StrEnum):
    """How a source is laid out."""

    auto = "auto"
    csv = "csv"
    mt5 = "mt5"
    freqtrade = "freqtrade"
    histdata = "histdata"


Items = Annotated[
    list[str],
    typer.Argument(metavar="FILE|FOLDER…", help="Files, SYMBOL=FILE, or folders of SYMBOL_TIMEFRAME.parquet and .csv."),
]
Exported = Annotated[Path, typer.Argument(metavar="SOURCE", help="The exported file.", show_default=False)]
Folder = Annotated[Path, typer.Option("--to", help="Folder of the new file; made if it is not there.", metavar="DIR")]
Symbol = Annotated[str, typer.Option("--symbol", "-s", help="The symbol of its bars, as runs name it.")]
Format = Annotated[Layout, typer.Option("--format", help="How the source is laid out; auto looks at it.")]
ZoneName = Annotated[
    str | None,
    typer.Option(
        "--zone",
        help="Zone of times that state none: UTC, EST, Europe/Athens, or a zone with hours added to its clock, like"
        " America/New_York+7 (most MT5 servers).",
        show_default="EST for HistData, UTC for freqtrade, none for the rest",
    ),
]
Length = Annotated[
    str | None,
    typer.Option("--timeframe", "-t", help="What the bars' length has to be.", show_default="that of the stamps"),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file of an earlier import.", show_default=False)]


@guarded
def show(items: Items, as_json: AsJson = False) -> int:
    """Show what files of bars hold: symbol, timeframe, first and last bar, gaps, what is known, prices.

    Gaps and missing bars count the hours the market is open: the weekend of forex and metals is none. A file that
    a run would refuse is named on stderr (exit code 4), and the others are shown.
    """
    _prepare()
    from domain.errors import ConfigError
    from marketdata import checkup

    files, notes = checkup.data_files(items)
    classes = _classes(files)
    rows: list[dict[str, Any]] = []
    refused: list[str] = []
    for file in files:
        try:
            rows.append(checkup.summary(file, checkup.content(file), classes[file.symbol]))
        except ConfigError as error:
            refused += error.problems
    if as_json:
        print_json({"files": rows, "refused": refused, "notes": notes})
        return REFUSED if refused else DONE
    print_table(_COLUMNS, rows, "nothing to show")
    say(*(f"note: {one}" for one in notes))
    if refused:
        raise ConfigError(refused)
    return DONE


@guarded
def check(items: Items, as_json: AsJson = False) -> int:
    """Check files of bars: what a run would refuse, and what it would take and should not.

    Refused are wrong order, duplicates, prices that are none, bars with high below low, stamps off the timeframe.
    Wrong are bad prints, holes longer than any holiday, and stamps of another zone (by the ends of the forex week).
    Smaller gaps are only told. Exit code 0 if nothing is refused or wrong, else 1; 4 where there is no such file.
    """
    _prepare()
    from marketdata import checkup

    files, notes = checkup.data_files(items)
    classes = _classes(files)
    found = {str(file.path): checkup.findings(file, classes[file.symbol]) for file in files}
    faulty = [file for file, some in found.items() if any(one.level != "note" for one in some)]
    if as_json:
        listed = [one._asdict() | {"file": file} for file, some in found.items() for one in some]
        print_json({"ok": not faulty, "files": list(found), "findings": listed, "notes": notes})
    else:
        say(*(f"{one.level}: {one.text}" for some in found.values() for one in some))
        say(*(f"note: {one}" for one in notes))
        files_read = f"{len(found):,} file{'s' if len(found) != 1 else ''}"
        say(f"{files_read}, {len(faulty):,} with faults" if faulty else f"ok: {files_read}")
    return FAILED if faulty else DONE


@guarded
def import_(
    source: Exported,
    to: Folder,
    symbol: Symbol,
    layout: Format = Layout.auto,
    zone: ZoneName = None,
    timeframe: Length = None,
    force: Force = False,
    as_json: AsJson = False,
) -> int:
    """Import bars that another program exported, into SYMBOL_TIMEFRAME.parquet with times in UTC.

    Reads MT5's export of bars, HistData's minute bars, freqtrade's candles (JSON, feather, parquet) and CSV files with
    a header. Nothing is repaired, sorted or left out: what is not a series of bars is refused with file, row and value
    (exit code 4), and so is a file that is there already. What data check finds in the new file is told.
    """
    _prepare()
    from marketdata import checkup
    from marketdata.importing.source import read_source
    from marketdata.importing.writing import target, write_bars

    _check_usage(symbol, zone, timeframe)
    read = read_source(source.expanduser(), layout.value, zone, timeframe)
    path = target(to.expanduser(), symbol, read.timeframe, force)
    write_bars(path, read)
    file = checkup.data_file(path)
    kind = _classes([file])[symbol]
    facts = checkup.summary(file, checkup.content(file), kind) | {"layout": read.layout, "source_zone": read.zone}
    found = checkup.findings(file, kind)
    if as_json:
        print_json(facts | {"notes": read.notes, "findings": [one._asdict() for one in found]})
        return DONE
    print_facts(
        [
            ("wrote", str(path)),
            ("from", f"{source}, layout {read.layout}, times {read.zone}"),
            ("bars", f"{facts['bars']:,} {read.timeframe}, {facts['first']} to {facts['last']}"),
        ]
    )
    say(*(f"note: {one}" for one in read.notes), *(f"{one.level}: {one.text}" for one in found))
    return DONE


def _check_usage(symbol: str, zone: str | None, timeframe: str | None) -> None:
    """Raises UsageError for options that no file could fit."""
    from domain.errors import ConfigError
    from domain.timeframe import TIMEFRAMES
    from marketdata.importing.writing import check_symbol
    from marketdata.importing.zones import zone as known
    from orchestration.settings.problems import UsageError

    problems: list[str] = []
    for asked in (lambda: check_symbol(symbol), lambda: known(zone or "UTC")):
        try:
            asked()
        except ConfigError as error:
            problems += error.problems
    if timeframe is not None and timeframe not in TIMEFRAMES:
        problems.append(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAMES)}")
    if problems:
        raise UsageError(problems)


def _classes(files: list[DataFile]) -> dict[str, str]:
    from orchestration.settings import asset_classes

    return asset_classes({one.symbol for one in files})


def _prepare() -> None:
    """Names the folder of compiled kernels, before numba is imported."""
    from orchestration import kernel_cache
    from orchestration.terminal.place import now

    kernel_cache.prepare(kernel_cache.cache_root(os.environ), now())


def _part(known: float) -> str:
    return "no" if known == 0 else "yes" if known == 1 else f"{known:.0%}" if 0.01 <= known <= 0.99 else "partly"


def _price(value: float, row: dict[str, Any]) -> str:
    return f"{value:.{min(row['decimals'], 8)}f}"


_COLUMNS = [
    Column("file", lambda row: Path(row["file"]).name),
    Column("symbol", lambda row: row["symbol"]),
    Column("class", lambda row: row["asset_class"]),
    Column("tf", lambda row: row["timeframe"]),
    Column("first", lambda row: row["first"]),
    Column("last", lambda row: row["last"]),
    Column("bars", lambda row: f"{row['bars']:,}", right=True),
    Column("gaps", lambda row: f"{row['gaps']:,}", right=True),
    Column("missing", lambda row: f"{row['missing']:,}", right=True),
    Column("spread", lambda row: _part(row["spread_known"])),
    Column("volume", lambda row: _part(row["volume_known"])),
    Column("low", lambda row: _price(row["low"], row), right=True),
    Column("high", lambda row: _price(row["high"], row), right=True),
]
