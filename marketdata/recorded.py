"""A feed over parquet and CSV files, finished ones and ones that still grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.market import BarBatch, Bars, FeedInfo, end_of_data
from domain.timeframe import TIMEFRAMES, iso, length
from marketdata import validate
from marketdata.bars import Resampler, Stamps, closes
from marketdata.files import FileBars, read_bars
from marketdata.follow import Arrivals, GrowingFile
from marketdata.timeline import Timeline

T = TypeVar("T")


class _Source(NamedTuple):
    """One symbol's file as read."""

    symbol: str
    path: str
    file: FileBars
    timeframe: str


class _Series:
    """One symbol: base bars in, bars of the run's timeframe out; bad prints and what is out of range stay out."""

    def __init__(
        self, row: int, source: _Source, timeframe: str, asset_class: str, limit: float, start: int, end: int
    ) -> None:
        self.row, self.timeframe, self.asset_class = row, timeframe, asset_class
        self.symbol, self.path, self.sha256, self.base = (
            source.symbol,
            source.path,
            source.file.sha256,
            source.timeframe,
        )
        self._start, self._end = start, end
        self._filter = validate.PrintFilter(limit)
        self._resampler = Resampler(source.timeframe, timeframe, asset_class)
        self.taken = 0
        self.span: tuple[int, int] | None = None

    def add(self, bars: Bars) -> tuple[Bars, Stamps, list[str]]:
        """The bars these base bars complete, their closes, and what was held back."""
        held = self._filter.held_back(bars)
        low, high = (int(place) for place in np.searchsorted(bars["ts"], (self._start, self._end)))
        notices = self._notices(bars[low:high], held[low:high])
        kept = bars[low:high] if not held.any() else bars[low:high][~held[low:high]]
        if len(kept):
            first = int(kept["ts"][0]) if self.span is None else self.span[0]
            self.span = first, int(kept["ts"][-1])
            self.taken += len(kept)
        complete = self._resampler.add(kept).copy()
        complete["row"] = self.row
        return complete, closes(complete, self.timeframe, self.asset_class), notices

    def _notices(self, bars: Bars, held: NDArray[np.bool_]) -> list[str]:
        places = np.flatnonzero(held)
        if not len(places):
            return []
        first = bars[places[0]]
        return [
            f"{self.symbol}: {len(places)} bad print{'s' if len(places) > 1 else ''} held back,"
            f" the first at {iso(int(first['ts']))} (close {float(first['close'])!r})"
        ]


