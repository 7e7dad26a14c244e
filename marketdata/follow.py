"""Files that grow: what was appended since the last look, and when a moment is complete.

A row of a followed file is a closed bar. Nothing here raises for what a file has become: it is told
in notices, and what was read before stays.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from domain.errors import ConfigError
from domain.market import Bars, empty_bars
from domain.timeframe import HOUR, iso, length
from marketdata import validate
from marketdata.bars import Stamps, digest
from marketdata.files import FileBars, checked, header, read_bytes, read_table

_MARK = 256


class GrowingFile:
    """One followed parquet or CSV file. Raises ConfigError if what is there at first is not good."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._stat = self._look()
        content = read_bytes(self.path)
        if self.path.suffix == ".csv":
            content = content[: content.rfind(b"\n") + 1] or content
        self.first: FileBars = checked(self.path, *read_table(content, self.path))
        self._last = int(self.first.bars["ts"][-1])
        self._keep_csv(content, len(content))
        self._rows, self._digest = len(self.first.bars), self.first.sha256
        self._told = ""

    def poll(self, timeframe: str) -> tuple[Bars, list[str]]:
        """The bars appended since the last time, and what was wrong with others."""
        try:
            seen = self._look()
            if seen == self._stat:
                return empty_bars(), []
            grown, notices = self._grown_csv(seen[0]) if self.path.suffix == ".csv" else self._grown_parquet()
        except (ConfigError, OSError) as error:
            why = str(error) if isinstance(error, ConfigError) else f"{self.path}: cannot be read ({error.strerror})"
            notice = f"{why}; what was read before is kept"
            told, self._told = self._told, notice
            return empty_bars(), [] if notice == told else [notice]
        self._stat, self._told = seen, ""
        good, held = self._good(grown, timeframe)
        return good, notices + held

    def _look(self) -> tuple[int, int, int]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            raise ConfigError(f"{self.path}: there is no such file") from None
        return stat.st_size, stat.st_mtime_ns, stat.st_ino

    # --- CSV: complete lines after the place that was reached

    def _keep_csv(self, content: bytes, offset: int) -> None:
        self._offset = offset
        self._header = content[: content.find(b"\n") + 1]
        self._mark = content[-_MARK:]

    def _grown_csv(self, size: int) -> tuple[Bars, list[str]]:
        if size >= self._offset:
            with self.path.open("rb") as file:
                file.seek(self._offset - len(self._mark))
                mark, fresh = file.read(len(self._mark)), file.read()
            if mark == self._mark:
                lines = fresh[: fresh.rfind(b"\n") + 1]
                self._offset += len(lines)
                self._mark = (self._mark + lines)[-_MARK:]
                return self._parse(lines)
        content = read_bytes(self.path)
        content = content[: content.rfind(b"\n") + 1]
        header(content, self.path)
        what = "is shorter than it was" if size < self._offset else "was rewritten"
        self._keep_csv(content, len(content))
        bars, notices = self._parse(content[len(self._header) :])
        return bars[bars["ts"] > self._last], [self._anew(what), *notices]

    def _parse(self, lines: bytes) -> tuple[Bars, list[str]]:
        if not lines.strip():
            return empty_bars(), []
        try:
            return read_table(self._header + lines, self.path)[0], []
        except ConfigError:
            return self._line_by_line(lines)

    def _line_by_line(self, lines: bytes) -> tuple[Bars, list[str]]:
        good, notices = [empty_bars()], []
        for line in lines.splitlines():
            try:
                if line.strip():
                    good.append(read_table(self._header + line + b"\n", self.path)[0])
            except ConfigError as error:
                notices.append(f"{error}; the appended line {line[:80].decode('utf-8', 'replace')!r} is held back")
        return np.concatenate(good), notices

    # --- parquet: read as a whole when it changed

    def _grown_parquet(self) -> tuple[Bars, list[str]]:
        bars, _ = read_table(read_bytes(self.path), self.path)
        shorter, same = len(bars) < self._rows, digest(bars[: self._rows]) == self._digest
        fresh = bars[self._rows :] if same else bars[bars["ts"] > self._last]
        self._rows, self._digest = len(bars), digest(bars)
        if same:
            return fresh, []
        return fresh, [self._anew("is shorter than it was" if shorter else "was rewritten")]

    def _anew(self, what: str) -> str:
        return f"{self.path}: the file {what}; what was read before is kept, only later bars are taken"

    def _good(self, bars: Bars, timeframe: str) -> tuple[Bars, list[str]]:
        """Bars later than the last one, on the grid, with prices; the others as notices."""
        keep, notices, size = np.zeros(len(bars), np.bool_), [], length(timeframe)
        grid = size if size < 4 * HOUR else HOUR
        for place in range(len(bars)):
            at = int(bars["ts"][place])
            if at <= self._last:
                wrong = [f"{self.path}: the bar of {iso(at)} is not later than the last one ({iso(self._last)})"]
            elif (at - self._last) % grid:
                wrong = [f"{self.path}: the bar of {iso(at)} is off the {timeframe} grid"]
            else:
                wrong = validate.row_problems(bars[place : place + 1], str(self.path))
            if wrong:
                notices.append(f"{'; '.join(wrong)}; it is held back")
            else:
                keep[place], self._last = True, at
        return bars[keep], notices


class Arrivals:
    """Bars that arrived, symbol by symbol, given out moment by moment.

    A moment waits for one more look when a symbol that was there before is missing, for files are
    not written at the same time. What comes after its moment was given out is held back.
    """

    def __init__(self, symbols: tuple[str, ...], given: int) -> None:
        self._symbols, self._given = symbols, given
        self._moments: dict[int, dict[int, Bars]] = {}
        self._latest = [given] * len(symbols)
        self._silent: set[int] = set()
        self._waited = given

    def add(self, row: int, bars: Bars, ends: Stamps) -> list[str]:
        """Bars of one symbol with their closes; the notices tell of those that came too late."""
        notices = []
        for place, at in enumerate(ends.tolist()):
            if at <= self._given:
                opened = iso(int(bars["ts"][place]))
                notices.append(f"{self._symbols[row]}: the bar of {opened} came after its moment; it is held back")
                continue
            self._moments.setdefault(at, {})[row] = bars[place : place + 1]
            self._latest[row] = at
            self._silent.discard(row)
        return notices

    def take(self) -> tuple[int, Bars] | None:
        """The next complete moment and its bars by row, if there is one."""
        if not self._moments:
            return None
        at = min(self._moments)
        there = self._moments[at]
        missing = [
            row
            for row, latest in enumerate(self._latest)
            if row not in there and latest < at and row not in self._silent
        ]
        if missing and self._waited != at:
            self._waited = at
            return None
        self._silent.update(missing)
        self._given = at
        del self._moments[at]
        return at, np.concatenate([there[row] for row in sorted(there)])
