"""Results and reports of backtests, in the folder that the server was told to show."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors import Problem
from api.read.answering import After, Here, Id, Limit, Plain, answered, cursor, kept, page, read_cursor
from api.read.shapes_settings import Reports
from api.site import Site
from domain.timeframe import iso

router = APIRouter(prefix="/api/backtests", tags=["backtests"])

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is shown, at most."""
KINDS = {".json": "result", ".html": "report"}
METRICS = (
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "trades",
    "win_rate",
    "profit_factor",
    "expectancy_r",
    "deflated_sharpe",
)
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; frame-ancestors 'self'"
)
"""A report runs its own scripts and reaches nothing else: neither this server nor its session."""


class Head(msgspec.Struct):
    """What a list tells of a result."""

    decisions_hash: str
    metrics: dict[str, Any]
    strategy: str | None = None
    preset: str | None = None
    symbols: list[str] = []
    timeframe: str | None = None
    start: str | None = None
    end: str | None = None
    simulated: bool | None = None


class Shelf:
    """The heads of results, read again when a file has changed. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], Head | None]] = {}
        self._lock = Lock()

    def head(self, path: Path, size: int, changed: int) -> Head | None:
        """None for a file that is no result of a backtest."""
        with self._lock:
            known = self._known.get(path.name)
        if known is not None and known[0] == (size, changed):
            return known[1]
        found = _head(path)
        with self._lock:
            self._known[path.name] = ((size, changed), found)
        return found


def _head(path: Path) -> Head | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return None


def files(here: Site) -> list[tuple[Path, int, int]]:
    """(path, size, time of change in ns) of what may be shown, the newest first; links are followed within it only."""
    if here.reports is None:
        return []
    folder = Path(here.reports).resolve()
    found = []
    try:
        for path in folder.iterdir():
            real = path.resolve()
            if path.suffix in KINDS and not path.name.startswith(".") and real.parent == folder and real.is_file():
                stat = real.stat()
                if stat.st_size <= LARGEST:
                    found.append((path, stat.st_size, stat.st_mtime_ns))
    except OSError:
        return []
    return sorted(found, key=lambda one: (-one[2], one[0].name))


def shown(here: Site, name: str, kind: str) -> bytes:
    """Raises Problem 404 for what is not in the list."""
    for path, _, _ in files(here):
        if path.name == name and KINDS[path.suffix] == kind:
            try:
                return path.read_bytes()
            except OSError:
                break
    raise Problem(404, "UNKNOWN_REPORT", "there is no such file; /api/backtests lists them")


@router.get("", response_model=Reports)
def backtests(request: Request, here: Here, limit: Limit = 100, after: After = None) -> Response:
    """Results (``backtest --out``) and reports (``--report``) of the folder, the newest first."""
    place = read_cursor(after, int, str)
    told: list[Plain] = []
    for path, size, changed in files(here):
        if place is not None and (-changed, path.name) <= (-place[0], place[1]):
            continue
        kind = KINDS[path.suffix]
        head = kept(here, Shelf).head(path, size, changed) if kind == "result" else None
        if kind == "result" and head is None:
            continue
        told.append(_row(path, size, changed, kind, head) | {"_at": changed})
        if len(told) == limit:
            break
    on = cursor(told[-1]["_at"], told[-1]["name"]) if len(told) == limit else None
    rows = [{name: one[name] for name in one if name != "_at"} for one in told]
    return answered(request, page(rows, on, folder=here.reports is not None))


@router.get("/{name}", response_model=dict[str, Any])
def backtest(request: Request, here: Here, name: Id) -> Response:
    """A result as ``backtest --out`` wrote it."""
    text = shown(here, name, "result")
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Problem(404, "UNKNOWN_REPORT", "this file is no result of a backtest") from None
    return answered(request, text)


@router.get("/{name}/report", response_class=Response, responses={200: {"content": {"text/html": {}}}})
def report(request: Request, here: Here, name: Id) -> Response:
    """A report as ``backtest --report`` wrote it: a page that cannot reach anything."""
    text = shown(here, name, "report")
    headers = {"Content-Security-Policy": SANDBOX, "X-Frame-Options": "SAMEORIGIN"}
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _row(path: Path, size: int, changed: int, kind: str, head: Head | None) -> Plain:
    names = ("strategy", "preset", "timeframe", "start", "end", "simulated")
    told: Plain = {name: None if head is None else getattr(head, name) for name in names}
    metrics = {} if head is None else {name: head.metrics[name] for name in METRICS if name in head.metrics}
    known = {"name": path.name, "size": size, "changed_at": iso(changed // 10**9 * 10**9), "kind": kind}
    return known | told | {"symbols": [] if head is None else head.symbols[:100], "metrics": metrics}
