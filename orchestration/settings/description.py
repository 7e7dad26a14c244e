"""The settings as a person asks for them: every key, its value, and where it came from."""

from __future__ import annotations

from typing import Any

from orchestration.settings.key import Key
from orchestration.settings.keys import KEYS, VENUE_KEYS, allowed, key_of
from orchestration.settings.risk_keys import EXIT_KEYS
from orchestration.settings.tree import Settings

_ORDER = {path: place for place, path in enumerate(KEYS)}
_LAST = next(reversed(EXIT_KEYS))
"""Venues come after it."""


def describe(settings: Settings) -> dict[str, dict[str, Any]]:
    """Key -> {value, from, allowed, what}, for ``config show``, in the order of the keys.

    A password in the URL is not shown.
    """
    rows = {path: _row(path, one.value, one.source) for path, one in settings.written.items()}
    for venue in settings.venues:
        for name, key in VENUE_KEYS.items():
            path = f"venues.{venue.name}.{name}"
            rows.setdefault(path, _row(path, key.default, "default"))
    return {path: rows[path] for path in sorted(rows, key=_place)}


def _place(path: str) -> tuple[int, str]:
    """Keys in the order in which they are declared; what a strategy or a venue adds stands with it, by name."""
    if path in _ORDER:
        return _ORDER[path], ""
    return _ORDER["strategy.name" if path.startswith("strategy.") else _LAST], path


def _row(path: str, value: Any, source: str) -> dict[str, Any]:
    key: Key | None = key_of(path)
    row = {"value": value, "from": source}
    return row if key is None else {**row, "allowed": allowed(key.type), "what": key.what}