class RecordedFeed:
    """Bars of files, all symbols merged by their close; with ``follow`` also what is appended later.

    ``start`` (inclusive) and ``end`` (exclusive) bound the opens of the files' bars, in UTC nanoseconds;
    nothing sees a bar outside. ``bad_print_limits`` are fractions by symbol or asset class. Every bar of
    the files is a counted cycle; under ``follow`` what is there at the start is history. Raises
    ConfigError with the problems of all files together.
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        sources: dict[str, str],
        timeframe: str | None,
        asset_classes: dict[str, str],
        start: int | None = None,
        end: int | None = None,
        follow: bool = False,
        bad_print_limits: dict[str, float] | None = None,
    ) -> None:
        self._symbols = tuple(symbols)
        self._growing: list[GrowingFile] = []
        self._notices: list[str] = []
        _refuse_missing(self._symbols, sources)
        loaded = _all([partial(self._read, symbol, str(sources[symbol]), follow) for symbol in self._symbols])
        chosen = _timeframe(loaded, timeframe)
        low = start if start is not None else np.iinfo(np.int64).min
        high = end if end is not None else np.iinfo(np.int64).max

        def series(row: int, source: _Source) -> tuple[_Series, Bars, Stamps]:
            asset_class = asset_classes.get(source.symbol, "other")
            limit = validate.bad_print_limit(source.symbol, asset_class, bad_print_limits)
            return self._load(_Series(row, source, chosen, asset_class, limit, low, high), source.file.bars)

        ready = _all([partial(series, row, source) for row, source in enumerate(loaded)])
        self._series = [one for one, _, _ in ready]
        if not follow:
            _refuse_apart(self._symbols, [ends for _, _, ends in ready])
        self._timeline = Timeline([bars for _, bars, _ in ready], [ends for _, _, ends in ready])
        self._arrivals = Arrivals(self._symbols, self._timeline.last) if follow else None
        self._info = FeedInfo(
            name="recorded",
            live=follow,
            simulated=False,
            symbols=self._symbols,
            timeframe=chosen,
            decimals={source.symbol: source.file.decimals for source in loaded},
            start_at=self._timeline.first,
            warmed_until=self._timeline.last if follow else self._timeline.first - 1,
            inputs={one.symbol: _inputs(one) for one in self._series},
            end_at=None if follow else self._timeline.last,
        )

    def _read(self, symbol: str, path: str, follow: bool) -> _Source:
        if follow:
            growing = GrowingFile(path)
            self._growing.append(growing)
            file = growing.first
        else:
            file = read_bars(path)
        timeframe = validate.detect_timeframe(file.bars["ts"], path, file.stated)
        return _Source(symbol, path, file, timeframe)

    def _load(self, series: _Series, base: Bars) -> tuple[_Series, Bars, Stamps]:
        try:
            bars, ends, notices = series.add(base)
        except ConfigError as error:
            raise ConfigError([f"{series.symbol} ({series.path}): {problem}" for problem in error.problems]) from error
        if not len(bars):
            what = "no bars" if series.span is None else f"no complete {series.timeframe} bar"
            raise ConfigError(
                f"{series.symbol}: {series.path} has {what} in the range asked for;"
                f" it holds bars from {iso(int(base['ts'][0]))} to {iso(int(base['ts'][-1]))}"
            )
        self._notices += notices
        return series, bars, ends

    def info(self) -> FeedInfo:
        return self._info

    def next(self, after: int) -> BarBatch | None:
        """The bars of the first T later than ``after``; ``final`` at the end, None while a followed file waits."""
        found = self._timeline.next(after)
        if found is not None:
            return found
        if self._arrivals is None:
            return end_of_data()
        self._poll(self._arrivals)
        taken = self._arrivals.take()
        if taken is None:
            return None
        self._timeline.add(*taken)
        return self._timeline.next(after)

    def history(self, after: int, until: int, most: int) -> BarBatch:
        return self._timeline.history(after, until, most)

    def notices(self) -> list[str]:
        """What was held back or found wrong since the last time, in words."""
        told, self._notices = self._notices, []
        return told

    def _poll(self, arrivals: Arrivals) -> None:
        for row, (growing, series) in enumerate(zip(self._growing, self._series, strict=True)):
            fresh, notices = growing.poll(series.base)
            self._notices += notices
            if not len(fresh):
                continue
            try:
                bars, ends, notices = series.add(fresh)
            except ConfigError as error:
                self._notices.append(f"{series.symbol}: {error}; the appended bars are held back")
                continue
            self._notices += notices + arrivals.add(row, bars, ends)


def _refuse_missing(symbols: tuple[str, ...], sources: dict[str, str]) -> None:
    wrong = [f"no data for {symbol}: add {symbol}=FILE" for symbol in symbols if symbol not in sources]
    wrong += [f"{symbol} appears twice among the symbols" for symbol, count in Counter(symbols).items() if count > 1]
    if not symbols:
        wrong.append("no symbols: name at least one")
    if wrong:
        raise ConfigError(wrong)


def _all(steps: list[Callable[[], T]]) -> list[T]:
    """The results of all steps, or the problems of all of them together."""
    found: list[T] = []
    wrong: list[str] = []
    for step in steps:
        try:
            found.append(step())
        except ConfigError as error:
            wrong += error.problems
    if wrong:
        raise ConfigError(wrong)
    return found


def _timeframe(sources: list[_Source], asked: str | None) -> str:
    there = {source.timeframe for source in sources}
    if asked is not None and asked not in TIMEFRAMES:
        raise ConfigError(f"timeframe {asked!r} is none of {', '.join(TIMEFRAMES)}")
    if asked is None:
        if len(there) > 1:
            each = ", ".join(f"{source.symbol} {source.timeframe}" for source in sources)
            raise ConfigError(
                f"the files have different timeframes ({each}); ask for one of {max(there, key=length)} or above"
            )
        return there.pop()
    wrong = [
        f"{source.symbol}: timeframe {asked} is below the data's {source.timeframe} ({source.path});"
        f" ask for {source.timeframe} or higher"
        for source in sources
        if length(asked) < length(source.timeframe)
    ]
    wrong += [
        f"{source.symbol}: timeframe {asked} is not a multiple of the data's {source.timeframe} ({source.path})"
        for source in sources
        if length(asked) >= length(source.timeframe) and length(asked) % length(source.timeframe)
    ]
    if wrong:
        raise ConfigError(wrong)
    return asked


def _refuse_apart(symbols: tuple[str, ...], ends: list[Stamps]) -> None:
    starts = [int(one[0]) for one in ends]
    stops = [int(one[-1]) for one in ends]
    late, early = int(np.argmax(starts)), int(np.argmin(stops))
    if starts[late] > stops[early]:
        raise ConfigError(
            "the symbols have no common time: "
            + ", ".join(f"{symbols[row]} from {iso(starts[row])} to {iso(stops[row])}" for row in (early, late))
            + "; choose files or a range that overlap"
        )


def _inputs(series: _Series) -> dict[str, str]:
    first, last = series.span or (0, 0)
    return {
        "path": series.path,
        "sha256": series.sha256,
        "bars": str(series.taken),
        "from": iso(first),
        "to": iso(last),
    }
