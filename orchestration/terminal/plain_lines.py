"""One plain line per cycle and per happening on stdout, for pipes and logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import events
from domain.timeframe import iso
from orchestration.terminal.closing import look_further, summary
from orchestration.terminal.info import RunInfo
from orchestration.terminal.lines import Lines, tell
from orchestration.terminal.sentences import reasons, sentence
from orchestration.terminal.tally import HAPPENINGS, Tally


class PlainLines:
    """Lines that begin with what they tell of: scan, fill, denied, alert, error, engine."""

    def __init__(self, stream: Any = None) -> None:
        self._lines = Lines(stream)
        self._tally: Tally | None = None
        self._suffix = ""

    def notice(self, text: str) -> None:
        tell(text)

    def begin(self, info: RunInfo) -> None:
        self._tally = Tally(info)
        self._suffix = " SIMULATED" if info.simulated else ""
        shown = ",".join(info.symbols[:8]) + (f" and {len(info.symbols) - 8} more" if len(info.symbols) > 8 else "")
        self._put(f"run {info.run_id} {info.strategy} {info.preset} {info.feed} {info.timeframe} {shown}")
        if info.page_url:
            tell(f"page {info.page_url}")
        if info.dashboard_url:
            self._put(f"dashboard {info.dashboard_url}")

    def show(self, row: Mapping[str, Any]) -> None:
        tally = self._tally
        if tally is None:
            return
        data = tally.take(row)
        if self._lines.gone:
            return
        when = iso(row["at"])
        if row["type"] == events.SCAN_SUMMARY:
            tally.look()
            said = f"{reasons(tally.scan['symbols'])} equity {tally.equity:.2f}"
            self._put(f"scan {tally.scan['cycle']} {when} {said}")
        elif data is not None and row["type"] in HAPPENINGS:
            self._put(f"{HAPPENINGS[row['type']]} {when} {sentence(row['type'], row['symbol'], data)}")

    def end(self, exit_code: int) -> None:
        if self._tally is None:
            return
        for name, text in summary(self._tally, exit_code):
            self._put(f"{name:<12} {text}")
        for command in look_further(self._tally):
            self._put(f"look further {command}" + (" #" if self._suffix else ""))  # a comment, if it is copied

    def close(self) -> None:
        return

    def _put(self, text: str) -> None:
        suffix = "" if text.endswith("SIMULATED") else self._suffix
        self._lines.put(f"{text}{suffix}\n".encode())
