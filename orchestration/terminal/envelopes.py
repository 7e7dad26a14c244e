"""The public envelope of an event, with the word SIMULATED where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from journal import codec

_ENCODER = msgspec.json.Encoder()


def public(row: Mapping[str, Any], symbols: Sequence[str], codes: Sequence[str], simulated: bool) -> dict[str, Any]:
    """A row of the event table as everybody may see it; ``simulated`` is said in its data."""
    made = codec.envelope(row, symbols, codes)
    if simulated:
        made["data"]["simulated"] = True
    return made


def line(envelope: Mapping[str, Any]) -> bytes:
    """The envelope as one line of strict JSON."""
    return _ENCODER.encode(envelope) + b"\n"
