"""diskcache with rows of plain JSON: the only import of diskcache, for whoever opens a store.

Nothing is unpickled: diskcache's default unpickles whatever a row holds, and so does its JSONDisk where a row says so
(CVE-2025-69872).
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import diskcache  # type: ignore[import-untyped]

from research.store import BadRecord

DATABASE: str = diskcache.core.DBNAME
Timeout: type[Exception] = diskcache.Timeout

_NEVER_A_FILE = 1 << 40  # every value is in the one database, so that a record is there whole or not at all


class PlainJSON(diskcache.JSONDisk):  # type: ignore[misc]
    """Rows of compressed JSON and no others. Raises BadRecord for them."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode != diskcache.core.MODE_RAW or read:
            raise BadRecord("a row that is not plain JSON")
        try:
            return super().fetch(mode, filename, value, read)
        except (zlib.error, ValueError, TypeError, RecursionError) as error:
            raise BadRecord(str(error)) from error


def opened(folder: Path, commit: int, busy: float) -> Any:
    """The cache of a folder, which never evicts. ``busy`` seconds are what it waits for other writers."""
    return diskcache.Cache(
        str(folder),
        timeout=busy,
        disk=PlainJSON,
        eviction_policy="none",
        statistics=0,
        tag_index=0,
        disk_min_file_size=_NEVER_A_FILE,
        sqlite_auto_vacuum=0,
        sqlite_synchronous=commit,
    )
