"""One envelope per line on stdout, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.terminal.envelopes import line, public
from orchestration.terminal.info import RunInfo
from orchestration.terminal.lines import Lines, tell


class JsonLines:
    """Every event as it is, flushed; nothing else ever goes to stdout."""

    def __init__(self, stream: Any = None) -> None:
        self._lines = Lines(stream)
        self._info: RunInfo | None = None

    def notice(self, text: str) -> None:
        tell(text)

    def begin(self, info: RunInfo) -> None:
        self._info = info
        if info.page_url:
            tell(f"page {info.page_url}")

    def show(self, row: Mapping[str, Any]) -> None:
        info = self._info
        if info is not None and not self._lines.gone:
            self._lines.put(line(public(row, info.symbols, info.codes, info.simulated)))

    def end(self, exit_code: int) -> None:
        return

    def close(self) -> None:
        return
