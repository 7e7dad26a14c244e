"""The live table of a run on a terminal, drawn at most four times a second, and a closing summary."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestration.terminal.closing import look_further, summary
from orchestration.terminal.exits import visible
from orchestration.terminal.info import RunInfo
from orchestration.terminal.panels import panels
from orchestration.terminal.tally import Tally

TIMES_A_SECOND = 4


class LiveTable:
    """Takes events in the run's thread and draws what they came to in rich's own.

    The lock holds back only the taking of one event and the making of one picture; what is printed is
    printed outside it.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout)
        self._lock = threading.Lock()
        self._tally: Tally | None = None
        self._live: Live | None = None
        self._console.print(Text("starting: the market, Ray, the actors …", style="dim"))

    def notice(self, text: str) -> None:
        self._console.print(Text(f"note: {visible(text)}", style="yellow"))

    def begin(self, info: RunInfo) -> None:
        self._tally = Tally(info)
        self._live = Live(
            get_renderable=self.picture,
            console=self._console,
            refresh_per_second=TIMES_A_SECOND,
            vertical_overflow="crop",
        )
        self._live.start()

    def show(self, row: Mapping[str, Any]) -> None:
        if self._tally is not None:
            with self._lock:
                self._tally.take(row)

    def end(self, exit_code: int) -> None:
        self.close()
        if self._tally is None:
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in summary(self._tally, exit_code):
            grid.add_row(name, Text(text))
        self._console.print()
        self._console.print(grid)
        for command in look_further(self._tally):
            self._console.print(Text(f"look further: {command}", style="dim"), soft_wrap=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def picture(self) -> RenderableType:
        """What the terminal shows now."""
        if self._tally is None:
            return Text("")
        with self._lock:
            self._tally.look()
            return panels(self._tally, *self._console.size)
