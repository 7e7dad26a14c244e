"""What was decided, as canonical JSON: what runs are compared by (design section 9)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from domain.money import to_text
from domain.timeframe import iso


class Decision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One answer of the gate: no ids, no run, no machine time. Numbers as exact decimal text."""

    T: str
    symbol: str
    strategy: str
    purpose: str
    side: int
    quantity: str
    entry: str
    stop: str
    target: str
    answer: str
    code: str
    value: float | str | None
    threshold: float | str | None


_ENCODER = msgspec.json.Encoder(order="sorted")


def decide(
    *,
    at: int,
    symbol: str,
    strategy: str,
    purpose: str,
    side: int,
    quantity: int,
    entry: int,
    stop: int,
    target: int,
    answer: str,
    code: str = "",
    value: float | str | None = None,
    threshold: float | str | None = None,
) -> bytes:
    """The decision's canonical JSON (sorted keys, no spaces). Prices and quantity in 1e-9."""
    return _ENCODER.encode(
        Decision(
            T=iso(at),
            symbol=symbol,
            strategy=strategy,
            purpose=purpose,
            side=side,
            quantity=to_text(quantity),
            entry=to_text(entry),
            stop=to_text(stop),
            target=to_text(target),
            answer=answer,
            code=code,
            value=value,
            threshold=threshold,
        )
    )


def decisions_hash(decisions: Iterable[bytes]) -> str:
    """SHA-256 over decisions in (T, rank) order, one per line."""
    digest = hashlib.sha256()
    for one in decisions:
        digest.update(one)
        digest.update(b"\n")
    return digest.hexdigest()
