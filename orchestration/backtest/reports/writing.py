"""A backtest as files: one JSON document, and parquet tables. A file appears whole or not at all."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.book import Closed
from domain.errors import ArgusError, ConfigError
from domain.money import to_float
from domain.order import SIDE_NAME, Fill
from domain.timeframe import iso
from orchestration.backtest.measures.returns import daily_equity
from orchestration.backtest.result import Result, Weighted
from orchestration.settings import strategy_parameters
from risk.statistics import Part

if TYPE_CHECKING:
    import pyarrow

TABLES = ("trades", "orders", "equity", "denials", "fills")
"""The parquet files of a backtest."""

Plain = dict[str, Any]


# -- what is told ----------------------------------------------------------------------------------


def facts(result: Result, metrics: Mapping[str, Any]) -> Plain:
    """The document of a backtest: numbers are plain, times ISO 8601 UTC, what is infinite or unknown is null.

    ``fills`` have their commission in the quote currency, ``trades`` (one per close, also of a part) all money in the
    account currency; ``r`` is gross over the risk fixed at entry. ``daily`` is the equity that the returns of the
    metrics are made of.
    """
    settings, info = result.settings, result.info
    moments = result.moments
    told = {
        "bars": result.bars,
        "symbols": list(info.symbols),
        "timeframe": info.timeframe,
        "start": iso(int(moments[0])) if len(moments) else None,
        "end": iso(int(moments[-1])) if len(moments) else None,
        "partial": result.partial,
        "simulated": info.simulated,
        "strategy": settings.strategy.name,
        "parameters": strategy_parameters(settings),
        "preset": settings.preset,
        "currency": settings.account.currency,
        "cash": result.cash,
        "equity_final": to_float(result.equity_final),
        "metrics": metrics,
        "decisions_hash": result.decisions_hash,
        "decisions": len(result.decisions),
        "load_s": result.load_s,
        "compile_s": result.compile_s,
        "elapsed_s": result.elapsed_s,
        "bars_per_s": result.bars_per_s,
        "errors": result.errors,
        "notices": result.notices,
        "inputs": inputs(result),
        "settings": {key: {"value": one.value, "from": one.source} for key, one in settings.written.items()},
        "states": [{"ts": iso(at), **msgspec.structs.asdict(state)} for at, state in result.states],
        "locks": [_lock(one) for one in result.locks],
        "denials": denials(result),
        "research": None if result.research is None else researched(result.research),
        "positions": [msgspec.structs.asdict(one) for one in result.positions],
        "trades": [_trade(closed, part) for closed, part in result.closes],
        "fills": [_fill(one) for one in result.fills],
        "daily": daily_equity(result),
    }
    return plain(told)  # type: ignore[no-any-return]


def researched(said: Weighted) -> Plain:
    """What research said and did, by count. ``contaminated`` cases are dated before the model's training had ended:
    ``p_win`` against what the market did (``won`` of ``known``) is told of the others alone."""
    cases = said.judged
    clean = {one.case.id: one.verdict.p_win for one in cases if not one.contaminated}
    known = [(clean[case.id], out.won) for case, out in said.outcomes if clean.get(case.id) is not None]
    return {
        "cases": len(cases),
        "verdicts": dict(sorted(Counter(one.verdict.verdict for one in cases).items())),
        "codes": dict(sorted(Counter(one.verdict.code for one in cases).items())),
        "sources": dict(sorted(Counter(one.verdict.source for one in cases).items())),
        "effects": dict(sorted(Counter(one.effect for one in cases).items())),
        "contaminated": sum(one.contaminated for one in cases),
        "not_recorded": said.missing,
        "known": len(known),
        "won": sum(won for _, won in known),
        "brier": sum((p - won) ** 2 for p, won in known if p is not None) / len(known) if known else None,
    }


def inputs(result: Result) -> dict[str, Plain]:
    """Where the bars came from, by symbol: path and sha256 of a file, or how they were simulated (under ``*``)."""
    told = result.info.inputs
    return {name: {key: int(one) if key == "bars" and one else one for key, one in told[name].items()} for name in told}


def denials(result: Result) -> dict[str, int]:
    """How often each code denied, the most frequent first."""
    counted = Counter(one.denied.code for one in result.refusals)
    return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def _fill(fill: Fill) -> Plain:
    return {
        "ts": iso(fill.at),
        "symbol": fill.symbol,
        "side": SIDE_NAME[fill.side],
        "quantity": to_float(fill.quantity),
        "price": to_float(fill.price),
        "commission": to_float(fill.commission),
        "order_id": fill.order_id,
        "reason": fill.reason,
    }


def _trade(closed: Closed, part: Part) -> Plain:
    return {
        "symbol": closed.symbol,
        "strategy": closed.strategy,
        "side": SIDE_NAME[closed.side],
        "quantity": to_float(closed.quantity),
        "entry": to_float(closed.entry),
        "exit": to_float(closed.exit),
        "opened_at": iso(closed.opened_at),
        "closed_at": iso(closed.closed_at),
        "gross": to_float(closed.pnl),
        "commission": to_float(closed.commission),
        "net": to_float(part.net),
        "r": part.r,
        "reason": closed.reason,
        "flat": part.flat,
    }


def _lock(lock: Any) -> Plain:
    told = msgspec.structs.asdict(lock)
    return {**told, "from_at": iso(lock.from_at), "until_at": iso(lock.until_at)}


def plain(value: Any) -> Any:
    """As JSON can hold it: NaN and infinity are None, arrays and tuples lists, half characters escaped."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.structs.asdict(value))
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return str(value)


