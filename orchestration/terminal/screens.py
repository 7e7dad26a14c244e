"""Where a run shows itself: one JSON line per event, one plain line per cycle, or a live table."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from orchestration.terminal.info import RunInfo


class Screen(Protocol):
    """What the engine tells of a run while it lasts. Nothing that happens to a screen stops the run."""

    def notice(self, text: str) -> None:
        """Something a person should know, also before the run begins; never on a stdout meant for programs."""
        ...

    def begin(self, info: RunInfo) -> None: ...

    def show(self, row: Mapping[str, Any]) -> None:
        """One row of the event table, as ``journal.views.events`` gives it, in the order of ``seq``."""
        ...

    def end(self, exit_code: int) -> None:
        """The run is over; a closing summary where a person reads."""
        ...

    def close(self) -> None:
        """Give the terminal back. Also after an error, and more than once."""
        ...


def screen(as_json: bool) -> Screen:
    """The one that fits: JSON lines if asked for, the live table on a terminal, else plain lines."""
    if as_json:
        from orchestration.terminal.json_lines import JsonLines

        return JsonLines()
    if sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb":
        from orchestration.terminal.live_table import LiveTable

        return LiveTable()
    from orchestration.terminal.plain_lines import PlainLines

    return PlainLines()
