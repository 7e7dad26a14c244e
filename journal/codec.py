"""Stored bodies and the public envelope: the packed SCAN_SUMMARY, and every event as strict JSON values.

A packed scan is four bytes of length (little endian), a head in MessagePack, and then the report rows of
``domain.candidate.REPORT`` in the order of the run's symbols, as the hosts sent them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from domain.candidate import REPORT
from domain.events import PACKED_SCAN, VERSION
from domain.timeframe import iso

_PREFIX = 4
_OWN = ("cycle", "count", "candidates")


def pack_scan(
    cycle: int, count: int, candidates: Any, header: dict[str, Any], rows: bytes, texts: dict[str, str]
) -> bytes:
    """The body of a SCAN_SUMMARY. ``rows`` are the hosts' bytes, joined in the order of the run's symbols."""
    facts = {**header, "cycle": cycle, "count": count, "candidates": candidates}
    head = msgspec.msgpack.encode((facts, texts))
    return b"".join((len(head).to_bytes(_PREFIX, "little"), head, rows))


def unpack_scan(body: bytes, symbols: Sequence[str], codes: Sequence[str]) -> dict[str, Any]:
    """``{cycle, symbols: {SYM: reason}, prices: {SYM: last close}, count, candidates}`` and the header; a text replaces
    its symbol's code, a symbol that has had no close yet has None.

    Raises ValueError if the rows are not one per symbol.
    """
    facts, texts, rows = _parts(body)
    reasons = dict(zip(symbols, map(codes.__getitem__, rows["code"].tolist()), strict=True))
    reasons.update(texts)
    cycle, count, candidates = (facts.pop(name) for name in _OWN)
    own = {"cycle": cycle, "symbols": reasons, "prices": _closes(rows, symbols)}
    return own | {"count": count, "candidates": candidates} | facts


def facts(body: bytes) -> dict[str, Any]:
    """The head of a packed scan without its rows: cycle, count, candidates and what the driver added."""
    return _parts(body)[0]


def prices(body: bytes, symbols: Sequence[str]) -> dict[str, float | None]:
    """The last close of every symbol; None where there has been none yet."""
    return _closes(_parts(body)[2], symbols)


def envelope(
    row: Mapping[str, Any], symbols: Sequence[str], codes: Sequence[str], seq: int | None = None
) -> dict[str, Any]:
    """The public form of a row of the event table (design section 11); ``seq`` replaces the row's own.

    ``symbols`` and ``codes`` are those of the row's run. The values are strict JSON: no NaN, no infinity.
    """
    body = row["body"]
    data = unpack_scan(body, symbols, codes) if row["form"] == PACKED_SCAN else msgspec.json.decode(body)
    return {
        "v": VERSION,
        "seq": row["seq"] if seq is None else seq,
        "id": row["id"],
        "type": row["type"],
        "ts": iso(row["at"]),
        "run_id": row["run_id"],
        "symbol": row["symbol"],
        "correlation_id": row["correlation_id"],
        "causation_id": row["causation_id"],
        "data": data,
    }


def _parts(body: bytes) -> tuple[dict[str, Any], dict[str, str], np.ndarray[Any, np.dtype[np.void]]]:
    start = _PREFIX + int.from_bytes(body[:_PREFIX], "little")
    facts, texts = msgspec.msgpack.decode(memoryview(body)[_PREFIX:start])
    return _strict(facts), texts, np.frombuffer(body, REPORT, offset=start)


def _closes(rows: np.ndarray[Any, np.dtype[np.void]], symbols: Sequence[str]) -> dict[str, float | None]:
    closes = rows["close"]
    found = closes.tolist()
    if not np.isfinite(closes).all():
        found = [one if math.isfinite(one) else None for one in found]
    return dict(zip(symbols, found, strict=True))


def _strict(value: Any) -> Any:
    """The same value with None in place of what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_strict(one) for one in value]
    return value