# -- files -----------------------------------------------------------------------------------------


def check_target(path: Path, option: str) -> None:
    """Raises ConfigError where no file can be written: asked before hours of work, and again when it is done."""
    if path.is_dir():
        raise ConfigError(f"{option} {path} is a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise ConfigError(f"{option} {path} is not a file and is not overwritten: name another")
    if path.exists() and not os.access(path, os.W_OK):
        raise ConfigError(f"{option} {path} is write-protected: make it writable, or name another")
    _check_folder(path.parent, f"{option} {path}")


def check_folder(folder: Path, option: str) -> None:
    """Raises ConfigError where no tables can be written. The folder itself is made, the one above it is not."""
    if not folder.exists():
        _check_folder(folder.parent, f"{option} {folder}")
        return
    if not folder.is_dir():
        raise ConfigError(f"{option} {folder} is not a folder: name one for {', '.join(_files())}")
    _check_folder(folder, f"{option} {folder}")
    for name in _files():
        check_target(folder / name, option)


def _check_folder(folder: Path, whose: str) -> None:
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "is not there"
        raise ConfigError(f"{whose}: the folder {folder.absolute()} {what}: make it, or name another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{whose}: the folder {folder.absolute()} cannot be written: name another")


def write_json(told: Mapping[str, Any], path: Path, option: str = "--out") -> None:
    """``told`` as one JSON document. Raises ConfigError where nothing can be written, ArgusError where writing
    failed; then the earlier file is as it was."""
    write_bytes(msgspec.json.encode(told, enc_hook=plain) + b"\n", path, option)


def write_bytes(text: bytes, path: Path, option: str) -> None:
    """A whole file, or the one that was there before. Errors as ``write_json``."""
    check_target(path, option)
    _write({path: lambda part: _put(part, text)}, option)


def write_parquet(result: Result, folder: Path, option: str = "--parquet") -> None:
    """trades, orders, equity, denials and fills as .parquet. All are written before the first takes its place."""
    from pyarrow import parquet

    from orchestration.backtest.reports.columns import tables

    check_folder(folder, option)
    made = tables(result)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{option} {folder} cannot be made ({error.strerror})") from error

    def writer(table: pyarrow.Table) -> Callable[[Path], None]:
        return lambda part: parquet.write_table(table, part, compression="zstd")

    _write({folder / f"{name}.parquet": writer(made[name]) for name in TABLES}, option)


def _files() -> list[str]:
    return [f"{name}.parquet" for name in TABLES]


def _write(writers: Mapping[Path, Callable[[Path], None]], option: str) -> None:
    """Each file beside its place first, synced; then all are renamed. Whatever stops it, no part stays behind."""
    places = {path: path.resolve() for path in writers}  # a link stays a link
    parts = {path: place.with_name(f".{place.name}.{os.getpid()}.part") for path, place in places.items()}
    path, before = next(iter(writers)), "what was there before is unchanged"
    try:
        for path, write in writers.items():
            write(parts[path])
            _synced(parts[path], os.O_RDWR)
        for path, part in parts.items():
            os.replace(part, places[path])
            before = "the files of before and of now are mixed: do it again"
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ArgusError(f"{option} {path} could not be written ({why}); {before}") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    with suppress(OSError):  # where a folder cannot be opened or synced
        _synced(places[path].parent, os.O_RDONLY)


def _put(part: Path, text: bytes) -> None:
    part.write_bytes(text)


def _synced(path: Path, how: int) -> None:
    number = os.open(path, how)
    try:
        os.fsync(number)
    finally:
        os.close(number)
