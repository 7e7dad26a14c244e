"""The settings as a person asks for them: every key, its value, and where it came from."""

from __future__ import annotations

from typing import Any

from orchestration.settings.key import Key
from orchestration.settings.keys import VENUE_KEYS, allowed, key_of
from orchestration.settings.tree import Settings


def describe(settings: Settings) -> dict[str, dict[str, Any]]:
    """Key -> {value, from, allowed, what}, for ``config show``; a password in the URL is not shown."""
    rows = {path: _row(path, one.value, one.source) for path, one in settings.written.items()}
    for venue in settings.venues:
        for name, key in VENUE_KEYS.items():
            path = f"venues.{venue.name}.{name}"
            rows.setdefault(path, _row(path, key.default, "default"))
    return dict(sorted(rows.items()))


def _row(path: str, value: Any, source: str) -> dict[str, Any]:
    key: Key | None = key_of(path)
    row = {"value": value, "from": source}
    return row if key is None else {**row, "allowed": allowed(key.type), "what": key.what}
